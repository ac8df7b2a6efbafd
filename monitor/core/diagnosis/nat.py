"""NAT, firewalls and application layer gateways: addresses that don't lead back."""

from typing import Final

from monitor.core.diagnosis.rule import Rule
from monitor.core.updates import Severity

NAT_BINDING_LOST: Final = Rule(
    code="nat-binding-lost",
    severity=Severity.MINOR,
    when="An INVITE goes to where a live registration came from, through a NAT (its Contact is another address), and "
    "nobody answers. As sure as the `invite-unanswered` that it rests on; *cleared* with it, and when the phone "
    "registers again.",
    source="RFC 5626 §4.4, §3.5.1",
    remedy="Keep the way through the NAT open: the phone should send keep-alives each 30 s or so (RFC 5626 CRLF or "
    "STUN), or the registrar OPTIONS, or registrations be renewed sooner. Raise the UDP timeout of the NAT router.",
)

RULES: Final = (NAT_BINDING_LOST,)
