"""Sessions, from signaling: who hears whom, answers that never came, and changes that were refused.

These rules look at the exchanges of a dialog one after the other, and at how the requests ended that made the offers.
"""

from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from collectors.sip.address import Scope, inside, scope
from collectors.sip.description import NOWHERE
from collectors.sip.timers import SECOND
from monitor.core.diagnosis.media import NO_COMMON_CODEC
from monitor.core.diagnosis.rule import Rule, standing
from monitor.core.diagnosis.text import ends
from monitor.core.negotiation import ACK, EARLY, RELIABLE, REQUEST, SUCCESS, Bid, Carried, Exchange, Sight
from monitor.core.settings import Settings
from monitor.core.stream import Stream
from monitor.core.updates import Finding, FindingState, Severity

PRIVATE_MEDIA_ADDRESS: Final[Rule] = Rule(
    code="private-media-address",
    severity=Severity.MINOR,
    when="A description that goes to, or comes from, a public address names a private, carrier-grade NAT, link-local "
    "or loopback address for its media, without ICE. *Suspected* only: SBCs and media relays send back to where media "
    "comes from. *Confirmed*, and major, when RTP is watched and goes the other way only, or not at all; *cleared* "
    "when it goes there. Not when an element on the way writes another address in.",
    source="RFC 3264, RFC 1918, RFC 6598",
    remedy="Tell {client} its public address (external or advertised media address, STUN), or let an SBC or media "
    "relay in the path anchor the media. If a SIP ALG is between, switch it off.",
)
DIRECTION_MISMATCH: Final[Rule] = Rule(
    code="direction-mismatch",
    severity=Severity.MINOR,
    when="The answer's direction (sendonly, recvonly, inactive, or the address 0.0.0.0) leaves silent what the offer "
    "asked for, and its side has nothing on hold. *Confirmed* when the dialog ends so, at least 5 s later; *cleared* "
    "when a later exchange lets both be heard.",
    source="RFC 3264 §6.1, §8.4",
    remedy="See why that side answers so: a hold that was not taken back, music on hold or a queue that never hands "
    "over, or a device that answers sendonly with sendonly.",
)
MISSING_ANSWER: Final[Rule] = Rule(
    code="missing-answer",
    severity=Severity.MAJOR,
    when="An offer is never answered: the 2xx has no SDP and no provisional response of that dialog had, or the ACK "
    "(PRACK) of an offer in a 2xx (reliable 18x) has none. Minor when only an unreliable provisional response carries "
    "it, and when the session stands already. *Suspected* where a PRACK tells of a reliable 18x that may have had it.",
    source="RFC 3261 §13.2.1, RFC 6337 §2.1",
    remedy="Without an answer the other side does not know where to send its media. See which element leaves it out, "
    "or takes it away: compare the message before and behind each hop.",
)
UNANSWERED_REINVITE: Final[Rule] = Rule(
    code="unanswered-reinvite",
    severity=Severity.MINOR,
    when="A re-INVITE is refused and nothing repairs it: no challenge that is met, no glare (491) that is tried again, "
    "no CANCEL, no BYE before. *Suspected* for 4 s. Refusals of a fax are `t38-failed`.",
    source="RFC 3261 §14, RFC 6337 §3",
    remedy="What it asked for (hold, resume, another codec, another address after a transfer) did not happen; the "
    "session goes on as it was. See what the refusal names.",
)
T38_FAILED: Final[Rule] = Rule(
    code="t38-failed",
    severity=Severity.MINOR,
    when="A re-INVITE that offers T.38 (m=image) is refused, or answered with port 0, and no later one is taken. "
    "*Suspected* for 4 s. Major when the call ends within 5 s of it.",
    source="RFC 3264 §8, ITU-T T.38 annex D",
    remedy="Let both gateways, and the SBC between, support T.38 (UDPTL), or let both use G.711 without echo "
    "cancellation and with a fixed jitter buffer.",
)
RULES: Final = (PRIVATE_MEDIA_ADDRESS, DIRECTION_MISMATCH, MISSING_ANSWER, UNANSWERED_REINVITE, T38_FAILED)

