"""A transaction on one hop, as a bystander sees it (RFC 3261 §17, amended by RFC 6026).

A client and a server transaction run the machines of §17; between them on the wire we see one
sequence of messages, and fold it into one state: how far the exchange has come. Nothing is enforced.
What the RFC forbids is recorded as an anomaly, and the state moves to what the messages mean:

* INVITE: *calling* until any response; *proceeding* on 1xx; *accepted* on 2xx (RFC 6026: further 2xx,
  from the same or another fork, are welcome); *completed* on 3xx–6xx; *confirmed* when the ACK for that
  was seen. A 2xx after a failure moves on to accepted: it forms a dialog, whatever came before.
* Anything else: *calling*, *proceeding*, *completed*.

A hop is (source, destination) of the request; the topmost Via branch, CSeq and method name the
transaction on it (§17.1.3, §17.2.3). Messages may arrive a little out of order: only the wire time
says what came after what, so that an anomaly is recorded only where the times show it, too.
"""

from enum import IntEnum
from typing import Final

from collectors.sip.message import header, start_line
from collectors.wire.events import SipEvent
from monitor.core.hop import request_hop


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

# Evidence kept a transaction: the first sends tell the story, the count tells the rest.
EVIDENCE: Final = 12


class Transaction:
    """One transaction on one hop: what was sent, how often, and what came back. Times in µs, 0: never."""

    __slots__ = (
        "_table",
        "cseq",
        "destination",
        "destination_port",
        "explanation",
        "final_numbers",
        "final_sends",
        "final_status",
        "final_us",
        "first_us",
        "hop",
        "last_sent_us",
        "method",
        "numbers",
        "provisional_number",
        "provisional_us",
        "response_us",
        "rung_number",
        "rung_us",
        "seen_request",
        "sends",
        "sibling",
        "source",
        "source_port",
        "state",
        "to_tag",
        "transport",
        "vias",
    )

    def __init__(self, event: SipEvent, method: str) -> None:
        """The transaction that `event`, a request or a response, belongs to."""
        request = event.method != ""
        self._table = INVITE_TABLE if method == "INVITE" else NON_INVITE_TABLE
        self.state = CALLING
        self.method = method
        self.cseq = event.cseq
        if request:
            self.source, self.source_port = event.source, event.source_port
            self.destination, self.destination_port = event.destination, event.destination_port
        else:
            self.source, self.source_port = event.destination, event.destination_port
            self.destination, self.destination_port = event.source, event.source_port
        self.hop = request_hop(event)
        self.transport = event.transport
        self.vias = event.vias
        self.to_tag = event.to_tag if request else ""
        self.seen_request = request
        self.first_us = event.captured_us
        self.last_sent_us = 0
        self.sends = 0
        self.numbers: list[int] = []
        self.response_us = 0  # first response of any kind
        self.rung_us = 0  # first 18x
        self.rung_number = 0
        self.provisional_us = 0  # last 101–199
        self.provisional_number = 0
        self.final_status = 0
        self.explanation = ""  # of a final response ≥ 300 that is no challenge: how a person quotes it
        self.final_us = 0  # first final response
        self.final_sends = 0
        self.final_numbers: list[int] = []
        self.sibling: Transaction | None = None  # the same branch on another hop

    def carries(self, event: SipEvent) -> bool:
        """Whether `event` travels on this hop: with the request, or against it as a response."""
        if event.method:
            return (
                self.source == event.source
                and self.destination == event.destination
                and self.source_port == event.source_port
                and self.destination_port == event.destination_port
            )
        return (
            self.source == event.destination
            and self.destination == event.source
            and self.source_port == event.destination_port
            and self.destination_port == event.source_port
        )

    def sent(self, event: SipEvent, number: int) -> None:
        """The request was seen, for the first time or again."""
        self.seen_request = True
        if event.captured_us < self.first_us:
            self.first_us = event.captured_us
        self.last_sent_us = max(self.last_sent_us, event.captured_us)
        self.sends += 1
        if self.sends <= EVIDENCE:
            self.numbers.append(number)

    def answered(self, event: SipEvent, number: int) -> str:
        """A response was seen; the anomaly that it is, "" when it is none."""
        at_us, status = event.captured_us, event.status
        if not self.response_us or at_us < self.response_us:
            self.response_us = at_us
        early = self.final_us != 0 and at_us < self.final_us
        if status >= 200:
            self._final(event, number)
            return self.move(SUCCESS if status < 300 else FAILURE, quiet=early)
        if status > 100:
            if at_us >= self.provisional_us:
                self.provisional_us, self.provisional_number = at_us, number
            if status >= 180 and (not self.rung_us or at_us < self.rung_us):
                self.rung_us, self.rung_number = at_us, number
        return self.move(PROVISIONAL, quiet=early)

    def move(self, message: Input, *, quiet: bool = False) -> str:
        """Step the machine; the anomaly, or "" (also where `quiet`: the times show mere disorder)."""
        self.state, anomaly = self._table[self.state, message]
        return "" if quiet else anomaly

    def _final(self, event: SipEvent, number: int) -> None:
        at_us, status = event.captured_us, event.status
        # A 2xx outranks; among equals the last word counts.
        if not (200 <= self.final_status < 300) or status < 300:
            if status != self.final_status:
                self.final_us = 0
                self.final_sends = 0
                self.final_numbers = []
                self.explanation = explain(event.raw) if status >= 300 and status not in (401, 407) else ""
            self.final_status = status
            if not self.final_us or at_us < self.final_us:
                self.final_us = at_us
            self.final_sends += 1
            if self.final_sends <= EVIDENCE:
                self.final_numbers.append(number)

    @property
    def reliable(self) -> bool:
        """Whether the transport resends by itself (§17.1.1.1)."""
        return self.transport != "udp"


