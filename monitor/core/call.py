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

from monitor.core import out_of_sight
from monitor.core.alarms import Timer
from monitor.core.attempt import Attempt, Attempts, repairable
from monitor.core.context import Context
from monitor.core.diagnosis import ack, nat, progress, setup, timers
from monitor.core.diagnosis.flows import MEDIA
from monitor.core.diagnosis.setup import Surroundings
from monitor.core.dialog import FAILURE, PROVISIONAL, SUCCESS, Answer, Dialogs
from monitor.core.fold import NO_FINAL, REQUEST, Fold
from monitor.core.message import Message
from monitor.core.times import earlier
from monitor.core.transaction import Transaction, Transactions
from monitor.core.undelivered import report_on, trouble_of
from monitor.core.updates import (
    CallAnswered,
    CallEnded,
    CallRang,
    CallRecord,
    CallStarted,
    CallState,
    FindingState,
    RecordKey,
    Update,
)

_MOST_ATTEMPTS: Final = 64
# A call with one of these is over as it stands, an answered one without a BYE.
_WITHOUT_END: Final = frozenset({ack.DROPPED_AT_32S.code, timers.ZOMBIE_CALL.code, nat.ONE_SIDED_CAPTURE.code})
_REJECTED: Final = setup.REJECTED.code
_UNANSWERED: Final = setup.INVITE_UNANSWERED.code
_SLOW: Final = setup.SLOW_SETUP.code
# What a later message may change: another hop or attempt, a resend, an ACK.
_REPAIRED: Final = frozenset({_REJECTED, _UNANSWERED})
_RESENT: Final = frozenset({_UNANSWERED, progress.NO_TRYING.code})
_OF_ACKS: Final = frozenset({rule.code for rule, _ in ack.JUDGES})
# Asked often, and slowly through the class (Python 3.11).
_TRYING: Final = CallState.TRYING
_RINGING: Final = CallState.RINGING
_ANSWERED: Final = CallState.ANSWERED
_ENDED: Final = CallState.ENDED
_CANCELLED: Final = CallState.CANCELLED
_REDIRECTED: Final = CallState.REDIRECTED
_FAILED: Final = CallState.FAILED
_RELIABLE: Final = Timer.RELIABLE
_ALIVE: Final = frozenset(state for state in CallState if state.alive)


