"""Tallies and sketches merge; calls are told apart by what operators ask for."""

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.core.measures import OTHERS, Breakdown, Dimension, Sample, Sketch, Tally, direction, figures, parts, prefix
from monitor.core.measures.counting import count, register
from monitor.core.measures.split import MOST_KEYS
from monitor.core.updates import CallState, RegistrationOutcome

TIMES = st.lists(st.floats(0, 1e7), min_size=1, max_size=50)


def sketch(values: list[float]) -> Sketch:
    made = Sketch()
    for value in values:
        made.add(value)
    return made


def sample(state: CallState = CallState.ENDED, status: int | None = 200, **fields: float) -> Sample:
    answered = state in (CallState.ENDED, CallState.ANSWERED)
    times = {"pdd_ms": None, "setup_ms": None, "duration_ms": None, "disconnect_ms": None} | fields
    return Sample(state=state, status=status, answered=answered, acked=True, first_us=0, ended_us=7_000, **times)


@given(TIMES, st.floats(0, 100))
def test_a_percentile_is_a_value_that_was_measured_within_a_hundredth(values: list[float], percent: float) -> None:
    rank = max(math.ceil(len(values) * percent / 100), 1)
    assert sketch(values).percentile(percent) == pytest.approx(sorted(values)[rank - 1], rel=0.0101, abs=0.002)


@given(TIMES, TIMES)
def test_merged_sketches_are_the_sketch_of_all_values(some: list[float], others: list[float]) -> None:
    merged = sketch(some)
    merged.merge(sketch(others))
    assert merged == sketch(some + others)


def test_of_no_values_there_is_no_percentile() -> None:
    assert Sketch().percentile(50) is None


def test_the_sum_of_the_minutes_is_the_hour() -> None:
    dice = random.Random(7)
    calls = [
        sample(dice.choice(list(CallState)), dice.choice([None, 200, 404, 480, 486, 503]), pdd_ms=dice.random() * 9000)
        for _ in range(300)
    ] + [sample(duration_ms=60_000.0), sample(CallState.FAILED, 503)]
    whole, merged = Tally(), Tally()
    minutes = [Tally() for _ in range(6)]
    for number, call in enumerate(calls):
        count(whole, [call])
        count(minutes[number % 6], [call])
    for minute in minutes:
        merged.merge(minute)
    assert figures(merged) == figures(whole)
    assert figures(whole).calls == 302


def test_registrations_merge_too() -> None:
    one, other = Tally(), Tally()
    register(one, RegistrationOutcome.PENDING, None)
    register(other, RegistrationOutcome.FAILED, 10.0)
    register(other, RegistrationOutcome.EXPIRED, 30.0)
    one.merge(other)
    told = figures(one)
    assert (told.registrations, told.ira_percent) == (3, 50.0)
    assert told.registrations_by_outcome == {"failed": 1, "registered": 1, "unanswered": 1}
    assert told.rrd_p95_ms == pytest.approx(30, rel=0.01)


@pytest.mark.parametrize(
    ("uri", "found"),
    [
        ("sip:+4315551234@x", "+43"),
        ("tel:+1-212-555-0101", "+1"),
        ("sip:+79161234567@x;user=phone", "+7"),
        ("sip:00353871234567@x", "+353"),
        ("sip:0159912345@x", "national"),
        ("sip:101@x", "extension"),
        ("sip:alice@x", "user"),
        ("sip:alice2@x", "user"),
        ("sip:x", "user"),
        ("sip:+@x", "user"),
    ],
)
def test_a_number_is_known_by_its_country_code(uri: str, found: str) -> None:
    assert prefix(uri) == found


@pytest.mark.parametrize(
    ("caller", "callee", "found"),
    [
        ("10.0.0.1:5060", "192.168.1.1:5060", "internal"),
        ("10.0.0.1:5060", "198.51.100.1:5060", "outbound"),
        ("203.0.113.9:5060", "10.0.0.1:5060", "inbound"),
        ("203.0.113.9:5060", "[2001:4860::1]:5060", "transit"),
    ],
)
def test_a_direction_is_told_by_private_addresses(caller: str, callee: str, found: str) -> None:
    assert direction(caller, callee) == found


def test_beyond_a_bound_keys_count_as_others() -> None:
    found = Breakdown()
    found.add(
        (sample(), parts(f"10.{number // 250}.{number % 250}.1:5060", "10.0.0.2:5060", "sip:101@x", ""))
        for number in range(MOST_KEYS + 10)
    )
    tallies = found.tallies[Dimension.SOURCE]
    assert len(tallies) == MOST_KEYS + 1
    assert tallies[OTHERS].calls == 10
    assert found.whole().calls == MOST_KEYS + 10
    assert found.of(Dimension.USER_AGENT, "unknown").calls == MOST_KEYS + 10
