"""A transaction on one hop, as a bystander sees it (RFC 3261 §17, amended by RFC 6026).

A client and a server transaction run the machines of §17; between them on the wire we see one
sequence of messages, and fold it into one state: how far the exchange has come. Nothing is enforced.
What the RFC forbids is recorded as an anomaly, and the state moves to what the messages mean:

* INVITE: *calling* until any response; *proceeding* on 1xx; *accepted* on 2xx (RFC 6026: further 2xx,
  from the same or another fork, are welcome); *completed* on 3xx–6xx; *confirmed* when the ACK for that
  was seen. A 2xx after a failure moves on to accepted: it forms a dialog, whatever came before.
* Anything else: *calling*, *proceeding*, *completed*.

A hop is (source, destination) of the request; the topmost Via branch, CSeq and method name the
transaction on it (§17.1.3, §17.2.3). Messages may arrive a little out of order, and only the wire time
says what came after what: a transaction keeps the times, and walks its table by them when it is asked.
"""

from enum import IntEnum
from sys import intern
from typing import ClassVar, Final

from collectors.sip.timers import SECOND
from monitor.core.machine import walk
from monitor.core.message import Message


class State(IntEnum):
    """How far a transaction has come."""

    CALLING = 0
    PROCEEDING = 1
    ACCEPTED = 2
    COMPLETED = 3
    CONFIRMED = 4


class Input(IntEnum):
    """What a message means to a transaction."""

    REQUEST = 0
    PROVISIONAL = 1
    SUCCESS = 2
    FAILURE = 3
    ACK = 4


# Looked up often, and through the class slowly (Python 3.11).
CALLING, PROCEEDING, ACCEPTED, COMPLETED, CONFIRMED = State
REQUEST, PROVISIONAL, SUCCESS, FAILURE, ACK = Input

INVITE_TABLE: Final[dict[tuple[State, Input], tuple[State, str]]] = {
    (CALLING, REQUEST): (CALLING, ""),
    (CALLING, PROVISIONAL): (PROCEEDING, ""),
    (CALLING, SUCCESS): (ACCEPTED, ""),
    (CALLING, FAILURE): (COMPLETED, ""),
    (CALLING, ACK): (CALLING, ""),
    (PROCEEDING, REQUEST): (PROCEEDING, ""),
    (PROCEEDING, PROVISIONAL): (PROCEEDING, ""),
    (PROCEEDING, SUCCESS): (ACCEPTED, ""),
    (PROCEEDING, FAILURE): (COMPLETED, ""),
    (PROCEEDING, ACK): (PROCEEDING, ""),
    (ACCEPTED, REQUEST): (ACCEPTED, ""),
    (ACCEPTED, PROVISIONAL): (ACCEPTED, "provisional-after-final"),
    (ACCEPTED, SUCCESS): (ACCEPTED, ""),
    (ACCEPTED, FAILURE): (ACCEPTED, "failure-after-2xx"),
    (ACCEPTED, ACK): (ACCEPTED, ""),
    (COMPLETED, REQUEST): (COMPLETED, ""),
    (COMPLETED, PROVISIONAL): (COMPLETED, "provisional-after-final"),
    (COMPLETED, SUCCESS): (ACCEPTED, "2xx-after-failure"),
    (COMPLETED, FAILURE): (COMPLETED, ""),
    (COMPLETED, ACK): (CONFIRMED, ""),
    (CONFIRMED, REQUEST): (CONFIRMED, ""),
    (CONFIRMED, PROVISIONAL): (CONFIRMED, "provisional-after-final"),
    (CONFIRMED, SUCCESS): (ACCEPTED, "2xx-after-failure"),
    (CONFIRMED, FAILURE): (CONFIRMED, ""),
    (CONFIRMED, ACK): (CONFIRMED, ""),
}
NON_INVITE_TABLE: Final[dict[tuple[State, Input], tuple[State, str]]] = {
    (CALLING, REQUEST): (CALLING, ""),
    (CALLING, PROVISIONAL): (PROCEEDING, ""),
    (CALLING, SUCCESS): (COMPLETED, ""),
    (CALLING, FAILURE): (COMPLETED, ""),
    (PROCEEDING, REQUEST): (PROCEEDING, ""),
    (PROCEEDING, PROVISIONAL): (PROCEEDING, ""),
    (PROCEEDING, SUCCESS): (COMPLETED, ""),
    (PROCEEDING, FAILURE): (COMPLETED, ""),
    (COMPLETED, REQUEST): (COMPLETED, ""),
    (COMPLETED, PROVISIONAL): (COMPLETED, "provisional-after-final"),
    (COMPLETED, SUCCESS): (COMPLETED, ""),
    (COMPLETED, FAILURE): (COMPLETED, ""),
}

