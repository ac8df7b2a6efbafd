"""What was set aside is taken once more when it is asked for: once, whole, and with the loss that it was."""

import msgspec
import pytest

from collectors.sip.timers import SECOND
from collectors.wire.codec import FIELD, encode, stream
from collectors.wire.events import RTCP, SipEvent
from monitor import packing
from monitor.ingest import dead_letters
from monitor.models import Call, DeadLetter, LossRange, MessageChunk
from tests.monitor.ingest.bench import Bench, Brittle, expire_leases, moved
from tests.support.beside import beside

pytestmark = pytest.mark.django_db


@pytest.fixture
def broken(bench: Bench, call: list[SipEvent], monkeypatch: pytest.MonkeyPatch) -> list[SipEvent]:
    """A call of which the second half was set aside, because of a bug that is mended now."""
    half = len(call) // 2
    bad = [msgspec.structs.replace(event, from_tag="boom") for event in call[half:]]
    with monkeypatch.context() as patch:
        patch.setattr("monitor.ingest.shard.Correlator", Brittle)
        bench.edge.send(call[:half])
        bench.work()
        bench.edge.send(bad)
        bench.work()
    assert LossRange.objects.get().reason == "poison"
    take_over(bench)
    return [*call[:half], *bad]


def take_over(bench: Bench) -> None:
    """As a worker does that is started after another."""
    expire_leases()
    bench.worker = bench.new_worker()
    bench.worker.cycle()


def stored() -> list[SipEvent]:
    chunks = MessageChunk.objects.order_by("id")
    return [message for chunk in chunks for message in packing.messages(chunk.messages)]


def ask(bench: Bench, ids: list[int] | None = None) -> int:
    asked = dead_letters.replay(bench.valkey.url, ids)
    bench.work()
    return asked


def test_a_letter_is_taken_with_all_that_is_in_it_and_is_lost_no_more(bench: Bench, broken: list[SipEvent]) -> None:
    assert ask(bench) == 1
    assert stored() == broken
    assert Call.objects.get().messages == len(broken)
    assert not DeadLetter.objects.exists()
    assert not LossRange.objects.exists()
    assert bench.client.xlen(stream(0)) == 0


def test_asked_for_twice_it_is_taken_once(bench: Bench, broken: list[SipEvent]) -> None:
    dead_letters.replay(bench.valkey.url)
    dead_letters.replay(bench.valkey.url)
    bench.work()
    assert ask(bench, [1]) == 0
    assert stored() == broken


def test_a_batch_that_was_sent_twice_and_kept_twice_is_taken_once(bench: Bench, call: list[SipEvent]) -> None:
    # As of a collector that is newer than this server: the answer to the first was lost, so it came again.
    batch = encode(bench.edge.batch(0, call))
    for entry_id in ("1-0", "2-0"):
        DeadLetter.objects.create(
            partition=0, entry_id=entry_id, reason="schema 2 is newer", stored_us=bench.now_us, data=batch
        )
    bench.worker.cycle()
    assert ask(bench) == 2
    assert stored() == call
    assert not DeadLetter.objects.exists()


def test_only_those_that_are_named_are_taken(bench: Bench) -> None:
    for data in (b"one", b"two"):
        bench.client.xadd(stream(0), {FIELD: data})
    bench.work()
    first, second = DeadLetter.objects.order_by("id")
    before = second.reason
    DeadLetter.objects.update(reason="as it was")
    assert ask(bench, [second.pk]) == 1
    first.refresh_from_db()
    second.refresh_from_db()
    assert (first.reason, second.reason) == ("as it was", before)


def test_one_that_fails_again_stays_and_says_why(
    bench: Bench, broken: list[SipEvent], monkeypatch: pytest.MonkeyPatch
) -> None:
    letter = DeadLetter.objects.get()
    DeadLetter.objects.update(reason="of old")
    monkeypatch.setattr("monitor.ingest.shard.Correlator", Brittle)
    take_over(bench)
    assert ask(bench) == 1
    again = DeadLetter.objects.get()
    assert "ZeroDivisionError" in again.reason
    assert (again.entry_id, again.stored_us, bytes(again.data)) == (letter.entry_id, letter.stored_us, letter.data)
    assert stored() == broken[: len(broken) // 2]
    assert LossRange.objects.count() == 1


def test_what_was_seen_beside_comes_with_it_and_its_old_heartbeat_is_not_heard(
    bench: Bench, call: list[SipEvent]
) -> None:
    batch = msgspec.structs.replace(bench.edge.batch(0, call), side=[beside(call[0], RTCP, method="")])
    DeadLetter.objects.create(partition=0, entry_id="1-0", reason="", stored_us=bench.now_us, data=encode(batch))
    bench.worker.cycle()
    ask(bench)
    assert sum(MessageChunk.objects.values_list("side_count", flat=True)) == 1
    assert bench.sources() == set()


def test_an_old_one_keeps_its_wire_times(bench: Bench, call: list[SipEvent]) -> None:
    old = moved(call, -30 * 86_400 * SECOND)
    DeadLetter.objects.create(
        partition=0,
        entry_id="1-0",
        reason="",
        stored_us=old[-1].captured_us,
        data=encode(bench.edge.batch(0, old)),
    )
    bench.worker.cycle()
    ask(bench)
    assert stored() == old


def test_the_loss_of_a_batch_is_told_in_corrected_time(
    bench: Bench, call: list[SipEvent], monkeypatch: pytest.MonkeyPatch
) -> None:
    ahead_us = 3_600 * SECOND
    monkeypatch.setattr("monitor.ingest.shard.Correlator", Brittle)
    bench.edge.beat(bench.now_us + ahead_us)
    bench.work()
    bad = [msgspec.structs.replace(event, from_tag="boom") for event in moved(call, ahead_us)]
    bench.edge.send(bad)
    bench.work()
    lost = LossRange.objects.get(reason="poison")
    assert abs(lost.from_us - call[0].captured_us) < 2 * SECOND
    assert abs(lost.to_us - call[-1].captured_us) < 2 * SECOND


def test_a_letter_whose_collector_was_set_right_meanwhile_is_lost_no_more(
    bench: Bench, call: list[SipEvent], monkeypatch: pytest.MonkeyPatch
) -> None:
    ahead_us = 3_600 * SECOND
    bad = [msgspec.structs.replace(event, from_tag="boom") for event in moved(call, ahead_us)]
    with monkeypatch.context() as patch:
        patch.setattr("monitor.ingest.shard.Correlator", Brittle)
        # Before its first heartbeat tells that its clock is an hour ahead.
        bench.edge.send(bad)
        bench.work()
    bench.edge.beat(bench.now_us + ahead_us)
    take_over(bench)
    assert ask(bench) == 1
    assert {event.raw for event in stored()} == {event.raw for event in bad}
    assert not LossRange.objects.filter(reason="poison").exists()
