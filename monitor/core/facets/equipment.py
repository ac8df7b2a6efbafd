"""What the caller's equipment calls itself."""

from functools import lru_cache
from typing import Final

from monitor.core.call import Call
from monitor.core.context import FAR
from monitor.core.facet import Facet
from monitor.core.message import Message
from monitor.core.transaction import Transaction
from monitor.core.updates import Update

_LONGEST: Final = 120


class Equipment(Facet[Call]):
    """Names the caller by the User-Agent of the INVITE that is nearest to it."""

    __slots__ = ("_at_us", "_vias")

    def __init__(self, fold: Call) -> None:
        super().__init__(fold)
        self._vias = FAR  # of the INVITE that was read, and when it was seen
        self._at_us = 0

    @staticmethod
    def may_begin(method: str, status: int, cseq_method: str) -> bool:
        """INVITE."""
        return method == "INVITE"

    @staticmethod
    def begins(event: Message) -> bool:
        """With the first INVITE."""
        return event.method == "INVITE"

    @staticmethod
    def hears(method: str, status: int, cseq_method: str, *, found: bool) -> bool:
        """INVITE."""
        return method == "INVITE"

    def news(self, event: Message, number: int, transaction: Transaction | None, out: list[Update]) -> None:
        """Only an INVITE that begins a call tells who calls."""
        if event.method != "INVITE" or event.to_tag:
            return
        vias, at_us = event.vias, event.captured_us
        if vias < self._vias or (vias == self._vias and at_us < self._at_us):
            self._vias, self._at_us = vias, at_us
            self.fold.user_agent = _shared(event.first("user-agent")[:_LONGEST])


@lru_cache(1_024)
def _shared(agent: str) -> str:
    """The same text for all calls of one make of phone."""
    return agent