class Call(Fold):
    """A call in the making."""

    __slots__ = (
        "_told_end",
        "_unseen_us",
        "answered_us",
        "attempts",
        "bye_us",
        "dialogs",
        "disconnect_us",
        "invited_us",
        "rung_us",
        "state",
        "success",
        "transactions",
        "user_agent",
    )

    def __init__(self, key: RecordKey, context: Context, event: Message) -> None:
        super().__init__(key, context, event)
        self.transactions = Transactions()
        self.attempts: Attempts[Attempt] = Attempts(Attempt, _MOST_ATTEMPTS)
        self.dialogs = Dialogs()
        self.state = _TRYING
        self.user_agent = ""  # of the caller
        self.success = 0  # status of the first 2xx to INVITE
        self.invited_us = 0  # first INVITE; 0 for these four: never
        self.rung_us = 0  # first 18x
        self.answered_us = 0  # first 2xx to INVITE
        self.bye_us = 0  # first BYE
        self.disconnect_us = 0  # BYE → its 2xx, of the BYE that took longest; 0: no such pair
        self._told_end = False
        self._unseen_us = 0  # when it was taken for over, its end unseen; 0: it was not

    # --- messages

    def add(self, event: Message, number: int, out: list[Update]) -> Transaction | None:
        """Take a message that is no mere copy."""
        method = event.method
        if number == 1:
            out.append(CallStarted(self.key, event.captured_us, self.from_uri, self.to_uri, self.client, self.server))
        if not method:
            return self._response(event, number, out)
        if method == "ACK":
            return self._ack(event, number, out)
        transaction, _ = self.transactions.of_request(event)
        if method == "INVITE":
            self._invite(event, number, transaction, out)
            return transaction
        transaction.sent(event, number)
        if method == "BYE":
            self._bye(event, number, out)
        elif method == "CANCEL":
            self._cancel(event)
        return transaction

    def _invite(self, event: Message, number: int, transaction: Transaction, out: list[Update]) -> None:
        first, at_us = not transaction.seen_request, event.captured_us
        transaction.sent(event, number)
        if not self.invited_us or at_us < self.invited_us:
            self.invited_us = at_us
        if first:
            attempt = self._begin(transaction, event, out)
            self.wake_at(at_us + self.context.timeout_us, REQUEST, (attempt, transaction))
            if transaction.reliable:
                waited_us = at_us + self.context.settings.unanswered_reliable_us
                self.wake_at(waited_us, _RELIABLE, (attempt, transaction))
        else:
            self._judge_resent(transaction, at_us, out)

    def _begin(self, transaction: Transaction, event: Message, out: list[Update]) -> Attempt:
        """A transaction appeared, by its request or a response: a hop of a known attempt, or a new attempt."""
        at_us = event.captured_us
        attempt = self.attempts.on(transaction, event)
        self.add_hop(transaction, attempt)
        for cancel in self.transactions.named(event.branch, event.cseq, "CANCEL"):  # that overtook it
            self._cancelled(attempt, event.branch, cancel.first_us)
        if attempt.initial:
            self.introduce(event)
        if self.found or len(self.attempts) > 1:
            self._judge_earlier(at_us, out)
            self.review(at_us, out)
        return attempt

    def _ack(self, event: Message, number: int, out: list[Update]) -> Transaction | None:
        transaction = self.transactions.with_branch(event, "INVITE")
        if transaction is not None:
            transaction.acknowledged(event)
            if transaction.final_status >= 300:
                return transaction  # of a failure: hop by hop, the same branch (§17.1.1.3)
        answer = self.dialogs.answer_of(event)
        first = not answer.ack_us
        answer.acknowledged(event, number)
        if first:
            self.context.alarms.settled()
        self._judge_acks(event, out)
        if self.found:
            self._judge_earlier(event.captured_us, out)
        return None

    def _bye(self, event: Message, number: int, out: list[Update]) -> None:
        at_us = event.captured_us
        if not self.bye_us or at_us < self.bye_us:
            self.bye_us = at_us
        if self.dialogs.of(event.from_tag, event.to_tag).hung_up(event, number):
            self._judge_acks(event, out)
        if self.found:
            self._judge_earlier(at_us, out)
        self.review(at_us, out)

    def _cancel(self, event: Message) -> None:
        attempt = self.attempts.of(event)
        if attempt is not None:
            self._cancelled(attempt, event.branch, event.captured_us)

    def _cancelled(self, attempt: Attempt, branch: str, at_us: int) -> None:
        if attempt.cancelled(branch, at_us):
            self.wake_at(at_us + self.context.timeout_us, Timer.CANCELLED, attempt)

    def _response(self, event: Message, number: int, out: list[Update]) -> Transaction:
        transaction, new = self.transactions.of_response(event)
        first = not transaction.response_us
        transaction.answered(event, number)
        self.note(transaction)
        if event.cseq_method != "INVITE":
            if event.cseq_method == "BYE":
                self._bye(event, number, out)  # which may itself be lost
            return transaction
        attempt = self._begin(transaction, event, out) if new else self.attempts.holding(transaction)
        if attempt is None:
            return transaction  # long forgotten
        if first and (transaction.sends > 1 or (self.found and not self.found.isdisjoint(_RESENT))):
            self._judge_resent(transaction, event.captured_us, out)
        if self.found:
            self._judge_earlier(event.captured_us, out)
        if event.status < 200:
            self._provisional(event, attempt, out)
        elif event.status < 300:
            self._success(event, number, attempt, out)
        else:
            self._failure(event, transaction, attempt, out)
        return transaction

    def _provisional(self, event: Message, attempt: Attempt, out: list[Update]) -> None:
        at_us, status, no_final_us = event.captured_us, event.status, self.context.settings.no_final_us
        if not attempt.watched:
            attempt.watched = True
            self.wake_at(at_us + no_final_us, NO_FINAL, attempt)
        if status == 100:
            return
        attempt.rang(at_us, no_final_us)
        if event.to_tag:
            self.dialogs.of(event.from_tag, event.to_tag).answered(at_us, PROVISIONAL)
        if status >= 180 and attempt.initial:
            if not self.rung_us and self.state == _TRYING:
                out.append(CallRang(self.key, at_us, status, self._since_invite_ms(at_us)))
            if not self.rung_us or at_us < self.rung_us:
                self.rung_us = at_us
            self._judge_slow(attempt, at_us, out)
        if self.state == _TRYING:
            self.review(at_us, out)

    def _success(self, event: Message, number: int, attempt: Attempt, out: list[Update]) -> None:
        at_us = event.captured_us
        answer = self.dialogs.answer_of(event)
        if answer.sent(event, number, attempt) > 1:
            if answer not in self.dialogs.resent:
                self.dialogs.resent += (answer,)
                due_us = answer.first_us + self.context.timeout_us
                self.wake_at(due_us, Timer.ANSWER, answer)
                self.wake_at(due_us + self.context.settings.timers.t2_us, Timer.RESENDS, answer)
            self._judge_ack(answer, at_us, out)
        self.dialogs.of(event.from_tag, event.to_tag).answered(at_us, SUCCESS)
        if not self.answered_us:
            out.append(CallAnswered(self.key, at_us, self._since_invite_ms(at_us)))
        if not self.answered_us or at_us < self.answered_us:
            self.answered_us, self.success = at_us, event.status
        if attempt.initial:
            self._judge_slow(attempt, at_us, out)
        self.review(at_us, out)

    def _failure(self, event: Message, transaction: Transaction, attempt: Attempt, out: list[Update]) -> None:
        at_us = event.captured_us
        if transaction.final_sends > 1 or transaction.final_status != event.status:
            return
        if event.to_tag:
            self.dialogs.of(event.from_tag, event.to_tag).answered(at_us, FAILURE)
        if repairable(event.status):
            self.wake_at(at_us + self.context.settings.repair_us, Timer.REPAIR, attempt)
        self._judge_rejected(attempt, at_us, out)
        self.review(at_us, out)

    # --- time

    def fire(self, timer: Timer, about: Any, due_us: int, out: list[Update]) -> None:
        """A deadline passed."""
        if timer is REQUEST or timer is _RELIABLE:
            attempt, transaction = about
            if not self._was_answered(transaction, due_us):
                self.judge_unanswered(transaction, due_us, out)
            if timer is REQUEST:
                self._time_out(attempt, transaction, due_us, out)
        elif timer is NO_FINAL:
            self._no_final(about, due_us, out)
        elif timer == Timer.CANCELLED:
            if 0 < about.cancelled_us <= due_us - self.context.timeout_us:
                about.timed_out_us = about.timed_out_us or due_us
        elif timer == Timer.REPAIR:
            self._judge_rejected(about, due_us, out)
        else:
            self._judge_ack(about, due_us, out)
        self.review(due_us, out)

    def needs(self, timer: Timer, about: Any) -> bool:
        """Timer C needs not pass once a 2xx was acknowledged in its time, whatever else may come."""
        if timer is not NO_FINAL or self.found or about is not self.attempts.current:
            return super().needs(timer, about)
        in_time = 0 < self.dialogs.acked_us(about) <= about.ringing_us + self.context.settings.no_final_us
        return self.open and not (in_time and 200 <= about.status() < 300)

    def _was_answered(self, transaction: Transaction, by_us: int) -> bool:
        """Whether it went as usual: a request over UDP, no suspicion, a response. There is nothing to judge then."""
        return (
            0 < transaction.response_us <= by_us
            and transaction.sends < self.context.settings.suspect_sends
            and not (transaction.reliable or _UNANSWERED in self.found or self.undelivered)
        )

    def _time_out(self, attempt: Attempt, transaction: Transaction, due_us: int, out: list[Update]) -> None:
        """Timer B: without a response, this hop has failed; without one on any, the attempt has."""
        if not 0 < transaction.response_us <= due_us:
            transaction.silent = True
            self._judge_rejected(attempt, due_us, out)
        if not 0 < attempt.response_us() <= due_us:
            attempt.timed_out_us = attempt.timed_out_us or due_us

    def _no_final(self, attempt: Attempt, due_us: int, out: list[Update]) -> None:
        settings = self.context.settings
        again_us = attempt.ringing_us + settings.no_final_us
        if again_us > due_us:
            self.wake_at(again_us, NO_FINAL, attempt)
            return
        went_on_us = earlier(self.bye_us, self.dialogs.acked_us(attempt))
        verdict = setup.no_final_response(attempt, settings, self.now_us, went_on_us=went_on_us)
        self.judge(setup.NO_FINAL_RESPONSE, attempt.subject, verdict, attempt.first_us, due_us, out)
        attempt.timed_out_us = attempt.timed_out_us or due_us

    # --- verdicts

    def judge_unanswered(self, transaction: Transaction, at_us: int, out: list[Update]) -> None:
        """Say whether a request is unanswered."""
        around = Surroundings(
            heard=lambda at_us: self.context.peers.answers(transaction.destination, at_us),
            report=report_on(transaction, self.undelivered),
            elsewhere_us=self._elsewhere_us(transaction),
            timeout_us=min(filter(None, (each.timeout_told_us(transaction) for each in self.attempts)), default=0),
        )
        attempt, verdict = self.attempts.holding(transaction), None
        repaired_us = 0 if attempt is None else self._answered_unseen_us(transaction, attempt)
        around = around._replace(repaired_us=repaired_us)
        if attempt is None or not attempt.silent_beyond(transaction):
            verdict = setup.unanswered(setup.INVITE_UNANSWERED, transaction, around, self.context.settings, self.now_us)
        subject = setup.silent_subject(transaction)
        self.judge(setup.INVITE_UNANSWERED, subject, verdict, transaction.first_us, at_us, out)

    def _answered_unseen_us(self, transaction: Transaction, attempt: Attempt) -> int:
        formed = attempt.initial and not self.answered_us  # else a BYE says nothing of it
        came_us = (
            out_of_sight.answered_us(
                transaction,
                attempt,
                acked_us=self.dialogs.acked_us(attempt, transaction.source),
                ended_us=self.bye_us if formed else 0,
            ),
            out_of_sight.retried_us(transaction, attempt, self.attempts),
        )
        return min(filter(None, came_us), default=0)

    def _judge_sight(self, at_us: int, out: list[Update]) -> None:
        """Whether its last attempt, without a response for so long, had one that was not seen."""
        attempt = self.attempts.current
        verdict = nat.answered_unseen(attempt) if self._out_of_sight(attempt) else None
        self.judge(nat.ONE_SIDED_CAPTURE, attempt.subject, verdict, attempt.first_us, at_us, out)

    def _out_of_sight(self, attempt: Attempt) -> bool:
        """Whether what timed out had a response all the same: of one that was sent on and on, by then."""
        if attempt.response_us():
            return False
        for transaction in attempt.transactions:
            came_us = self._answered_unseen_us(transaction, attempt)
            if came_us and (transaction.sends < self.context.settings.suspect_sends or came_us < attempt.timed_out_us):
                return True
        return False

    def _judge_resent(self, transaction: Transaction, at_us: int, out: list[Update]) -> None:
        if transaction.sends >= self.context.settings.suspect_sends or _UNANSWERED in self.found:
            self.judge_unanswered(transaction, at_us, out)
        if transaction.response_us:
            verdict, subject = progress.no_trying(transaction), setup.silent_subject(transaction)
            self.judge(progress.NO_TRYING, subject, verdict, transaction.first_us, at_us, out)

    def _elsewhere_us(self, silent: Transaction) -> list[int]:
        """When the sender of a request sent it, or another INVITE of this call, to another destination."""
        return [
            other.first_us
            for attempt in self.attempts
            if attempt.initial
            for other in attempt.transactions
            if other.source == silent.source and other.destination != silent.destination
        ]

    def _judge_slow(self, attempt: Attempt, at_us: int, out: list[Update]) -> None:
        settings = self.context.settings
        known = _SLOW in self.found
        if not known and at_us - attempt.first_us <= settings.slow_setup_us:
            return
        verdict = setup.slow_setup(attempt, settings)
        if known or verdict is not None:
            self.judge(setup.SLOW_SETUP, attempt.subject, verdict, attempt.first_us, at_us, out)

    def _judge_acks(self, event: Message, out: list[Update]) -> None:
        """An ACK or a BYE may change what is to be said of the 2xx of its dialog."""
        one, other = event.from_tag, event.to_tag
        for answer in self.dialogs.resent:
            if (answer.from_tag == one and answer.to_tag == other) or (
                answer.from_tag == other and answer.to_tag == one
            ):
                self._judge_ack(answer, event.captured_us, out)

    def _judge_ack(self, answer: Answer, at_us: int, out: list[Update]) -> None:
        settings, now_us = self.context.settings, self.now_us
        dialog = self.dialogs.find(answer.from_tag, answer.to_tag)
        if self.found.isdisjoint(_OF_ACKS) and not ack.suspicious(answer, dialog, settings):
            return
        strays = self.dialogs.strays(answer)
        troubles = {
            hop: text for hop in answer.ack_hops() if (text := trouble_of("ACK", answer.cseq, hop, self.undelivered))
        }
        seen = ack.delivery(answer, dialog, strays, settings, heard=self.context.peers.heard, troubles=troubles)
        # The first 2xx that was seen may be a resend, and its ACK was lost with those before it.
        since_us = answer.first_us - self.context.timeout_us
        subject = answer.subject
        for rule, judge in ack.JUDGES:
            self.judge(rule, subject, judge(seen, settings, now_us), since_us, at_us, out)

    def judge_acks(self, at_us: int, out: list[Update]) -> None:
        """Say of each 2xx that was resent what became of its ACK."""
        for answer in self.dialogs.resent:
            self._judge_ack(answer, at_us, out)

    def _judge_earlier(self, at_us: int, out: list[Update]) -> None:
        """Another attempt, or another hop, may repair what was refused, and go round what is silent."""
        if self.found.isdisjoint(_REPAIRED):
            return
        known = {subject for _, subject in self.findings}
        for attempt in self.attempts:
            if attempt.subject in known:
                self._judge_rejected(attempt, at_us, out)
            for transaction in attempt.transactions:
                if not transaction.final_us and setup.silent_subject(transaction) in known:
                    self.judge_unanswered(transaction, at_us, out)

    def _judge_rejected(self, attempt: Attempt, at_us: int, out: list[Update]) -> None:
        retried_us = self.attempts.next_us(attempt)
        verdict = setup.rejected(attempt, self.context.settings, self.now_us, retried_us=retried_us)
        if verdict is not None or _REJECTED in self.found:
            self.judge(setup.REJECTED, attempt.subject, verdict, attempt.first_us, at_us, out)

    # --- state

    def review(self, at_us: int, out: list[Update]) -> None:
        """Compute the state; tell the end, once it can't be repaired any more."""
        if self.attempts.current.timed_out_us:
            self._judge_sight(at_us, out)
        self.state = state = self._present_state()
        if self._unseen_us and self.last_us > self._unseen_us:
            self._told_end, self._unseen_us = False, 0
        if state in _ALIVE and not (self.found and self._dropped()):
            self._told_end = False
        elif not self._told_end and not self._repairable(at_us):
            self._end(at_us, out)

    def lose_sight(self, at_us: int, out: list[Update]) -> None:
        """It may have ended while messages were lost, and nothing has been heard of it since: it is over as it stands.

        Nothing is claimed by that. Any later message shows that it went on.
        """
        if not self.over:
            self._unseen_us = at_us
            self._end(at_us, out)

    def _end(self, at_us: int, out: list[Update]) -> None:
        self._told_end = True
        status, duration_ms = self._status(), self._duration_ms()
        out.append(CallEnded(self.key, at_us, self.state, status, bool(self.answered_us), duration_ms))
        self.linger(at_us)

    def _present_state(self) -> CallState:
        if self.answered_us and not self._retried_after_end():
            return _ENDED if self.dialogs.over() else _ANSWERED
        attempt = self.attempts.current
        status = attempt.status()
        if status == 487:
            return _CANCELLED
        if status >= 400 or (not status and attempt.timed_out_us and not self._out_of_sight(attempt)):
            return _FAILED
        if status >= 300:
            return _REDIRECTED
        return _RINGING if attempt.ringing_us else _TRYING

    def _retried_after_end(self) -> bool:
        """Whether the last attempt came after an earlier, answered one was over, and is not answered."""
        attempt = self.attempts.current
        if not self.bye_us or 200 <= attempt.status() < 300:
            return False
        return self.dialogs.over(before_us=attempt.first_us)

    def _dropped(self) -> bool:
        """Whether the callee gave up without a BYE, or nobody says anything any more: nothing more will come.

        Where only its media stopped, something may.
        """
        if self.found.isdisjoint(_WITHOUT_END):
            return False
        return any(
            code in _WITHOUT_END and finding.state != FindingState.CLEARED and finding.variant != MEDIA
            for (code, _), finding in self.findings.items()
        )

    def _repairable(self, at_us: int) -> bool:
        final = self.attempts.current.final()
        return (
            (self.state is _FAILED or self.state is _REDIRECTED)
            and final is not None
            and repairable(final.final_status)
            and at_us < final.final_us + self.context.settings.repair_us
        )

    @property
    def over(self) -> bool:
        """Whether nothing more is expected."""
        return self._told_end and not 0 < self._unseen_us < self.last_us

    # --- the record

    def record(self) -> CallRecord:
        """The present value."""
        return CallRecord(
            key=self.key,
            open=self.open,
            from_uri=self.from_uri,
            to_uri=self.to_uri,
            caller=self.client,
            callee=self.attempts.current.destination(),
            state=self.state,
            status=self._status(),
            acked=self.dialogs.acknowledged(),
            first_us=self.first_us,
            last_us=self.last_us,
            answered_us=self.answered_us or None,
            ended_us=self._ended_us(),
            setup_ms=self._since_invite_ms(self.answered_us),
            pdd_ms=self._since_invite_ms(earlier(self.rung_us, self.answered_us)),
            duration_ms=self._duration_ms(),
            messages=self.messages,
            retransmissions=self.retransmissions,
            hops=self.hops_in_order(),
            findings=tuple(self.findings.values()),
            anomalies=self.anomalies(),
            user_agent=self.user_agent,
            disconnect_ms=self.disconnect_us / 1000 if self.disconnect_us else None,
        )

    def _status(self) -> int | None:
        if self.state in (_ANSWERED, _ENDED):
            return self.success
        return self.attempts.current.status() or None

    def _ended_us(self) -> int | None:
        if self.state == _ENDED:
            return self.bye_us
        if self.state in _ALIVE:
            return None
        attempt = self.attempts.current
        final = attempt.final()
        return final.final_us if final is not None else attempt.timed_out_us

    def _since_invite_ms(self, at_us: int) -> float | None:
        return max(at_us - self.invited_us, 0) / 1000 if at_us and self.invited_us else None

    def _duration_ms(self) -> float | None:
        if not self.answered_us or self.bye_us < self.answered_us:
            return None
        return (self.bye_us - self.answered_us) / 1000
