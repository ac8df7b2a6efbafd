"""Messages that break the grammar: which rule, which line, and what came of it."""

from typing import Final, NamedTuple

from collectors.sip.faults import Fault
from monitor.core.diagnosis.rule import Rule
from monitor.core.diagnosis.text import ends
from monitor.core.message import Message
from monitor.core.transaction import Transaction
from monitor.core.updates import Finding, FindingState, Severity

MALFORMED: Final[Rule] = Rule(
    code="malformed",
    severity=Severity.MINOR,
    when="A message breaks the grammar: a mandatory header is absent or can't be read, Content-Length promises more "
    "than there is, CSeq names another method, the first line is none. The rule and the line are quoted. *Minor* where "
    "it was understood all the same; *major* where it broke the request: a 400 (or 505 for the version, 416 for the "
    "URI, 501 for the method), or no response in 64·T1 from a server that is heard. What only strict parsers mind is "
    "looked for when a server answers 400; of that, what hardly anyone minds stays *suspected* unless the server names "
    "the header.",
    source="RFC 3261 §7, §8.1.1, §18.3, §20; RFC 4475",
    remedy="The line was written, or changed on its way, by whoever sent it or what is behind them. Compare the same "
    "message one hop earlier: if it is right there, an ALG or a header rule of the element between has broken it.",
)

BAD_REQUEST: Final = 400
MISMATCH: Final = "cseq-mismatch"
# What takes from a message by what its response would be known.
_ANONYMOUS: Final = frozenset({"no-call-id", "no-cseq", "bad-cseq", MISMATCH})
# By which other status a server says that it could not understand a request, by what is wrong with it.
_REFUSALS: Final = {"bad-version": 505, "bad-start-line": 505, "bad-request-uri": 416, MISMATCH: 501}


class Flaw:
    """A fault of one message."""

    __slots__ = ("at_us", "deep", "fault", "hop", "name", "number", "request", "transaction", "vias")

    def __init__(
        self, event: Message, number: int, fault: Fault, transaction: Transaction | None, *, deep: bool
    ) -> None:
        self.fault = fault
        self.deep = deep  # found by looking closely, after a 400
        self.number = number
        self.at_us = event.captured_us
        self.vias = event.vias
        self.hop = event.hop
        self.request = event.method != ""
        self.name = event.method or (f"{event.status} response" if event.status else "response")
        self.transaction = transaction if self.request and event.method != "ACK" else None

    @property
    def rank(self) -> tuple[int, int]:
        """Of the same fault on several hops, the least is told: nearest to the client, then earliest."""
        return self.vias, self.at_us

    def answered(self, response: Transaction | None) -> None:
        """A response came. Where CSeq names another method, its responses seem to be of another transaction."""
        own = self.transaction
        if self.fault.code == MISMATCH and response is not None and own is not None and response.branch == own.branch:
            self.transaction = response


class _Reaction(NamedTuple):
    """What came of a malformed message."""

    since_us: int  # when that was certain; 0: it is not yet
    says: str
    broken: bool = False
    messages: tuple[int, ...] = ()


def malformed(flaw: Flaw, subject: str, timeout_us: int, *, heard: bool) -> Finding:
    """`malformed`. `timeout_us`: when 64·T1 had passed, 0: not yet; `heard`: whether its server is, if it speaks."""
    reaction = _reaction(flaw, timeout_us, heard=heard)
    state = FindingState.CONFIRMED if reaction.since_us else FindingState.SUSPECTED
    fault, sender = flaw.fault, ends(flaw.hop)[0 if flaw.request else 1]
    line = "" if fault.code.startswith("no-") else f": “{fault.line}”"
    return MALFORMED.finding(
        subject=subject,
        variant=fault.code,
        severity=Severity.MAJOR if reaction.broken and state is FindingState.CONFIRMED else Severity.MINOR,
        state=state,
        at_us=flaw.at_us,
        hop=flaw.hop,
        messages={flaw.number, *reaction.messages},
        cause=f"{sender} sent a malformed {flaw.name}: {fault.says} ({fault.source}){line}. {reaction.says}".rstrip(),
    )


def _reaction(flaw: Flaw, timeout_us: int, *, heard: bool) -> _Reaction:
    transaction = flaw.transaction
    if transaction is None:  # nobody answers a response, or an ACK
        return _Reaction(flaw.at_us, "")
    server = ends(flaw.hop)[1]
    status, final = transaction.final_status, tuple(transaction.final_numbers[:1])
    refusal = transaction.explanation or str(status)
    if status in (BAD_REQUEST, _REFUSALS.get(flaw.fault.code)):
        if flaw.deep and flaw.fault.slight and flaw.fault.header.lower() not in refusal.lower():
            return _Reaction(0, f"{server} refused it with {refusal}, which may have another reason.", messages=final)
        return _Reaction(transaction.final_us, f"{server} refused it with {refusal}.", broken=True, messages=final)
    if transaction.response_us:
        return _Reaction(transaction.response_us, f"{server} answered it all the same.", messages=final)
    if timeout_us and heard and flaw.fault.code not in _ANONYMOUS:
        return _Reaction(timeout_us, f"{server} never answered it.", broken=True)
    return _Reaction(timeout_us, "")
