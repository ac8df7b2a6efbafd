"""A call: one Call-ID with an INVITE, all its hops, attempts, dialogs and answers (RFC 3261 §13–15).

The caller makes *attempts*: initial INVITEs, the later ones because an earlier one was challenged,
refused or redirected. The state of the call is that of the last attempt at the caller:

    trying ──101–199──► ringing ──2xx──► answered ──BYE in all confirmed dialogs──► ended
       └───────────────────┴──487──► cancelled · 3xx──► redirected · 401…6xx, Timer B, C──► failed

It is computed from the attempt, not stepped: messages come from many hops and not always in order, and
a 2xx outranks whatever else a fork brought. A state that another attempt may still repair (a challenge,
a 503) is told as the end only after a while.
"""

from typing import Any, Final

from collectors.wire.events import SipEvent
from monitor.core.attempt import Attempt, repairable
from monitor.core.context import Context
from monitor.core.diagnosis import ack, setup
from monitor.core.dialog import Answer, Dialog, DialogInput
from monitor.core.fold import Fold, Timer
from monitor.core.hop import request_hop
from monitor.core.transaction import ACK, COMPLETED, CONFIRMED, Transaction, Transactions
from monitor.core.updates import (
    CallAnswered,
    CallEnded,
    CallRang,
    CallRecord,
    CallStarted,
    CallState,
    RecordKey,
    Update,
)

_TRYING: Final = CallState.TRYING  # asked often, and slowly through the class (Python 3.11)
_MOST_ANSWERS: Final = 256  # 2xx of one call that are watched for their ACK
_MOST_ATTEMPTS: Final = 256


