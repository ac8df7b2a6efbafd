"""Figures: ratios in percent, times in ms. Every figure is None where there is nothing to divide by."""

import msgspec


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
