"""RFC 6076 and E.411/E.425 over records: each ratio by a table."""

from typing import Any

import pytest
from msgspec.structs import replace

from monitor.analyze.measures import measure
from monitor.core.measures import Dimension
from monitor.core.updates import (
    CallRecord,
    CallState,
    Kind,
    RecordKey,
    RegistrationOutcome,
    RegistrationRecord,
)


def call(state: CallState, status: int | None = None, *, acked: bool | None = None, **times: float) -> CallRecord:
    answered = state in (CallState.ANSWERED, CallState.ENDED)
    fields: dict[str, Any] = {
        "setup_ms": times.get("setup_ms"),
        "pdd_ms": times.get("pdd_ms"),
        "duration_ms": times.get("duration_ms"),
        "disconnect_ms": times.get("disconnect_ms"),
        "ended_us": times.get("ended_us"),
    }
    return CallRecord(
        key=RecordKey(Kind.CALL, "c", "", 20261122),
        open=False,
        from_uri="sip:a@x",
        to_uri="sip:b@x",
        caller="192.0.2.1:5060",
        callee="192.0.2.2:5060",
        state=state,
        status=200 if answered else status,
        acked=acked,
        first_us=1_000_000,
        last_us=1_000_000,
        answered_us=1_000_000 if answered else None,
        messages=1,
        retransmissions=0,
        hops=(),
        findings=(),
        **fields,
    )


def registration(outcome: RegistrationOutcome) -> RegistrationRecord:
    return RegistrationRecord(
        key=RecordKey(Kind.REGISTRATION, "r", "", 20261122),
        open=False,
        aor="sip:a@x",
        contact="",
        client="",
        registrar="",
        outcome=outcome,
        status=None,
        first_us=0,
        last_us=0,
        registered_us=None,
        expires_us=None,
        messages=1,
        retransmissions=0,
        hops=(),
        findings=(),
    )


def approx(values: tuple[float, ...]) -> Any:
    return pytest.approx(values, rel=0.01)


ENDED, FAILED, CANCELLED = CallState.ENDED, CallState.FAILED, CallState.CANCELLED


@pytest.mark.parametrize(
    ("calls", "asr", "ner", "seer", "isa", "scr"),
    [
        ([], None, None, None, None, None),
        ([call(ENDED, acked=True)], 100, 100, 100, 0, 100),
        ([call(ENDED, acked=False)], 100, 100, 100, 0, 0),
        ([call(CallState.ANSWERED, acked=True)], 100, 100, 100, 0, 0),
        ([call(FAILED, 486)], 0, 100, 100, 0, 0),
        ([call(CANCELLED, 487)], 0, 100, 0, 0, 0),
        ([call(FAILED, 404)], 0, 0, 0, 0, 0),
        ([call(FAILED, 503)], 0, 0, 0, 100, 0),
        ([call(FAILED, None)], 0, 0, 0, 100, 0),
        # What is under way, or went elsewhere, counts nowhere.
        ([call(CallState.RINGING), call(CallState.TRYING), call(CallState.REDIRECTED, 302)], *[None] * 5),
        ([call(ENDED, acked=True), call(FAILED, 486), call(FAILED, 404)], 33.3, 66.7, 66.7, 0, 33.3),
    ],
)  # fmt: skip
def test_ratios_are_over_the_calls_that_came_to_an_outcome(
    calls: list[CallRecord],
    asr: float | None,
    ner: float | None,
    seer: float | None,
    isa: float | None,
    scr: float | None,
) -> None:
    figures, _ = measure(calls, [], {})
    assert (figures.asr_percent, figures.ser_percent) == (asr, asr)
    assert (figures.ner_percent, figures.seer_percent) == (ner, seer)
    assert (figures.isa_percent, figures.scr_percent) == (isa, scr)


def test_delays_are_percentiles_within_a_hundredth_and_durations_a_mean() -> None:
    calls = [
        call(ENDED, pdd_ms=100.0, setup_ms=1000.0, duration_ms=10_000.0, disconnect_ms=20.0),
        call(ENDED, pdd_ms=300.0, setup_ms=3000.0, duration_ms=20_000.0),
        call(FAILED, 404, ended_us=1_250_000),
    ]
    registered = registration(RegistrationOutcome.REGISTERED)
    figures, _ = measure(calls, [registered], {registered.key: 40.0})
    assert (figures.pdd_p50_ms, figures.pdd_p95_ms) == approx((100.0, 300.0))
    assert (figures.setup_p50_ms, figures.setup_p95_ms) == approx((1000.0, 3000.0))
    assert (figures.failed_srd_p50_ms, figures.failed_srd_p95_ms) == approx((250.0, 250.0))
    assert (figures.sdd_p50_ms, figures.sdd_p95_ms) == approx((20.0, 20.0))
    assert figures.acd_ms == 15_000.0
    assert (figures.rrd_p50_ms, figures.rrd_p95_ms) == approx((40.0, 40.0))
    assert figures.calls_by_status == {"200": 2, "404": 1}
    assert figures.calls_by_state == {"ended": 2, "failed": 1}


def test_the_measures_of_a_file_are_told_apart_by_each_dimension_the_most_calls_first() -> None:
    elsewhere = replace(call(FAILED, 503), callee="198.51.100.7:5060", user_agent="Phone 1", to_uri="sip:+4312345678@x")
    some = [replace(registration(RegistrationOutcome.FAILED), registrar=f"192.0.2.{host}:5060") for host in (7, 8, 8)]
    _, found = measure([elsewhere, call(ENDED, acked=True), call(ENDED, acked=True)], some, {some[0].key: 30.0})
    by_peer = {key: (figures.calls, figures.asr_percent) for key, figures in found[Dimension.DESTINATION].items()}
    assert list(by_peer.items()) == [("192.0.2.2", (2, 100.0)), ("198.51.100.7", (1, 0.0))]
    assert list(found[Dimension.SOURCE]) == ["192.0.2.1"]
    assert list(found[Dimension.USER_AGENT]) == ["unknown", "Phone 1"]
    assert list(found[Dimension.PREFIX]) == ["user", "+43"]
    assert list(found[Dimension.DIRECTION]) == ["transit"]
    assert [(key, each.registrations, each.calls) for key, each in found[Dimension.REGISTRAR].items()] == [
        ("192.0.2.8", 2, 0),
        ("192.0.2.7", 1, 0),
    ]


def test_registrations_that_still_wait_are_not_ineffective() -> None:
    outcomes = (
        RegistrationOutcome.REGISTERED,
        RegistrationOutcome.FAILED,
        RegistrationOutcome.UNANSWERED,
        RegistrationOutcome.CHALLENGED,
        RegistrationOutcome.PENDING,
    )
    figures, _ = measure([], [registration(outcome) for outcome in outcomes], {})
    assert figures.ira_percent == 50.0
    assert figures.registrations == 5
    assert figures.registrations_by_outcome == {"unanswered": 2, "challenged": 1, "failed": 1, "registered": 1}