# Timer A doubles: no client waits for longer, and for more than twice as long as it has waited.
_APART_US: Final = 30 * SECOND
# Evidence kept a transaction: the first sends tell the story, the count tells the rest.
EVIDENCE: Final = 12
# Headers that say why a request was refused, and under which names they are asked for.
_QUOTED: Final = (("Reason", "reason"), ("Warning", "warning"), ("Retry-After", "retry-after"))
_FEW: Final = 6  # that are compared one after the other


_FIRST: Final = 64
_NUMBERED: Final = tuple([(number,) for number in range(_FIRST)])


def numbered(number: int) -> tuple[int, ...]:
    """One message as evidence; of the first ones of a record, what all records share."""
    return _NUMBERED[number] if number < _FIRST else (number,)


class Transaction:
    """One transaction on one hop: what was sent, how often, and what came back. Times in µs, 0: never."""

    __slots__ = (
        "_sent_us",
        "acked_us",
        "branch",
        "cseq",
        "explanation",
        "failed_again_us",
        "failed_us",
        "final_numbers",
        "final_sends",
        "final_status",
        "final_us",
        "first_us",
        "hop",
        "last_sent_us",
        "method",
        "numbers",
        "older",
        "progress_us",
        "provisional_number",
        "provisional_us",
        "response_us",
        "rung_number",
        "rung_us",
        "seen_request",
        "sends",
        "sibling",
        "silent",
        "succeeded_us",
        "transport",
        "vias",
        "way",
    )

    def __init__(self, event: Message, method: str) -> None:
        """The transaction that `event`, a request or a response, belongs to."""
        # Each event that was decoded has its own texts: of those that are everywhere the same, one is kept.
        self.method = intern(method)
        self.branch = event.branch
        self.cseq = event.cseq
        self.way = event.way
        self.hop = self.way.hop
        self.transport = intern(event.transport)
        self.vias = event.vias
        self.seen_request = False
        self.first_us = event.captured_us
        self.last_sent_us = 0
        self.sends = 0
        self._sent_us: tuple[int, ...] = ()  # where it was sent more than once
        self.numbers: tuple[int, ...] = ()
        self.response_us = 0  # first response of any kind
        self.rung_us = 0  # first 18x
        self.rung_number = 0
        self.progress_us = 0  # last 1xx
        self.provisional_us = 0  # last 101–199
        self.provisional_number = 0
        self.final_status = 0
        self.explanation = ""  # of a final response ≥ 300 that is no challenge: how a person quotes it
        self.final_us = 0  # first final response
        self.final_sends = 0
        self.final_numbers: tuple[int, ...] = ()
        self.succeeded_us = 0  # first 2xx
        self.failed_us = 0  # first and last 3xx–6xx
        self.failed_again_us = 0
        self.acked_us = 0  # last ACK with its branch
        self.silent = False  # no response within 64·T1
        self.sibling: Transaction | None = None  # the same branch on another hop
        self.older: Transaction | None = None  # of another name, the one before in its record, where they are few

    def carries(self, event: Message) -> bool:
        """Whether `event` travels on this hop: with the request, or against it as a response."""
        way = self.way
        if event.method:
            return (
                way.source == event.source
                and way.destination == event.destination
                and way.source_port == event.source_port
                and way.destination_port == event.destination_port
            )
        return (
            way.source == event.destination
            and way.destination == event.source
            and way.source_port == event.destination_port
            and way.destination_port == event.source_port
        )

    @property
    def source(self) -> str:
        """The address that sends the request."""
        return self.way.source

    @property
    def destination(self) -> str:
        """The address that the request is sent to."""
        return self.way.destination

    def sent(self, event: Message, number: int) -> None:
        """The request was seen, for the first time or again."""
        self.seen_request = True
        at_us, last_us = event.captured_us, self.last_sent_us
        if at_us < self.first_us:
            self.first_us = at_us
        if self.sends:
            if at_us - last_us > max(_APART_US, 2 * (last_us - self.first_us)):
                return  # played again
            if self.sends < EVIDENCE:
                self._sent_us = (*self.sent_us, at_us)
        if at_us > last_us:
            self.last_sent_us = at_us
        self.sends += 1
        if self.sends <= EVIDENCE:
            self.numbers += numbered(number)

    @property
    def sent_us(self) -> tuple[int, ...]:
        """When the request was sent, as far as that is evidence, in the order of arrival."""
        return self._sent_us or ((self.last_sent_us,) if self.sends else ())

    def nth_sent_us(self, nth: int) -> int:
        """When the request was sent for the `nth` time; 0 when it was not so often, or that is long past."""
        sent_us = self.sent_us
        return sorted(sent_us)[nth - 1] if len(sent_us) >= nth else 0

    def answered(self, event: Message, number: int) -> None:
        """A response was seen."""
        at_us, status = event.captured_us, event.status
        if not self.response_us or at_us < self.response_us:
            self.response_us = at_us
        if status >= 200:
            self._final(event, number)
            return
        if at_us > self.progress_us:
            self.progress_us = at_us
        if status > 100:
            if at_us >= self.provisional_us:
                self.provisional_us, self.provisional_number = at_us, number
            if status >= 180 and (not self.rung_us or at_us < self.rung_us):
                self.rung_us, self.rung_number = at_us, number

    def acknowledged(self, event: Message) -> None:
        """An ACK with its branch was seen."""
        self.acked_us = max(self.acked_us, event.captured_us)

    def _final(self, event: Message, number: int) -> None:
        at_us, status = event.captured_us, event.status
        if status < 300:
            if not self.succeeded_us or at_us < self.succeeded_us:
                self.succeeded_us = at_us
        else:
            if not self.failed_us or at_us < self.failed_us:
                self.failed_us = at_us
            self.failed_again_us = max(self.failed_again_us, at_us)
        if status != self.final_status:
            # A 2xx outranks; among equals the last word counts.
            outranks, outranked = status < 300 <= self.final_status, 200 <= self.final_status < 300 <= status
            if outranked or (not outranks and at_us < self.final_us):
                return
            self.final_status = status
            self.final_us = at_us
            self.final_sends = 0
            self.final_numbers = ()
            self.explanation = explain(event) if status >= 300 and status not in (401, 407) else ""
        elif at_us < self.final_us:
            self.final_us = at_us
        self.final_sends += 1
        if self.final_sends <= EVIDENCE:
            self.final_numbers += numbered(number)

    @property
    def irregular(self) -> bool:
        """Whether anomalies are possible: a cheap question, asked at each response."""
        return self.final_us > 0 and (self.progress_us > self.final_us or (self.failed_us > 0 < self.succeeded_us))

    def anomalies(self) -> list[str]:
        """What the RFC forbids and was seen."""
        seen = [
            (self.first_us if self.seen_request else 0, REQUEST),
            (self.progress_us, PROVISIONAL),
            (self.succeeded_us, SUCCESS),
            (self.failed_us, FAILURE),
            (self.failed_again_us, FAILURE),
            (self.acked_us, ACK),
        ]
        table = INVITE_TABLE if self.method == "INVITE" else NON_INVITE_TABLE
        _, anomalies = walk(table, CALLING, [(at_us, message) for at_us, message in seen if at_us])
        return anomalies

    @property
    def reliable(self) -> bool:
        """Whether the transport resends by itself (§17.1.1.1)."""
        return self.transport != "udp"