class Call(Fold):
    """A call in the making."""

    __slots__ = (
        "_current",
        "_dropped",
        "_told_end",
        "answered_us",
        "answers",
        "attempts",
        "bye_us",
        "caller",
        "dialogs",
        "invited_us",
        "rung_us",
        "state",
        "success",
        "transactions",
    )

    def __init__(self, key: RecordKey, ident: int, context: Context, event: SipEvent) -> None:
        super().__init__(key, ident, context, event)
        self.caller = request_hop(event).partition(">")[0]
        self.transactions = Transactions()
        self.attempts: list[Attempt] = []
        self.dialogs: dict[tuple[str, str], Dialog] = {}
        self.answers: dict[tuple[int, str, str], Answer] = {}
        self.state = _TRYING
        self.success = 0  # status of the first 2xx to INVITE
        self.invited_us = 0  # first INVITE; 0 for these four: never
        self.rung_us = 0  # first 18x
        self.answered_us = 0  # first 2xx to INVITE
        self.bye_us = 0  # first BYE
        self._current: Attempt | None = None  # see _find_current
        self._dropped = False  # the callee gave up without a BYE: nothing more will come
        self._told_end = False

    # --- messages

    def add(self, event: SipEvent, number: int, out: list[Update]) -> None:
        """Take a message that is no mere copy."""
        method = event.method
        if number == 1:
            callee = request_hop(event).partition(">")[2]
            out.append(CallStarted(self.key, event.captured_us, self.from_uri, self.to_uri, self.caller, callee))
        if not method:
            self._response(event, number, out)
        elif method == "INVITE":
            self._invite(event, number, out)
        elif method == "ACK":
            self._ack(event, number, out)
        else:
            transaction, _ = self.transactions.of_request(event)
            transaction.sent(event, number)
            if method == "BYE":
                self._bye(event, number, out)
            elif method == "CANCEL":
                self._cancel(event)

    def _invite(self, event: SipEvent, number: int, out: list[Update]) -> None:
        transaction, new = self.transactions.of_request(event)
        transaction.sent(event, number)
        if not self.invited_us or event.captured_us < self.invited_us:
            self.invited_us = event.captured_us
        if new:
            self._begin(transaction, event, out)
        elif transaction.sends >= self.context.settings.suspect_sends and not transaction.response_us:
            self._judge_unanswered(transaction, event.captured_us, out)

    def _begin(self, transaction: Transaction, event: SipEvent, out: list[Update]) -> None:
        """A transaction appeared: a hop of a known attempt, or a new attempt."""
        self.add_hop(transaction.hop)
        settings, at_us = self.context.settings, event.captured_us
        attempt = self._attempt_of(event)
        if attempt is None:
            attempt = Attempt(event)
            if len(self.attempts) < _MOST_ATTEMPTS:
                self.attempts.append(attempt)
            if attempt.initial and len(self.attempts) > 1:
                self._retried(transaction, at_us, out)
        attempt.first_us = min(attempt.first_us, at_us)
        attempt.transactions.append(transaction)
        self._current = self._find_current()
        if event.method:
            self.wake_at(at_us + settings.timers.timeout_us, Timer.REQUEST, (attempt, transaction))
            if transaction.reliable:
                self.wake_at(at_us + settings.unanswered_reliable_us, Timer.RELIABLE, (attempt, transaction))
        if len(self.attempts) > 1:
            self._review(at_us, out)

    def _retried(self, retry: Transaction, at_us: int, out: list[Update]) -> None:
        """A new attempt repairs what the earlier ones met, or goes round a peer that is silent."""
        for attempt in self.attempts:
            if attempt.initial and attempt.first_us < at_us and retry not in attempt.transactions:
                self.judge("rejected", attempt.subject, None, at_us, out)
                for transaction in attempt.transactions:
                    if not transaction.response_us and transaction.destination != retry.destination:
                        self._judge_unanswered(transaction, at_us, out, abandoned_us=at_us)

    def _ack(self, event: SipEvent, number: int, out: list[Update]) -> None:
        transaction = self.transactions.with_branch(event, "INVITE")
        if transaction is not None and transaction.state in (COMPLETED, CONFIRMED):
            transaction.move(ACK)  # of a failure: hop by hop, the same branch (§17.1.1.3)
            return
        answer = self._answer(event)
        if answer is not None:
            answer.acknowledged(event, number)
            if answer.resent:
                self._judge_ack(answer, event.captured_us, out)

    def _bye(self, event: SipEvent, number: int, out: list[Update]) -> None:
        at_us = event.captured_us
        if not self.bye_us or at_us < self.bye_us:
            self.bye_us = at_us
        dialog = self._dialog(event.from_tag, event.to_tag)
        if dialog is None and len(self.dialogs) == 1:
            dialog = next(iter(self.dialogs.values()))  # whose tags are wrong or lost; there is no other
        if dialog is None:
            dialog = self.dialogs[event.from_tag, event.to_tag] = Dialog(event.from_tag, event.to_tag)
        dialog.hung_up(event, number)
        for answer in self.answers.values():
            if answer.resent:
                self._judge_ack(answer, at_us, out)
        self._review(at_us, out)

    def _cancel(self, event: SipEvent) -> None:
        attempt = self._attempt_of(event)
        if attempt is not None and not attempt.cancelled_us:
            attempt.cancelled_us = event.captured_us
            self.wake_at(event.captured_us + self.context.settings.timers.timeout_us, Timer.CANCELLED, attempt)

    def _response(self, event: SipEvent, number: int, out: list[Update]) -> None:
        transaction, new = self.transactions.of_response(event)
        first = not transaction.response_us
        self.note(transaction.answered(event, number))
        if event.cseq_method != "INVITE":
            return
        if new:
            self._begin(transaction, event, out)
        attempt = self._attempt_of(event)
        if attempt is None:
            return  # beyond the bound on attempts
        if first and self.findings:
            self._judge_unanswered(transaction, event.captured_us, out)
        if event.status < 200:
            self._provisional(event, attempt, out)
        elif event.status < 300:
            self._success(event, number, attempt, out)
        else:
            self._failure(event, transaction, attempt, out)

    def _provisional(self, event: SipEvent, attempt: Attempt, out: list[Update]) -> None:
        at_us, status = event.captured_us, event.status
        if not attempt.watched:
            attempt.watched = True
            self.wake_at(at_us + self.context.settings.no_final_us, Timer.NO_FINAL, attempt)
        if status == 100:
            return
        if event.to_tag and attempt.initial and self._dialog(event.from_tag, event.to_tag) is None:
            self.dialogs[event.from_tag, event.to_tag] = Dialog(event.from_tag, event.to_tag)
        if status >= 180 and not self.rung_us:
            self.rung_us = at_us
            if self.state == _TRYING:
                out.append(CallRang(self.key, at_us, status, self._since_invite_ms(at_us)))
            self._judge_slow(attempt, at_us, out)
        if self.state == _TRYING:
            self._review(at_us, out)

    def _success(self, event: SipEvent, number: int, attempt: Attempt, out: list[Update]) -> None:
        at_us = event.captured_us
        answer = self._answer(event)
        if answer is not None:
            answer.initial = attempt.initial
            watched = answer.resent
            answer.sent(event, number)
            if answer.resent:
                if not watched:
                    timers = self.context.settings.timers
                    self.wake_at(answer.first_us + timers.timeout_us, Timer.ANSWER, answer)
                    self.wake_at(answer.first_us + timers.timeout_us + timers.t2_us, Timer.RESENDS, answer)
                self._judge_ack(answer, at_us, out)
        dialog = self._dialog(event.from_tag, event.to_tag)
        if dialog is None:
            dialog = self.dialogs[event.from_tag, event.to_tag] = Dialog(event.from_tag, event.to_tag)
        dialog.move(DialogInput.SUCCESS)
        dialog.answered_us = min(dialog.answered_us or at_us, at_us)
        if not self.answered_us:
            self.answered_us, self.success = at_us, event.status
            out.append(CallAnswered(self.key, at_us, self._since_invite_ms(at_us)))
            if not self.rung_us:
                self._judge_slow(attempt, at_us, out)
        if self.findings:
            self.judge("rejected", attempt.subject, None, at_us, out)
        self._review(at_us, out)

    def _failure(self, event: SipEvent, transaction: Transaction, attempt: Attempt, out: list[Update]) -> None:
        at_us = event.captured_us
        if transaction.final_sends > 1 or transaction.final_status != event.status:
            return
        dialog = self._dialog(event.from_tag, event.to_tag)
        if dialog is not None and not dialog.answered_us:
            dialog.move(DialogInput.FAILURE)
        if repairable(event.status):
            self.wake_at(at_us + self.context.settings.repair_us, Timer.REPAIR, attempt)
        self._judge_rejected(attempt, at_us, out)
        self._review(at_us, out)

    # --- time

    def fire(self, timer: Timer, about: Any, due_us: int, out: list[Update]) -> None:
        """A deadline passed."""
        if timer in (Timer.REQUEST, Timer.RELIABLE):
            attempt, transaction = about
            self._judge_unanswered(transaction, due_us, out)
            if timer == Timer.REQUEST and not attempt.response_us():
                attempt.timed_out_us = due_us
        elif timer == Timer.NO_FINAL:
            self._no_final(about, due_us, out)
        elif timer == Timer.CANCELLED:
            about.timed_out_us = about.timed_out_us or due_us
        elif timer == Timer.REPAIR:
            self._judge_rejected(about, due_us, out)
        else:
            self._judge_ack(about, due_us, out)
            if timer == Timer.RESENDS:
                self._dropped = ("dropped-at-32s", about.subject) in self.findings and not about.ack_us
        self._review(due_us, out)

    def _no_final(self, attempt: Attempt, due_us: int, out: list[Update]) -> None:
        settings = self.context.settings
        again_us = attempt.provisional_us() + settings.no_final_us
        if not attempt.status() and again_us > due_us:
            self.wake_at(again_us, Timer.NO_FINAL, attempt)
            return
        blind = self.blind(attempt.provisional_us(), due_us)
        verdict = setup.no_final_response(attempt, settings, due_us, blind=blind)
        self.judge("no-final-response", attempt.subject, verdict, due_us, out)
        if not attempt.status():
            attempt.timed_out_us = due_us

    # --- verdicts

    def _judge_unanswered(self, transaction: Transaction, at_us: int, out: list[Update], abandoned_us: int = 0) -> None:
        code = "invite-unanswered"
        verdict = setup.unanswered(
            code,
            transaction,
            self.context.settings,
            at_us,
            heard=self.context.peers.heard(transaction.destination, at_us),
            blind=self.blind(transaction.first_us, at_us),
            abandoned_us=abandoned_us,
        )
        self.judge(code, f"{transaction.cseq} {transaction.hop}", verdict, at_us, out)

    def _judge_slow(self, attempt: Attempt, at_us: int, out: list[Update]) -> None:
        settings = self.context.settings
        if at_us - attempt.first_us > settings.slow_setup_us:
            self.judge("slow-setup", attempt.subject, setup.slow_setup(attempt, settings), at_us, out)

    def _judge_ack(self, answer: Answer, at_us: int, out: list[Update]) -> None:
        settings = self.context.settings
        dialog = self._dialog(answer.from_tag, answer.to_tag)
        blind = self.blind(answer.first_us, at_us)
        missing = ack.missing_ack(answer, dialog, settings, at_us, blind=blind)
        self.judge("missing-ack", answer.subject, missing, at_us, out)
        dropped = ack.dropped_at_32s(answer, dialog, settings, at_us, blind=blind)
        self.judge("dropped-at-32s", answer.subject, dropped, at_us, out)

    def _judge_rejected(self, attempt: Attempt, at_us: int, out: list[Update]) -> None:
        if attempt.initial:
            repaired = attempt is not self._current
            verdict = setup.rejected(attempt, self.context.settings, at_us, repaired=repaired)
            self.judge("rejected", attempt.subject, verdict, at_us, out)

    # --- state

    def _review(self, at_us: int, out: list[Update]) -> None:
        """Compute the state; tell the end, once it can't be repaired any more."""
        self.state = state = self._present_state()
        if state.alive and not self._dropped:
            self._told_end = False
        elif not self._told_end and not self._repairable(at_us):
            self._told_end = True
            status, duration_ms = self._status(), self._duration_ms()
            out.append(CallEnded(self.key, at_us, state, status, bool(self.answered_us), duration_ms))
            self.linger()

    def _present_state(self) -> CallState:
        if self.answered_us and not self._retried_after_end():
            answered = [dialog for dialog in self.dialogs.values() if dialog.answered_us]
            ended = all(dialog.bye_us for dialog in answered)
            return CallState.ENDED if ended else CallState.ANSWERED
        attempt = self._current
        if attempt is None:
            return _TRYING
        status = attempt.status()
        if status == 487:
            return CallState.CANCELLED
        if status >= 400 or (not status and attempt.timed_out_us):
            return CallState.FAILED
        if status >= 300:
            return CallState.REDIRECTED
        return CallState.RINGING if attempt.provisional_us() else _TRYING

    def _retried_after_end(self) -> bool:
        """Whether the last attempt came after an earlier, answered one was over, and is not answered."""
        attempt = self._current
        if attempt is None or not self.bye_us or 200 <= attempt.status() < 300:
            return False
        return all(0 < dialog.bye_us < attempt.first_us for dialog in self.dialogs.values() if dialog.answered_us)

    def _repairable(self, at_us: int) -> bool:
        attempt = self._current
        final = attempt.final() if attempt is not None else None
        return (
            self.state in (CallState.FAILED, CallState.REDIRECTED)
            and final is not None
            and repairable(final.final_status)
            and at_us < final.final_us + self.context.settings.repair_us
        )

    @property
    def over(self) -> bool:
        """Whether nothing more is expected."""
        return self._told_end

    # --- looking up

    def _find_current(self) -> Attempt | None:
        """The last initial attempt; the last of all where the call was joined in the middle."""
        if len(self.attempts) == 1:
            return self.attempts[0]
        initial = [attempt for attempt in self.attempts if attempt.initial]
        return max(initial or self.attempts, key=lambda attempt: attempt.first_us, default=None)

    def _attempt_of(self, event: SipEvent) -> Attempt | None:
        for attempt in reversed(self.attempts):
            if attempt.cseq == event.cseq and attempt.from_tag == event.from_tag:
                return attempt
        return None

    def _dialog(self, one_tag: str, other_tag: str) -> Dialog | None:
        return self.dialogs.get((one_tag, other_tag)) or self.dialogs.get((other_tag, one_tag))

    def _answer(self, event: SipEvent) -> Answer | None:
        """The 2xx and ACK of this CSeq and these tags, from whichever is seen first."""
        key = (event.cseq, event.from_tag, event.to_tag)
        answer = self.answers.get(key)
        if answer is None and len(self.answers) < _MOST_ANSWERS:
            answer = self.answers[key] = Answer(*key)
        return answer

    # --- the record

    def record(self) -> CallRecord:
        """The present value."""
        return CallRecord(
            key=self.key,
            open=self.open,
            from_uri=self.from_uri,
            to_uri=self.to_uri,
            caller=self.caller,
            callee=self._place(),
            state=self.state,
            status=self._status(),
            acked=self._acked(),
            first_us=self.first_us,
            last_us=self.last_us,
            answered_us=self.answered_us or None,
            ended_us=self._ended_us(),
            setup_ms=self._since_invite_ms(self.answered_us),
            pdd_ms=self._since_invite_ms(min(filter(None, (self.rung_us, self.answered_us)), default=0)),
            duration_ms=self._duration_ms(),
            messages=self.messages,
            retransmissions=self.retransmissions,
            hops=tuple(self.hops),
            findings=tuple(self.findings.values()),
            anomalies=tuple(self.anomalies),
        )

    def _place(self) -> str:
        attempt = self._current
        return attempt.deepest().hop.partition(">")[2] if attempt is not None else ""

    def _status(self) -> int | None:
        if self.state in (CallState.ANSWERED, CallState.ENDED):
            return self.success
        attempt = self._current
        return (attempt.status() if attempt is not None else 0) or None

    def _acked(self) -> bool | None:
        answers = [answer for answer in self.answers.values() if answer.sendings]
        forming = [answer for answer in answers if answer.initial] or answers
        return all(answer.ack_us for answer in forming) if forming else None

    def _ended_us(self) -> int | None:
        if self.state == CallState.ENDED:
            return self.bye_us
        attempt = self._current
        if self.state.alive or attempt is None:
            return None
        final = attempt.final()
        return final.final_us if final is not None else attempt.timed_out_us

    def _since_invite_ms(self, at_us: int) -> float | None:
        return max(at_us - self.invited_us, 0) / 1000 if at_us and self.invited_us else None

    def _duration_ms(self) -> float | None:
        if not self.answered_us or self.bye_us < self.answered_us:
            return None
        return (self.bye_us - self.answered_us) / 1000
