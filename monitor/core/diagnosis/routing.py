"""The way of requests: too large for a datagram, in circles, past the proxies that wanted to stay in the path."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Final, NamedTuple

from monitor.core.diagnosis.rule import Rule
from monitor.core.diagnosis.text import ends
from monitor.core.transaction import Transaction
from monitor.core.updates import Finding, FindingState, Severity

# Asked often, and slowly through the class (Python 3.11).
_INFO: Final = Severity.INFO
_MINOR: Final = Severity.MINOR
_CONFIRMED: Final = FindingState.CONFIRMED

UDP_FRAGMENTATION_RISK: Final[Rule] = Rule(
    code="udp-fragmentation-risk",
    severity=Severity.INFO,
    when="A request of more than 1300 octets went over UDP, other than on the loopback, or one that came in IP "
    "fragments. Minor where it got no response in 64·T1 from a peer that is heard at all, and where a fragment of a "
    "message of the record was not seen, and the message never came whole (*suspected*: the capture may have lost it).",
    source="RFC 3261 §18.1.1",
    remedy="Use TCP or TLS on that hop, or make requests smaller: fewer codecs, no superfluous headers. Many routers "
    "and firewalls drop fragments.",
)
CALL_LOOP: Final[Rule] = Rule(
    code="call-loop",
    severity=Severity.MAJOR,
    when="An INVITE came three times or more to the same element with the same Request-URI and Route, over more and "
    "more Vias and with Max-Forwards falling.",
    source="RFC 3261 §16.3, RFC 5393",
    remedy="Two elements send this number to each other. Compare their routes for it; a forwarding to oneself, or a "
    "default route that points back, is the usual cause.",
)
ROUTE_SET_IGNORED: Final[Rule] = Rule(
    code="route-set-ignored",
    severity=Severity.MINOR,
    when="The Route of a request within a call is not the Record-Route set of its 200 OK: reversed, where the caller "
    "sends it, as it stands, where the callee does. Judged where the request leaves its user agent.",
    source="RFC 3261 §12.1, §12.2.1.1",
    remedy="The request goes past a proxy that wanted to see it (for NAT, billing, recording). Update the user agent, "
    "or see which element in the path alters Record-Route or Route.",
)

FRAGMENTING: Final = 1_300  # octets (§18.1.1: within 200 of a path's MTU, which is 1,500 where nothing else is known)
_LOOPED: Final = 3  # visits


class Visit(NamedTuple):
    """An INVITE at an element."""

    vias: int
    forwards: int  # Max-Forwards; -1 where there is none
    at_us: int
    hop: str
    number: int  # of the message


class Routed:
    """A request within a dialog, where it left its user agent."""

    __slots__ = ("at_us", "hop", "method", "number", "routes", "uri")

    def __init__(self, method: str, at_us: int, hop: str, number: int, uri: str, routes: tuple[str, ...]) -> None:
        self.method = method
        self.at_us = at_us
        self.hop = hop
        self.number = number  # of the message
        self.uri = uri  # Request-URI
        self.routes = routes

    def follows(self, recorded: tuple[str, ...]) -> bool:
        """Whether it goes by this route set.

        A strict router comes first in the Request-URI, and the remote target last in the Route (§12.2.1.1).
        """
        if self.routes == recorded:
            return True
        rest = recorded[1:]
        return self.uri == recorded[0] and self.routes[: len(rest)] == rest


class Torn(NamedTuple):
    """A message of which a fragment was not seen."""

    at_us: int  # when it was given up
    method: str  # of the request
    status: int  # of a response; 0 for a request
    cseq: int
    branch: str
    hop: str

    @property
    def subject(self) -> str:
        """Names it within its record."""
        return f"{self.method} {self.cseq} {self.status} {self.branch}"


def fragmentation_risk(
    transaction: Transaction, size: int, number: int, *, unanswered: bool, pieces: int = 0
) -> Finding:
    """`udp-fragmentation-risk` of a request of so many octets, that came in so many fragments (0: not known)."""
    client, server = transaction.way.ends
    end = ", and got no response" if unanswered else ""
    return UDP_FRAGMENTATION_RISK.finding(
        subject="",
        severity=_MINOR if unanswered else _INFO,
        state=_CONFIRMED,
        at_us=transaction.first_us,
        hop=transaction.hop,
        messages={number},
        cause=f"The {transaction.method} of {client} to {server} has {size} octets over UDP{end}: "
        f"{f'it came in {pieces} fragments' if pieces else 'it may be sent in fragments'}.",
        variant="unanswered" if unanswered else "fragmented" if pieces else "",
    )


def fragment_lost(torn: Torn) -> Finding:
    """`udp-fragmentation-risk` of a message that never came whole."""
    client, server = ends(torn.hop)
    message = f"{torn.status} to the {torn.method}" if torn.status else torn.method
    way = f"{server} to {client}" if torn.status else f"{client} to {server}"
    return UDP_FRAGMENTATION_RISK.finding(
        subject=torn.subject,
        severity=Severity.MINOR,
        state=FindingState.SUSPECTED,
        at_us=torn.at_us,
        hop=torn.hop,
        messages=set(),
        cause=f"The {message} from {way} went in IP fragments, of which not all were seen: who gets it so throws it "
        "away.",
        variant="fragment-lost",
    )


def call_loop(subject: str, element: str, uri: str, visits: Sequence[Visit]) -> Finding | None:
    """`call-loop` of an INVITE that came to an element with the same Request-URI; `visits` in any order."""
    turns = sorted(visits)
    falling = all(one.forwards > other.forwards for one, other in pairwise(turns))
    if len(turns) < _LOOPED or not falling:
        return None
    first, last = turns[0], turns[-1]
    return CALL_LOOP.finding(
        subject=subject,
        state=FindingState.CONFIRMED,
        at_us=turns[_LOOPED - 1].at_us,
        hop=last.hop,
        messages={visit.number for visit in turns},
        cause=f"The call goes in circles: {element} got it {len(turns)} times for {uri}, with Max-Forwards falling "
        f"from {first.forwards} to {last.forwards}.",
    )


def route_set_ignored(
    subject: str, requests: Sequence[Routed], recorded: tuple[str, ...], answered: int
) -> Finding | None:
    """`route-set-ignored` of a side of a dialog: its requests, and the route set that it was given.

    `answered`: number of the 2xx that gave it.
    """
    astray = [request for request in requests if not request.follows(recorded)]
    if not astray:
        return None
    request = min(astray, key=lambda request: request.at_us)
    client, _ = ends(request.hop)
    said = ", ".join(request.routes) or "no Route"
    return ROUTE_SET_IGNORED.finding(
        subject=subject,
        state=FindingState.CONFIRMED,
        at_us=request.at_us,
        hop=request.hop,
        messages={answered, *(each.number for each in astray[:8])},
        cause=f"{client} sent its {request.method} with {said}; the route set of the call is {', '.join(recorded)}.",
    )
