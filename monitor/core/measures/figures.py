"""The figures of a tally: ratios in percent, times in ms. Every figure is None where there is nothing to divide by."""

import msgspec

from monitor.core.measures.tally import Tally


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """Ratios are over calls that came to an outcome; percentiles are within one per cent."""

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
    pdd_p50_ms: float | None  # post-dial delay, SRD of §4.3.1: first INVITE → first 18x or 2xx
    pdd_p95_ms: float | None
    failed_srd_p50_ms: float | None  # session request delay of failed calls, §4.3.2: first INVITE → final
    failed_srd_p95_ms: float | None
    setup_p50_ms: float | None  # first INVITE → first 2xx
    setup_p95_ms: float | None
    sdd_p50_ms: float | None  # session disconnect delay, §4.4: BYE → its 2xx
    sdd_p95_ms: float | None
    acd_ms: float | None  # average call duration, mean of SDT (§4.5.1): 2xx → BYE
    registrations: int  # REGISTER Call-IDs
    registrations_by_outcome: dict[str, int]
    ira_percent: float | None  # ineffective registration attempts, §4.2: failed or unanswered, of all but pending
    rrd_p50_ms: float | None  # registration request delay, §4.1: first REGISTER → first 2xx, challenge included
    rrd_p95_ms: float | None


def figures(tally: Tally) -> Figures:
    """The figures of a tally."""
    refused = tally.outcomes.get("failed", 0) + tally.outcomes.get("unanswered", 0) - tally.waiting
    return Figures(
        calls=tally.calls,
        answered=tally.answered,
        calls_by_state=_most_first(tally.states),
        calls_by_status=_most_first(tally.statuses),
        asr_percent=_percent(tally.answered, tally.decided),
        ner_percent=_percent(tally.answered + tally.cancelled + tally.by_user, tally.decided),
        ser_percent=_percent(tally.answered, tally.decided),
        seer_percent=_percent(tally.answered + tally.by_user, tally.decided),
        isa_percent=_percent(tally.ineffective, tally.decided),
        scr_percent=_percent(tally.complete, tally.decided),
        pdd_p50_ms=tally.pdd.percentile(50),
        pdd_p95_ms=tally.pdd.percentile(95),
        failed_srd_p50_ms=tally.failed.percentile(50),
        failed_srd_p95_ms=tally.failed.percentile(95),
        setup_p50_ms=tally.setup.percentile(50),
        setup_p95_ms=tally.setup.percentile(95),
        sdd_p50_ms=tally.disconnect.percentile(50),
        sdd_p95_ms=tally.disconnect.percentile(95),
        acd_ms=round(tally.talk_us / tally.talks / 1000, 3) if tally.talks else None,
        registrations=tally.registrations,
        registrations_by_outcome=_most_first(tally.outcomes),
        ira_percent=_percent(refused, tally.registrations - tally.waiting),
        rrd_p50_ms=tally.rrd.percentile(50),
        rrd_p95_ms=tally.rrd.percentile(95),
    )


def _percent(part: int, whole: int) -> float | None:
    return round(100 * part / whole, 1) if whole else None


def _most_first(counts: dict[str, int]) -> dict[str, int]:
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))