_BRIEF_US: Final = 5 * SECOND
_OF_CLIENT: Final = frozenset({REQUEST, ACK})
# Asked often, and slowly through the class (Python 3.11).
_PUBLIC: Final = Scope.PUBLIC
_LOOPBACK: Final = Scope.LOOPBACK
_MINOR: Final = Severity.MINOR
_SUSPECTED: Final = FindingState.SUSPECTED
_SCOPES: Final = {
    Scope.PRIVATE: "a private address (RFC 1918)",
    Scope.SHARED: "an address within a carrier's NAT (RFC 6598)",
    Scope.LINK_LOCAL: "a link-local address",
    Scope.LOOPBACK: "the loopback address",
}
_CANCELLED: Final = 487
NO_MEDIA: Final = frozenset({488, 606})  # refusals that may be for the media
_WARNED: Final = ("Warning: 304", "Warning: 305")


# --- addresses ---------------------------------------------------------------------------------------


def exposed(streams: tuple[Stream, ...], source: str, destination: str) -> bool:
    """Whether a description between these two names a media address that one of them can't reach."""
    for stream in streams:
        if stream.port > 0 and not stream.terms.ice and inside(stream.address):
            if scope(stream.address) is _LOOPBACK:
                return _LOOPBACK not in (scope(source), scope(destination))
            return scope(source) is _PUBLIC or scope(destination) is _PUBLIC
    return False


def private_stream(carried: Carried, sight: Sight) -> Stream | None:
    """Whose private address went to the public at that sight; None where an element on the way put another in."""
    reached = carried.far if carried.role in _OF_CLIENT else carried.near
    index = 0
    while not (sight.streams[index].port > 0 and inside(sight.streams[index].address)):
        index += 1  # one there is
    stream = sight.streams[index]
    if index < len(reached.streams) and reached.streams[index].address != stream.address:
        return None
    return stream


def private_media_subject(bid: Bid, carried: Carried, stream: Stream) -> str:
    """Whose address it is: who told of it, and what it is."""
    return f"{bid.from_tag if carried.role in _OF_CLIENT else carried.to_tag} {stream.address}"


def private_media_address(subject: str, carried: Carried, sight: Sight, stream: Stream, *, certain: bool) -> Finding:
    """`private-media-address`. `certain`: RTP is watched, and did not go there."""
    client, server = ends(sight.hop)
    sender, receiver = (client, server) if carried.role in _OF_CLIENT else (server, client)
    return PRIVATE_MEDIA_ADDRESS.finding(
        subject=subject,
        severity=Severity.MAJOR if certain else _MINOR,
        state=FindingState.CONFIRMED if certain else _SUSPECTED,
        at_us=sight.at_us,
        hop=sight.hop,
        messages={sight.number},
        cause=f"{sender} told {receiver} to send {stream.terms.kind} to {stream.connection} port {stream.port}, "
        f"which is {_SCOPES[scope(stream.address)]} and "
        f"{'was not reached: no RTP went there' if certain else 'may not be reachable from there'}.",
        remedy=PRIVATE_MEDIA_ADDRESS.remedy.replace("{client}", sender),
    )


# --- directions --------------------------------------------------------------------------------------


