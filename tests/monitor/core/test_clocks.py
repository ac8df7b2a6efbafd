"""The clocks of collectors, by the messages that several of them saw."""

import pytest
from msgspec.structs import replace

from collectors.wire.events import SipEvent
from monitor.core.clocks import Clock, clocks, corrected
from tests.support.messages import request, response, us


def seen(event: SipEvent, collector: str, later_s: float) -> SipEvent:
    return replace(event, observer=f"{collector}/eth0", captured_us=event.captured_us + round(later_s * 1_000_000))


def two(offset_s: float, transit_s: float = 0.0, other: str = "south") -> list[SipEvent]:
    """A call that two collectors see: `north` next to alice, the other next to bob, with another clock."""
    events = []
    for event in (request("INVITE", 0), response(180, 1), response(200, 2), request("ACK", 2.1, to_tag="b")):
        away_s = transit_s if event.method else -transit_s
        events += [seen(event, "north", 0), seen(event, other, offset_s + away_s)]
    return events


@pytest.mark.parametrize("offset_s", [0.12, -3.0, 0.001])
def test_half_of_the_sum_of_both_ways_is_the_offset_and_half_of_the_difference_the_doubt(offset_s: float) -> None:
    (clock,) = clocks(two(offset_s, transit_s=0.0005))
    assert clock == Clock(
        collector="south",
        reference="north",
        offset_us=round(offset_s * 1_000_000),
        doubt_us=500,
        messages=4,
    )


@pytest.mark.parametrize(
    "events",
    [
        [],
        [request("INVITE", 0)],
        [seen(request("INVITE", 0), "north", 0), seen(request("BYE", 1), "south", 5)],
        two(0.0004),
        two(0.003, transit_s=0.005),
        [replace(event, observer=f"one/{event.observer[:5]}") for event in two(2.0)],
    ],
    ids=["nothing", "one", "nothing in common", "less than it matters", "less than the doubt", "one host"],
)
def test_clocks_that_are_not_known_to_differ_are_left_alone(events: list[SipEvent]) -> None:
    assert clocks(events) == []
    assert corrected(events, []) is events


def test_messages_of_one_way_tell_an_offset_with_the_time_between() -> None:
    invite = request("INVITE", 0)
    (clock,) = clocks([seen(invite, "north", 0), seen(invite, "south", 0.2)])
    assert (clock.offset_us, clock.doubt_us, clock.messages) == (200_000, None, 1)


def test_the_nth_copy_at_the_one_is_the_nth_copy_at_the_other() -> None:
    answers = [response(200, at) for at in (2, 2.5, 3.5)]
    events = [seen(answer, name, later) for answer in answers for name, later in (("north", 0), ("south", 0.7))]
    events.append(seen(response(200, 7.5), "north", 0))
    (clock,) = clocks(events)
    assert (clock.offset_us, clock.messages) == (700_000, 3)


def test_a_clock_may_be_known_by_way_of_another() -> None:
    bye = request("BYE", 5, to_tag="b", cseq=2)
    events = [*two(0.25), seen(bye, "south", 0.25), seen(bye, "west", -0.5)]
    assert {clock.collector: clock.offset_us for clock in clocks(events)} == {"south": 250_000, "west": -500_000}
    assert {clock.reference for clock in clocks(events)} == {"north"}
    backwards = [*two(0.25, other="a"), seen(bye, "west", 0), seen(bye, "a", 0.75)]
    assert {clock.collector: clock.offset_us for clock in clocks(backwards)} == {"a": 250_000, "west": -500_000}


def test_the_pair_with_the_most_messages_in_common_tells() -> None:
    bye = request("BYE", 5, to_tag="b", cseq=2)
    poor = [seen(bye, "north", 0), seen(bye, "west", 1.0)]
    between = (request("INFO", 3, to_tag="b", cseq=3), response(200, 3.1, method="INFO", cseq=3))
    rich = [seen(event, name, late) for event in between for name, late in (("south", 0.25), ("west", 0.75))]
    assert {clock.collector: clock.offset_us for clock in clocks([*two(0.25), *poor, *rich])}["west"] == 750_000


def test_corrected_times_are_those_of_the_reference() -> None:
    events = two(0.25)
    times = [event.captured_us for event in corrected(events, clocks(events))]
    assert times == [us(second) for second in (0, 0, 1, 1, 2, 2, 2.1, 2.1)]


def test_agents_behind_one_collector_have_clocks_of_their_own() -> None:
    events = [replace(event, observer=f"homer/hep:{event.observer[:5]}") for event in two(2.0)]
    (clock,) = clocks(events)
    assert (clock.collector, clock.reference, clock.offset_us) == ("homer/hep:south", "homer/hep:north", 2_000_000)
    times = [event.captured_us for event in corrected(events, [clock])]
    assert times == [us(at) for at in (0, 0, 1, 1, 2, 2, 2.1, 2.1)]


def test_only_so_many_clocks_are_compared() -> None:
    invite = request("INVITE", 0)
    assert len(clocks([seen(invite, f"c{number}", number) for number in range(40)])) == 15
