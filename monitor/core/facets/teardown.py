"""The BYEs of a call: which side sent them over which hops, and what came of it."""

from typing import Any, ClassVar, Final

from collectors.sip.reason import Reason, read_reasons
from collectors.wire.events import ICMP, SideEvent
from monitor.core.attempt import Attempt, Attempts
from monitor.core.call import Call
from monitor.core.diagnosis import teardown as rules
from monitor.core.diagnosis.setup import Surroundings, silent_subject, unanswered
from monitor.core.facet import Facet
from monitor.core.message import Message
from monitor.core.transaction import Transaction
from monitor.core.undelivered import report_on
from monitor.core.updates import Update

_MOST_BYES: Final = 16
# What other BYEs and responses may change.
_CODES: Final = frozenset({rules.BYE_UNANSWERED.code, rules.BYE_REJECTED.code})


class Bye(Attempt):
    """A BYE on all its hops."""

    __slots__ = ("reason_vias", "reasons", "to_tag")

    def __init__(self, event: Message) -> None:
        super().__init__(event)
        self.to_tag = event.to_tag
        self.reasons: tuple[Reason, ...] = ()
        self.reason_vias = 0  # on the hop where they were read

    def read(self, event: Message) -> None:
        """Why it was sent, as the hop says that is nearest to who sent it."""
        if not self.reasons or event.vias < self.reason_vias:
            said = event.all("reason")
            if said:
                self.reasons, self.reason_vias = read_reasons(said), event.vias

    @property
    def accepted(self) -> bool:
        """Whether it got a 2xx."""
        return any(transaction.succeeded_us for transaction in self.transactions)

    def of_dialog(self, other: "Bye") -> bool:
        """Whether both end the same dialog, from whichever side."""
        return {self.from_tag, self.to_tag} == {other.from_tag, other.to_tag}


