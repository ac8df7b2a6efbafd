"""The figures of the live page, against their definitions."""

import math

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectors.sip.timers import SECOND
from monitor.core.metrics import RESPONSE_CLASSES, STEP_US, STEPS, Gauges, Meter, Metrics, Sketch, response_class
from monitor.core.updates import CallState

T0 = 1_800_000_000 * SECOND  # the beginning of a step


def meter(*, at_s: float = 0) -> Meter:
    made = Meter()
    made.advance(T0 + int(at_s * SECOND), Gauges())
    return made


def test_nothing_is_known_before_the_first_event() -> None:
    metrics = Meter().metrics()
    assert metrics.at_us == 0
    assert metrics.asr_percent.now is None
    assert metrics.cps.spark == (None,) * STEPS
    assert metrics.responses["2xx"] == (0,) * STEPS


def test_cps_is_of_the_last_ten_whole_seconds() -> None:
    counted = meter()
    for second in range(12):
        for _ in range(5):
            counted.call_started(T0 + second * SECOND)
    counted.advance(T0 + 12 * SECOND, Gauges())
    assert counted.metrics().cps.now == 5.0
    counted.advance(T0 + 17 * SECOND, Gauges())
    assert counted.metrics().cps.now == 2.5
    counted.advance(T0 + 40 * SECOND, Gauges())
    assert counted.metrics().cps.now == 0.0


def test_a_late_start_counts_in_its_own_step_and_not_in_the_rate() -> None:
    counted = meter(at_s=60)
    counted.call_started(T0 + 25 * SECOND)
    metrics = counted.metrics()
    assert metrics.cps.now == 0.0
    assert metrics.cps.spark[-5:] == (0.1, 0.0, 0.0, 0.0, 0.0)
    assert metrics.cps.spark[-6] is None


OUTCOMES = [
    # state, status, answered → ASR, NER
    (CallState.ENDED, 200, True, 100.0, 100.0),
    (CallState.FAILED, 486, False, 0.0, 100.0),
    (CallState.FAILED, 480, False, 0.0, 100.0),
    (CallState.FAILED, 600, False, 0.0, 100.0),
    (CallState.FAILED, 603, False, 0.0, 100.0),
    (CallState.CANCELLED, 487, False, 0.0, 100.0),
    (CallState.FAILED, 404, False, 0.0, 0.0),
    (CallState.FAILED, 503, False, 0.0, 0.0),
    (CallState.FAILED, None, False, 0.0, 0.0),
    (CallState.REDIRECTED, 302, False, None, None),
]


@pytest.mark.parametrize(("state", "status", "answered", "asr", "ner"), OUTCOMES)
def test_ratios_follow_their_definitions(
    state: CallState, status: int | None, answered: bool, asr: float | None, ner: float | None
) -> None:
    counted = meter()
    counted.call_started(T0)
    if answered:
        counted.call_answered(T0 + SECOND)
    counted.call_ended(T0 + 2 * SECOND, state, status, answered=answered)
    metrics = counted.metrics()
    assert (metrics.asr_percent.now, metrics.ner_percent.now) == (asr, ner)
    assert metrics.asr_percent.spark[-1] == asr
    assert sum(sum(counts) for counts in metrics.responses.values()) == 1
    assert metrics.responses[response_class(status)][-1] == 1
    assert getattr(metrics.calls, state.value) == 1


def test_a_step_leaves_the_window_after_fifteen_minutes() -> None:
    counted = meter()
    counted.call_started(T0)
    counted.call_answered(T0)
    counted.advance(T0 + (STEPS - 1) * STEP_US, Gauges())
    assert counted.metrics().calls.started == 1
    counted.advance(T0 + STEPS * STEP_US, Gauges())
    assert counted.metrics().calls.started == 0
    assert counted.metrics().asr_percent.now is None


def test_a_jump_over_the_whole_window_leaves_nothing() -> None:
    counted = meter()
    counted.call_started(T0)
    counted.advance(T0 + 1000 * STEP_US, Gauges(active_calls=3))
    metrics = counted.metrics()
    assert metrics.calls.started == 0
    assert metrics.cps.spark == (0.0,) * STEPS
    assert metrics.active_calls.spark == (0,) * (STEPS - 1) + (3,)


def test_what_is_older_than_the_window_is_counted_as_too_late() -> None:
    counted = meter(at_s=2000)
    late = T0
    counted.call_started(late)
    counted.call_proceeded(late, 1.0)
    counted.call_answered(late)
    counted.call_ended(late, CallState.ENDED, 200, answered=True)
    counted.registration_answered(late, 200)
    counted.messages_read(late, "edge", 5, 5.0)
    counted.messages_lost(late, 5)
    assert counted.too_late == 7
    assert counted.metrics() == meter(at_s=2000).metrics()


