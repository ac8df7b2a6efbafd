"""Keeps what is malformed in a record, and what came of it.

`parse` names a fault of every message that has one; those are told at once. What it lets pass is looked for
only when a server answers 400, in the request that it answers.
"""

from typing import Any, Final

from collectors.sip.faults import CUT_FAULT, Fault, faults
from monitor.core.call import Call
from monitor.core.diagnosis.malformed import BAD_REQUEST, MALFORMED, MISMATCH, Flaw, malformed
from monitor.core.facet import Facet
from monitor.core.message import Message
from monitor.core.registration import Registration
from monitor.core.standalone import Standalone
from monitor.core.transaction import Transaction
from monitor.core.updates import Update

_CUT_SHORT: Final = "truncated-body"
_MOST_FLAWS: Final = 16  # of one record


class Malformed(Facet[Call | Registration | Standalone]):
    """What is malformed in a call, a registration or a standalone transaction."""

    __slots__ = ("_flaws",)

    def __init__(self, fold: Call | Registration | Standalone) -> None:
        super().__init__(fold)
        self._flaws: dict[str, Flaw] = {}  # by the subject of their finding

    @staticmethod
    def may_begin(method: str, status: int, cseq_method: str) -> bool:
        """What has a fault may always; beside that, a refusal of what may have one."""
        return status == BAD_REQUEST

    @staticmethod
    def begins(event: Message) -> bool:
        """It has a fault, or refuses what may have one."""
        return event.fault != "" or event.status == BAD_REQUEST

    def news(self, event: Message, number: int, transaction: Transaction | None, out: list[Update]) -> None:
        """Look for the fault of a message, or of the request that it refuses."""
        if event.fault:
            self._look(event, number, transaction)
        elif event.status == BAD_REQUEST:
            self._look_back(event, transaction)
        elif event.method and transaction is not None and transaction.final_status == BAD_REQUEST:
            self._look(event, number, transaction, deep=True)  # its 400 came first
        for subject, flaw in self._flaws.items():
            if not event.method:
                flaw.answered(transaction)
            if flaw.number == number or (flaw.transaction is transaction is not None):
                self._judge(subject, flaw, event.captured_us, out)

    def fire(self, about: Any, due_us: int, out: list[Update]) -> None:
        """64·T1 have passed since a malformed request."""
        self._judge(about, self._flaws[about], due_us, out)

    def _look_back(self, event: Message, transaction: Transaction | None) -> None:
        """A 400 came: is something wrong with the request, which nobody looked at closely yet?"""
        asked = self.fold.asked
        if asked is None or asked.fault or transaction is None or not transaction.numbers:
            return
        if (asked.cseq, asked.method) == (event.cseq, event.cseq_method):
            self._look(asked, transaction.numbers[0], transaction, deep=True)

    def _look(self, event: Message, number: int, transaction: Transaction | None, *, deep: bool = False) -> None:
        fault = _fault(event)
        if fault is None:
            return
        if fault.code == MISMATCH:
            transaction = self.fold.transactions.with_branch(event, event.cseq_method) or transaction
        subject = f"{event.cseq} {event.method or event.status} {fault.code}"
        flaw, known = Flaw(event, number, fault, transaction, deep=deep), self._flaws.get(subject)
        if len(self._flaws) >= _MOST_FLAWS if known is None else known.rank <= flaw.rank:
            return
        self._flaws[subject] = flaw
        self.fold.wake_facet(event.captured_us + self.fold.context.timeout_us, self, subject)

    def _judge(self, subject: str, flaw: Flaw, at_us: int, out: list[Update]) -> None:
        fold, transaction = self.fold, flaw.transaction
        deadline_us = flaw.at_us + fold.context.timeout_us
        heard = transaction is not None and fold.context.peers.answers(transaction.destination, deadline_us)
        verdict = malformed(flaw, subject, deadline_us if fold.now_us >= deadline_us else 0, heard=heard)
        fold.judge(MALFORMED, subject, verdict, flaw.at_us, at_us, out)


def _fault(event: Message) -> Fault | None:
    """What is wrong with a message; of several faults the first that matters. None where it may be our own loss."""
    # Where Content-Length parts messages, one that is cut short says that octets were lost, here or anywhere.
    if event.fault == CUT_FAULT or (event.fault == _CUT_SHORT and event.transport != "udp"):
        return None
    return min(faults(event.raw), key=lambda fault: (fault.code != event.fault, fault.slight), default=None)
