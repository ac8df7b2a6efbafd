"""Which batches are new, what is missing between them, and whose clock is wrong."""

from typing import Any

import msgspec
import pytest

from collectors.sip.timers import SECOND
from collectors.wire.events import SCHEMA, Batch, Heartbeat, Loss, SipEvent
from monitor.ingest import marks, presence
from monitor.ingest.marks import Marks, Presence, Source

NOW = 1_800_000_000 * SECOND


def event(captured_us: int) -> SipEvent:
    return SipEvent(captured_us, captured_us, "10.0.0.1", 5060, "10.0.0.2", 5060, "udp", "edge/eth0", b"")


def beat(sent_us: int, **changes: Any) -> Heartbeat:
    fields: dict[str, Any] = {"low_water_us": sent_us, "counters": {}, "losses": [], "backlog": 0, "final": False}
    fields |= changes
    return Heartbeat(
        sent_us,
        fields["low_water_us"],
        0,
        "host",
        "0.1",
        "libpcap",
        ["eth0"],
        fields["counters"],
        fields["losses"],
        fields["backlog"],
        fields["final"],
    )


def batch(sequence: int, *events: SipEvent, boot: str = "b1", heartbeat: Heartbeat | None = None) -> Batch:
    return Batch(SCHEMA, "edge", boot, 0, sequence, list(events), heartbeat)


def admit(state: Marks, at_us: int, one: Batch) -> marks.Admission:
    """As ingest does, heartbeat included."""
    admission = marks.admit(state, one, at_us)
    if admission.new and one.heartbeat:
        marks.report(state.sources[one.collector], one.heartbeat, at_us)
    return admission


def test_a_batch_that_was_sent_twice_is_taken_once() -> None:
    state = Marks()
    assert [marks.admit(state, batch(n), NOW).new for n in (0, 1, 1, 0, 2, 1)] == [
        True,
        True,
        False,
        False,
        True,
        False,
    ]


def test_a_hole_in_the_sequence_is_a_loss_from_where_the_collector_was_to_where_it_goes_on() -> None:
    state = Marks()
    admit(state, NOW, batch(0, heartbeat=beat(NOW)))
    admission = admit(state, NOW + 5 * SECOND, batch(4, event(NOW + 4 * SECOND)))
    assert admission.losses == (Loss("edge/*", NOW, NOW + 4 * SECOND, "gap", 3),)


def test_between_a_goodbye_and_a_return_lies_one_planned_gap() -> None:
    state = Marks()
    admit(state, NOW, batch(0, heartbeat=beat(NOW, final=True)))
    assert [loss.reason for loss in presence.heard(state, NOW + 9 * SECOND)] == ["planned"]
    admission = admit(state, NOW + 9 * SECOND, batch(0, event(NOW + 8 * SECOND), boot="b2"))
    assert admission.losses == ()
    assert admission.ended == Loss("edge/*", NOW, NOW + 8 * SECOND, "planned", 0)
    assert presence.absences(state, NOW + 10 * SECOND) == []


def test_where_a_collector_begins_that_was_never_heard_is_no_hole() -> None:
    assert marks.admit(Marks(), batch(5_000), NOW) == marks.Admission(new=True)


def test_a_new_boot_is_told_from_a_hole_and_what_was_between_is_lost() -> None:
    state = Marks()
    admit(state, NOW, batch(7, heartbeat=beat(NOW)))
    admission = admit(state, NOW + 2 * SECOND, batch(0, heartbeat=beat(NOW + 2 * SECOND), boot="b2"))
    assert admission.losses == (Loss("edge/*", NOW, NOW + 2 * SECOND, "restart", 0),)
    assert admit(state, NOW + 3 * SECOND, batch(1, boot="b2")).losses == ()


def test_a_new_boot_whose_first_batches_are_missing_has_a_hole() -> None:
    state = Marks()
    admit(state, NOW, batch(7, heartbeat=beat(NOW)))
    reasons = {loss.reason: loss.count for loss in admit(state, NOW + 2 * SECOND, batch(2, boot="b2")).losses}
    assert reasons == {"gap": 2, "restart": 0}


def test_a_hole_in_a_spool_that_outlived_two_boots_is_told_from_where_the_collector_was() -> None:
    state = Marks()
    admit(state, NOW, batch(7, heartbeat=beat(NOW)))
    later = NOW + 60 * SECOND  # it was cut off, and killed twice; its spool has no heartbeats
    admit(state, later, batch(8, event(NOW + 2 * SECOND)))
    assert admit(state, later, batch(0, event(NOW + 20 * SECOND), boot="b2")).losses[0].from_us <= NOW + 2 * SECOND
    (hole,) = admit(state, later, batch(3, event(NOW + 40 * SECOND), boot="b2")).losses
    assert hole.from_us <= NOW + 20 * SECOND
    assert hole.to_us == NOW + 40 * SECOND
    (hole,) = admit(state, later, batch(0, event(NOW + 58 * SECOND), boot="b3")).losses
    assert hole.from_us <= NOW + 40 * SECOND
    assert hole.to_us == NOW + 58 * SECOND


def test_the_first_word_of_a_boot_counts_though_its_clock_was_set_back() -> None:
    state = Marks()
    admit(state, NOW, batch(0, heartbeat=beat(NOW + 4 * SECOND)))
    admit(state, NOW + SECOND, batch(0, heartbeat=beat(NOW - 10 * SECOND), boot="b2"))
    assert state.sources["edge"].low_water_us == NOW - 10 * SECOND


def test_what_an_older_boot_sends_again_is_still_known() -> None:
    state = Marks()
    for boot in ("b1", "b2"):
        admit(state, NOW, batch(0, boot=boot))
    assert not marks.admit(state, batch(0, boot="b1"), NOW).new


