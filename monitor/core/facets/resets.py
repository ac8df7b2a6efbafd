"""Connections that were reset after a request of the record, and before its response."""

from typing import Final

from collectors.wire.events import TCP, SideEvent
from monitor.core.call import Call
from monitor.core.connections import Reset, reset
from monitor.core.diagnosis import connecting as rules
from monitor.core.facet import Facet
from monitor.core.message import Message
from monitor.core.registration import Registration
from monitor.core.transaction import Transaction
from monitor.core.updates import Update

_MOST_RESETS: Final = 16  # of a record
_JUDGED: Final = frozenset({"INVITE", "REGISTER"})


class Resets(Facet[Call | Registration]):
    """Which requests lost their connection, and whether they came through after that."""

    __slots__ = ("_came_us", "_resets")
    beside = frozenset({TCP})

    def __init__(self, fold: Call | Registration) -> None:
        super().__init__(fold)
        self._resets: list[Reset] = []
        self._came_us: dict[str, int] = {}  # by method: when it was last answered, by anything but 100

    @staticmethod
    def may_begin(method: str, status: int, cseq_method: str) -> bool:
        """No message may."""
        return False

    @staticmethod
    def begins(event: Message) -> bool:
        """By no message."""
        return False

    @staticmethod
    def hears(method: str, status: int, cseq_method: str, *, found: bool) -> bool:
        """The requests that are judged, and what answers them."""
        return cseq_method in _JUDGED and status != 100

    def witness(self, side: SideEvent, number: int, out: list[Update]) -> None:
        """A connection was reset."""
        what = reset(side)
        if what is not None and what.method in _JUDGED and len(self._resets) < _MOST_RESETS:
            self._resets.append(what)
            self._judge(side.captured_us, out)

    def news(self, event: Message, number: int, transaction: Transaction | None, out: list[Update]) -> None:
        """The request comes late, or was tried again and is answered."""
        if event.status:
            self._came_us[event.cseq_method] = max(self._came_us.get(event.cseq_method, 0), event.captured_us)
        self._judge(event.captured_us, out)

    def _judge(self, at_us: int, out: list[Update]) -> None:
        for name in dict.fromkeys((each.method, each.cseq, each.branch) for each in self._resets):
            method, cseq, branch = name
            resets = [each for each in self._resets if (each.method, each.cseq, each.branch) == name]
            for transaction in self.fold.transactions.named(branch, cseq, method):
                if transaction.hop != resets[0].hop:
                    continue
                came_us = self._came_us.get(method, 0)
                verdict = rules.cut_short(resets, transaction, came_us if came_us > resets[0].at_us else 0)
                subject = f"{method} {cseq} {branch}"
                self.fold.judge(rules.CONNECTION_FAILED, subject, verdict, transaction.first_us, at_us, out)
