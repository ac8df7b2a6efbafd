"""NAT, firewalls and application layer gateways: addresses that don't lead back."""

from typing import Final, NamedTuple

from monitor.core.attempt import Attempt
from monitor.core.diagnosis.rule import Rule, standing
from monitor.core.diagnosis.text import ends
from monitor.core.limits import Limits
from monitor.core.updates import Finding, FindingState, Severity

NAT_BINDING_LOST: Final[Rule] = Rule(
    code="nat-binding-lost",
    severity=Severity.MINOR,
    when="An INVITE goes to where a live registration came from, through a NAT (its Contact is another address), and "
    "nobody answers. As sure as the `invite-unanswered` that it rests on; *cleared* with it, and when the phone "
    "registers again.",
    source="RFC 5626 §4.4, §3.5.1",
    remedy="Keep the way through the NAT open: the phone should send keep-alives each 30 s or so (RFC 5626 CRLF or "
    "STUN), or the registrar OPTIONS, or registrations be renewed sooner. Raise the UDP timeout of the NAT router.",
)

NAT_CONTACT: Final[Rule] = Rule(
    code="nat-contact",
    severity=Severity.MINOR,
    when="Somebody outside gives a private address as Contact, and a later request of the call, or the INVITE of "
    "another one to that registration, is sent to it (received and rport repair responses, never the Contact). "
    "*Suspected*; *confirmed* (then *major*) when that request gets no response within 64·T1, or the 2xx that "
    "its ACK was for is sent again.",
    source="RFC 3261 §8.1.1.8, §12.1.1, RFC 3581, RFC 5853 §3.4",
    remedy="The phone should learn its public address (STUN, or the received and rport of its Via), or the server put "
    "the address that requests came from in place of the Contact (Asterisk: rewrite_contact; Kamailio: "
    "set_contact_alias; FreeSWITCH: NDLB-force-rport and aggressive NAT detection).",
)
VIA_MISMATCH: Final[Rule] = Rule(
    code="via-mismatch",
    severity=Severity.MINOR,
    when="Over UDP, the topmost Via of a request has no rport and a private sent-by that differs from where the "
    "packet came from, in its port, too; and a response goes to the port of the Via. *Confirmed* (then *major*) when "
    "the request is sent again after that: the client never got it. *Cleared* when the client goes on.",
    source="RFC 3261 §18.2.2, RFC 3581",
    remedy="Switch rport on in the phone, or have the server answer to the port that requests come from (Asterisk: "
    "force_rport; Kamailio: force_rport(); FreeSWITCH: NDLB-force-rport).",
)
SIP_ALG: Final[Rule] = Rule(
    code="sip-alg",
    severity=Severity.MINOR,
    when="At two observation points a message has the same branch and as many Via values, and yet Contact, Via, SDP or "
    "Content-Length differ: it was rewritten by what is no proxy. *Suspected* where one message mixes both sides in "
    "the way that gateways leave behind: from a public address, with that address in its Via and a private one in its "
    "Contact; or with that address in its SDP and a Content-Length that fits the SDP no more.",
    source="RFC 3261 §16.6, RFC 5853, RFC 3235",
    remedy="Switch off SIP ALG (SIP helper, SIP fixup, session helper) in the router or firewall in front of that "
    "phone, or use TLS, which it can't read.",
)

ONE_SIDED_CAPTURE: Final[Rule] = Rule(
    code="one-sided-capture",
    severity=Severity.INFO,
    when=f"Of a peer only requests are seen, and to {Limits().sight_records} INVITEs or REGISTERs that went there "
    f"over 64·T1 no response; or responses to it, and none of the {Limits().sight_records} requests that they are for "
    "(*suspected* in the first 64·T1). The collector is blind there in one direction: what rests on the absence of "
    "responses of a peer that was never seen to respond is no more than suspected. *Cleared* by the first message "
    "of the other direction. Of a call: no response to its INVITE in 64·T1, and yet an ACK or a BYE that only follows "
    "one (*suspected*): how that call went is not known.",
    source="RFC 3261 §18.2.2",
    remedy="Mirror both directions to the collector, or run one on the host itself; see whether its filter leaves the "
    "port out from which that peer answers.",
)

RULES: Final = (NAT_CONTACT, VIA_MISMATCH, SIP_ALG, ONE_SIDED_CAPTURE, NAT_BINDING_LOST)


def answered_unseen(attempt: Attempt) -> Finding:
    """`one-sided-capture` of a call, by what only a response to its INVITE lets its sides do."""
    place = attempt.deepest()
    client, server = ends(place.hop)
    return ONE_SIDED_CAPTURE.finding(
        subject=attempt.subject,
        state=FindingState.SUSPECTED,
        at_us=attempt.timed_out_us,
        hop=place.hop,
        messages=set(place.numbers[:1]),
        cause=f"{client} went on as after an answer, and no response of {server} was seen: the capture is blind in one "
        "direction there, and how this call went is not known.",
    )


class Aim(NamedTuple):
    """A request that was sent to a private Contact of somebody outside. Wire times in µs, 0: never."""

    contact: str
    given_by: str  # the public address that it came from
    given: int  # number of the message that gave it
    method: str
    hop: str
    number: int
    at_us: int
    missed_us: int  # when it was known that it did not arrive
    answered_us: int


def nat_contact(aim: Aim) -> Finding | None:
    """`nat-contact`."""
    state = standing(suspected_us=aim.at_us, confirmed_us=aim.missed_us, cleared_us=aim.answered_us)
    if state is None:
        return None
    return NAT_CONTACT.finding(
        subject=aim.contact,
        state=state,
        severity=Severity.MAJOR if state == FindingState.CONFIRMED else None,
        at_us=aim.at_us,
        hop=aim.hop,
        messages={aim.given, aim.number},
        cause=f"{aim.given_by} gave {aim.contact} as its Contact, which is behind its NAT, and the {aim.method} was "
        "sent there, where nobody outside can reach it.",
    )


class Misled(NamedTuple):
    """A response that was sent to the port of a Via, not to where the request came from."""

    subject: str
    hop: str
    sent_by: str
    port: int  # that the request came from
    numbers: tuple[int, ...]  # request and response
    at_us: int
    again_us: int  # when the request was sent again after that
    went_on_us: int  # when the client went on


def via_mismatch(misled: Misled) -> Finding | None:
    """`via-mismatch`."""
    state = standing(suspected_us=misled.at_us, confirmed_us=misled.again_us, cleared_us=misled.went_on_us)
    if state is None:
        return None
    client, server = ends(misled.hop)
    lost = ", and the client, which never got it, asked again" if misled.again_us else ""
    return VIA_MISMATCH.finding(
        subject=misled.subject,
        state=state,
        severity=Severity.MAJOR if state == FindingState.CONFIRMED else None,
        at_us=misled.at_us,
        hop=misled.hop,
        messages=set(misled.numbers),
        cause=f"{client} wrote {misled.sent_by} in its Via, without rport: {server} answered to that port instead of "
        f"{misled.port}{lost}.",
    )


def sip_alg(*, subject: str, hop: str, numbers: set[int], at_us: int, cause: str, confirmed: bool) -> Finding:
    """`sip-alg`: what was rewritten, where."""
    state = FindingState.CONFIRMED if confirmed else FindingState.SUSPECTED
    return SIP_ALG.finding(subject=subject, state=state, at_us=at_us, hop=hop, messages=numbers, cause=cause)