def test_boots_and_collectors_are_forgotten_after_a_day() -> None:
    state = Marks()
    admit(state, NOW, batch(0))
    admit(state, NOW + marks.FORGET_US, batch(0, boot="b2"))
    marks.forget(state, NOW + marks.FORGET_US + 1)
    assert list(state.sources["edge"].boots) == ["b2"]
    marks.forget(state, NOW + 2 * marks.FORGET_US + 1)
    assert state.sources == {}


def test_marks_are_bounded_however_often_a_collector_restarts_and_whoever_claims_to_be_one() -> None:
    state = Marks()
    for number in range(marks.MOST_SOURCES + 50):
        marks.admit(state, Batch(SCHEMA, f"edge-{number}", "b", 0, 0, []), NOW + number)
    for number in range(marks.MOST_BOOTS + 50):
        marks.admit(state, batch(0, boot=str(number)), NOW + 10_000 + number)
    assert len(state.sources) == marks.MOST_SOURCES
    assert "edge-0" not in state.sources
    assert list(state.sources["edge"].boots)[-1] == str(marks.MOST_BOOTS + 49)
    assert len(state.sources["edge"].boots) == marks.MOST_BOOTS


def test_silence_ends_with_the_next_batch() -> None:
    source = Source("b1", NOW, low_water_us=NOW, presence=Presence.SILENT, absent_us=NOW)
    admission = marks.admit(Marks({"edge": source}), batch(0), NOW + 9 * SECOND)
    assert admission.ended == Loss("edge/*", NOW, NOW + 9 * SECOND, "silent", 0)
    assert source.presence is Presence.PRESENT


@pytest.mark.parametrize(
    ("ahead_s", "shift_s"), [(0, 0), (4, 0), (-30, 0), (6, -6), (3600, -3600), (-8 * 86_400, 8 * 86_400)]
)
def test_a_clock_that_is_ahead_or_days_behind_is_corrected_by_what_its_heartbeats_say(
    ahead_s: int, shift_s: int
) -> None:
    source = Source("b1", NOW)
    clock = NOW + ahead_s * SECOND
    marks.report(source, beat(clock), NOW)
    assert source.clock_offset_us == ahead_s * SECOND
    assert source.shift_us == shift_s * SECOND
    assert source.low_water_us == min(clock + shift_s * SECOND, NOW)
    events = marks.correct(source, [event(clock - SECOND), event(clock - SECOND + 1)], NOW)
    assert [each.captured_us for each in events] == [clock + shift_s * SECOND - SECOND + n for n in (0, 1)]
    assert not source.clamped


def test_a_correction_does_not_follow_the_jitter_of_the_way() -> None:
    source = Source("b1", NOW)
    for late_ms in (0, 300, 50, 900, 10):
        marks.report(source, beat(NOW + 60 * SECOND), NOW + late_ms * 1000)
        assert source.shift_us == -60 * SECOND
    marks.report(source, beat(NOW), NOW)
    assert source.shift_us == 0


def test_heartbeats_that_waited_in_a_spool_do_not_make_a_clock_slow() -> None:
    source = Source("b1", NOW)
    marks.report(source, beat(NOW), NOW)
    marks.report(source, beat(NOW + SECOND, backlog=500), NOW + 60 * SECOND)
    assert source.clock_offset_us == 0


def test_single_times_out_of_all_bounds_are_set_to_the_streams_and_counted() -> None:
    source = Source("b1", NOW)
    times = [NOW + 6 * SECOND, 0, 2**62, NOW - 8 * 86_400 * SECOND, NOW - 3600 * SECOND, NOW]
    events = marks.correct(source, [event(time) for time in times], NOW)
    assert [each.captured_us for each in events] == [NOW, NOW, NOW, NOW, NOW - 3600 * SECOND, NOW]
    source.heard_us = NOW + SECOND
    assert marks.clamped("edge", source) == Loss("edge/*", NOW, NOW + SECOND, "clock", 4)
    marks.correct(source, [event(NOW)], NOW)
    assert marks.clamped("edge", source) is None


def test_an_absurd_low_water_or_loss_stays_within_what_can_be_believed() -> None:
    source = Source("b1", NOW)
    absurd = [Loss("edge/eth0", -(2**60), 2**62, "kernel", 1)]
    losses, _ = marks.report(source, beat(NOW, low_water_us=2**62, losses=absurd), NOW)
    assert source.low_water_us == NOW
    assert losses == (Loss("edge/eth0", NOW - marks.OLDEST_US, NOW, "kernel", 1),)
    marks.report(source, beat(NOW, low_water_us=-5), NOW + SECOND)
    assert source.low_water_us == NOW + SECOND


def test_the_low_water_of_a_boot_never_falls() -> None:
    source = Source("b1", NOW)
    marks.report(source, beat(NOW), NOW)
    marks.report(source, beat(NOW + SECOND, low_water_us=NOW - SECOND), NOW + SECOND)
    assert source.low_water_us == NOW


def test_the_rate_is_what_was_parsed_between_two_heartbeats() -> None:
    source = Source("b1", NOW)
    rates = [
        marks.report(source, beat(NOW + at * SECOND, counters={"parsed": parsed}), NOW)[1]
        for at, parsed in ((0, 100), (2, 300), (2, 400), (3, 100))
    ]
    assert rates == [0.0, 100.0, 0.0, 0.0]


def test_marks_come_back_from_their_bytes() -> None:
    state = Marks()
    admit(state, NOW, batch(3, heartbeat=beat(NOW)))
    state.blind.append(Loss("edge/eth0", 1, 2, "kernel", 0))
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(state), type=Marks) == state