class Transactions:
    """The transactions of one record, found by (branch, CSeq, method) and hop."""

    __slots__ = ("_count", "_many", "_newest")

    most: ClassVar[int] = 1_024  # that are kept; older ones are over long since

    def __init__(self) -> None:
        # Of each name the first, in a chain from the newest name on, which the next message most often has; in a table
        # where they are many, which takes five times as much.
        self._newest: Transaction | None = None
        self._many: dict[tuple[str, int, str], Transaction] | None = None
        self._count = 0  # of all

    def of_request(self, event: Message) -> tuple[Transaction, bool]:
        """The transaction of a request, and whether it is new."""
        first = candidate = self._first(event.branch, event.cseq, event.method)
        while candidate is not None:
            if candidate.carries(event):
                event.way = candidate.way
                return candidate, False
            candidate = candidate.sibling
        return self._add(first, event, event.method), True

    def of_response(self, event: Message) -> tuple[Transaction, bool]:
        """The transaction of a response, and whether it is new (its request was never seen)."""
        first = candidate = self._first(event.branch, event.cseq, event.cseq_method)
        by_address = None
        while candidate is not None:
            if candidate.carries(event):
                event.way = candidate.way
                return candidate, False
            if candidate.way.destination == event.source or candidate.way.source == event.destination:
                by_address = candidate
            candidate = candidate.sibling
        # Another port, or another address of one side: NAT, or a socket of its own for sending.
        if by_address is None:
            by_address = self._without_branch(event)
        if by_address is not None:
            return by_address, False
        return self._add(first, event, event.cseq_method), True

    def named(self, branch: str, cseq: int, method: str) -> list[Transaction]:
        """The transactions of this name, one a hop."""
        found: list[Transaction] = []
        candidate = self._first(branch, cseq, method)
        while candidate is not None:
            found.append(candidate)
            candidate = candidate.sibling
        return found

    def with_branch(self, event: Message, method: str) -> Transaction | None:
        """The transaction of `method` that an ACK or CANCEL with this branch is about (§9.2, §17.1.1.3)."""
        candidate = first = self._first(event.branch, event.cseq, method)
        while candidate is not None:
            if candidate.carries(event):
                return candidate
            candidate = candidate.sibling
        return first

    def _without_branch(self, event: Message) -> Transaction | None:
        """The transaction on the hop of a response whose branch is lost or altered, by CSeq (RFC 2543)."""
        for candidate in self._firsts():
            if candidate.cseq == event.cseq and candidate.method == event.cseq_method and candidate.carries(event):
                return candidate
        return None

    def _first(self, branch: str, cseq: int, method: str) -> Transaction | None:
        """The first of this name."""
        if self._many is not None:
            return self._many.get((branch, cseq, method))
        known = self._newest
        while known is not None and not (known.cseq == cseq and known.branch == branch and known.method == method):
            known = known.older
        return known

    def _firsts(self) -> list[Transaction]:
        """The first of each name, the oldest name first."""
        if self._many is not None:
            return list(self._many.values())
        found, known = [], self._newest
        while known is not None:
            found.append(known)
            known = known.older
        return found[::-1]

    def _add(self, first: Transaction | None, event: Message, method: str) -> Transaction:
        transaction = Transaction(event, method)
        if self._count == _FEW:
            self._tabulate()
        if first is not None:
            transaction.sibling, first.sibling = first.sibling, transaction
        elif self._many is not None:
            self._many[_name(transaction)] = transaction
        else:
            transaction.older, self._newest = self._newest, transaction
        self._count += 1
        if self._many is not None and self._count > self.most:
            self._forget(self._many)
        return transaction

    def _tabulate(self) -> None:
        """They are too many to be compared one after the other."""
        firsts = self._firsts()
        self._newest, self._many = None, {_name(each): each for each in firsts}
        for each in firsts:
            each.older = None

    def _forget(self, many: dict[tuple[str, int, str], Transaction]) -> None:
        """Let those of the oldest name go."""
        oldest: Transaction | None = many.pop(next(iter(many)))
        while oldest is not None:
            self._count -= 1
            oldest = oldest.sibling


def _name(transaction: Transaction) -> tuple[str, int, str]:
    return transaction.branch, transaction.cseq, transaction.method


def explain(event: Message) -> str:
    """A refusal as a person quotes it: "503 Service Unavailable (Reason: Q.850;cause=34)"."""
    line = " ".join(event.start_line.split(None, 2)[1:])[:120]
    values = [(name, event.first(header)) for name, header in _QUOTED]
    extras = [f"{name}: {value[:120]}" for name, value in values if value]
    return f"{line} ({'; '.join(extras)})" if extras else line
