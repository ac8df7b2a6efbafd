"""ICMP errors that quote an ACK: it ended there, and the 2xx is judged by that."""

from typing import ClassVar

from collectors.wire.events import ICMP, SideEvent
from monitor.core.call import Call
from monitor.core.facet import Facet
from monitor.core.message import Message
from monitor.core.transaction import Transaction
from monitor.core.updates import Update


class LostAcks(Facet[Call]):
    """Has the answers of a call judged again. `Undelivered`, which stands before it, keeps the reports."""

    __slots__ = ()

    beside: ClassVar[frozenset[str]] = frozenset({ICMP})

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
        """No message: the core judges when one comes."""
        return False

    def news(self, event: Message, number: int, transaction: Transaction | None, out: list[Update]) -> None:
        """The core judges when a message comes."""

    def witness(self, side: SideEvent, number: int, out: list[Update]) -> None:
        """An error; about an ACK, perhaps."""
        if side.method == "ACK":
            self.fold.judge_acks(side.captured_us, out)
