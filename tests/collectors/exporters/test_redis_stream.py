"""Events through a real stream store that is away, full, frozen, or refuses: nothing is lost, nothing unseen."""

import logging
import os
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import count
from pathlib import Path
from typing import Any, Protocol

import msgspec
import pytest

from collectors.exporters.base import ExporterError
from collectors.exporters.redis_stream import RedisStreamExporter
from collectors.wire.codec import DEFAULT_PARTITIONS, PARTITIONS_KEY, decode, partition_of, stream
from collectors.wire.events import Batch, Heartbeat, Loss, SideEvent, SipEvent
from tests.support.processes import wait_for
from tests.support.valkey import Valkey

BEAT = Heartbeat(1, 2, 3, "host", "0", "file", ["eth0"], {"received": 4}, [])
FINAL = msgspec.structs.replace(BEAT, final=True)
MEGABYTE = 1024 * 1024


def events(first: int, last: int) -> list[SipEvent]:
    return [
        SipEvent(
            number, number, "192.0.2.1", 5060, "192.0.2.2", 5060, "udp", "edge/eth0", b"x" * 300, call_id=f"c{number}"
        )
        for number in range(first, last)
    ]


class Make(Protocol):
    """Makes an exporter that is stopped at the end of the test."""

    def __call__(self, **options: Any) -> RedisStreamExporter: ...


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """A refused batch comes again at once, and each one out of the spool may tell a heartbeat."""
    monkeypatch.setattr("collectors.exporters.reports._EVERY_S", 0.0)
    monkeypatch.setattr("collectors.exporters.delivery._FIRST_RETRY_S", 0.005)
    monkeypatch.setattr("collectors.exporters.delivery._LAST_RETRY_S", 0.01)


@pytest.fixture
def make(valkey: Valkey, tmp_path: Path) -> Iterator[Make]:
    boots = count(1)
    with ExitStack() as stack:

        def make_one(**options: Any) -> RedisStreamExporter:
            settings: dict[str, Any] = {
                "url": valkey.url,
                "collector": "edge",
                "boot": f"boot{next(boots)}",
                "partitions": 4,
            }
            settings |= {"spool": tmp_path / "spool", "spool_size": 64 * MEGABYTE, "batch_s": 0.0} | options
            exporter = RedisStreamExporter(**settings)
            stack.callback(exporter.stop, FINAL)
            return exporter

        yield make_one
        if not valkey.running:  # a test that failed in between
            valkey.start()


def taken(valkey: Valkey, partitions: int = 4) -> list[Batch]:
    """Every batch in the store as the server takes them: copies of a name dropped."""
    found: list[Batch] = []
    marks: dict[tuple[str, int], int] = {}
    with valkey.client() as client:
        for partition in range(partitions):
            for _, fields in client.xrange(stream(partition)):
                batch = decode(fields[b"batch"])
                assert batch.partition == partition
                if batch.sequence > marks.get((batch.boot, partition), -1):
                    marks[batch.boot, partition] = batch.sequence
                    found.append(batch)
    return found


def stored(valkey: Valkey, partitions: int = 4) -> list[Batch]:
    """The same, holes an error."""
    found = taken(valkey, partitions)
    names = {(batch.boot, batch.partition, batch.sequence) for batch in found}
    for boot, partition, sequence in names:
        assert not sequence or (boot, partition, sequence - 1) in names, f"a hole before {boot} {partition} {sequence}"
    return found


def stored_events(valkey: Valkey, partitions: int = 4) -> list[SipEvent]:
    return sorted(
        (event for batch in stored(valkey, partitions) for event in batch.events), key=lambda each: each.captured_us
    )


def sent(exporter: RedisStreamExporter, number: int) -> Callable[[], bool]:
    """Whether so many events have been accepted; calls the exporter now and then, as the agent does."""

    def accepted() -> bool:
        exporter.export([])
        return exporter.counters()["sent"] >= number

    return accepted


def test_events_arrive_in_the_partition_of_their_call(valkey: Valkey, make: Make) -> None:
    exporter = make()
    exporter.start()
    exporter.export(events(0, 100))
    exporter.stop(FINAL)
    assert stored_events(valkey) == events(0, 100)
    for batch in stored(valkey):
        assert {partition_of(each.call_id, each.source, 4) for each in batch.events} <= {batch.partition}
    assert exporter.counters()["sent"] == 100
    assert exporter.backlog == 0


def side(first: int, last: int) -> list[SideEvent]:
    return [
        SideEvent(number, number, "192.0.2.9", 0, "192.0.2.1", 0, "icmp", "edge/eth0", "icmp", call_id=f"c{number}")
        for number in range(first, last)
    ]


