"""The measures of a finished file, over its records (RFC 6076, ITU-T E.411 and E.425).

Ratios are over calls that came to an outcome: a 2xx, or an end without one. A call that was still
trying or ringing when the file ended counts nowhere, and a 3xx that nobody followed is no outcome, because
the call goes on elsewhere (RFC 6076 §4.6). Every figure is None where there is nothing to divide by.
The same words mean the same on the live page (`monitor.core.metrics`).
"""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from monitor.core.metrics import USER_ENDED
from monitor.core.updates import CallRecord, CallState, RegistrationOutcome, RegistrationRecord

# RFC 6076 §4.8: the network could not do its part.
_INEFFECTIVE: Final = frozenset((408, 500, 503, 504))
# The two outcomes that only time brings are, at the end of a file, what the last final response said.
_OUTCOMES: Final = {
    RegistrationOutcome.PENDING: RegistrationOutcome.UNANSWERED,
    RegistrationOutcome.EXPIRED: RegistrationOutcome.REGISTERED,
}


class Measures(msgspec.Struct, frozen=True, kw_only=True):
    """Times in ms, ratios in percent."""

    calls: int  # INVITE Call-IDs
    answered: int
    calls_by_state: dict[str, int]
    calls_by_status: dict[str, int]  # final response at the caller; "none" where none came
    asr_percent: float | None  # answer seizure ratio, E.411: answered of all with an outcome
    ner_percent: float | None  # network effectiveness ratio, E.425: answered, cancelled, or ended by the user
    ser_percent: float | None  # session establishment ratio, RFC 6076 §4.6: as ASR, with SIP's words
    seer_percent: float | None  # session establishment effectiveness ratio, §4.7: 2xx, 480, 486, 600, 603
    isa_percent: float | None  # ineffective session attempts, §4.8: 408, 500, 503, 504, or nothing at all
    scr_percent: float | None  # session completion ratio, §4.9: answered, acknowledged, ended by BYE
    pdd_p50_ms: float | None  # post-dial delay, SRD of §4.3: first INVITE → first 18x or 2xx
    pdd_p95_ms: float | None
    failed_srd_p50_ms: float | None  # session request delay of failed calls, §4.3.2: first INVITE → final
    failed_srd_p95_ms: float | None
    setup_p50_ms: float | None  # first INVITE → first 2xx
    setup_p95_ms: float | None
    acd_ms: float | None  # average call duration, mean of SDT (§4.5): 2xx → BYE
    registrations: int  # REGISTER Call-IDs
    registrations_by_outcome: dict[str, int]
    ira_percent: float | None  # ineffective registration attempts, §4.2: failed or unanswered, of all but pending
    rrd_p50_ms: float | None  # registration request delay, §4.1: first REGISTER → first 2xx, challenge included
    rrd_p95_ms: float | None


def measure(
    calls: Sequence[CallRecord], registrations: Sequence[RegistrationRecord], delays_ms: Sequence[float]
) -> Measures:
    """The measures of these records; `delays_ms` are the registration request delays."""
    decided = [call for call in calls if call.answered or call.state in (CallState.FAILED, CallState.CANCELLED)]
    answered = sum(call.answered for call in decided)
    by_user = sum(not call.answered and call.status in USER_ENDED for call in decided)
    cancelled = sum(not call.answered and call.state == CallState.CANCELLED for call in decided)
    ineffective = sum(not call.answered and (call.status is None or call.status in _INEFFECTIVE) for call in decided)
    complete = sum(call.answered and call.state == CallState.ENDED and call.acked is True for call in decided)
    outcomes = Counter(registration.outcome for registration in registrations)
    refused = outcomes[RegistrationOutcome.FAILED] + outcomes[RegistrationOutcome.UNANSWERED]
    pdd = [call.pdd_ms for call in calls if call.pdd_ms is not None]
    setup = [call.setup_ms for call in calls if call.setup_ms is not None]
    durations = [call.duration_ms for call in calls if call.duration_ms is not None]
    failed = [
        (call.ended_us - call.first_us) / 1000
        for call in decided
        if not call.answered and call.status is not None and call.ended_us is not None
    ]
    return Measures(
        calls=len(calls),
        answered=sum(call.answered for call in calls),
        calls_by_state=_counted(str(call.state) for call in calls),
        calls_by_status=_counted(str(call.status or "none") for call in calls),
        asr_percent=_percent(answered, len(decided)),
        ner_percent=_percent(answered + cancelled + by_user, len(decided)),
        ser_percent=_percent(answered, len(decided)),
        seer_percent=_percent(answered + by_user, len(decided)),
        isa_percent=_percent(ineffective, len(decided)),
        scr_percent=_percent(complete, len(decided)),
        pdd_p50_ms=percentile(pdd, 50),
        pdd_p95_ms=percentile(pdd, 95),
        failed_srd_p50_ms=percentile(failed, 50),
        failed_srd_p95_ms=percentile(failed, 95),
        setup_p50_ms=percentile(setup, 50),
        setup_p95_ms=percentile(setup, 95),
        acd_ms=round(sum(durations) / len(durations), 3) if durations else None,
        registrations=len(registrations),
        registrations_by_outcome=_counted(str(outcome(registration)) for registration in registrations),
        ira_percent=_percent(refused, len(registrations) - outcomes[RegistrationOutcome.PENDING]),
        rrd_p50_ms=percentile(delays_ms, 50),
        rrd_p95_ms=percentile(delays_ms, 95),
    )


def outcome(registration: RegistrationRecord) -> RegistrationOutcome:
    """The outcome by the last final response: whatever ran out since, or is still awaited."""
    return _OUTCOMES.get(registration.outcome, registration.outcome)


def percentile(values: Sequence[float], percent: float) -> float | None:
    """The smallest of the values that `percent` of them do not exceed (nearest rank); None of none."""
    if not values:
        return None
    rank = math.ceil(len(values) * percent / 100)
    return sorted(values)[max(rank, 1) - 1]


def _percent(part: int, whole: int) -> float | None:
    return round(100 * part / whole, 1) if whole else None


def _counted(names: Iterable[str]) -> dict[str, int]:
    return dict(sorted(Counter(names).items(), key=lambda item: (-item[1], item[0])))