def direction_mismatches(dialog: Iterable[Exchange], bye_us: int) -> list[Finding]:
    """`direction-mismatch`, for the exchanges of one dialog in order of time. `bye_us`: its BYE; 0: none."""
    holding: dict[str, bool] = {}  # tag → whether that side's last offer put the other on hold
    found: dict[int, Finding | None] = {}  # stream → what its last exchange left silent
    for exchange in dialog:
        views = exchange.views() if exchange.agreed else []
        if not views:
            continue
        offer, answer = views[0]
        offerer, answerer = exchange.sides()
        for index in range(min(len(offer.streams), len(answer.streams))):
            offered, accepted = offer.streams[index], answer.streams[index]
            if offered.terms.kind == "audio" and offered.port > 0 < accepted.port:
                holding[offerer] = not (_sends(offered) and _hears(offered))
                # A hold that is taken without listening to its music: as good as recvonly (RFC 3264 §6.1).
                held = index in found and holding[offerer] and accepted.terms.direction == "inactive"
                found[index] = None
                if not (held or holding.get(answerer)):
                    found[index] = _direction(exchange, index, offer, answer, bye_us)
    return [finding for finding in found.values() if finding is not None]


def _sends(stream: Stream) -> bool:
    return stream.terms.direction in ("sendrecv", "sendonly")


def _hears(stream: Stream) -> bool:
    return stream.terms.direction in ("sendrecv", "recvonly") and stream.address not in NOWHERE


def _direction(exchange: Exchange, index: int, offer: Sight, answer: Sight, bye_us: int) -> Finding | None:
    offered, accepted = offer.streams[index], answer.streams[index]
    unheard = _sends(offered) and not _hears(accepted)  # the offerer
    silent = _hears(offered) and not _sends(accepted)  # the answerer
    if not (unheard or silent):
        return None
    client, server = ends(offer.hop)
    offerer, answerer = (client, server) if exchange.by_client else (server, client)
    effect = (
        "neither side hears the other"
        if unheard and silent
        else f"{answerer} does not listen"
        if unheard
        else f"{offerer} hears nothing"
    )
    return DIRECTION_MISMATCH.finding(
        subject=f"{exchange.subject} {index}",
        state=FindingState.CONFIRMED if bye_us - answer.at_us >= _BRIEF_US else FindingState.SUSPECTED,
        at_us=answer.at_us,
        hop=offer.hop,
        messages={offer.number, answer.number},
        cause=f"{offerer} offered audio a={offered.terms.direction} and {answerer} answered {_said(accepted)}, "
        f"with nothing on hold: {effect}.",
    )


def _said(stream: Stream) -> str:
    return stream.connection if stream.address in NOWHERE else f"a={stream.terms.direction}"


# --- answers that never came -------------------------------------------------------------------------


def missing_answer(exchange: Exchange, *, pracked: bool) -> Finding | None:
    """`missing-answer`. `pracked`: a PRACK tells of a reliable 18x, of which not all may have been seen."""
    answer = exchange.answer
    if not exchange.concluded or (answer is not None and answer.role is not EARLY):
        return None
    place = exchange.offer.near
    client, server = ends(place.hop)
    initial = exchange.initial
    if answer is not None:
        cause = f"{server} answered the offer of {client} in an unreliable 18x only: its 2xx has no SDP."
        initial = False
    elif exchange.by_client:
        cause = f"{server} answered the call of {client} without SDP: its 2xx has none, and no 18x before had."
    else:
        cause = (
            f"{server} made its offer in the response, and the {_CONFIRMS[exchange.offer.role]} of {client} has no SDP."
        )
    return MISSING_ANSWER.finding(
        subject=exchange.subject,
        severity=Severity.MAJOR if initial else Severity.MINOR,
        state=FindingState.SUSPECTED if pracked and exchange.by_client else FindingState.CONFIRMED,
        at_us=place.at_us,
        hop=place.hop,
        messages={place.number, *(carried.near.number for carried in _conclusion(exchange))},
        cause=cause,
    )


_CONFIRMS: Final = {RELIABLE: "PRACK", SUCCESS: "ACK"}


def _conclusion(exchange: Exchange) -> Iterator[Carried]:
    """The messages that would have carried the answer."""
    for role in (EARLY, SUCCESS, ACK):
        carried = exchange.bid.find(role, exchange.to_tag)
        if carried is not None:
            yield carried


# --- changes that were refused -----------------------------------------------------------------------