class Teardown(Facet[Call]):
    """Follows the BYEs, and judges how the call ended."""

    __slots__ = ("_byes",)

    beside: ClassVar[frozenset[str]] = frozenset({ICMP})

    def __init__(self, fold: Call) -> None:
        super().__init__(fold)
        self._byes: Attempts[Bye] = Attempts(Bye, _MOST_BYES)

    @staticmethod
    def may_begin(method: str, status: int, cseq_method: str) -> bool:
        """A BYE, or a response to one."""
        return cseq_method == "BYE"

    @staticmethod
    def begins(event: Message) -> bool:
        """With the first BYE, or a response to it."""
        return event.cseq_method == "BYE"

    def news(self, event: Message, number: int, transaction: Transaction | None, out: list[Update]) -> None:
        """Follow a BYE; anything else may change what is to be said of one."""
        at_us = event.captured_us
        if event.cseq_method == "BYE" and transaction is not None:
            bye = self._byes.on(transaction, event)
            bye.to_tag = bye.to_tag or event.to_tag
            if event.method:
                bye.read(event)
                self._await(transaction, at_us)
            elif event.status >= 300:
                self.fold.wake_facet(at_us + self.fold.context.settings.repair_us, self)
            if transaction.succeeded_us or self.fold.disconnect_us:
                self._measure()
        if event.status >= 300 or not self.fold.found.isdisjoint(_CODES):
            self._judge(at_us, out)
        self._judge_release(at_us, out)
        self._judge_short(at_us, out)

    def again(self, event: Message, number: int, transaction: Transaction | None, out: list[Update]) -> None:
        """A BYE that is sent again has no response yet."""
        if event.cseq_method == "BYE":
            self._measure()
        if event.method == "BYE" and transaction is not None:
            settings = self.fold.context.settings
            if transaction.sends == 2:
                self.fold.wake_facet(transaction.first_us + settings.timers.timeout_us, self)
            if transaction.sends >= settings.suspect_sends:
                self._judge(event.captured_us, out)

    def witness(self, side: SideEvent, number: int, out: list[Update]) -> None:
        """The network says something of a request: of a BYE, perhaps."""
        self._judge(side.captured_us, out)

    def fire(self, about: Any, due_us: int, out: list[Update]) -> None:
        """A BYE has waited for its response, or a refused one for its retry."""
        self._judge(due_us, out)

    def _measure(self) -> None:
        """The session disconnect delay (RFC 6076 §4.4), as the side saw it that sent the BYE."""
        taken_us = [
            transaction.succeeded_us - transaction.first_us
            for bye in self._byes
            for transaction in bye.nearest()
            if transaction.seen_request and transaction.succeeded_us
        ]
        self.fold.disconnect_us = max(taken_us, default=0)

    def _await(self, transaction: Transaction, at_us: int) -> None:
        """What goes over a reliable transport is not sent again: only time tells that it is not answered."""
        if transaction.reliable:
            settings = self.fold.context.settings
            self.fold.wake_facet(at_us + settings.unanswered_reliable_us, self)
            self.fold.wake_facet(at_us + settings.timers.timeout_us, self)

    # --- verdicts

    def _judge(self, at_us: int, out: list[Update]) -> None:
        for bye in self._byes:
            for transaction in bye.transactions:
                self._judge_unanswered(bye, transaction, at_us, out)
            self._judge_rejected(bye, at_us, out)

    def _judge_unanswered(self, bye: Bye, transaction: Transaction, at_us: int, out: list[Update]) -> None:
        fold = self.fold
        others = [other.first_us for other in self._byes if other.of_dialog(bye) and other.from_tag != bye.from_tag]
        around = Surroundings(
            heard=lambda at_us: fold.context.peers.answers(transaction.destination, at_us),
            timeout_us=bye.timeout_told_us(transaction),
            repaired_us=min(others, default=0),
            report=report_on(transaction, fold.undelivered),
        )
        verdict = None
        if not bye.silent_beyond(transaction):
            verdict = unanswered(rules.BYE_UNANSWERED, transaction, around, fold.context.settings, fold.now_us)
        fold.judge(rules.BYE_UNANSWERED, silent_subject(transaction), verdict, transaction.first_us, at_us, out)

    def _judge_rejected(self, bye: Bye, at_us: int, out: list[Update]) -> None:
        fold = self.fold
        of_dialog = [other for other in self._byes if other is not bye and other.of_dialog(bye)]
        again = [other.first_us for other in of_dialog if other.from_tag == bye.from_tag and other.cseq > bye.cseq]
        excused = any(other.from_tag != bye.from_tag or other.accepted for other in of_dialog)
        verdict = rules.bye_rejected(
            bye, fold.context.settings, fold.now_us, retried_us=min(again, default=0), excused=excused
        )
        # Whatever was lost of the call may be what excuses it.
        fold.judge(rules.BYE_REJECTED, bye.subject, verdict, fold.first_us, at_us, out)

    def _judge_release(self, at_us: int, out: list[Update]) -> None:
        for bye in self._byes:
            if bye.reasons:
                verdict = rules.abnormal_release(bye, bye.reasons)
                self.fold.judge(rules.ABNORMAL_RELEASE, bye.subject, verdict, bye.first_us, at_us, out)

    def _judge_short(self, at_us: int, out: list[Update]) -> None:
        call = self.fold
        if not call.answered_us and rules.SHORT_CALL.code not in call.found:
            return
        # Of several answers all but one are hung up at once: what lasted is the other one.
        ended_us = call.dialogs.last_bye_us() or call.bye_us
        lasted_us = ended_us - call.answered_us
        short = call.answered_us > 0 and 0 <= lasted_us < call.context.settings.short_call_us and call.dialogs.over()
        if short or rules.SHORT_CALL.code in call.found:
            verdict = None
            if short and len(self._byes):  # a BYE whose CSeq names another method is none of these
                first = min(self._byes, key=lambda bye: (bye.first_us, bye.cseq))
                verdict = rules.short_call(first, call.answered_us, ended_us)
            # With what began the call, another answer that lasted may have been lost.
            since_us = call.first_us - call.context.timeout_us
            call.judge(rules.SHORT_CALL, "", verdict, since_us, at_us, out)
