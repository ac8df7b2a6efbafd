"""What a Request-URI says of the portability of the number that is called (RFC 4694)."""

from typing import Final, NamedTuple

from collectors.sip.phone import Phone
from monitor.core.diagnosis.rule import Rule
from monitor.core.diagnosis.text import ends
from monitor.core.updates import Finding, FindingState, Severity

LRN_DIP: Final[Rule] = Rule(
    code="lrn-dip",
    severity=Severity.INFO,
    when="The Request-URI of an INVITE carries number portability data: `npdi` (the look-up was made), `rn` (where the "
    "number lives now) or `cic` (the carrier to route by). Told of the hop nearest to the caller that has any.",
    source="RFC 4694 §5",
    remedy="Nothing is wrong. Where such a call goes astray, compare the routing number with the route that was taken: "
    "switches route by `rn`, not by the number that was dialled.",
)


class Dip(NamedTuple):
    """Portability data of one INVITE."""

    vias: int
    at_us: int
    hop: str
    number: int
    phone: Phone


def lrn_dip(dip: Dip) -> Finding:
    """`lrn-dip`."""
    phone = dip.phone
    # A routing number within a country is one only in its context (RFC 4694 §4).
    within = f" (in {phone.routing_context})" if phone.routing_context else ""
    found = f"it is ported to {phone.routing_number}{within}" if phone.routing_number else ""
    carrier = f"carrier {phone.carrier}" if phone.carrier else ""
    nothing = "no other routing number came of it" if phone.dipped and not found else ""
    looked = "was looked up" if phone.dipped else "comes with portability data"
    return LRN_DIP.finding(
        subject="",
        state=FindingState.CONFIRMED,
        at_us=dip.at_us,
        hop=dip.hop,
        messages={dip.number},
        cause=f"{phone.number} {looked} before {ends(dip.hop)[0]} sent the call: "
        + ", ".join(filter(None, (found, nothing, carrier)))
        + ".",
    )
