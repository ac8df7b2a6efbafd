"""What the caller's equipment calls itself."""

from typing import Final

from collectors.sip.reading import Reading
from collectors.wire.events import SipEvent
from monitor.core.call import Call
from monitor.core.facet import Facet
from monitor.core.transaction import Transaction
from monitor.core.updates import Update

_LONGEST: Final = 120


class Equipment(Facet[Call]):
    """Names the caller by the User-Agent of the INVITE that is nearest to it."""

    __slots__ = ("_rank",)

    def __init__(self, fold: Call) -> None:
        super().__init__(fold)
        self._rank: tuple[int, int] | None = None

    @staticmethod
    def may_begin(method: str, status: int, cseq_method: str) -> bool:
        """INVITE."""
        return method == "INVITE"

    @staticmethod
    def begins(event: SipEvent, reading: Reading) -> bool:
        """With the first INVITE."""
        return event.method == "INVITE"

    @staticmethod
    def hears(method: str, status: int, cseq_method: str, *, found: bool) -> bool:
        """INVITE."""
        return method == "INVITE"

    def news(
        self, event: SipEvent, reading: Reading, number: int, transaction: Transaction | None, out: list[Update]
    ) -> None:
        """Only an INVITE that begins a call tells who calls."""
        if event.method != "INVITE" or event.to_tag:
            return
        rank = (event.vias, event.captured_us)
        if self._rank is None or rank < self._rank:
            self._rank = rank
            self.fold.user_agent = reading.first("user-agent")[:_LONGEST]
