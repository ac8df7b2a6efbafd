"""The way of requests: how large they are, where they came by again, and which Route they carry."""

from functools import lru_cache
from sys import intern
from typing import Any, Final

from collectors.sip.address import LOOPBACK, scope
from collectors.sip.grammar import listed
from collectors.sip.uri import addr_spec, host_of, without_parameters
from collectors.wire.events import FRAGMENTS, SideEvent
from monitor.core.call import Call
from monitor.core.context import FAR
from monitor.core.diagnosis import routing as rules
from monitor.core.diagnosis.routing import Routed, Torn, Visit
from monitor.core.facet import Facet
from monitor.core.hop import Way
from monitor.core.message import Message
from monitor.core.registration import Registration
from monitor.core.standalone import Standalone
from monitor.core.transaction import Transaction
from monitor.core.updates import Update

_MOST_LARGE: Final = 16  # requests of a record
_MOST_PLACES: Final = 64  # of one call
_MOST_VISITS: Final = 80  # of one place: Max-Forwards begins at 70
_DEEP: Final = 4  # Vias: who loops comes by that soon
_MOST_SETS: Final = 64  # of one call: one a hop of each 2xx
_MOST_SIDES: Final = 32
_MOST_REQUESTS: Final = 2  # of a side
_LONGEST: Final = 120  # of a URI that is quoted


class LargeRequests(Facet[Call | Registration | Standalone]):
    """The requests of a record that are too large for a datagram, or came in pieces."""

    __slots__ = ("_large", "_pieces", "_torn")
    beside = frozenset({FRAGMENTS})

    def __init__(self, fold: Call | Registration | Standalone) -> None:
        super().__init__(fold)
        self._large: dict[Transaction, tuple[int, int]] = {}  # octets, number of the message
        # Hardly any call has one of these: no tables for them.
        self._pieces: tuple[tuple[Transaction, int], ...] = ()  # in how many fragments it came
        self._torn: tuple[Torn, ...] = ()  # messages of which a fragment is missing

    @staticmethod
    def may_begin(method: str, status: int, cseq_method: str) -> bool:
        """A request."""
        return method != ""

    @staticmethod
    def begins(event: Message) -> bool:
        """With the first of them."""
        return len(event.raw) > rules.FRAGMENTING and event.method != "" and event.transport == "udp"

    def news(self, event: Message, number: int, transaction: Transaction | None, out: list[Update]) -> None:
        """A request; or a response, by which a large one has arrived."""
        at_us = event.captured_us
        if self.begins(event) and transaction is not None and scope(event.destination) is not LOOPBACK:
            if transaction not in self._large and len(self._large) < _MOST_LARGE:
                self._large[transaction] = (len(event.raw), number)
                self.fold.wake_facet(at_us + self.fold.context.timeout_us, self)
                self._judge(at_us, out)
        elif event.status and transaction in self._large and self._is_overdue(transaction):
            self._judge(at_us, out)
        if self._torn:
            self._judge_torn(at_us, out)

    def witness(self, side: SideEvent, number: int, out: list[Update]) -> None:
        """A message came in fragments, or not whole."""
        status = int(side.values.get("status", 0))
        if "fragments" not in side.values:
            self._tore(Torn(side.captured_us, side.method, status, side.cseq, side.branch, side.hop), out)
        elif not status:
            named = self.fold.transactions.named(side.branch, side.cseq, side.method)
            here = next((each for each in named if each.hop == side.hop and each.numbers), None)
            if here is not None:
                self._came(here, side, out)

    def _tore(self, torn: Torn, out: list[Update]) -> None:
        if len(self._torn) < _MOST_LARGE and all(each.subject != torn.subject for each in self._torn):
            self._torn += (torn,)
            self._judge_torn(torn.at_us, out)

    def _came(self, transaction: Transaction, side: SideEvent, out: list[Update]) -> None:
        known = dict(self._pieces)
        if transaction not in known and len(known) < _MOST_LARGE:
            self._large.setdefault(transaction, (int(side.values.get("octets", 0)), transaction.numbers[0]))
            self._pieces += ((transaction, int(side.values["fragments"])),)
            self._judge(side.captured_us, out)

    def _judge_torn(self, at_us: int, out: list[Update]) -> None:
        """Where the message came whole, later, or from another transmission, it does no harm."""
        for torn in self._torn:
            whole = any(
                each.hop == torn.hop and (each.final_us if torn.status >= 200 else each.response_us)
                for each in self.fold.transactions.named(torn.branch, torn.cseq, torn.method)
            )
            verdict = None if whole else rules.fragment_lost(torn)
            self.fold.judge(rules.UDP_FRAGMENTATION_RISK, torn.subject, verdict, torn.at_us, at_us, out)

    def again(self, event: Message, number: int, transaction: Transaction | None, out: list[Update]) -> None:
        """One that was sent before what was taken for the first."""
        if transaction in self._large and event.captured_us == transaction.first_us:
            self._judge(event.captured_us, out)

    def fire(self, about: Any, due_us: int, out: list[Update]) -> None:
        """A large request has waited for its response."""
        for large in self._large:
            if not large.response_us:
                self._judge(due_us, out)
                return

    def _judge(self, at_us: int, out: list[Update]) -> None:
        fold = self.fold
        worst = max(self._large, key=self._rank) if len(self._large) > 1 else next(iter(self._large))
        size, number = self._large[worst]
        unanswered = self._is_silent(worst) and fold.context.peers.answers(worst.destination, at_us)
        verdict = rules.fragmentation_risk(
            worst, size, number, unanswered=unanswered, pieces=dict(self._pieces).get(worst, 0) if self._pieces else 0
        )
        fold.judge(rules.UDP_FRAGMENTATION_RISK, "", verdict, worst.first_us, at_us, out)

    def _rank(self, large: Transaction) -> tuple[bool, int, int, str]:
        return self._is_silent(large), self._large[large][0], -large.first_us, large.hop

    def _is_silent(self, large: Transaction) -> bool:
        return not large.response_us and self._is_overdue(large)

    def _is_overdue(self, transaction: Transaction) -> bool:
        """Whether it was to have its response by now."""
        return self.fold.now_us >= transaction.first_us + self.fold.context.timeout_us


