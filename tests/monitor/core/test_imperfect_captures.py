"""Captures are imperfect in a few ways, over and over: none of them makes what was well a failure for certain."""

import random
from collections.abc import Callable
from functools import lru_cache
from typing import Final

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collectors.scenario.library import TWO_PROXIES, play
from collectors.sip.timers import MILLISECOND, SECOND
from collectors.wire.events import Loss, SipEvent
from monitor.core.updates import FindingState, Severity
from tests.monitor.core.test_correlating import STORIES
from tests.monitor.core.test_order import LONG_US, WINDOW_US, Run
from tests.support.messages import response

PLAYED: Final = ("good", "early-media", "hold-resume", "lossy", "forked", "challenged")
KEPT_UP: Final = ("registered", "refreshed", "unregistered", "pings")
WELL: Final = st.sampled_from([*PLAYED, *KEPT_UP, *STORIES])
SEEDS: Final = st.integers(0, 2**32)
GRAVE: Final = frozenset({Severity.MAJOR, Severity.CRITICAL})

# What is left of the messages.
Imperfect = Callable[[list[SipEvent], random.Random], list[SipEvent]]


@lru_cache(256)
def well(name: str, seed: int) -> list[SipEvent]:
    if name in STORIES:
        return sorted(STORIES[name], key=lambda event: event.captured_us)
    return play(name, str(seed), TWO_PROXIES if seed % 2 else None).events()


def claims(events: list[SipEvent], *losses: Loss, wait_us: int = LONG_US) -> set[str]:
    """What grave finding was ever claimed for certain."""
    made, latest_us = Run(), 0
    for loss in losses:
        made.correlator.lost(loss)
    for event in events:
        latest_us = max(latest_us, event.captured_us)
        made.advance(latest_us - WINDOW_US)
        made.feed(event)
    made.advance(latest_us + wait_us)
    found = (finding for update in made.told if (finding := getattr(update, "finding", None)))
    return {each.code for each in found if each.state == FindingState.CONFIRMED and each.severity in GRAVE}


def ends(event: SipEvent) -> frozenset[str]:
    return frozenset((event.source, event.destination))


def moved(event: SipEvent, late_us: int, observer: str = "") -> SipEvent:
    return msgspec.structs.replace(event, captured_us=event.captured_us + late_us, observer=observer or event.observer)


def in_time(events: list[SipEvent]) -> list[SipEvent]:
    return sorted(events, key=lambda event: event.captured_us)


def begun_late(events: list[SipEvent], dice: random.Random) -> list[SipEvent]:
    return events[dice.randrange(len(events)) :]


def without_a_hop(events: list[SipEvent], dice: random.Random) -> list[SipEvent]:
    hop = ends(dice.choice(events))
    return [event for event in events if ends(event) != hop]


def one_hop_only(events: list[SipEvent], dice: random.Random) -> list[SipEvent]:
    hop = ends(dice.choice(events))
    return [event for event in events if ends(event) == hop]


def without_one_sender(events: list[SipEvent], dice: random.Random) -> list[SipEvent]:
    sender = dice.choice(events).source
    return [event for event in events if event.source != sender]


def without_one_receiver(events: list[SipEvent], dice: random.Random) -> list[SipEvent]:
    receiver = dice.choice(events).destination
    return [event for event in events if event.destination != receiver]


def without_acks(events: list[SipEvent], dice: random.Random) -> list[SipEvent]:
    hop = ends(dice.choice(events))
    everywhere = dice.random() < 0.5
    return [event for event in events if event.method != "ACK" or not (everywhere or ends(event) == hop)]


def without_a_kind(events: list[SipEvent], dice: random.Random) -> list[SipEvent]:
    kind = dice.choice(["1xx", "2xx", "final", "request", "response", "INVITE"])
    kinds = {"1": {"1xx", "response"}, "2": {"2xx", "final", "response"}, "": {"request"}}
    rest = {"final", "response"}
    return [
        event
        for event in events
        if kind not in kinds.get(str(event.status or "")[:1], rest) and (kind != "INVITE" or event.method != "INVITE")
    ]


