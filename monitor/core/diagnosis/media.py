"""Media, from signaling: what offer and answer of a stream make of each other (RFC 3264, RFC 6337).

These rules compare the two descriptions of one exchange, stream by stream, as one hop carried them.
"""

from collections.abc import Iterable
from functools import lru_cache
from typing import Final

from collectors.sip.address import family
from collectors.sip.description import NOWHERE
from monitor.core.diagnosis.rule import Rule
from monitor.core.diagnosis.text import ends
from monitor.core.negotiation import Exchange, Sight
from monitor.core.stream import Stream, Terms
from monitor.core.updates import Finding, FindingState, Severity

NO_COMMON_CODEC: Final[Rule] = Rule(
    code="no-common-codec",
    severity=Severity.MAJOR,
    when="Offer and answer of an accepted stream name no codec in common (telephone-event, comfort noise and the like "
    "are no codecs; annexes of G.729 and G.723.1 count as one; a payload type that nothing explains may be any). Or "
    "an offer is refused with 488 or 606: *suspected* with that alone, *confirmed* when its Warning says so (304, "
    "305), *cleared* by an offer that is tried again.",
    source="RFC 3264 §6.1, RFC 3261 §20.43",
    remedy="Give both sides a codec in common, in their own settings and in those of each element between that filters "
    "codecs; or let an element between transcode.",
)
SRTP_MISMATCH: Final[Rule] = Rule(
    code="srtp-mismatch",
    severity=Severity.MAJOR,
    when="A stream that was offered as SRTP (SAVP) is accepted as plain RTP (AVP), or the other way round. An AVP "
    "offer with a=crypto lets the answer choose, and is none.",
    source="RFC 3264 §6, RFC 4568 §7, RFC 5763",
    remedy="Set both sides to the same: SRTP required, or none. Where one prefers SRTP, let it offer both ways.",
)
DTMF_MISMATCH: Final[Rule] = Rule(
    code="dtmf-mismatch",
    severity=Severity.MINOR,
    when="One side of an accepted audio stream names telephone-event and the other does not.",
    source="RFC 4733 §2.5",
    remedy="Keys pressed may go unheard (voice menus, PINs, conference codes). Set both sides to RFC 4733 "
    "telephone-event, or both to the same other way (SIP INFO, in-band tones with G.711).",
)
PTIME_MISMATCH: Final[Rule] = Rule(
    code="ptime-mismatch",
    severity=Severity.INFO,
    when="Both sides of an accepted audio stream say a=ptime, and not the same.",
    source="RFC 8866 §6.4",
    remedy="It is allowed: each says how it likes to receive. Some devices send and play with one value only, and "
    "sound choppy or metallic: set both to the same, usually 20 ms.",
)
FAMILY_MISMATCH: Final[Rule] = Rule(
    code="family-mismatch",
    severity=Severity.MAJOR,
    when="Offer and answer of an accepted stream name addresses of different families (IPv4, IPv6), without ICE. "
    "*Suspected* only: both may have both.",
    source="RFC 6157",
    remedy="Let an SBC or media relay translate between the families, offer both (ICE), or keep both sides on one.",
)
REJECTED_STREAM: Final[Rule] = Rule(
    code="rejected-stream",
    severity=Severity.INFO,
    when="The answer gives port 0 to a stream that was offered. Major when the call is answered and no stream is left; "
    "minor when a re-INVITE ends so; info for one of several. Not when another stream of the same kind is accepted.",
    source="RFC 3264 §6",
    remedy="See why it was refused: no codec in common, SRTP required or unknown, a kind of media that it lacks. "
    "A video or fax stream that a telephone refuses is no fault.",
)

RULES: Final = (NO_COMMON_CODEC, SRTP_MISMATCH, DTMF_MISMATCH, PTIME_MISMATCH, FAMILY_MISMATCH, REJECTED_STREAM)
# Those that the terms of the two decide alone.
_BY_TERMS: Final = (NO_COMMON_CODEC, SRTP_MISMATCH, DTMF_MISMATCH, PTIME_MISMATCH)