class Loops(Facet[Call]):
    """Where an INVITE came by, from the fourth element on."""

    __slots__ = ("_visits",)

    def __init__(self, fold: Call) -> None:
        super().__init__(fold)
        # By CSeq number and From tag, element, Request-URI and first Route; by number of Vias.
        self._visits: dict[tuple[str, str, str, str], dict[int, Visit]] = {}

    @staticmethod
    def may_begin(method: str, status: int, cseq_method: str) -> bool:
        """An INVITE."""
        return method == "INVITE"

    @staticmethod
    def begins(event: Message) -> bool:
        """With an INVITE that has come far."""
        return event.vias >= _DEEP and event.method == "INVITE"

    @staticmethod
    def hears(method: str, status: int, cseq_method: str, *, found: bool) -> bool:
        """INVITE."""
        return method == "INVITE"

    def news(self, event: Message, number: int, transaction: Transaction | None, out: list[Update]) -> None:
        """An INVITE at an element."""
        if event.method != "INVITE":
            return
        uri = _request_uri(event)
        subject = f"{event.cseq} {event.from_tag}"
        place = (subject, event.destination, uri, event.first("route")[:_LONGEST])
        visits = self._visits.get(place)
        if visits is None:
            visits = {}
            if len(self._visits) < _MOST_PLACES:
                self._visits[place] = visits
        if len(visits) < _MOST_VISITS:
            forwards = event.first("max-forwards")
            left = int(forwards) if forwards.isascii() and forwards.isdigit() and len(forwards) < 4 else -1
            visit = Visit(event.vias, left, event.captured_us, event.hop, number)
            visits[event.vias] = min(visits.get(event.vias, visit), visit, key=lambda each: each.at_us)
        if len(visits) > 2:
            self._judge(subject, event.captured_us, out)

    def _judge(self, subject: str, at_us: int, out: list[Update]) -> None:
        """Of all elements in a circle, the one that closed it first tells of it."""
        told = [
            rules.call_loop(subject, element, uri, list(visits.values()))
            for (of, element, uri, _), visits in self._visits.items()
            if of == subject
        ]
        verdict = min((each for each in told if each), key=lambda each: (each.at_us, each.cause), default=None)
        self.fold.judge(rules.CALL_LOOP, subject, verdict, self.fold.first_us, at_us, out)


