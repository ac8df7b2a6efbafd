"""Calls on their way: who rings for how long, what waits for a PRACK, which answers cross a CANCEL."""

from collections.abc import Sequence
from typing import Any, Final

from collectors.sip.sequence import read_rack, read_rseq
from monitor.core.attempt import Attempt
from monitor.core.call import Call
from monitor.core.diagnosis import progress as rules
from monitor.core.diagnosis.progress import Rung
from monitor.core.facet import Facet
from monitor.core.message import Message
from monitor.core.reliable import Provisional
from monitor.core.transaction import Transaction
from monitor.core.updates import Update

_MOST_RUNG: Final = 32
_MOST_PROVISIONALS: Final = 32


class Ringing(Facet[Call]):
    """Where it rings, by attempt."""

    __slots__ = ("_rung",)

    def __init__(self, fold: Call) -> None:
        super().__init__(fold)
        self._rung: tuple[Rung, ...] = ()  # none any more once it was answered in time

    @staticmethod
    def may_begin(method: str, status: int, cseq_method: str) -> bool:
        """180."""
        return status == 180

    @staticmethod
    def begins(event: Message) -> bool:
        """With the first 180."""
        return event.status == 180

    @staticmethod
    def hears(method: str, status: int, cseq_method: str, *, found: bool) -> bool:
        """180, and the answer that ends it; anything may end what was found."""
        return status == 180 or found or (200 <= status < 300 and cseq_method == "INVITE")

    def news(self, event: Message, number: int, transaction: Transaction | None, out: list[Update]) -> None:
        """A hop rings; anything else may end that."""
        if event.status == 180 and transaction is not None:
            attempt = self.fold.attempts.holding(transaction)
            if attempt is not None and attempt.initial:
                self._rings(attempt, event, transaction, number)
        elif rules.UNANSWERED_RINGING.code in self.fold.found and not self._in_time(self.fold.now_us):
            for attempt in dict.fromkeys(rung.attempt for rung in self._rung):
                self._judge(attempt, event.captured_us, out)
        elif 200 <= event.status < 300 and event.cseq_method == "INVITE":
            self._settle(event)

    def needs(self, about: Any) -> bool:
        """Unless it was answered in time."""
        return bool(self._places(about))

    def fire(self, about: Any, due_us: int, out: list[Update]) -> None:
        """It has rung for long."""
        self._judge(about, due_us, out)

    def _settle(self, event: Message) -> None:
        """Forget where it rang: it was answered in time."""
        if self._in_time(event.captured_us):
            self._rung = ()

    def _in_time(self, at_us: int) -> bool:
        """Whether none of those that ring had rung for long by then."""
        return not self._rung or at_us < _since_us(self._rung) + self.fold.context.settings.ringing_us

    def _rings(self, attempt: Attempt, event: Message, transaction: Transaction, number: int) -> None:
        """Keep the place, unless it rang elsewhere before, and farther from the caller."""
        at_us, vias = event.captured_us, event.vias
        places = self._places(attempt)
        beyond = [rung for rung in places if rung.vias > vias or (rung.vias == vias and rung.at_us <= at_us)]
        if beyond and _since_us(places) <= at_us:
            return
        if not places:
            self.fold.wake_facet(at_us + self.fold.context.settings.ringing_us, self, attempt)
        if len(places) < _MOST_RUNG:
            self._rung += (Rung(at_us, transaction.hop, vias, number, attempt),)

    def _places(self, attempt: Attempt) -> list[Rung]:
        return [rung for rung in self._rung if rung.attempt is attempt]

    def _judge(self, attempt: Attempt, at_us: int, out: list[Update]) -> None:
        places, fold = self._places(attempt), self.fold
        if places:
            verdict = rules.unanswered_ringing(attempt, places, fold.context.settings, fold.now_us)
            fold.judge(rules.UNANSWERED_RINGING, attempt.subject, verdict, attempt.first_us, at_us, out)


def _since_us(places: Sequence[Rung]) -> int:
    """When the first of these rang."""
    since_us = places[0].at_us
    for rung in places:
        if rung.at_us < since_us:
            since_us = rung.at_us
    return since_us