class Pair:
    """One stream of an exchange, as one hop saw both sides of it."""

    __slots__ = ("accepted", "answer", "exchange", "offer", "offered", "place")

    def __init__(self, exchange: Exchange, place: int, offer: Sight, answer: Sight) -> None:
        self.exchange = exchange
        self.place = place  # of the stream in both descriptions
        self.offer = offer
        self.answer = answer
        self.offered = offer.streams[place]
        self.accepted = answer.streams[place]

    def offerer(self) -> str:
        """Who made the offer, as this hop shows it."""
        client, server = ends(self.offer.hop)
        return client if self.exchange.by_client else server

    def answerer(self) -> str:
        """Who gave the answer."""
        client, server = ends(self.offer.hop)
        return server if self.exchange.by_client else client

    def finding(
        self, rule: Rule, cause: str, *, state: FindingState = FindingState.CONFIRMED, severity: Severity | None = None
    ) -> Finding:
        """What a rule says of it."""
        return rule.finding(
            subject=f"{self.exchange.subject} {self.place}",
            severity=severity,
            state=state,
            at_us=self.answer.at_us,
            hop=self.offer.hop,
            messages={self.offer.number, self.answer.number},
            cause=cause,
        )


def compared(exchange: Exchange) -> list[tuple[Rule, Finding]]:
    """What there is to say of the streams of an exchange that both go by."""
    found: dict[tuple[str, str], tuple[Rule, Finding]] = {}
    if exchange.agreed:
        for offer, answer in exchange.views():
            for rule, finding in _view(exchange, offer, answer):
                found.setdefault((rule.code, finding.subject), (rule, finding))
    return list(found.values())


def _view(exchange: Exchange, offer: Sight, answer: Sight) -> list[tuple[Rule, Finding]]:
    found: list[tuple[Rule, Finding]] = []
    pairs = [Pair(exchange, index, offer, answer) for index in range(min(len(offer.streams), len(answer.streams)))]
    for pair in pairs:
        offered, accepted = pair.offered, pair.accepted
        if offered.port > 0 and accepted.port > 0:
            found += [(rule, _SAY[rule.code](pair)) for rule in problems(offered.terms, accepted.terms)]
            if _other_family(offered, accepted):
                found.append((FAMILY_MISMATCH, _families(pair)))
    rejection = _rejected(exchange, pairs)
    if rejection is not None:
        found.append((REJECTED_STREAM, rejection))
    return found


@lru_cache(4096)
def problems(offer: Terms, answer: Terms) -> tuple[Rule, ...]:
    """What the terms of an accepted stream tell by themselves, wherever it goes."""
    audio = offer.kind == answer.kind == "audio" and offer.rtp and answer.rtp
    holds = {
        NO_COMMON_CODEC.code: not (offer.codecs & answer.codecs or offer.opaque or answer.opaque)
        and bool(offer.codecs and answer.codecs),
        SRTP_MISMATCH.code: offer.rtp
        and answer.rtp
        and offer.secure != answer.secure
        and offer.security != "SRTP offered",
        DTMF_MISMATCH.code: audio
        and bool(offer.events) != bool(answer.events)
        and not (offer.opaque or answer.opaque)
        and bool(offer.codecs & answer.codecs),
        PTIME_MISMATCH.code: audio and bool(offer.ptime and answer.ptime) and offer.ptime != answer.ptime,
    }
    return tuple(rule for rule in _BY_TERMS if holds[rule.code])


def plain(offered: Stream, accepted: Stream) -> bool:
    """Whether there is nothing to say of a stream: it is accepted, both agree, and both send and receive."""
    return (
        offered.port > 0 < accepted.port
        and offered.terms.direction == accepted.terms.direction == "sendrecv"
        and (":" in offered.address) == (":" in accepted.address)
        and offered.address not in NOWHERE
        and accepted.address not in NOWHERE
        and (offered.terms is accepted.terms or not problems(offered.terms, accepted.terms))
    )