class Transactions:
    """The transactions of one record, found by (branch, CSeq, method) and hop."""

    __slots__ = ("_found",)

    def __init__(self) -> None:
        self._found: dict[tuple[str, int, str], Transaction] = {}

    def of_request(self, event: SipEvent) -> tuple[Transaction, bool]:
        """The transaction of a request, and whether it is new."""
        key = (event.branch, event.cseq, event.method)
        first = candidate = self._found.get(key)
        while candidate is not None:
            if candidate.carries(event):
                return candidate, False
            candidate = candidate.sibling
        return self._add(key, first, event, event.method), True

    def of_response(self, event: SipEvent) -> tuple[Transaction, bool]:
        """The transaction of a response, and whether it is new (its request was never seen)."""
        key = (event.branch, event.cseq, event.cseq_method)
        first = candidate = self._found.get(key)
        by_address = None
        while candidate is not None:
            if candidate.carries(event):
                return candidate, False
            if candidate.destination == event.source or candidate.source == event.destination:
                by_address = candidate
            candidate = candidate.sibling
        # Another port, or another address of one side: NAT, or a socket of its own for sending.
        if by_address is None:
            by_address = self._without_branch(event)
        if by_address is not None:
            return by_address, False
        return self._add(key, first, event, event.cseq_method), True

    def with_branch(self, event: SipEvent, method: str) -> Transaction | None:
        """The transaction of `method` that an ACK or CANCEL with this branch is about (§9.2, §17.1.1.3)."""
        candidate = first = self._found.get((event.branch, event.cseq, method))
        while candidate is not None:
            if candidate.carries(event):
                return candidate
            candidate = candidate.sibling
        return first

    def _without_branch(self, event: SipEvent) -> Transaction | None:
        """The transaction on the hop of a response whose branch is lost or altered, by CSeq (RFC 2543)."""
        for candidate in self._found.values():
            if candidate.cseq == event.cseq and candidate.method == event.cseq_method and candidate.carries(event):
                return candidate
        return None

    def _add(self, key: tuple[str, int, str], first: Transaction | None, event: SipEvent, method: str) -> Transaction:
        transaction = Transaction(event, method)
        if first is None:
            self._found[key] = transaction
        else:
            transaction.sibling = first.sibling
            first.sibling = transaction
        return transaction


def explain(raw: bytes) -> str:
    """A refusal as a person quotes it: "503 Service Unavailable (Reason: Q.850;cause=34)"."""
    line = " ".join(start_line(raw).split(None, 2)[1:])[:120]
    values = [(name.title(), header(raw, name)) for name in ("reason", "warning", "retry-after")]
    extras = [f"{name}: {value[:120]}" for name, value in values if value]
    return f"{line} ({'; '.join(extras)})" if extras else line