class Refused(NamedTuple):
    """How the request of an offer ended, when not well. Wire times in µs, 0: never."""

    status: int
    explanation: str  # `transaction.explain`
    at_us: int
    hop: str
    number: int  # of the final response within the record
    again_us: int  # when its sender tried again
    bye_us: int  # when somebody hung up


def refused_offer(bid: Bid, refused: Refused, settings: Settings, now_us: int) -> Finding | None:
    """`no-common-codec`, of an offer that a 488 or 606 refuses."""
    if bid.to_tag or refused.status not in NO_MEDIA or bid.request is None:
        return None
    warned = any(code in refused.explanation for code in _WARNED)
    due_us = refused.at_us + settings.repair_us
    state = standing(
        suspected_us=refused.at_us,
        confirmed_us=due_us if warned and now_us >= due_us else 0,
        cleared_us=refused.again_us,
    )
    if state is None:
        return None
    offer = bid.request.near
    client, server = ends(refused.hop)
    return NO_COMMON_CODEC.finding(
        subject=bid.subject,
        severity=Severity.MAJOR if warned else Severity.MINOR,
        state=state,
        at_us=refused.at_us,
        hop=refused.hop,
        messages={offer.number, refused.number},
        cause=f"{server} refused with {refused.explanation or refused.status} what {client} offered: "
        f"{'; '.join(stream.line for stream in offer.streams[:4])}.",
    )


def unanswered_reinvite(bid: Bid, refused: Refused, settings: Settings, now_us: int) -> Finding | None:
    """`unanswered-reinvite`."""
    if not bid.to_tag or fax(bid) or refused.status == _CANCELLED or 0 < refused.bye_us <= refused.at_us:
        return None
    due_us = refused.at_us + settings.repair_us
    state = standing(
        suspected_us=refused.at_us, confirmed_us=due_us if now_us >= due_us else 0, cleared_us=refused.again_us
    )
    if state is None:
        return None
    client, server = ends(refused.hop)
    return UNANSWERED_REINVITE.finding(
        subject=bid.subject,
        state=state,
        at_us=refused.at_us,
        hop=refused.hop,
        messages={refused.number},
        cause=f"{server} refused the re-INVITE of {client} with {refused.explanation or refused.status}{_wanted(bid)}.",
    )


def _wanted(bid: Bid) -> str:
    """The first stream that it asked for."""
    streams = bid.request.near.streams[:1] if bid.request is not None else ()
    return "".join(f", which asked for {stream.line} ({_said(stream)})" for stream in streams)


def t38_failed(bid: Bid, refused: Refused, settings: Settings, now_us: int) -> Finding | None:
    """`t38-failed`; a 2xx that gives port 0 to the fax refuses it, too."""
    request, offered = bid.request, fax(bid)
    if request is None or offered is None or not bid.to_tag:
        return None
    due_us = refused.at_us + settings.repair_us
    ended = refused.at_us <= refused.bye_us <= refused.at_us + _BRIEF_US
    certain_us = refused.bye_us if ended else due_us if now_us >= due_us else 0
    state = standing(suspected_us=refused.at_us, confirmed_us=certain_us, cleared_us=refused.again_us)
    if state is None:
        return None
    client, server = ends(refused.hop)
    how = "with port 0" if refused.status < 300 else f"with {refused.explanation or refused.status}"
    cause = f"{server} refused {how} the fax (T.38) that {client} offered: {offered.line}."
    if ended:
        cause += " The call ended with that."
    return T38_FAILED.finding(
        subject=bid.subject,
        severity=Severity.MAJOR if ended else Severity.MINOR,
        state=state,
        at_us=refused.at_us,
        hop=refused.hop,
        messages={request.near.number, refused.number},
        cause=cause,
    )


def fax(bid: Bid) -> Stream | None:
    """The T.38 stream that it offers."""
    request = bid.request
    streams = () if request is None else request.near.streams
    return next((stream for stream in streams if stream.terms.kind == "image" and stream.port > 0), None)
