"""Refusals: which hops have acknowledged theirs, and which requests found their dialog gone."""

from bisect import insort
from typing import Any, Final

from monitor.core.call import Call
from monitor.core.diagnosis import failures as rules
from monitor.core.diagnosis.failures import Lost, Sent
from monitor.core.facet import Facet
from monitor.core.message import Message
from monitor.core.transaction import EVIDENCE, Transaction
from monitor.core.updates import Update

_MOST_REFUSED: Final = 64
_MOST_LOST: Final = 16
# Of a NOTIFY, the 481 is about a subscription; of a PRACK, about a response; of a BYE, it may be how calls end.
_ELSEWHERE: Final = frozenset({"BYE", "CANCEL", "NOTIFY", "PRACK", "SUBSCRIBE"})


class Failures(Facet[Call]):
    """The refusals of INVITEs by hop, with their resends."""

    __slots__ = ("_sent",)

    def __init__(self, fold: Call) -> None:
        super().__init__(fold)
        self._sent: dict[Transaction, list[Sent]] = {}

    @staticmethod
    def may_begin(method: str, status: int, cseq_method: str) -> bool:
        """A refusal of an INVITE."""
        return status >= 300 and cseq_method == "INVITE"

    @staticmethod
    def begins(event: Message) -> bool:
        """With the first refusal of an INVITE."""
        return event.status >= 300 and event.cseq_method == "INVITE"

    @staticmethod
    def hears(method: str, status: int, cseq_method: str, *, found: bool) -> bool:
        """A refusal; where one was found without ACK, an ACK."""
        return (status >= 300 and cseq_method == "INVITE") or (method == "ACK" and found)

    def news(self, event: Message, number: int, transaction: Transaction | None, out: list[Update]) -> None:
        """A refusal, or an ACK of one."""
        if transaction is None or transaction.final_status < 300:
            return
        if event.status == transaction.final_status and event.cseq_method == "INVITE":
            sent = self._sent.get(transaction)
            if sent is None and len(self._sent) < _MOST_REFUSED:
                self._sent[transaction] = [Sent(event.captured_us, number)]
                if transaction.reliable:
                    self._wake(transaction, event.captured_us)
        elif event.method == "ACK" and rules.UNACKED_FAILURE.code in self.fold.found:
            self._judge(transaction, event.captured_us, out)

    def again(self, event: Message, number: int, transaction: Transaction | None, out: list[Update]) -> None:
        """A refusal is sent again."""
        sent = self._sent.get(transaction) if transaction is not None and event.status >= 300 else None
        if sent is None or transaction is None:
            return
        if len(sent) < EVIDENCE:
            insort(sent, Sent(event.captured_us, number))
        if len(sent) == 2:
            self._wake(transaction, sent[0].at_us)
        if len(sent) > self.fold.context.settings.suspect_resends:
            self._judge(transaction, event.captured_us, out)

    def fire(self, about: Any, due_us: int, out: list[Update]) -> None:
        """64·T1 after a refusal."""
        self._judge(about, due_us, out)

    def _wake(self, transaction: Transaction, at_us: int) -> None:
        self.fold.wake_facet(at_us + self.fold.context.timeout_us, self, transaction)

    def _judge(self, transaction: Transaction, at_us: int, out: list[Update]) -> None:
        fold, sent = self.fold, self._sent.get(transaction)
        if sent:
            verdict = rules.unacked_failure(transaction, sent, fold.context.settings, fold.now_us)
            subject = f"{transaction.cseq} {transaction.branch} {transaction.hop}"
            fold.judge(rules.UNACKED_FAILURE, subject, verdict, sent[0].at_us, at_us, out)


class LostDialogs(Facet[Call]):
    """Requests within a dialog that the other side did not know any more."""

    __slots__ = ("_lost",)

    def __init__(self, fold: Call) -> None:
        super().__init__(fold)
        self._lost: dict[tuple[str, int, str, str], Lost] = {}  # by method, CSeq number and tags

    @staticmethod
    def may_begin(method: str, status: int, cseq_method: str) -> bool:
        """408, 481."""
        return status in (408, 481)

    @staticmethod
    def begins(event: Message) -> bool:
        """With the first such response."""
        return event.status in (408, 481) and event.cseq_method not in _ELSEWHERE

    def news(self, event: Message, number: int, transaction: Transaction | None, out: list[Update]) -> None:
        """One more of them, or what shows that there was no dialog any more, or not yet."""
        if event.status in (408, 481) and event.cseq_method not in _ELSEWHERE and transaction is not None:
            name = (event.cseq_method, event.cseq, event.from_tag, event.to_tag)
            known = self._lost.get(name)
            lost = Lost(event.captured_us, event.cseq_method, event.status, transaction.hop, event.vias, number)
            if (known is None and len(self._lost) < _MOST_LOST) or (known is not None and known.vias < lost.vias):
                self._lost[name] = lost
        for (method, cseq, *tags), lost in self._lost.items():
            self._judge(f"{method} {cseq} {tags[0]}", lost, tags, event.captured_us, out)

    def _judge(self, subject: str, lost: Lost, tags: list[str], at_us: int, out: list[Update]) -> None:
        dialog = self.fold.dialogs.find(tags[0], tags[1])
        within = dialog is not None and 0 < dialog.answered_us < lost.at_us
        verdict = rules.dialog_lost(subject, lost, dialog.bye_us) if dialog is not None and within else None
        if verdict or rules.DIALOG_LOST.code in self.fold.found:
            self.fold.judge(rules.DIALOG_LOST, subject, verdict, self.fold.first_us, at_us, out)
