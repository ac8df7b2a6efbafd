"""ICMP errors that quote a request of the record: kept, and the request judged by them."""

from typing import Final, Protocol

from collectors.wire.events import ICMP, SideEvent
from collectors.wire.trouble import Trouble
from monitor.core.facet import Facet
from monitor.core.message import Message
from monitor.core.transaction import Transaction, Transactions
from monitor.core.undelivered import Report, report_on
from monitor.core.updates import Update

_MOST_REPORTS: Final = 16  # of a record
_TROUBLES: Final = {str(trouble): trouble for trouble in Trouble}


class Addressed(Protocol):
    """A record whose requests may stay without response."""

    undelivered: tuple[Report, ...]
    transactions: Transactions

    def judge_unanswered(self, transaction: Transaction, at_us: int, out: list[Update]) -> None:
        """Say whether a request is unanswered."""


class Undelivered(Facet[Addressed]):
    """Keeps the reports of its record, and has its requests judged by them."""

    __slots__ = ()
    beside = frozenset({ICMP})

    @staticmethod
    def may_begin(method: str, status: int, cseq_method: str) -> bool:
        """No message may."""
        return False

    @staticmethod
    def begins(event: Message) -> bool:
        """By no message."""
        return False

    def witness(self, side: SideEvent, number: int, out: list[Update]) -> None:
        """An error: of a response that it quotes nothing follows."""
        trouble = _TROUBLES.get(side.text)
        if trouble is None or "status" in side.values or len(self.fold.undelivered) >= _MOST_REPORTS:
            return
        report = Report(side.captured_us, side.source, trouble, side.method, side.cseq, side.branch, side.hop)
        self.fold.undelivered += (report,)
        for transaction in self.fold.transactions.named(side.branch, side.cseq, side.method):
            self._judge(transaction, side.captured_us, out)

    @staticmethod
    def hears(method: str, status: int, cseq_method: str, *, found: bool) -> bool:
        """A request."""
        return method != ""

    def news(self, event: Message, number: int, transaction: Transaction | None, out: list[Update]) -> None:
        """A request whose error was heard of before."""
        if event.method and transaction is not None:
            self._judge(transaction, event.captured_us, out)

    def _judge(self, transaction: Transaction, at_us: int, out: list[Update]) -> None:
        if transaction.method in ("INVITE", "REGISTER") and report_on(transaction, self.fold.undelivered):
            self.fold.judge_unanswered(transaction, at_us, out)