def answered_from_another_port(events: list[SipEvent], dice: random.Random) -> list[SipEvent]:
    server = dice.choice(events).destination
    return [
        msgspec.structs.replace(event, source_port=6_000) if event.status and event.source == server else event
        for event in events
    ]


def a_clock_that_differs(events: list[SipEvent], dice: random.Random) -> list[SipEvent]:
    hop, late_us = ends(dice.choice(events)), dice.choice([-1, 1]) * dice.randrange(100, 3_000) * MILLISECOND
    return in_time([moved(event, late_us, "far/eth0") if ends(event) == hop else event for event in events])


def seen_twice(events: list[SipEvent], dice: random.Random) -> list[SipEvent]:
    observer, late_us = dice.choice([("", 99), ("far/eth0", 99), ("far/eth0", 3_000)])
    late = dice.randrange(late_us) * MILLISECOND
    return in_time([*events, *(moved(event, late, observer) for event in events if dice.random() < 0.6)])


def played_again(events: list[SipEvent], dice: random.Random) -> list[SipEvent]:
    apart_us = events[-1].captured_us - events[0].captured_us + dice.randrange(30, 900) * SECOND
    return [moved(event, turn * apart_us) for turn in range(4) for event in events]


def over_streams(events: list[SipEvent]) -> list[SipEvent]:
    """The same over TCP, of servers that all were heard to answer before."""
    begin_us, answer = events[0].captured_us - 10 * SECOND, response(200, 0, method="OPTIONS")
    places = {(event.source, event.source_port) for event in events}
    heard = [
        msgspec.structs.replace(
            answer, captured_us=begin_us + number, source=place, source_port=port, call_id=f"heard-{number}"
        )
        for number, (place, port) in enumerate(sorted(places))
    ]
    return [*heard, *(msgspec.structs.replace(event, transport="tcp") for event in events)]


WAYS: Final[list[Imperfect]] = [
    begun_late,
    without_a_hop,
    one_hop_only,
    without_one_sender,
    without_one_receiver,
    without_acks,
    without_a_kind,
    answered_from_another_port,
    a_clock_that_differs,
    seen_twice,
    played_again,
]


@pytest.mark.parametrize("way", WAYS, ids=[way.__name__ for way in WAYS])
@settings(max_examples=30, deadline=None)
@given(WELL, st.integers(0, 3), SEEDS)
def test_what_is_well_is_not_said_to_fail_where_it_is_seen(way: Imperfect, name: str, seed: int, chance: int) -> None:
    seen = way(well(name, seed), random.Random(chance))
    assert claims(seen) <= claims(well(name, seed))


@pytest.mark.parametrize("way", [begun_late, without_one_sender, without_one_receiver], ids=lambda way: way.__name__)
@settings(max_examples=30, deadline=None)
@given(WELL, st.integers(0, 3), SEEDS)
def test_over_tcp_what_is_out_of_sight_is_no_silence(way: Imperfect, name: str, seed: int, chance: int) -> None:
    events = over_streams(well(name, seed))
    heard = [event for event in events if event.call_id.startswith("heard-")]
    seen = way(events[len(heard) :], random.Random(chance))
    assert claims([*heard, *seen]) <= claims(events)


@settings(max_examples=30, deadline=None)
@given(WELL, st.integers(0, 3), SEEDS)
def test_the_end_of_a_capture_is_no_fault(name: str, seed: int, chance: int) -> None:
    events = well(name, seed)
    assert claims(events[: random.Random(chance).randrange(len(events))], wait_us=0) <= claims(events)


@settings(max_examples=30, deadline=None)
@given(WELL, st.integers(0, 3), SEEDS)
def test_a_burst_of_loss_that_is_told_is_no_fault(name: str, seed: int, chance: int) -> None:
    events, dice = well(name, seed), random.Random(chance)
    begin = dice.randrange(len(events))
    end = min(begin + dice.randrange(1, 8), len(events)) - 1
    loss = Loss(events[begin].observer, events[begin].captured_us, events[end].captured_us, "kernel", 0)
    assert claims([*events[:begin], *events[end + 1 :]], loss) <= claims(events)
