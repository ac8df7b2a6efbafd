"""Calls that ring later than is usual at their peer."""

from monitor.core.updates import CallAnswered, CallRang, Severity, Update
from tests.monitor.core.sources.traffic import Look, answered, call, refused_call, seen
from tests.monitor.core.told import rang as rings
from tests.monitor.core.told import us

HOUR = 3600


def calls(
    begin: float, count: int, delay_s: float, *, apart: float = 20, answered: bool = False, to: str = "10.0.0.9:5060"
) -> list[Update]:
    told: list[Update] = []
    for number in range(count):
        at, key = begin + number * apart, call(f"{begin} {number} {to}")
        ms = delay_s * 1000
        end = CallAnswered(key, us(at + delay_s), ms) if answered else CallRang(key, us(at + delay_s), 180, ms)
        told += [seen(at, key, destination=to), end]
    return told


def test_a_peer_where_calls_ring_later_than_usual_is_told_of() -> None:
    look = Look([*calls(0, 60, 1.0), *calls(HOUR, 10, 5.0, apart=30)])
    row = look.one("slow-setup")
    assert (row.kind, row.name, row.finding.severity, row.finding.variant) == (
        "peer",
        "10.0.0.9",
        Severity.MINOR,
        "unusual",
    )
    assert row.count == 10
    assert row.finding.cause == (
        "Calls to 10.0.0.9 ring late: 10 of 10 within 10 min took longer than 3.0 s, the last one 5.0 s; of 100, 95 "
        "take at most 1.0 s there."
    )
    assert len(row.evidence) == 10


def test_what_is_answered_without_a_ring_counts_likewise() -> None:
    look = Look([*calls(0, 60, 1.0), *calls(HOUR, 10, 5.0, apart=30, answered=True)])
    assert look.found() == [("slow-setup", "10.0.0.9", "confirmed")]


def test_where_calls_take_long_as_ever_nothing_is_unusual() -> None:
    look = Look([*calls(0, 60, 6.0), *calls(HOUR, 10, 6.0, apart=30)])
    assert look.found() == []


def test_one_of_twenty_is_always_among_the_slowest() -> None:
    usual = [*calls(0, 100, 1.0), *calls(10, 4, 9.0, apart=400)]
    late = [*calls(HOUR, 40, 1.0, apart=14), *calls(HOUR + 5, 5, 9.5, apart=100)]
    assert Look(sorted(usual + late, key=lambda update: update.at_us)).found() == []


def test_few_calls_make_no_usual_and_quick_ones_are_never_slow() -> None:
    assert Look([*calls(0, 40, 1.0), *calls(HOUR, 10, 5.0, apart=30)]).found() == []
    assert Look([*calls(0, 60, 0.1), *calls(HOUR, 10, 2.5, apart=30)]).found() == []
    assert Look([*calls(0, 60, 1.0), *calls(HOUR, 4, 5.0, apart=30)]).found() == []


def test_what_was_usual_two_hours_ago_is_forgotten() -> None:
    look = Look([*calls(0, 60, 1.0), *calls(3 * HOUR, 1, 1.0), *calls(4 * HOUR, 10, 5.0, apart=30)])
    assert look.found() == []


def test_of_calls_that_never_ring_or_whose_begin_is_out_of_sight_nothing_is_said() -> None:
    begun: list[Update] = [seen(0, call("a")), refused_call(1, call("a")), rings(2, "a"), answered(3, call("b"))]
    assert Look(begun).found() == []
    unknown: list[Update] = [seen(0, call("c")), CallRang(call("c"), us(1), 180, None)]
    assert Look(unknown).found() == []