class Reliability(Facet[Call]):
    """The reliable provisional responses of a call."""

    __slots__ = ("_copies", "_responses")

    def __init__(self, fold: Call) -> None:
        super().__init__(fold)
        self._responses: dict[tuple[int, int, str], Provisional] = {}  # by RSeq, CSeq number and To tag
        self._copies: dict[int, Provisional] = {}  # by what is sent again

    @staticmethod
    def may_begin(method: str, status: int, cseq_method: str) -> bool:
        """101–199."""
        return 100 < status < 200

    @staticmethod
    def begins(event: Message) -> bool:
        """With the first of them."""
        return 100 < event.status < 200 and event.first("rseq") != ""

    @staticmethod
    def hears(method: str, status: int, cseq_method: str, *, found: bool) -> bool:
        """PRACK, 101–199."""
        return method == "PRACK" or (100 < status < 200 and cseq_method == "INVITE")

    def news(self, event: Message, number: int, transaction: Transaction | None, out: list[Update]) -> None:
        """One of them, or a PRACK."""
        if event.method == "PRACK":
            self._acknowledge(event, out)
        elif 100 < event.status < 200 and event.cseq_method == "INVITE":
            rseq = read_rseq(event.first("rseq"))
            if rseq:
                self._sent(rseq, event, number)

    def again(self, event: Message, number: int, transaction: Transaction | None, out: list[Update]) -> None:
        """One of them is sent again."""
        response = self._copies.get(hash(event.raw))
        if response is not None and response.sent(event, number) > 2:
            if response.sends[response.most_sent()] == 3:
                settings = self.fold.context.settings
                self.fold.wake_facet(response.first_us + settings.timers.timeout_us, self, response)
            self._judge(response, event.captured_us, out)

    def fire(self, about: Any, due_us: int, out: list[Update]) -> None:
        """No PRACK came for long."""
        self._judge(about, due_us, out)

    def _sent(self, rseq: int, event: Message, number: int) -> None:
        name = (rseq, event.cseq, event.to_tag)
        response = self._responses.get(name)
        if response is None:
            response = Provisional(rseq, event)
            if len(self._responses) < _MOST_PROVISIONALS:
                self._responses[name] = response
        if len(self._copies) < 4 * _MOST_PROVISIONALS:
            self._copies[hash(event.raw)] = response
        response.sent(event, number)

    def _acknowledge(self, event: Message, out: list[Update]) -> None:
        value = event.first("rack")
        rack = read_rack(value)
        name = (rack.rseq, rack.cseq, event.to_tag) if rack else (0, 0, "")
        acknowledged = self._responses.get(name)
        if acknowledged is not None:
            acknowledged.acked_us = min(acknowledged.acked_us or event.captured_us, event.captured_us)
        for response in self._responses.values():
            if acknowledged is None and response.to_tag == event.to_tag:
                response.stray = value[:80]
            if rules.MISSING_PRACK.code in self.fold.found:
                self._judge(response, event.captured_us, out)

    def _judge(self, response: Provisional, at_us: int, out: list[Update]) -> None:
        fold = self.fold
        response.asked = any(attempt.cseq == response.cseq and attempt.asked for attempt in fold.attempts)
        verdict = rules.missing_prack(response, fold.context.settings, fold.now_us)
        subject = f"{response.rseq} {response.cseq} {response.to_tag}"
        fold.judge(rules.MISSING_PRACK, subject, verdict, response.first_us, at_us, out)


class CancelRaces(Facet[Call]):
    """The answers that come over hops on which the INVITE was cancelled."""

    __slots__ = ("_awaited",)

    def __init__(self, fold: Call) -> None:
        super().__init__(fold)
        self._awaited: set[str] = set()  # by subject of the answer

    @staticmethod
    def may_begin(method: str, status: int, cseq_method: str) -> bool:
        """CANCEL."""
        return method == "CANCEL"

    @staticmethod
    def begins(event: Message) -> bool:
        """With the first CANCEL."""
        return event.method == "CANCEL"

    def news(self, event: Message, number: int, transaction: Transaction | None, out: list[Update]) -> None:
        """An answer, a CANCEL or a BYE."""
        if self.fold.answered_us:
            self._judge(event.captured_us, out)

    def fire(self, about: Any, due_us: int, out: list[Update]) -> None:
        """Nobody hung up for long."""
        self._judge(due_us, out)

    def _judge(self, at_us: int, out: list[Update]) -> None:
        for attempt in self.fold.attempts:
            # A re-INVITE that was answered after all changes the session, and ends nothing.
            for transaction in attempt.transactions if attempt.cancels and attempt.initial else ():
                cancelled_us = attempt.cancels.get(transaction.branch, 0)
                if cancelled_us and transaction.succeeded_us > cancelled_us - self.fold.context.settings.timers.t1_us:
                    self._judge_answers(attempt, transaction, cancelled_us, at_us, out)

    def _judge_answers(
        self, attempt: Attempt, transaction: Transaction, cancelled_us: int, at_us: int, out: list[Update]
    ) -> None:
        fold = self.fold
        settings = fold.context.settings
        for answer in fold.dialogs.answers():
            if answer.attempt is not attempt or answer.sending_on(transaction.hop) is None:
                continue
            dialog, subject = fold.dialogs.find(answer.from_tag, answer.to_tag), answer.subject
            if subject not in self._awaited:
                self._awaited.add(subject)
                since_us = max(answer.first_us, cancelled_us)
                fold.wake_facet(since_us + settings.repair_us, self)
                fold.wake_facet(since_us + settings.timers.timeout_us, self)
            verdict = rules.cancel_race(transaction, answer, dialog, cancelled_us, settings, fold.now_us)
            fold.judge(rules.CANCEL_RACE, subject, verdict, answer.first_us, at_us, out)