class RouteSet:
    """The Record-Route of a 2xx on a hop."""

    __slots__ = ("from_tag", "number", "recorded", "to_tag", "vias", "way")

    def __init__(self, event: Message, way: Way, number: int, recorded: tuple[str, ...]) -> None:
        self.from_tag = event.from_tag
        self.to_tag = event.to_tag
        self.vias = event.vias
        self.way = way
        self.number = number  # of the message
        self.recorded = recorded


class Side:
    """The first requests of one side of a dialog, which sends all of them one way."""

    __slots__ = ("from_tag", "requests", "sender", "to_tag")

    def __init__(self, event: Message) -> None:
        self.from_tag = event.from_tag
        self.to_tag = event.to_tag
        self.sender = intern(event.source)  # an address
        self.requests: tuple[Routed, ...] | None = ()  # None: the first one went the right way, none is kept

    def sent(self, event: Message) -> bool:
        """Whether a request is one of this side."""
        return self.from_tag == event.from_tag and self.to_tag == event.to_tag and self.sender == event.source

    @property
    def subject(self) -> str:
        """Names it within the call."""
        return f"{self.from_tag} {self.to_tag} {self.sender}"


class RouteSets(Facet[Call]):
    """The route set of each dialog at both of its ends, and the Route of the requests that leave there."""

    __slots__ = ("_more_sets", "_more_sides", "_set", "_side")

    def __init__(self, fold: Call) -> None:
        super().__init__(fold)
        # Most calls have one of each: a reference takes a sixth of what a tuple of it would.
        self._set: RouteSet | None = None
        self._more_sets: tuple[RouteSet, ...] = ()
        self._side: Side | None = None
        self._more_sides: tuple[Side, ...] = ()

    def _sets(self) -> tuple[RouteSet, ...]:
        if self._set is None:
            return ()
        return (self._set, *self._more_sets) if self._more_sets else (self._set,)

    def _sides(self) -> tuple[Side, ...]:
        if self._side is None:
            return ()
        return (self._side, *self._more_sides) if self._more_sides else (self._side,)

    @staticmethod
    def may_begin(method: str, status: int, cseq_method: str) -> bool:
        """A 2xx to an INVITE."""
        return 200 <= status < 300 and cseq_method == "INVITE"

    @staticmethod
    def begins(event: Message) -> bool:
        """With the first 2xx that names one."""
        return 200 <= event.status < 300 and event.cseq_method == "INVITE" and event.first("record-route") != ""

    @staticmethod
    def hears(method: str, status: int, cseq_method: str, *, found: bool) -> bool:
        """A request, or a 2xx to an INVITE."""
        return method != "" or (200 <= status < 300 and cseq_method == "INVITE")

    def news(self, event: Message, number: int, transaction: Transaction | None, out: list[Update]) -> None:
        """A 2xx that begins a dialog, or a request within one."""
        if event.method:
            if not event.to_tag or event.vias != 1:
                return
            if transaction is not None and event.method in ("ACK", "PRACK", "CANCEL"):
                return
            if self._sent(event, number):
                self._judge(event.captured_us, out)
        elif (
            transaction is not None
            and 200 <= event.status < 300
            and event.cseq_method == "INVITE"
            and self._may_tell(event, transaction)
        ):
            recorded = event.all("record-route")
            if recorded and recorded[0]:
                self._keep(RouteSet(event, transaction.way, number, _uris(tuple(recorded))))
                self._judge(event.captured_us, out)

    def _sent(self, event: Message, number: int) -> bool:
        """Keep the first requests of a side; whether this was one."""
        side = self._side_of(event)
        if side is None:
            if len(self._more_sides) >= _MOST_SIDES - 1:
                return False
            side = Side(event)
            if self._side is None:
                self._side = side
            else:
                self._more_sides += (side,)
        if side.requests is None or len(side.requests) >= _MOST_REQUESTS:
            return False
        uri, routes = without_parameters(_request_uri(event)).lower(), _uris(tuple(event.all("route")))
        side.requests += (Routed(event.method, event.captured_us, event.hop, number, uri, routes),)
        return True

    def _side_of(self, event: Message) -> Side | None:
        for side in self._sides():
            if side.sent(event):
                return side
        return None

    def _may_tell(self, event: Message, transaction: Transaction) -> bool:
        """Whether `_set_of` may go by what a 2xx names on this hop: at the caller, or farther than known."""
        attempt = self.fold.attempts.holding(transaction)
        if attempt is None or not attempt.initial:
            return False
        vias, nearest, farthest = event.vias, FAR, -1
        for each in self._sets():
            if each.from_tag == event.from_tag and each.to_tag == event.to_tag:
                nearest, farthest = min(nearest, each.vias), max(farthest, each.vias)
        return vias > farthest or (vias <= 1 and vias < nearest)

    def _keep(self, route_set: RouteSet) -> None:
        if self._set is None:
            self._set = route_set
        else:
            self._more_sets = (*self._more_sets, route_set)[: _MOST_SETS - 1]

    def _judge(self, at_us: int, out: list[Update]) -> None:
        for side in self._sides():
            if side.requests is None:
                continue
            answered, recorded = self._set_of(side)
            subject = side.subject
            verdict = rules.route_set_ignored(subject, side.requests, recorded, answered) if recorded else None
            if recorded and verdict is None:
                side.requests = None
            if verdict or rules.ROUTE_SET_IGNORED.code in self.fold.found:
                self.fold.judge(rules.ROUTE_SET_IGNORED, subject, verdict, self.fold.first_us, at_us, out)

    def _set_of(self, side: Side) -> tuple[int, tuple[str, ...]]:
        """In which message a user agent was given which route set; an empty one where that was not seen.

        Who put itself into the path, and begins there what it sends, leaves itself out.
        """
        number, recorded = 0, tuple[str, ...]()
        nearest: RouteSet | None = None  # of those that were given to this side
        farthest: RouteSet | None = None  # of those that the other side was given
        for each in self._sets():
            one, other, vias = each.from_tag, each.to_tag, each.vias
            if one == side.from_tag and other == side.to_tag and (nearest is None or vias < nearest.vias):
                nearest = each
            if one == side.to_tag and other == side.from_tag and (farthest is None or vias > farthest.vias):
                farthest = each
        if nearest is not None and nearest.vias == 1 and nearest.way.source == side.sender:
            number, recorded = nearest.number, nearest.recorded[::-1]
        elif farthest is not None and farthest.way.destination == side.sender:
            number, recorded = farthest.number, farthest.recorded
        while recorded and host_of(recorded[0]) == side.sender:
            recorded = recorded[1:]
        return number, recorded


def _request_uri(event: Message) -> str:
    return event.start_line.partition(" ")[2].partition(" ")[0][:_LONGEST]


@lru_cache(1_024)
def _uris(values: tuple[str, ...]) -> tuple[str, ...]:
    """The URIs of a Route or Record-Route, without parameters. Most calls go the same few ways."""
    return tuple(addr_spec(value)[0].lower() for value in listed(values))
