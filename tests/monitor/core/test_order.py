"""What is found does not depend on how messages and time arrive: shuffled, in bursts, twice, or with holes."""

import random
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collectors.scenario.library import SITUATIONS, TWO_PROXIES, play
from collectors.sip.timers import MILLISECOND, SECOND
from collectors.wire.events import Loss, SipEvent
from monitor.core.correlator import Correlator
from monitor.core.settings import Settings
from monitor.core.updates import FindingState, Record, RecordKey, Update
from tests.monitor.core.stories import STORIES

WINDOW_US = Settings().window_us
LONG_US = 700 * SECOND  # after the last message; every deadline has passed by then
NAMES = st.sampled_from([*SITUATIONS, *STORIES])
SEEDS = st.integers(0, 2**32)
BEGINNINGS = ("INVITE", "REGISTER", "OPTIONS")
QUICK = settings(max_examples=60, deadline=None)


@lru_cache(256)
def events_of(name: str, seed: int) -> list[SipEvent]:
    if name in STORIES:
        return sorted(STORIES[name], key=lambda event: event.captured_us)
    cast = TWO_PROXIES if seed % 2 else None
    return play(name, str(seed), cast).events()


class Run:
    """A correlator that is fed and advanced, with the last value of each record.

    None leaves memory: when one does is a matter of pace, and whoever stores records takes it back by `refold`.
    """

    def __init__(self) -> None:
        self.correlator = Correlator(Settings(linger_us=None))
        self.records: dict[RecordKey, Record] = {}
        self.told: list[Update] = []

    def note(self, updates: list[Update]) -> None:
        self.told += updates
        for key in {update.key for update in updates}:
            self.records[key] = self.correlator.record(key)

    def feed(self, event: SipEvent) -> None:
        self.note(self.correlator.feed(event))

    def advance(self, watermark_us: int) -> None:
        self.note(self.correlator.advance(watermark_us))


def run(events: list[SipEvent], losses: tuple[Loss, ...] = ()) -> Run:
    """As ingest does it: the watermark is the window behind the latest message."""
    made = Run()
    for loss in losses:
        made.correlator.lost(loss)
    latest_us = 0
    for event in events:
        latest_us = max(latest_us, event.captured_us)
        made.advance(latest_us - WINDOW_US)
        made.feed(event)
    made.advance(latest_us + LONG_US)
    return made


def values(made: Run) -> dict[RecordKey, dict[str, Any]]:
    """All of each record but its findings."""
    return {
        key: {name: value for name, value in msgspec.structs.asdict(record).items() if name != "findings"}
        for key, record in made.records.items()
    }


def found(made: Run, *, cleared: bool) -> set[tuple[Any, ...]]:
    """What the findings say, save for the numbers of their messages, which follow the order of arrival."""
    return {
        (key, finding.code, finding.subject, finding.state, finding.at_us, finding.hop, finding.cause)
        for key, record in made.records.items()
        for finding in record.findings
        if (finding.state == FindingState.CLEARED) == cleared
    }


def assert_same(made: Run, reference: Run) -> None:
    """Disorder may raise a finding for as long as the window, and must clear it then; it never hides one."""
    assert values(made) == values(reference)
    assert found(made, cleared=False) == found(reference, cleared=False)
    assert {entry[:4] for entry in found(made, cleared=True)} >= {entry[:4] for entry in found(reference, cleared=True)}


def shuffled(events: list[SipEvent], dice: random.Random) -> list[SipEvent]:
    """In the order of an arrival that is late by less than the window.

    Of a call, an INVITE or a response to it still comes first: an ACK that comes before is kept apart (see below).
    """
    arrived = sorted(events, key=lambda event: event.captured_us + dice.uniform(0, WINDOW_US - 1))
    begin = next(number for number, event in enumerate(arrived) if event.cseq_method in BEGINNINGS)
    return [arrived[begin], *arrived[:begin], *arrived[begin + 1 :]]


@QUICK
@given(NAMES, st.integers(0, 7), SEEDS)
def test_messages_shuffled_within_the_window_give_the_same_records(name: str, seed: int, disorder: int) -> None:
    events = events_of(name, seed)
    assert_same(run(shuffled(events, random.Random(disorder))), run(events))


def test_a_request_within_a_dialog_that_overtakes_the_first_of_its_call_is_kept_beside_the_call() -> None:
    invite, refused, ack = events_of("forbidden", 0)
    made = run([ack, invite, refused])
    assert [(key.kind, record.messages) for key, record in made.records.items()] == [("transaction", 1), ("call", 2)]