def test_an_event_ahead_of_the_watermark_moves_time_on() -> None:
    counted = meter()
    counted.call_started(T0 + 15 * SECOND)
    assert counted.now_us == T0 + 15 * SECOND
    assert counted.metrics().cps.spark[-2:] == (0.0, 0.1)


def test_gauges_stand_at_the_end_of_each_step() -> None:
    counted = Meter()
    counted.advance(T0, Gauges(active_calls=1, registrations=10, open_alerts=0, collectors_up=1, collectors_total=2))
    counted.advance(T0 + 5 * SECOND, Gauges(active_calls=4, registrations=11))
    counted.advance(T0 + 12 * SECOND, Gauges(active_calls=2, registrations=12, collectors_total=2))
    metrics = counted.metrics()
    assert metrics.active_calls.spark[-2:] == (4, 2)
    assert metrics.active_calls.now == 2
    assert metrics.registrations.spark[-2:] == (11, 12)
    assert metrics.collectors_total == 2


def test_pdd_percentiles_are_of_the_window_and_of_each_step() -> None:
    counted = meter()
    for n in range(1, 101):
        counted.call_proceeded(T0 + (n > 50) * STEP_US, n * 10.0)
    metrics = counted.metrics()
    assert metrics.pdd_p50_ms.now == pytest.approx(500, rel=0.06)
    assert metrics.pdd_p95_ms.now == pytest.approx(950, rel=0.06)
    assert metrics.pdd_p50_ms.spark[-2] == pytest.approx(250, rel=0.06)
    assert metrics.pdd_p50_ms.spark[-1] == pytest.approx(750, rel=0.06)


def test_messages_and_losses_come_from_collectors() -> None:
    counted = meter()
    counted.messages_read(T0, "edge-1", 1200, 120.0)
    counted.messages_read(T0, "edge-2", 300, 30.04)
    counted.messages_lost(T0, 7)
    counted.messages_lost(T0, 0)  # at least one
    metrics = counted.metrics()
    assert metrics.messages_per_s.now == 150.0
    assert metrics.messages_per_s.spark[-1] == 150.0
    assert metrics.loss.now == 8
    counted.collector_gone("edge-1")
    counted.collector_gone("edge-1")
    assert counted.metrics().messages_per_s.now == 30.0


def test_registrations_count_among_the_responses() -> None:
    counted = meter()
    counted.registration_answered(T0, 200)
    counted.registration_answered(T0, 403)
    counted.registration_answered(T0, None)
    metrics = counted.metrics()
    assert {name: counts[-1] for name, counts in metrics.responses.items() if counts[-1]} == {
        "2xx": 1,
        "4xx": 1,
        "none": 1,
    }
    assert tuple(metrics.responses) == RESPONSE_CLASSES


def test_metrics_survive_json() -> None:
    counted = meter()
    counted.call_proceeded(T0, 12.0)
    metrics = counted.metrics()
    assert msgspec.json.decode(msgspec.json.encode(metrics), type=Metrics) == metrics


@given(st.lists(st.floats(min_value=0, max_value=1e9), min_size=1, max_size=200), st.floats(1, 100))
def test_a_sketch_is_within_five_percent_and_bounded(values: list[float], percent: float) -> None:
    halves = [Sketch(), Sketch()]
    for index, value in enumerate(values):
        halves[index % 2].add(value)
    merged = Sketch.merged(halves)
    true = sorted(values)[max(1, math.ceil(len(values) * percent / 100)) - 1]
    found = merged.percentile(percent)
    assert found is not None
    if 1 <= true <= 1.1**199:
        assert abs(found - true) <= 0.05 * true + 0.15  # the bucket's width, and rounding
    assert len(merged.counts) <= 201


def test_an_empty_sketch_has_no_percentile() -> None:
    assert Sketch().percentile(50) is None


events = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 3 * STEPS * 10), st.integers(-30, 10)), max_size=60)


@given(events)
def test_any_order_of_times_leaves_a_bounded_meter(happened: list[tuple[int, int, int]]) -> None:
    counted = Meter()
    for kind, now_s, offset_s in happened:
        at_us = T0 + (now_s + offset_s) * SECOND
        counted.advance(T0 + now_s * SECOND, Gauges())
        match kind:
            case 0:
                counted.call_started(at_us)
            case 1:
                counted.call_answered(at_us)
            case 2:
                counted.call_ended(at_us, CallState.FAILED, 503, answered=False)
            case 3:
                counted.registration_answered(at_us, 200)
            case _:
                counted.messages_lost(at_us, kind)
    metrics = counted.metrics()
    assert all(len(series) == STEPS for series in metrics.responses.values())
    assert len(metrics.cps.spark) == STEPS
    assert (metrics.asr_percent.now or 0) <= 100
