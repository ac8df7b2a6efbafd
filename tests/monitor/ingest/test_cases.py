"""What a worker does with what it should never be given, and with what comes late, twice, again or not at all."""

import logging
import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import closing
from typing import Any

import msgspec
import psycopg
import pytest
from django.db import Error, OperationalError, connection

from collectors.scenario.library import play
from collectors.sip.timers import SECOND
from collectors.wire.codec import FIELD, PARTITIONS_KEY, encode, stream
from collectors.wire.events import RTCP, TCP, Loss, SipEvent
from monitor import packing
from monitor.core import correlator as correlator_module
from monitor.core.alarms import Timer
from monitor.core.call import Call as CallFold
from monitor.core.updates import CallStarted, ConnectionFailed, Kind, RecordClosed, Update
from monitor.ingest import presence
from monitor.ingest.stream import PartitionsDifferError, StoreAway, Streams
from monitor.models import Call, Collector, DeadLetter, LossRange, MessageChunk, Partition, Transaction
from monitor.services.apply_updates import Fenced
from monitor.services.database import is_away
from tests.monitor.ingest.bench import Bench, Brittle, expire_leases, moved
from tests.monitor.ingest.edge import Edge
from tests.monitor.ingest.story import logged
from tests.support.beside import beside
from tests.support.database import read_only

pytestmark = pytest.mark.django_db


# --- what can't be read


@pytest.mark.parametrize(
    ("fields", "reason"),
    [({FIELD: b"junk"}, "not a zstd frame"), ({b"other": b"x"}, "no field 'batch'")],
)
def test_an_entry_that_is_no_batch_is_kept_and_the_next_is_taken(
    bench: Bench, call: list[SipEvent], fields: dict[Any, Any], reason: str
) -> None:
    entry_id = bench.client.xadd(stream(0), fields)
    bench.edge.send(call)
    bench.work()
    letter = DeadLetter.objects.get()
    assert reason in letter.reason
    assert letter.entry_id.encode() == entry_id
    assert bytes(letter.data) == fields.get(FIELD, b"")
    assert Call.objects.get().messages == len(call)
    assert bench.client.xlen(stream(0)) == 0


def test_a_batch_in_the_wrong_stream_is_kept_aside(bench: Bench, call: list[SipEvent]) -> None:
    batch = Edge(bench.client, partitions=2).batch(1, call)
    bench.edge.add(msgspec.structs.replace(batch, partition=0), data=encode(batch))
    bench.work()
    assert "a batch for partition 1, in the stream of partition 0" in DeadLetter.objects.get().reason
    assert not Call.objects.exists()


