"""What two sides agreed on: offers and answers of a call, per stream (RFC 3264, RFC 6337).

An offer comes in a request (INVITE, UPDATE, PRACK), or, where an INVITE has none, in its 2xx or a reliable
provisional response. The answer comes in the 2xx, in a reliable provisional response, in the ACK or in the PRACK
(RFC 6337 table 1). A description in an unreliable provisional response is a preview of the answer: callers go by
it, and by the letter it is none. Each fork answers for itself: a `Bid` is one request with what came of it, an
`Exchange` the offer and answer of one To tag.

What a proxy's hops carried may differ (a media relay writes itself in): the first and the last hop are kept.
"""

from collections.abc import Sequence
from enum import IntEnum
from sys import intern
from typing import Final

from monitor.core.stream import Stream

_MOST_CARRIED: Final = 64  # descriptions of one bid


class Role(IntEnum):
    """In which message of a bid a description came."""

    REQUEST = 0
    EARLY = 1  # an unreliable 101–199
    RELIABLE = 2  # a 101–199 with RSeq (RFC 3262)
    SUCCESS = 3  # 2xx
    ACK = 4


# Looked up often, and through the class slowly (Python 3.11).
REQUEST: Final = Role.REQUEST
EARLY: Final = Role.EARLY
RELIABLE: Final = Role.RELIABLE
SUCCESS: Final = Role.SUCCESS
ACK: Final = Role.ACK


class Sight:
    """A description as one hop carried it; one without streams: there was none in the message."""

    __slots__ = ("at_us", "hop", "number", "streams", "vias")

    def __init__(self, number: int, at_us: int, hop: str, vias: int, streams: tuple[Stream, ...]) -> None:
        self.number = number  # of the message within the record
        self.at_us = at_us
        self.hop = hop  # in the direction of the request
        self.vias = vias
        self.streams = streams

    def beyond(self, other: "Sight") -> bool:
        """Whether it is farther from who sent the request; on the same hop, later."""
        return self.vias > other.vias or (self.vias == other.vias and self.at_us > other.at_us)


class Carried(Sight):
    """The description of one message: as the hop nearest to who sent the request carried it, and the farthest one."""

    __slots__ = ("_far", "digest", "exposed", "role", "to_tag")

    def __init__(self, role: Role, to_tag: str, sight: Sight, digest: int) -> None:
        super().__init__(sight.number, sight.at_us, sight.hop, sight.vias, sight.streams)
        self.role = role
        self.to_tag = to_tag
        self.digest = digest  # of the body on the nearest hop, to know it again on another
        self._far: Sight | None = None  # where that is another
        self.exposed: Sight | None = None  # where it took a private address to the public, first

    @property
    def near(self) -> Sight:
        """On the nearest hop."""
        return self

    @property
    def far(self) -> Sight:
        """On the farthest hop."""
        return self if self._far is None else self._far

    def seen(self, sight: Sight, digest: int) -> bool:
        """It was seen on another hop; whether that is the nearest one now."""
        if sight.beyond(self.far):
            self._far = sight
        if not self.beyond(sight):
            return False
        self._far = self._far or Sight(self.number, self.at_us, self.hop, self.vias, self.streams)
        self.number, self.at_us, self.hop, self.vias = sight.number, sight.at_us, sight.hop, sight.vias
        self.streams, self.digest = sight.streams, digest
        return True

    @property
    def described(self) -> bool:
        """Whether there is a description at all, on any hop."""
        return bool(self.streams or self.far.streams)

    @property
    def rewritten(self) -> bool:
        """Whether something on the way changed it."""
        return self._far is not None and self._far.streams != self.streams


class Bid:
    """One request that may carry an offer, with all descriptions that belong to it."""

    __slots__ = ("asked", "at_us", "carried", "cseq", "from_tag", "method", "to_tag")

    def __init__(self, method: str, cseq: int, from_tag: str, to_tag: str, at_us: int) -> None:
        self.method = intern(method)
        self.cseq = cseq
        self.from_tag = from_tag  # of who asks
        self.to_tag = to_tag  # of the request: "" where it begins a dialog
        self.at_us = at_us
        self.asked = False  # whether the request itself was seen
        self.carried: tuple[Carried, ...] = ()

    def is_of(self, method: str, cseq: int, from_tag: str) -> bool:
        """Whether its request is the one with this CSeq, of this side."""
        return self.cseq == cseq and self.method == method and self.from_tag == from_tag

    def find(self, role: Role, to_tag: str) -> Carried | None:
        """The description of this role and tag."""
        for carried in self.carried:
            if carried.role is role and carried.to_tag == to_tag:
                return carried
        return None

    def add(self, carried: Carried) -> None:
        """Keep one more, up to a bound."""
        if len(self.carried) < _MOST_CARRIED:
            self.carried += (carried,)

    @property
    def request(self) -> Carried | None:
        """What the request itself carried, if it is a description."""
        found = self.find(REQUEST, "")
        return found if found is not None and found.described else None

    @property
    def subject(self) -> str:
        """Names its attempt within the call."""
        return f"{self.cseq} {self.from_tag}"