def stored_side(valkey: Valkey) -> list[SideEvent]:
    return sorted((each for batch in stored(valkey) for each in batch.side), key=lambda each: each.captured_us)


def test_what_was_seen_beside_messages_goes_with_them_and_never_before_them(valkey: Valkey, make: Make) -> None:
    exporter = make(batch_s=60)
    exporter.start()
    for begin in range(0, 4000, 500):
        exporter.export([*events(begin, begin + 500), *side(begin, begin + 500)])
    exporter.stop(FINAL)
    assert stored_events(valkey) == events(0, 4000)
    assert stored_side(valkey) == side(0, 4000)
    assert exporter.counters()["sent"] == 8000
    gone = set()
    for batch in stored(valkey):
        assert batch.size <= 1000
        gone |= {each.call_id for each in batch.events}
        assert {each.call_id for each in batch.side} <= gone


def test_what_was_seen_beside_messages_waits_in_the_spool_and_is_counted_where_that_is_too_small(
    valkey: Valkey, make: Make
) -> None:
    valkey.stop()
    exporter = make()
    exporter.start()
    exporter.export(side(0, 10))
    wait_for(lambda: exporter.counters()["spooled"] == 10, 5, what="they are spooled")
    valkey.start()
    wait_for(sent(exporter, 10), 5, what="they are sent")
    assert stored_side(valkey) == side(0, 10)
    exporter.stop(FINAL)
    valkey.stop()
    small = make(spool_size=1)
    small.start()
    small.export(side(0, 10))
    wait_for(lambda: small.counters()["dropped_spool"] == 10, 5, what="they are dropped")


def test_a_batch_waits_for_company_as_long_as_it_may_and_no_longer(valkey: Valkey, make: Make) -> None:
    exporter = make(batch_s=0.3)
    exporter.start()
    exporter.export(events(0, 1))
    wait_for(sent(exporter, 1), 2, what="the first event is sent at once")
    for number in range(1, 6):
        exporter.export(events(number, number + 1))
    assert exporter.backlog == 5
    time.sleep(0.3)
    exporter.export([])
    wait_for(sent(exporter, 6), 2, what="the others are sent together")
    assert len([batch for batch in stored(valkey) if batch.events]) <= 1 + 4


def test_a_large_burst_is_cut_into_batches_of_bounded_size(valkey: Valkey, make: Make) -> None:
    exporter = make(batch_s=60)
    exporter.start()
    exporter.export(events(0, 9000))
    wait_for(sent(exporter, 8000), 5, what="full batches are sent without waiting")
    assert max(len(batch.events) for batch in stored(valkey)) == 1000
    exporter.stop(FINAL)
    assert stored_events(valkey) == events(0, 9000)


def test_heartbeats_reach_every_partition_behind_the_events_before_them(valkey: Valkey, make: Make) -> None:
    exporter = make(batch_s=60)
    exporter.start()
    exporter.export(events(0, 40))
    exporter.heartbeat(msgspec.structs.replace(BEAT, losses=[Loss("edge/eth0", 1, 2, "kernel", 7)]))
    exporter.heartbeat(BEAT)
    exporter.stop(FINAL)
    for partition in range(4):
        batches = [batch for batch in stored(valkey) if batch.partition == partition]
        beats = [batch.heartbeat for batch in batches if batch.heartbeat]
        assert [beat.losses for beat in beats] == [[Loss("edge/eth0", 1, 2, "kernel", 7)], [], []]
        assert [beat.final for beat in beats] == [False, False, True]
        assert sum(len(batch.events) for batch in batches[:2]) == sum(len(batch.events) for batch in batches)


def test_the_first_to_come_fixes_the_number_of_partitions(valkey: Valkey, make: Make) -> None:
    make(partitions=3, boot="one").start()
    with valkey.client() as client:
        assert client.get(PARTITIONS_KEY) == b"3"


def test_the_number_that_the_store_knows_counts(valkey: Valkey, make: Make) -> None:
    with valkey.client() as client:
        client.set(PARTITIONS_KEY, 7)
    exporter = make()
    exporter.start()
    exporter.export(events(0, 100))
    exporter.stop(FINAL)
    assert stored_events(valkey, 7) == events(0, 100)
    assert {batch.partition for batch in stored(valkey, 7)} == set(range(7))


