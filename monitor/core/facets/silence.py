"""The answered call of which nothing is heard any more."""

from typing import ClassVar

from monitor.core.call import Call
from monitor.core.diagnosis import timers as rules
from monitor.core.facet import Facet
from monitor.core.message import Message
from monitor.core.transaction import Transaction
from monitor.core.updates import CallState, Update


class Silence(Facet[Call]):
    """Ends such a call, and takes that back when something is heard of it after all."""

    __slots__ = ("_limit_us",)

    on_silence: ClassVar[bool] = True

    def __init__(self, fold: Call) -> None:
        super().__init__(fold)
        self._limit_us = 0  # a silence so long is too long

    @staticmethod
    def may_begin(method: str, status: int, cseq_method: str) -> bool:
        """No message may."""
        return False

    @staticmethod
    def begins(event: Message) -> bool:
        """With no message."""
        return False

    def news(self, event: Message, number: int, transaction: Transaction | None, out: list[Update]) -> None:
        """It lives."""
        self._judge(event.captured_us, out)

    def silent(self, limit_us: int, at_us: int, out: list[Update]) -> None:
        """Nothing has come for `limit_us`."""
        self._limit_us = min(self._limit_us or limit_us, limit_us)
        self._judge(at_us, out)

    def _judge(self, at_us: int, out: list[Update]) -> None:
        call, verdict = self.fold, None
        answers = call.dialogs.answers()
        if call.state is CallState.ANSWERED and answers and call.now_us >= call.last_us + self._limit_us:
            sending = min(answers[0].sendings, key=lambda sending: (sending.vias, sending.hop))
            verdict = rules.zombie_call(
                silent_since_us=call.last_us,
                limit_us=self._limit_us,
                number=sending.numbers[0],
                hop=sending.hop,
                acked=call.dialogs.acknowledged() is True,
            )
        call.judge(rules.ZOMBIE_CALL, "", verdict, call.last_us, at_us, out)
        call.review(at_us, out)