class Exchange:
    """An offer, and its answer as far as there is one."""

    __slots__ = ("answer", "bid", "by_client", "concluded", "offer", "to_tag")

    def __init__(
        self, bid: Bid, to_tag: str, offer: Carried, answer: Carried | None, *, by_client: bool, concluded: bool
    ) -> None:
        self.bid = bid
        self.to_tag = to_tag  # of the responses: which fork
        self.offer = offer
        self.answer = answer
        self.by_client = by_client  # whether who sent the request made the offer
        self.concluded = concluded  # the 2xx, or the ACK or PRACK that would carry the answer, was seen

    @property
    def subject(self) -> str:
        """Names it within its call."""
        return f"{self.bid.subject} {self.to_tag}"

    @property
    def agreed(self) -> bool:
        """Whether there is an answer by which both go; a preview is none until the call is answered without another."""
        return self.answer is not None and (self.concluded or self.answer.role is not EARLY)

    @property
    def initial(self) -> bool:
        """Whether it begins a session, rather than changing one."""
        return not self.bid.to_tag and self.bid.method == "INVITE"

    @property
    def tags(self) -> frozenset[str]:
        """The dialog's."""
        return frozenset((self.bid.from_tag, self.to_tag))

    def sides(self) -> tuple[str, str]:
        """The tags of who made the offer and who answers."""
        tags = (self.bid.from_tag, self.to_tag)
        return tags if self.by_client else tags[::-1]

    def views(self) -> list[tuple[Sight, Sight]]:
        """Offer and answer as the client saw them and, where something between rewrote one, as the server did."""
        offer, answer = self.offer, self.answer
        sights = [(offer.near, answer.near), (offer.far, answer.far)] if answer is not None else []
        if answer is not None and (offer.rewritten or answer.rewritten):
            # What one hop carried belongs together; across a relay, an answer is to another offer.
            return [(one, other) for one, other in sights if one.hop == other.hop]
        return sights[:1]


def exchanges(bids: Sequence[Bid]) -> list[Exchange]:
    """The offers of a call and their answers, in order of time, one a fork."""
    ordered = sorted(bids, key=_began) if len(bids) > 1 else bids
    confirmed: list[Bid] = []  # PRACKs that answer a late offer make none
    found: list[Exchange] = []
    for bid in ordered:
        request = bid.request
        if request is not None:
            found += _offered(bid, request)
        elif bid.asked:
            found += _offered_late(bid, ordered, confirmed)
    return [exchange for exchange in found if exchange.bid not in confirmed] if confirmed else found


def _began(bid: Bid) -> tuple[int, int]:
    return bid.at_us, bid.cseq


def _offered(bid: Bid, request: Carried) -> list[Exchange]:
    """The offer is in the request."""
    found = []
    for tag in _forks(bid):
        answer: Carried | None = None
        success = bid.find(SUCCESS, tag)
        for each in (bid.find(RELIABLE, tag), success, bid.find(EARLY, tag)):
            if each is not None and each.described:
                answer = each
                break
        found.append(Exchange(bid, tag, request, answer, by_client=True, concluded=success is not None))
    return found or [Exchange(bid, bid.to_tag, request, None, by_client=True, concluded=False)]


def _forks(bid: Bid) -> list[str]:
    """The To tags of those that answer, or confirm, in order of appearance."""
    tags: list[str] = []
    for carried in bid.carried:
        if carried.role is not REQUEST and carried.to_tag not in tags:
            tags.append(carried.to_tag)
    return tags


def _offered_late(bid: Bid, bids: Sequence[Bid], confirmed: list[Bid]) -> list[Exchange]:
    """The request has none: the offer is in a response, the answer in the ACK or PRACK that confirms that."""
    found = []
    for tag in _forks(bid):
        offer = bid.find(RELIABLE, tag)
        if offer is not None and offer.described:
            prack = next((each for each in bids if each.method == "PRACK" and _within(each, bid, tag)), None)
            confirmation = None if prack is None else prack.find(REQUEST, "")
            if prack is not None:
                confirmed.append(prack)
        else:
            offer, confirmation = bid.find(SUCCESS, tag), bid.find(ACK, tag)
        if offer is not None and offer.described:
            answer = confirmation if confirmation is not None and confirmation.described else None
            found.append(Exchange(bid, tag, offer, answer, by_client=False, concluded=confirmation is not None))
    return found


def _within(prack: Bid, bid: Bid, tag: str) -> bool:
    return (prack.from_tag, prack.to_tag) == (bid.from_tag, tag) and prack.at_us >= bid.at_us