def test_events_for_a_wrong_number_of_partitions_are_addressed_anew(valkey: Valkey, make: Make, tmp_path: Path) -> None:
    valkey.stop()
    first = make()
    first.start()
    first.export(events(0, 50))
    first.stop(FINAL)
    second = make()
    second.start()
    second.export(events(50, 100))
    valkey.start()
    with valkey.client() as client:
        client.set(PARTITIONS_KEY, 6)
    wait_for(sent(second, 100), 8, what="all events are sent")
    second.stop(FINAL)
    assert stored_events(valkey, 6) == events(0, 100)
    assert (tmp_path / "spool" / "partitions").read_text() == "6\n"


def test_a_store_that_restarts_in_mid_traffic_costs_nothing(valkey: Valkey, make: Make) -> None:
    exporter = make(batch_s=0.02)
    exporter.start()
    for number in range(200):
        if number in (40, 110):
            valkey.stop() if number == 40 else valkey.kill()
        if number in (90, 150):
            valkey.start()
        exporter.export(events(10 * number, 10 * number + 10))
        if number % 20 == 0:
            exporter.heartbeat(BEAT)
        time.sleep(0.01)
    wait_for(sent(exporter, 2000), 8, what="all events are sent")
    exporter.stop(FINAL)
    assert stored_events(valkey) == events(0, 2000)
    counters = exporter.counters()
    assert counters["spooled"] > 0
    assert (counters["dropped_spool"], counters["dropped_queue"], exporter.losses()) == (0, 0, [])


def test_no_heartbeat_but_the_last_is_spooled_and_its_losses_are_told_later(valkey: Valkey, make: Make) -> None:
    exporter = make()
    exporter.start()
    exporter.export(events(0, 10))
    wait_for(sent(exporter, 10), 2, what="the store takes events")
    valkey.stop()
    loss = Loss("edge/eth0", 1, 2, "kernel", 7)
    for _ in range(5):
        exporter.heartbeat(msgspec.structs.replace(BEAT, losses=[loss]))
        exporter.export(events(10, 20))
        time.sleep(0.05)
    valkey.start()
    wait_for(sent(exporter, 60), 8, what="the spool is drained")

    def told() -> bool:
        exporter.heartbeat(BEAT)
        beats = [each for each in stored(valkey) if each.heartbeat and each.partition == 0]
        return sum(len(each.heartbeat.losses) for each in beats if each.heartbeat) == 5

    wait_for(told, 4, what="the losses are told")
    lost = [each.heartbeat.losses for each in stored(valkey) if each.heartbeat and each.heartbeat.losses]
    assert lost == [[loss] * 5] * 4


def test_an_outage_over_a_restart_of_the_collector_costs_nothing(valkey: Valkey, make: Make) -> None:
    valkey.stop()
    first = make()
    first.start()
    first.export(events(0, 500))
    first.stop(FINAL)
    second = make()
    second.start()
    assert second.backlog == 500
    second.export(events(500, 600))
    valkey.start()
    wait_for(sent(second, 600), 8, what="all events are sent")
    second.stop(FINAL)
    assert stored_events(valkey) == events(0, 600)
    boots = [batch.boot for batch in stored(valkey) if batch.partition == 0]
    assert boots == sorted(boots)
    finals = [
        batch.boot for batch in stored(valkey) if batch.partition == 0 and batch.heartbeat and batch.heartbeat.final
    ]
    assert finals == ["boot1", "boot2"]


def test_a_frozen_store_costs_nothing_though_batches_come_twice(valkey: Valkey, make: Make) -> None:
    exporter = make()
    exporter.start()
    exporter.export(events(0, 10))
    wait_for(sent(exporter, 10), 2, what="the store takes events")
    os.kill(valkey.pid, signal.SIGSTOP)
    try:
        exporter.export(events(10, 20))
        wait_for(lambda: exporter.counters()["spooled"] == 10, 6, what="the time-out sends events to the spool")
    finally:
        os.kill(valkey.pid, signal.SIGCONT)
    wait_for(sent(exporter, 20), 8, what="all events are sent")
    with valkey.client() as client:
        batches = [decode(fields[b"batch"]) for number in range(4) for _, fields in client.xrange(stream(number))]
    assert sum(len(batch.events) for batch in batches) == 30
    assert stored_events(valkey) == events(0, 20)


def test_a_full_store_sends_events_to_the_spool_until_there_is_room(valkey: Valkey, make: Make) -> None:
    exporter = make()
    exporter.start()
    with valkey.client() as client:
        client.config_set("maxmemory", 1)
        try:
            exporter.export(events(0, 30))
            wait_for(lambda: exporter.counters()["spooled"] == 30, 3, what="events are spooled")
        finally:
            client.config_set("maxmemory", 0)
    wait_for(sent(exporter, 30), 8, what="all events are sent")
    assert stored_events(valkey) == events(0, 30)