def test_a_batch_on_which_the_core_fails_is_tried_again_and_kept_aside(
    bench: Bench, call: list[SipEvent], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("monitor.ingest.shard.Correlator", Brittle)
    half = len(call) // 2
    bench.edge.beat(call[0].captured_us)
    bench.edge.send(call[:half])
    bench.edge.send(moved(call[:1], 0, call_id="other", from_tag="boom"))
    bench.edge.send(call[half:])
    with caplog.at_level(logging.CRITICAL):
        bench.work(5)
    letter = DeadLetter.objects.get()
    assert "ZeroDivisionError: a bug" in letter.reason
    assert "Traceback" in letter.reason
    assert Call.objects.get().messages == len(call)
    assert bench.reasons() == ["poison"]
    assert LossRange.objects.get(reason="poison").count == 1
    assert bench.client.xlen(stream(0)) == 0
    assert not any("gap" in reason for reason in bench.reasons())


class Doomed(CallFold):
    """A call with a bug in what it does when time passes."""

    def fire(self, timer: Timer, about: Any, due_us: int, out: list[Update]) -> None:
        if self.from_uri == "sip:doomed@example.com":
            raise ZeroDivisionError("a bug")
        super().fire(timer, about, due_us, out)


def test_a_record_on_which_the_core_fails_when_time_passes_is_left_out_and_the_others_go_on(
    bench: Bench, call: list[SipEvent], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(correlator_module._FOLDS, Kind.CALL, Doomed)
    doomed = moved(call[:1], 0, call_id="doomed", from_uri="sip:doomed@example.com")
    bench.pass_time(call[0].captured_us)
    bench.edge.send(doomed + call)
    bench.pass_time(call[-1].captured_us)
    with caplog.at_level(logging.CRITICAL):
        bench.edge.beat(call[-1].captured_us + 60 * SECOND)
        bench.work(6)
        bench.edge.beat(call[-1].captured_us + 61 * SECOND)
        bench.work(6)
    assert not Call.objects.get(call_id=call[0].call_id).open
    assert Call.objects.get(call_id="doomed").open
    assert Partition.objects.get().watermark_us == call[-1].captured_us + 61 * SECOND - SECOND // 2
    assert not DeadLetter.objects.exists()
    assert bench.client.xlen(stream(0)) == 0


def test_what_the_database_refuses_is_found_and_kept_aside_by_itself(
    bench: Bench, call: list[SipEvent], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    refused = "refused"

    def text(value: str, length: int = 512) -> object:
        return {} if value == refused else value[:length]  # no column takes a dictionary

    monkeypatch.setattr("monitor.services.rows.text", text)
    bench.edge.send(call[:3])
    bench.edge.send(moved(call[:1], 0, call_id=refused))
    bench.edge.send(call[3:])
    with caplog.at_level(logging.CRITICAL):
        bench.work(10)
    assert DeadLetter.objects.count() == 1
    assert Call.objects.get().messages == len(call)
    assert bench.client.xlen(stream(0)) == 0


@pytest.mark.django_db(transaction=True)
def test_a_database_that_takes_nothing_for_now_has_nothing_set_aside(bench: Bench, call: list[SipEvent]) -> None:
    bench.edge.send(call[:4])
    bench.work(1)
    bench.edge.send(call[4:])
    for _ in range(3):
        with read_only(), pytest.raises(Error) as caught:
            bench.worker.cycle()
        assert is_away(caught.value)
        bench.worker._drop()  # as `run` does
        bench.worker._tend()
    bench.work(1)
    assert not DeadLetter.objects.exists()
    assert Call.objects.get().messages == len(call)


# --- what comes late, again, or under a name that was used before


def closed(bench: Bench, events: list[SipEvent]) -> Call:
    """Have these events taken, and their call leave memory."""
    bench.pass_time(events[0].captured_us)
    bench.edge.send(events)
    bench.pass_time(events[-1].captured_us + 60 * SECOND)
    call = Call.objects.get()
    assert not call.open
    return call


def numbers(call: Call) -> list[int]:
    chunks = MessageChunk.objects.filter(key=call.key, day=call.day, incarnation=call.incarnation)
    return [
        chunk.first_number + offset
        for chunk in chunks.order_by("first_number")
        for offset in range(len(packing.messages(chunk.messages)))
    ]


def test_a_late_message_goes_on_with_its_call(bench: Bench, call: list[SipEvent]) -> None:
    closed(bench, call)
    late = moved(call[-1:], 80 * SECOND)
    bench.edge.send(late)
    bench.work(1)
    row = Call.objects.get()
    assert row.open
    assert row.messages == len(call) + 1
    assert row.retransmissions == 1
    assert row.state == "ended"
    assert numbers(row) == list(range(1, len(call) + 2))
    assert not Transaction.objects.exists()
    bench.pass_time(bench.now_us)
    assert not Call.objects.get().open
    assert [type(update) for update in logged()].count(CallStarted) == 1
    assert [type(update) for update in logged()].count(RecordClosed) == 2


def test_a_call_that_leaves_memory_and_goes_on_within_one_commit_is_one_call(
    bench: Bench, call: list[SipEvent]
) -> None:
    bench.edge.beat(call[0].captured_us)
    bench.edge.send(call)
    bench.edge.beat(call[-1].captured_us + 60 * SECOND)
    bench.edge.send(moved(call[-1:], 80 * SECOND))
    bench.work(1)
    row = Call.objects.get()
    assert row.messages == len(call) + 1
    assert numbers(row) == list(range(1, len(call) + 2))


def test_a_new_call_under_an_old_call_id_is_the_next_incarnation(bench: Bench, call: list[SipEvent]) -> None:
    closed(bench, call)
    again = [
        msgspec.structs.replace(
            event,
            captured_us=event.captured_us + 90 * SECOND,
            from_tag=f"{event.from_tag}-2",
            branch=f"{event.branch}-2",
        )
        for event in call
    ]
    bench.edge.send(again)
    bench.work(1)
    first, second = Call.objects.order_by("incarnation")
    assert (first.incarnation, second.incarnation) == (1, 2)
    assert first.messages == second.messages == len(call)
    assert not first.open
    assert numbers(second) == list(range(1, len(call) + 1))


def test_an_invite_with_the_same_from_tag_goes_on_with_the_call(bench: Bench, call: list[SipEvent]) -> None:
    closed(bench, call)
    bench.edge.send(moved(call[:1], 90 * SECOND, cseq=call[0].cseq + 1, branch="z9hG4bKagain"))
    bench.work(1)
    assert Call.objects.get().messages == len(call) + 1


def test_a_new_call_under_an_old_call_id_within_one_commit_is_the_next_incarnation(
    bench: Bench, call: list[SipEvent]
) -> None:
    bench.edge.beat(call[0].captured_us)
    bench.edge.send(call)
    bench.edge.beat(call[-1].captured_us + 60 * SECOND)
    bench.edge.send(moved(call[:1], 90 * SECOND, from_tag="another", branch="z9hG4bKagain"))
    bench.work(1)
    assert [row.incarnation for row in Call.objects.order_by("incarnation")] == [1, 2]


def test_a_long_closed_record_is_not_read_again_but_numbered_on(
    bench: Bench, call: list[SipEvent], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("monitor.ingest.shard.REFOLD_MOST", 3)
    closed(bench, call)
    bench.edge.send(moved(call[:1], 90 * SECOND))
    bench.work(1)
    assert [row.incarnation for row in Call.objects.order_by("incarnation")] == [1, 2]


def test_what_was_seen_beside_a_call_is_stored_with_it_and_counted_as_no_message(
    bench: Bench, call: list[SipEvent]
) -> None:
    side = [beside(call[0]), beside(call[3], RTCP, method="")]
    bench.pass_time(call[0].captured_us)
    for event in call[:2]:
        bench.edge.send([event])
        bench.edge.send_side(side[:1])
    bench.edge.send(call[2:])
    bench.work(1)
    bench.edge.send_side(side[1:])
    bench.work(1)
    row = Call.objects.get()
    assert (row.messages, row.retransmissions) == (len(call), 0)
    assert numbers(row) == list(range(1, len(call) + 1))
    chunks = [
        (chunk.count, chunk.first_side, packing.side(chunk.side)) for chunk in MessageChunk.objects.order_by("id")
    ]
    assert chunks == [(1, 1, side[:1]), (1, 2, side[:1]), (len(call) - 2, 0, []), (0, 3, side[1:])]
    assert Partition.objects.get().side_unmatched == 0


def test_a_late_side_event_goes_on_with_its_record(bench: Bench, call: list[SipEvent]) -> None:
    closed(bench, call)
    bench.edge.send_side([beside(call[-1], after=80)])
    bench.work(1)
    row = Call.objects.get()
    assert (row.open, row.messages, row.last_us) == (True, len(call), call[-1].captured_us + 80 * SECOND)
    bench.pass_time(bench.now_us)
    assert not Call.objects.get().open


def test_a_side_event_that_fits_no_record_is_counted_once(
    bench: Bench, call: list[SipEvent], monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.edge.send_side([beside(call[0]), beside(call[0], method="REGISTER")])
    bench.work(1)
    assert Partition.objects.get().side_unmatched == 2
    closed(bench, call)
    monkeypatch.setattr("monitor.ingest.shard.REFOLD_MOST", 3)
    bench.edge.send_side([beside(call[0], after=80)])
    bench.work(1)
    assert Partition.objects.get().side_unmatched == 3
    assert not Call.objects.get().open


def test_a_connection_that_failed_is_told_to_the_overview_and_is_of_no_record(
    bench: Bench, call: list[SipEvent]
) -> None:
    side = msgspec.structs.replace(beside(call[0]), kind=TCP, call_id="", method="", text="connection refused")
    bench.edge.send_side([side])
    bench.work(1)
    assert not Call.objects.exists()
    assert Partition.objects.get().side_unmatched == 0
    (update,) = logged()
    assert isinstance(update, ConnectionFailed)


def test_the_times_of_side_events_are_corrected_as_those_of_messages_are(bench: Bench, call: list[SipEvent]) -> None:
    bench.edge.send(call)
    bench.edge.send_side([beside(call[0], after=86_400 * 3650)])
    bench.work(1)
    (side,) = packing.side(MessageChunk.objects.get(side_count=1).side)
    assert abs(side.captured_us - bench.now_us) < 60 * SECOND
    assert bench.reasons() == ["clock"]


def test_a_batch_that_was_sent_twice_is_stored_once(bench: Bench, call: list[SipEvent]) -> None:
    batch = bench.edge.batch(0, call)
    bench.edge.add(batch)
    bench.edge.add(batch)
    bench.work(1)
    bench.edge.add(batch)
    bench.work(1)
    assert Call.objects.get().messages == len(call)
    assert bench.client.xlen(stream(0)) == 0


# --- what does not come


def test_a_hole_in_the_sequence_is_counted_and_shown(bench: Bench, call: list[SipEvent]) -> None:
    bench.edge.send(call[:3])
    bench.edge.batch(0, call[3:5])
    bench.edge.batch(0, call[5:6])
    bench.edge.send(call[6:])
    bench.work()
    row = LossRange.objects.get()
    assert (row.reason, row.count, row.collector, row.observer, row.partition) == ("gap", 2, "edge", "edge/*", 0)
    assert bench.reasons() == ["gap"]


def test_a_collectors_own_losses_and_figures_are_kept(bench: Bench) -> None:
    lost = Loss("edge/eth0", bench.now_us - 2 * SECOND, bench.now_us - SECOND, "kernel", 7)
    bench.edge.beat(bench.now_us, losses=(lost,), backlog=12)
    bench.work()
    row = LossRange.objects.get()
    assert (row.from_us, row.to_us, row.reason, row.count, row.partition) == (lost.from_us, lost.to_us, "kernel", 7, -1)
    collector = Collector.objects.get()
    assert (collector.name, collector.backlog, collector.low_water_us) == ("edge", 12, bench.now_us)
    assert bench.reasons() == ["kernel"]


def test_a_collector_that_falls_silent_is_shown_as_lost_until_it_speaks_again(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(presence, "SILENT_US", SECOND)
    bench.edge.beat(bench.now_us)
    bench.work(1)
    time.sleep(1.1)
    bench.work(1)
    (row,) = LossRange.objects.all()
    assert (row.reason, row.observer, row.from_us) == ("silent", "edge/*", bench.now_us)
    bench.edge.beat(bench.now_us + SECOND)
    bench.work(1)
    (row,) = LossRange.objects.all()
    assert row.to_us > bench.now_us + SECOND
    assert bench.reasons() == ["silent", "silent"]


def test_nobody_is_silent_because_the_store_stood_still(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    now_us = Streams.now_us
    bench.edge.beat(bench.now_us)
    bench.work(1)
    monkeypatch.setattr(Streams, "now_us", lambda streams: now_us(streams) + 8 * SECOND)  # it was frozen for so long
    bench.work(1)
    assert not LossRange.objects.exists()


def test_a_collector_that_was_not_heard_for_a_day_is_forgotten(bench: Bench) -> None:
    def at(days: float) -> str:
        return f"{bench.now_us // 1000 - round((2 - days) * 86_400_000)}-0"

    gone, other = bench.edge, Edge(bench.client, "other")
    gone.add(gone.batch(0, []), at=at(0))
    other.add(other.batch(0, []), at=at(0.9))
    bench.work(1)
    assert bench.sources() == {"edge", "other"}
    other.add(other.batch(0, []), at=at(1.1))
    bench.work(1)
    assert bench.sources() == {"other"}


def test_after_a_goodbye_timers_run_out_by_the_streams_clock(bench: Bench) -> None:
    ringing = play("good").events(until=1.2)
    bench.edge.beat(bench.now_us - 300 * SECOND)
    bench.edge.send(moved(ringing, bench.now_us - 200 * SECOND - ringing[0].captured_us))
    bench.edge.beat(bench.now_us - 190 * SECOND, final=True)
    bench.work(4)
    assert Partition.objects.get().watermark_us > bench.now_us - SECOND
    assert not [update for update in logged() if type(update).__name__ == "FindingConfirmed"]


# --- the store


def test_a_store_that_was_emptied_is_read_from_its_beginning_and_the_loss_counted(
    bench: Bench, call: list[SipEvent]
) -> None:
    bench.edge.beat(call[0].captured_us)
    bench.edge.send(call[:3])
    bench.work(1)
    bench.client.flushall()
    bench.edge.batch(0, call[3:5])  # lost with the store
    partition = Partition.objects.get()
    past = int(partition.stream_offset.split("-")[0]) - 60_000  # the new store's clock is behind, to make it hard
    bench.edge.add(bench.edge.batch(0, call[5:]), at=f"{past}-0")
    worker = bench.worker = bench.new_worker()
    expire_leases()
    bench.work()
    assert worker is bench.worker
    assert Call.objects.get().messages == len(call) - 2
    assert {row.reason for row in LossRange.objects.all()} == {"reset", "gap"}
    assert bench.client.xlen(stream(0)) == 0


def test_a_store_that_is_emptied_while_we_read_is_noticed(bench: Bench, call: list[SipEvent]) -> None:
    bench.edge.beat(call[0].captured_us)
    bench.work(1)
    bench.client.flushall()
    bench.worker._checked = float("-inf")
    bench.work(1)
    assert Partition.objects.get().stream_offset == "0-0"
    assert [row.reason for row in LossRange.objects.all()] == ["reset"]


def test_streams_with_another_number_of_partitions_are_refused(bench: Bench) -> None:
    bench.client.set(PARTITIONS_KEY, 5)
    with pytest.raises(PartitionsDifferError, match="with 5"):
        bench.worker.cycle()


def test_a_store_that_goes_away_loses_nothing(bench: Bench, call: list[SipEvent]) -> None:
    bench.edge.beat(call[0].captured_us)
    bench.edge.send(call[:4])
    bench.work(1)
    bench.edge.send(call[4:6])
    bench.valkey.stop()
    with pytest.raises(StoreAway):
        bench.worker.cycle()
    bench.valkey.start()
    bench.edge.send(call[6:])
    bench.work()
    assert Call.objects.get().messages == len(call)
    assert not LossRange.objects.exists()


# --- two workers


def test_of_two_workers_that_believe_they_own_a_partition_the_older_writes_nothing(
    bench: Bench, call: list[SipEvent]
) -> None:
    bench.edge.send(call[:3])
    bench.work(1)
    older, bench.worker = bench.worker, bench.new_worker()
    expire_leases()
    bench.edge.send(call[3:])
    bench.work(1)
    bench.edge.send(moved(call[-1:], SECOND))
    with pytest.raises(Fenced):
        older.cycle()
    assert Call.objects.get().messages == len(call)
    bench.work(1)
    assert Call.objects.get().messages == len(call) + 1
    assert Partition.objects.get().epoch == 2


def test_a_worker_that_ends_gives_its_partitions_back_at_once(bench: Bench) -> None:
    bench.edge.beat(bench.now_us)
    bench.work(1)
    stop = threading.Event()
    stop.set()
    bench.worker.run(stop)
    bench.worker = bench.new_worker()
    bench.work(1)
    assert Partition.objects.get().owner == bench.worker._leases.owner


# --- the loop


def run_for(bench: Bench, *then: Callable[[], object], seconds: float = 0.4) -> None:
    """Run the worker; each so many seconds do the next thing, and stop at the end."""
    stop = threading.Event()

    def disturb() -> None:
        try:
            for what in then:
                time.sleep(seconds)
                what()
            time.sleep(seconds)
        finally:
            stop.set()

    thread = threading.Thread(target=disturb)
    thread.start()
    bench.worker.run(stop)
    thread.join()


def test_the_loop_outlasts_a_store_that_goes_away(
    bench: Bench, call: list[SipEvent], caplog: pytest.LogCaptureFixture
) -> None:
    socket, hidden = bench.valkey.socket, bench.valkey.socket.with_suffix(".away")

    def away() -> None:
        socket.rename(hidden)
        bench.client.client_kill_filter(_type="normal", skipme=True)

    bench.edge.send(call[:4])
    run_for(bench, away, lambda: hidden.rename(socket), lambda: bench.edge.send(call[4:]))
    assert Call.objects.get().messages == len(call)
    assert "the stream store is away" in caplog.text
    assert "no longer 'the stream store is away'" in caplog.text


@pytest.mark.django_db(transaction=True)
def test_the_loop_outlasts_a_database_that_goes_away(bench: Bench, call: list[SipEvent]) -> None:
    def away() -> None:
        if connection.vendor == "sqlite":
            with closing(sqlite3.connect(connection.settings_dict["NAME"], isolation_level=None)) as other:
                other.execute("BEGIN EXCLUSIVE")
                bench.edge.send(call[4:6])
                time.sleep(0.5)
            return
        name = connection.settings_dict["NAME"]
        others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s"
        with psycopg.connect(host=connection.settings_dict["HOST"], user="postgres", autocommit=True) as other:
            other.execute(others, (name,))

    bench.edge.send(call[:4])
    run_for(bench, away, lambda: bench.edge.send(call[6:] if connection.vendor == "sqlite" else call[4:]))
    assert Call.objects.get().messages == len(call)
    assert not LossRange.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_a_database_that_stays_away_is_told_of_once(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refused(_leases: object) -> None:
        raise OperationalError("connection refused")

    monkeypatch.setattr("monitor.ingest.lease.Leases.prepare", refused)
    run_for(bench, seconds=1.0)
    assert caplog.text.count("the database is away") == 1
    assert "no longer" not in caplog.text


def test_the_loop_outlasts_being_fenced_and_takes_back_what_falls_free(bench: Bench, call: list[SipEvent]) -> None:
    bench.edge.send(call[:4])
    bench.work(1)
    Partition.objects.update(owner="somebody else", epoch=7, lease_until_us=0)
    bench.edge.send(call[4:])
    run_for(bench)
    assert Call.objects.get().messages == len(call)
    assert Partition.objects.get().epoch == 8


def test_what_can_not_be_asked_of_the_store_is_like_a_store_that_is_away(bench: Bench) -> None:
    bench.client.set(stream(0), "no stream at all")
    with pytest.raises(StoreAway, match="WRONGTYPE"):
        bench.worker.cycle()


def test_a_call_whose_messages_are_gone_stays_as_it_was_whatever_comes_late(bench: Bench, call: list[SipEvent]) -> None:
    before = closed(bench, call)
    MessageChunk.objects.all().delete()
    bench.edge.send(moved(call[-1:], 80 * SECOND))
    bench.edge.send(moved(call[:1], 90 * SECOND))
    bench.work(1)
    first, second = Call.objects.order_by("incarnation")
    assert (first.messages, first.state, first.ended_us) == (before.messages, before.state, before.ended_us)
    assert (second.incarnation, second.messages) == (2, 1)
    assert Transaction.objects.get().messages == 1


def test_a_stop_and_a_start_of_a_collector_is_one_planned_gap_in_which_nothing_is_claimed(bench: Bench) -> None:
    events = play("no-answer").events()
    start = bench.now_us - 200 * SECOND
    events = moved(events, start - events[0].captured_us)
    bench.edge.beat(start)
    bench.edge.send(events[:2])
    bench.edge.beat(start + 3 * SECOND, final=True)
    bench.edge.restart("boot-2")
    bench.edge.beat(start + 20 * SECOND)
    bench.work(1)
    bench.pass_time(start + 190 * SECOND)
    (gap,) = LossRange.objects.all()
    assert (gap.reason, gap.from_us) == ("planned", start + 3 * SECOND)
    assert set(bench.reasons()) == {"planned"}
    assert not [update for update in logged() if type(update).__name__ == "FindingConfirmed"]