PACES = {
    "at each message": (1, 0),
    "each 100 ms": (100 * MILLISECOND, 0),
    "each second": (SECOND, 0),
    "5 s late": (100 * MILLISECOND, 5 * SECOND),
    "each 5 s, 5 s late": (5 * SECOND, 5 * SECOND),
    "each hour": (3600 * SECOND, 0),
}


def paced(events: list[SipEvent], step_us: int, lag_us: int) -> Run:
    """The watermark moves in steps, so long behind what it could be."""
    made, latest_us, watermark_us = Run(), 0, 0
    for event in events:
        made.feed(event)
        latest_us = max(latest_us, event.captured_us)
        target_us = (latest_us - WINDOW_US - lag_us) // step_us * step_us
        if target_us > watermark_us:
            watermark_us = target_us
            made.advance(watermark_us)
    made.advance(latest_us + LONG_US)
    return made


@settings(max_examples=20, deadline=None)
@pytest.mark.parametrize("pace", PACES.values(), ids=PACES)
@given(NAMES, st.integers(0, 7))
def test_however_time_is_told_the_records_are_the_same(pace: tuple[int, int], name: str, seed: int) -> None:
    events = events_of(name, seed)
    assert_same(paced(events, *pace), run(events))


def again(event: SipEvent, delay_us: int, observer: str = "") -> SipEvent:
    """The same message, seen once more."""
    return msgspec.structs.replace(event, captured_us=event.captured_us + delay_us, observer=observer or event.observer)


def assert_same_but_for_copies(made: Run, reference: Run) -> None:
    extent = {"messages", "first_us", "last_us"}  # of the record, copies included

    def bare(of: Run) -> dict[RecordKey, dict[str, Any]]:
        return {
            key: {name: value for name, value in fields.items() if name not in extent}
            for key, fields in values(of).items()
        }

    assert bare(made) == bare(reference)
    assert found(made, cleared=False) == found(reference, cleared=False)
    assert found(made, cleared=True) == found(reference, cleared=True)


@QUICK
@given(NAMES, st.integers(0, 7), SEEDS)
def test_copies_of_packets_change_nothing_but_the_count_of_messages(name: str, seed: int, chance: int) -> None:
    dice, events = random.Random(chance), events_of(name, seed)
    copies = [again(event, dice.randrange(100 * MILLISECOND)) for event in events if dice.random() < 0.5]
    made = run(sorted([*events, *copies], key=lambda event: event.captured_us))
    assert_same_but_for_copies(made, run(events))
    total = sum(record.messages for record in made.records.values())
    assert total == len(events) + len(copies)


@QUICK
@given(NAMES, st.integers(0, 7), st.integers(0, WINDOW_US - 1))
def test_a_second_observer_changes_nothing_whatever_its_clock_says(name: str, seed: int, late_us: int) -> None:
    events = events_of(name, seed)
    copies = [again(event, late_us, "far/eth0") for event in events]
    made = run(sorted([*events, *copies], key=lambda event: event.captured_us))
    assert_same_but_for_copies(made, run(events))


def certain(made: Run) -> set[tuple[Any, ...]]:
    """What was ever claimed for certain, by Call-ID: what is left of a call without its INVITE is no call."""
    updates = [(update.key.call_id, finding) for update in made.told if (finding := getattr(update, "finding", None))]
    return {(key, finding.code, finding.subject) for key, finding in updates if finding.state == FindingState.CONFIRMED}


@settings(max_examples=200, deadline=None)
@given(NAMES, st.integers(0, 7), SEEDS)
def test_what_is_lost_and_declared_never_makes_a_false_claim(name: str, seed: int, chance: int) -> None:
    dice, events = random.Random(chance), events_of(name, seed)
    share = dice.choice((0.05, 0.2, 0.5))
    missed = {number for number in range(len(events)) if dice.random() < share}
    losses = tuple(
        Loss(event.observer, event.captured_us, event.captured_us, "kernel", 1)
        for number, event in enumerate(events)
        if number in missed
    )
    made = run([event for number, event in enumerate(events) if number not in missed], losses)
    assert certain(made) <= certain(run(events))


def telling(step: Callable[[], Run]) -> list[str]:
    return [repr(update) for update in step().told]


@QUICK
@given(NAMES, st.integers(0, 7), SEEDS)
def test_the_same_input_tells_the_same_updates(name: str, seed: int, disorder: int) -> None:
    events = shuffled(events_of(name, seed), random.Random(disorder))
    assert telling(lambda: run(events)) == telling(lambda: run(events))