def test_one_partition_that_is_refused_is_not_overtaken(valkey: Valkey, make: Make) -> None:
    exporter = make()
    exporter.start()
    with valkey.client() as client:
        client.set(stream(2), "in the way")
        for number in range(5):
            exporter.export(events(20 * number, 20 * number + 20))
            time.sleep(0.05)
        wait_for(lambda: exporter.counters()["store_failures"] > 1, 3, what="it is refused again")
        client.delete(stream(2))
    wait_for(sent(exporter, 100), 8, what="all events are sent")
    assert stored_events(valkey) == events(0, 100)


def test_a_full_spool_drops_the_oldest_and_says_what_was_lost(valkey: Valkey, make: Make) -> None:
    valkey.stop()
    exporter = make(spool_size=20_000)
    exporter.start()
    for number in range(100):
        exporter.export(events(10 * number, 10 * number + 10))
        time.sleep(0.002)
    wait_for(lambda: exporter.counters()["spooled"] == 1000, 5, what="all went to the spool")
    dropped = exporter.counters()["dropped_spool"]
    assert 0 < dropped < 1000
    assert not exporter.has_room
    (loss,) = exporter.losses()
    assert (loss.observer, loss.reason, loss.count, loss.from_us) == ("edge/*", "spool", dropped, 0)
    assert exporter.losses() == []
    valkey.start()
    wait_for(sent(exporter, 1000 - dropped), 8, what="the rest is sent")
    with valkey.client() as client:
        kept = {
            each.captured_us
            for partition in range(4)
            for _, fields in client.xrange(stream(partition))
            for each in decode(fields[b"batch"]).events
        }
    assert len(kept) == 1000 - dropped
    assert {number for number in range(1000) if number not in kept} <= set(range(loss.from_us, loss.to_us + 1))


@pytest.mark.usefixtures("hasty")
def test_while_a_spool_drains_its_batches_tell_heartbeats_that_hold_and_each_loss_once(
    valkey: Valkey, make: Make
) -> None:
    exporter = make(spool_size=40_000)
    exporter.start()
    with valkey.client() as client:
        for first in range(0, 2_400, 20):
            client.config_set("maxmemory", 0 if first % 160 == 0 else 1)
            exporter.export([msgspec.structs.replace(each, raw=os.urandom(300)) for each in events(first, first + 20)])
            lost = [Loss("edge/eth0", first, first, "kernel", 1), *exporter.losses()]
            exporter.heartbeat(msgspec.structs.replace(BEAT, low_water_us=first + 20, losses=lost))
            time.sleep(0.01)
        client.config_set("maxmemory", 0)
    wait_for(lambda: exporter.backlog == 0, 8, what="the spool is drained")
    exporter.stop(msgspec.structs.replace(FINAL, low_water_us=2_400, losses=exporter.losses()))
    dropped = exporter.counters()["dropped_spool"]
    assert dropped
    for partition in range(4):
        batches = [batch for batch in taken(valkey) if batch.partition == partition]
        low_water_us, told, while_it_drained = 0, Counter[str](), 0
        for batch in batches:
            assert all(event.captured_us >= low_water_us for event in batch.events), batch.sequence
            if beat := batch.heartbeat:
                low_water_us = max(low_water_us, beat.low_water_us)
                for loss in beat.losses:
                    told[loss.reason] += loss.count
                while_it_drained += beat.backlog > 0
        assert told == {"kernel": 120, "spool": dropped}
        assert while_it_drained


@pytest.mark.usefixtures("hasty")
def test_while_one_partition_is_refused_the_others_are_told_each_loss_and_get_no_batch_twice(
    valkey: Valkey, make: Make
) -> None:
    exporter = make()
    exporter.start()
    with valkey.client() as client:
        for number in range(60):
            if number % 10 == 0:
                client.set(stream(2), "in the way") if number < 50 else None
            if number % 10 == 6:
                client.delete(stream(2))
            exporter.export(events(20 * number, 20 * number + 20))
            lost = [Loss("edge/eth0", number, number, "kernel", 1)]
            exporter.heartbeat(msgspec.structs.replace(BEAT, low_water_us=20 * number + 20, losses=lost))
            time.sleep(0.01)
        wait_for(lambda: exporter.backlog == 0, 8, what="the spool is drained")
        exporter.stop(msgspec.structs.replace(FINAL, low_water_us=1_200))
        entries = {number: client.xlen(stream(number)) for number in (0, 1, 3)}
    for partition, number_of in entries.items():
        batches = [batch for batch in taken(valkey) if batch.partition == partition]
        assert len(batches) == number_of
        told = (loss.count for batch in batches if batch.heartbeat for loss in batch.heartbeat.losses)
        assert sum(told) == 60