def _codecs(pair: Pair) -> Finding:
    offered, accepted = pair.offered, pair.accepted
    return pair.finding(
        NO_COMMON_CODEC,
        f"The two sides have no {offered.terms.kind} codec in common: {pair.offerer()} offered "
        f"{_list(offered.terms.names)} ({offered.line}), and {pair.answerer()} answered with "
        f"{_list(accepted.terms.names)} ({accepted.line}).",
    )


def _srtp(pair: Pair) -> Finding:
    offered, accepted = pair.offered, pair.accepted
    return pair.finding(
        SRTP_MISMATCH,
        f"One side encrypts and the other does not: {pair.offerer()} offered {offered.terms.kind} as "
        f"{offered.terms.proto} ({offered.line}), and {pair.answerer()} answered {accepted.terms.proto} "
        f"({accepted.line}).",
    )


def _dtmf(pair: Pair) -> Finding:
    able, unable = pair.offerer(), pair.answerer()
    events = pair.offered.terms.events
    if not events:
        able, unable, events = unable, able, pair.accepted.terms.events
    return pair.finding(
        DTMF_MISMATCH,
        f"{able} has telephone-event (payload type {events}) for DTMF, and {unable} does not name it: "
        f"{pair.offered.line} was answered by {pair.accepted.line}.",
    )


def _ptime(pair: Pair) -> Finding:
    return pair.finding(
        PTIME_MISMATCH,
        f"{pair.offerer()} wants packets of {pair.offered.terms.ptime} ms (a=ptime:{pair.offered.terms.ptime}), "
        f"{pair.answerer()} of {pair.accepted.terms.ptime} ms (a=ptime:{pair.accepted.terms.ptime}).",
    )


_SAY: Final = {
    NO_COMMON_CODEC.code: _codecs,
    SRTP_MISMATCH.code: _srtp,
    DTMF_MISMATCH.code: _dtmf,
    PTIME_MISMATCH.code: _ptime,
}


def _other_family(offered: Stream, accepted: Stream) -> bool:
    if (":" in offered.address) == (":" in accepted.address):
        return False
    one, other = family(offered.address), family(accepted.address)
    return one != other and one > 0 < other and not (offered.terms.ice or accepted.terms.ice)


def _families(pair: Pair) -> Finding:
    return pair.finding(
        FAMILY_MISMATCH,
        f"The {pair.offered.terms.kind} of the two sides is in different address families: {pair.offerer()} offered "
        f"{pair.offered.connection}, {pair.answerer()} answered {pair.accepted.connection}.",
        state=FindingState.SUSPECTED,
    )


def _rejected(exchange: Exchange, pairs: Iterable[Pair]) -> Finding | None:
    offered = [pair for pair in pairs if pair.offered.port > 0]
    refused = [pair for pair in offered if not pair.accepted.port]
    if not refused:
        return None
    kept = {pair.offered.terms.kind for pair in offered if pair.accepted.port}
    # T.38 is told by `t38-failed`; of two ways to have the same, one is refused on purpose.
    told = [pair for pair in refused if pair.offered.terms.kind not in kept and pair.offered.terms.kind != "image"]
    if not told:
        return None
    whole = not kept and not any(pair.accepted.port for pair in pairs)
    pair = told[0]
    what = " and ".join(dict.fromkeys(pair.offered.terms.kind for pair in told))
    severity = (Severity.MAJOR if exchange.initial else Severity.MINOR) if whole else Severity.INFO
    cause = (
        f"{pair.answerer()} answered the call and refused its {what}: {pair.offered.line} was answered by "
        f"{pair.accepted.line}."
    )
    if whole:
        cause += " No stream is left: nothing can be heard."
    return pair.finding(REJECTED_STREAM, cause, severity=severity)


def _list(names: tuple[str, ...]) -> str:
    return ", ".join(names[:8]) + (" …" if len(names) > 8 else "")
