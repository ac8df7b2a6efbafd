"""Quality of media, as their receivers report it."""

from typing import Final

from monitor.core.diagnosis.rule import Rule
from monitor.core.emodel import culprit, impairment
from monitor.core.quality import QualityRow
from monitor.core.settings import Settings
from monitor.core.updates import Finding, FindingState, Severity

POOR_QUALITY: Final[Rule] = Rule(
    code="poor-quality",
    severity=Severity.MINOR,
    when="What a receiver reports of a stream (RTCP, RTCP-XR, statistics in BYE) gives a mean opinion score under 3.5: "
    "its own, or that of the E-model by loss, jitter and delay. *Confirmed* with the third report, or by a BYE; "
    "*cleared* when later reports lift it. Major under 2.6.",
    source="RFC 3550 §6.4, RFC 3611 §4.7, ITU-T G.107, ITU-T G.113",
    remedy="Loss and jitter come from a link that is full, from Wi-Fi, or from queues without priority for voice (DSCP "
    "EF): measure the way between the two, direction by direction. Loss at one end only names its access.",
)

_BAD: Final = 2.6  # nearly all are dissatisfied (G.107 annex B: R 50)


def poor_quality(row: QualityRow, codec: str, settings: Settings, at_us: int) -> Finding | None:
    """`poor-quality`."""
    if row.mos is None or row.mos >= settings.poor_mos_tenths / 10:
        return None
    said = [f"{row.loss_pct:.1f} % loss" if row.loss_pct is not None else ""]
    said += [f"{row.jitter_ms:.0f} ms jitter" if row.jitter_ms else ""]
    said += [f"{row.round_trip_ms:.0f} ms round trip" if row.round_trip_ms else ""]
    _, known = impairment(codec)
    taken = codec if known else f"{codec or 'codec unknown'} as G.711"
    how = "its own figure" if row.reported else f"E-model, {taken}"
    return POOR_QUALITY.finding(
        subject=f"{row.source} {row.reporter} {row.sender}",
        severity=Severity.MAJOR if row.mos < _BAD else Severity.MINOR,
        state=FindingState.CONFIRMED if row.sure else FindingState.SUSPECTED,
        at_us=at_us,
        hop="",
        messages=set(row.messages),
        variant=culprit(row.loss_pct or 0.0, row.jitter_ms or 0.0, row.round_trip_ms or 0.0, codec),
        cause=f"{row.reporter} hears {row.sender} badly: {', '.join(filter(None, said))} ({row.source}), a mean "
        f"opinion score of about {row.mos:.1f} ({how}).",
    )