def test_more_than_the_queue_can_hold_is_dropped_and_counted(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("collectors.exporters.redis_stream._MAX_QUEUED", 100)
    exporter = make()  # its thread isn't started: nothing is taken from the queue
    exporter.export(events(0, 100))
    exporter.export(events(100, 110))
    assert exporter.counters()["dropped_queue"] == 10
    assert exporter.losses() == [Loss("edge/*", 100, 109, "queue", 10)]
    exporter.start()
    wait_for(sent(exporter, 100), 3, what="the others are sent")


@pytest.mark.parametrize("known", [b"0", b"many", b"65", b"\xff"])
def test_a_number_of_partitions_that_is_none_is_refused(valkey: Valkey, make: Make, known: bytes) -> None:
    with valkey.client() as client:
        client.set(PARTITIONS_KEY, known)
    with pytest.raises(ExporterError, match=r"offhook:partitions in .* which is no count"):
        make().start()


SECRET = "correct-horse"


def limited(valkey: Valkey, *rules: str) -> str:
    """A URL of a user who may only what `rules` say."""
    with valkey.client() as client:
        client.execute_command("ACL", "SETUSER", "probe", "reset", "on", f">{SECRET}", *rules)
    return valkey.url.replace("unix://", f"unix://probe:{SECRET}@")


# As docs/collector.md has them. CLIENT SETINFO is not among them: Redis 7.0 knows no such command.
RIGHTS = ("-@all", "+hello", "+ping", "+auth", "+client|setname")
ENOUGH = (*RIGHTS, f"(~{PARTITIONS_KEY} +get +set)", "(~offhook:events:* +xadd)")


def test_a_user_with_few_rights_is_enough(valkey: Valkey, make: Make) -> None:
    exporter = make(url=limited(valkey, *ENOUGH))
    exporter.start()
    exporter.export(events(0, 10))
    wait_for(sent(exporter, 10), 3, what="events are sent")


@pytest.mark.parametrize(
    ("rules", "change", "message"),
    [
        (ENOUGH, (SECRET, "wrong-horse"), "refuses the user name or password"),
        (RIGHTS, (SECRET, SECRET), r"its ACL needs \+get \+set"),
    ],
)
def test_a_refusal_ends_the_start_with_what_to_do_and_without_the_password(
    valkey: Valkey, make: Make, rules: tuple[str, ...], change: tuple[str, str], message: str
) -> None:
    exporter = make(url=limited(valkey, *rules).replace(*change))
    with pytest.raises(ExporterError, match=message) as refusal:
        exporter.start()
    assert "horse" not in str(refusal.value)
    assert str(valkey.socket) in str(refusal.value)


def test_a_url_that_can_not_be_read_is_not_shown(make: Make) -> None:
    with pytest.raises(ExporterError) as refusal:
        make(url=f"redis://:{SECRET}/@host:port")
    assert SECRET not in str(refusal.value)


def test_an_outage_is_told_once_and_so_is_its_end(valkey: Valkey, make: Make, caplog: pytest.LogCaptureFixture) -> None:
    valkey.stop()
    with caplog.at_level(logging.INFO):
        exporter = make()
        exporter.start()
        exporter.export(events(0, 10))
        wait_for(lambda: exporter.counters()["store_failures"] >= 3, 5, what="it was tried three times")
        valkey.start()
        wait_for(sent(exporter, 10), 5, what="events are sent")
    texts = [record.getMessage() for record in caplog.records if record.name.startswith("collectors")]
    assert len(texts) == 2
    assert "does not answer" in texts[0]
    assert "takes events again" in texts[1]


def test_a_defect_in_the_thread_is_heard_by_the_agent(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    exporter = make()
    monkeypatch.setattr(exporter._lanes[-1].delivery, "step", lambda: 1 / 0)
    exporter.start()

    def failed() -> bool:
        try:
            exporter.export([])
        except ExporterError as error:
            return "ZeroDivisionError" in str(error)
        return False

    wait_for(failed, 2, what="the agent hears of it")


def test_the_default_number_of_partitions_is_the_contracts(valkey: Valkey, make: Make) -> None:
    make(partitions=DEFAULT_PARTITIONS, boot="x").start()
    with valkey.client() as client:
        assert client.get(PARTITIONS_KEY) == b"8"
