"""A registration session: all REGISTERs of one Call-ID (RFC 3261 §10), with their hops.

Each REGISTER is an attempt; its final response at the client moves the outcome by `OUTCOME_TABLE`, that
of the latest REGISTER last. A challenge is no outcome until the retry stays away; a challenge to
credentials is a failure. A binding lives as long as the 2xx gave to *that* Contact (then its Expires,
then the request's); a refresh prolongs it, Expires 0 removes it, and otherwise it expires.

Phones keep one Call-ID for months: of a session only its last REGISTERs are remembered.
"""

from enum import IntEnum
from typing import Any, Final

from collectors.sip.timers import SECOND
from monitor.core import out_of_sight
from monitor.core.alarms import Timer
from monitor.core.attempt import CHALLENGES, Attempts, repairable
from monitor.core.context import Context
from monitor.core.diagnosis import registration as rules
from monitor.core.diagnosis.setup import Surroundings, silent_subject, unanswered
from monitor.core.diagnosis.text import ends
from monitor.core.fold import REQUEST, Fold
from monitor.core.login import Login, Nonces
from monitor.core.message import Message
from monitor.core.offers import granted_s
from monitor.core.transaction import Transaction, Transactions
from monitor.core.undelivered import report_on
from monitor.core.updates import (
    LoginFailed,
    RecordKey,
    RegistrationEnded,
    RegistrationOutcome,
    RegistrationRecord,
    RegistrationSucceeded,
    Update,
)


class RegistrationInput(IntEnum):
    """What happens to a registration."""

    SUCCESS = 0  # 2xx
    REMOVAL = 1  # 2xx to Expires 0
    CHALLENGE = 2  # 401, 407 to a REGISTER without (valid) credentials
    REFUSAL = 3  # any other final ≥ 300, or a challenge to credentials
    SILENCE = 4  # 64·T1 without a final response
    EXPIRY = 5  # the binding ran out


# Looked up often, and through the classes slowly (Python 3.11).
PENDING, REGISTERED, UNREGISTERED, FAILED, CHALLENGED, UNANSWERED, EXPIRED = RegistrationOutcome
SUCCESS, REMOVAL, CHALLENGE, REFUSAL, SILENCE, EXPIRY = RegistrationInput

# The last final response decides, whatever went before; only expiry depends on the state.
OUTCOME_TABLE: Final[dict[tuple[RegistrationOutcome, RegistrationInput], RegistrationOutcome]] = {
    (outcome, message): {
        SUCCESS: REGISTERED,
        REMOVAL: UNREGISTERED,
        CHALLENGE: CHALLENGED,
        REFUSAL: FAILED,
        SILENCE: UNANSWERED if outcome == PENDING else outcome,
        EXPIRY: EXPIRED if outcome == REGISTERED else outcome,
    }[message]
    for outcome in RegistrationOutcome
    for message in RegistrationInput
}

_ON_RELIABLE: Final = Timer.RELIABLE
_ON_REPAIR: Final = Timer.REPAIR
_ON_EXPIRY: Final = Timer.EXPIRY

_DEFAULT_EXPIRES_S: Final = 3600  # §10.2.1.1: where nobody says, the registrar's default is meant
# What is remembered of a session: enough for a login that fails again and again, little of one that succeeds.
_MOST_LOGINS: Final = 16
_MOST_AFTER_SUCCESS: Final = 4
_REFUSED_LOGIN: Final = frozenset({401, 403, 407})
_REFUSED: Final = frozenset({rules.REGISTRATION_REJECTED.code, rules.REGISTRATION_AUTH_FAILED.code})
# What another final response may repair.
_REPAIRED: Final = _REFUSED | {rules.REGISTRATION_UNANSWERED.code}


class _Transactions(Transactions):
    """Those of a session: a few, as of its logins."""

    __slots__ = ()

    most = 16


class Registration(Fold):
    """A registration session in the making."""

    __slots__ = (
        "_bound_by",
        "_decided",
        "_nonces",
        "_told_end",
        "expires_us",
        "logins",
        "outcome",
        "registered_us",
        "status",
        "transactions",
    )

    most_messages = 32

    def __init__(self, key: RecordKey, context: Context, event: Message) -> None:
        super().__init__(key, context, event)
        self.outcome = PENDING
        self.status = 0
        self.registered_us = 0
        self.expires_us = 0
        self.logins: Attempts[Login] = Attempts(Login, _MOST_LOGINS)
        self.transactions = _Transactions()
        self._decided: Login | None = None  # whose final response made the outcome
        self._bound_by: Login | None = None  # who began the present binding
        self._nonces = Nonces()
        self._told_end = False

    # --- messages

    def add(self, event: Message, number: int, out: list[Update]) -> Transaction:
        """Take a message that is no mere copy."""
        return self._request(event, number, out) if event.method else self._response(event, number, out)

    def _request(self, event: Message, number: int, out: list[Update]) -> Transaction:
        transaction, _ = self.transactions.of_request(event)
        first = not transaction.seen_request
        transaction.sent(event, number)
        if first:
            login = self._begin(transaction, event)
            if transaction.reliable:
                waited_us = event.captured_us + self.context.settings.unanswered_reliable_us
                self.wake_at(waited_us, _ON_RELIABLE, (login, transaction))
            if login.early_final is not None:
                self._final(login.early_final, login, out)
                login.early_final = None
        elif transaction.sends >= self.context.settings.suspect_sends:
            self.judge_unanswered(transaction, event.captured_us, out)
        return transaction

    def _response(self, event: Message, number: int, out: list[Update]) -> Transaction:
        transaction, new = self.transactions.of_response(event)
        first = not transaction.response_us
        transaction.answered(event, number)
        self.note(transaction)
        login = self._begin(transaction, event) if new else self.logins.holding(transaction)
        if login is None:
            return transaction  # long forgotten
        if first and rules.REGISTRATION_UNANSWERED.code in self.found:
            self.judge_unanswered(transaction, event.captured_us, out)
        if event.status >= 200 and transaction.final_sends == 1 and transaction in login.nearest():
            if not transaction.seen_request:
                login.early_final = event
            self._final(event, login, out)
            if event.status in _REFUSED_LOGIN and login.tried(transaction) and self._nonces.latest_used_by(login):
                client, server = ends(transaction.hop)
                out.append(LoginFailed(self.key, event.captured_us, client, server, self.to_uri, event.status))
        return transaction

    def _begin(self, transaction: Transaction, event: Message) -> Login:
        """A hop of a REGISTER appeared."""
        self.introduce(event)
        another = self.logins.of(event) is None
        login = self.logins.on(transaction, event)
        self.add_hop(transaction, login)
        self.wake_at(event.captured_us + self.context.timeout_us, REQUEST, (login, transaction))
        if another and login is self.logins.current:
            self._told_end = False
        return login

    def _final(self, event: Message, login: Login, out: list[Update]) -> None:
        at_us, status = event.captured_us, login.status() or event.status
        if event.status in CHALLENGES:
            self._nonces.learn(event, login)
        elif event.status < 300:
            login.success_us = min(login.success_us or at_us, at_us)
        # A first challenge is how a registration begins: nothing to judge.
        if not self.found.isdisjoint(_REPAIRED) or (
            status >= 300 and not (status in CHALLENGES and len(self.logins) == 1)
        ):
            self._judge_all(at_us, out)
        if self._decided is None or not login.before(self._decided):
            self._decide(event, login, status, out)

    def _decide(self, event: Message, login: Login, status: int, out: list[Update]) -> None:
        """The final response of the latest REGISTER that has one makes the outcome."""
        at_us = event.captured_us
        self._decided, self.status = login, status
        if status < 300:
            self._succeeded(event, login, out)
        elif status in CHALLENGES and not login.nonces:
            self._move(CHALLENGE)
            self.wake_at(at_us + self.context.timeout_us, _ON_REPAIR, login)
        else:
            self._move(REFUSAL)
            if repairable(status) and not self._nonces.refused_us(login, self.logins):
                self.wake_at(at_us + self.context.settings.repair_us, _ON_REPAIR, login)
            else:
                self._tell_end(at_us, out)

    def _succeeded(self, event: Message, login: Login, out: list[Update]) -> None:
        at_us = event.captured_us
        self.logins.keep(_MOST_AFTER_SUCCESS)
        self._expire(at_us, out)
        if login.expires_s == 0:
            self._move(REMOVAL)
            self.registered_us = self.expires_us = 0
            self._tell_end(at_us, out)
            return
        self._judge_slow(login, at_us, out)
        if self.outcome != REGISTERED or login is self._bound_by:
            self.registered_us, self._bound_by = at_us, login
        self._move(SUCCESS)
        granted = granted_s(event, login.contact, login.identity)
        if granted < 0:
            granted = login.expires_s if login.expires_s >= 0 else _DEFAULT_EXPIRES_S
        self.expires_us = at_us + granted * SECOND
        self.wake_at(self.expires_us, _ON_EXPIRY)
        self._told_end = False
        client, registrar = self._ends()
        out.append(
            RegistrationSucceeded(
                self.key, at_us, self.to_uri, self._contact(), client, registrar, self.expires_us, login.identity
            )
        )

    # --- time

    def fire(self, timer: Timer, about: Any, due_us: int, out: list[Update]) -> None:
        """A deadline passed."""
        if timer is _ON_EXPIRY:
            self._expire(due_us, out)
        elif timer is _ON_REPAIR:
            self._judge_all(due_us, out)
            self._settle(due_us, out)
        else:
            login, transaction = about
            if not self._was_answered(transaction):
                self.judge_unanswered(transaction, due_us, out)
            if timer is REQUEST:
                self._time_out(login, due_us)
                self._settle(due_us, out)

    def _was_answered(self, transaction: Transaction) -> bool:
        """Whether it went as usual: no suspicion before the response came. There is nothing to judge then."""
        settings = self.context.settings
        within_us = settings.unanswered_reliable_us if transaction.reliable else self.context.timeout_us
        return (
            0 < transaction.response_us <= transaction.first_us + within_us
            and transaction.sends < settings.suspect_sends
            and not (self.undelivered or rules.REGISTRATION_UNANSWERED.code in self.found)
        )

    def _time_out(self, login: Login, due_us: int) -> None:
        """64·T1 are over: without a final response, which would have made an outcome, and without a retry."""
        if self.outcome == PENDING and not 0 < self.logins.next_us(login) <= due_us:
            self._move(SILENCE)

    def _settle(self, at_us: int, out: list[Update]) -> None:
        """Tell the end, unless a REGISTER still waits for its final response."""
        if self._told_end or self._is_bound(at_us):
            return
        timeout_us = self.context.timeout_us
        for login in self.logins:
            if at_us < login.first_us + timeout_us and login.final() is None:
                return
        self._tell_end(at_us, out)

    def _expire(self, at_us: int, out: list[Update]) -> None:
        """The binding runs out, if nothing has prolonged it."""
        if self.outcome == REGISTERED and at_us >= self.expires_us:
            self._move(EXPIRY)
            self._tell_end(self.expires_us, out)

    def _is_bound(self, at_us: int) -> bool:
        """Whether a binding is in force."""
        return self.outcome == REGISTERED and self.expires_us > at_us

    def _tell_end(self, at_us: int, out: list[Update]) -> None:
        if not self._told_end and not self._is_bound(at_us):
            self._told_end = True
            client, registrar = self._ends()
            login = self._decided or self.logins.current
            out.append(
                RegistrationEnded(
                    self.key,
                    at_us,
                    self.to_uri,
                    client,
                    registrar,
                    self.outcome,
                    self.status or None,
                    bool(login.nonces),
                    login.identity,
                )
            )
            self.linger(at_us)

    # --- verdicts

    def _judge_all(self, at_us: int, out: list[Update]) -> None:
        if not self.found.isdisjoint(_REFUSED) or any(login.refused for login in self.logins):
            self._judge_refusals(at_us, out)
        for login in self.logins:
            for transaction in login.transactions:
                if not self._was_answered(transaction):
                    self.judge_unanswered(transaction, at_us, out)

    def judge_unanswered(self, transaction: Transaction, at_us: int, out: list[Update]) -> None:
        """Say whether a request is unanswered."""
        successes = [login.success_us for login in self.logins if login.success_us > transaction.first_us]
        around = Surroundings(
            heard=lambda at_us: self._would_be_seen(transaction, at_us),
            report=report_on(transaction, self.undelivered),
            repaired_us=min((*successes, *self._reacted_us(transaction)), default=0),
        )
        verdict = unanswered(rules.REGISTRATION_UNANSWERED, transaction, around, self.context.settings, self.now_us)
        subject = silent_subject(transaction)
        self.judge(rules.REGISTRATION_UNANSWERED, subject, verdict, transaction.first_us, at_us, out)

    def _would_be_seen(self, transaction: Transaction, at_us: int) -> bool:
        """Whether a response up to a time would have been. Who has none sends again over UDP, and over a stream does
        not: there, the way back to this client must be in sight.
        """
        if not self.context.peers.answers(transaction.destination, at_us):
            return False
        return not transaction.reliable or any(
            hop.response_us
            for login in self.logins
            for hop in login.transactions
            if (hop.source, hop.destination) == (transaction.source, transaction.destination)
        )

    def _reacted_us(self, transaction: Transaction) -> list[int]:
        """When its client came again with credentials that it had no nonce for: a challenge is out of sight."""
        login = self.logins.holding(transaction)
        if login is None:
            return []
        retried_us = out_of_sight.retried_us(transaction, login, self.logins)
        retry = next((other for other in self.logins if other.first_us == retried_us), None)
        return [retried_us] if retry is not None and retry.nonces.items() - login.nonces.items() else []

    def _judge_slow(self, login: Login, at_us: int, out: list[Update]) -> None:
        verdict = rules.slow(login, self.context.settings)
        if verdict is not None or rules.SLOW_REGISTRATION.code in self.found:
            self.judge(rules.SLOW_REGISTRATION, "", verdict, login.first_us, at_us, out)

    def _judge_refusals(self, at_us: int, out: list[Update]) -> None:
        """The refusals of one session are one finding of a code, which gathers their evidence."""
        settings, now_us = self.context.settings, self.now_us
        success_us = max((login.success_us for login in self.logins), default=0)
        logins = sorted(self.logins, key=lambda login: (login.first_us, login.cseq))
        since = [login for login in logins if login.first_us > success_us]
        until = [login for login in logins if login.first_us <= success_us]
        rejected = rules.rejected(since, settings, now_us, registered_us=0)
        rejected = rejected or rules.rejected(until, settings, now_us, registered_us=success_us)
        self.judge(rules.REGISTRATION_REJECTED, "", rejected, logins[-1].first_us, at_us, out)
        failed = [login for login in since if self._nonces.refused_us(login, self.logins)]
        failed_before = [login for login in until if self._nonces.refused_us(login, self.logins)]
        wrong = rules.auth_failed(failed, self.to_uri, registered_us=0)
        wrong = wrong or rules.auth_failed(failed_before, self.to_uri, registered_us=success_us)
        given_us = min((self._nonces.refused_us(login, self.logins) for login in failed), default=0)
        self.judge(rules.REGISTRATION_AUTH_FAILED, "", wrong, given_us, at_us, out)

    # --- state

    def _move(self, message: RegistrationInput) -> None:
        self.outcome = OUTCOME_TABLE[self.outcome, message]

    @property
    def over(self) -> bool:
        """Whether nothing more is expected before the next REGISTER."""
        return self._told_end

    def _contact(self) -> str:
        """What the last REGISTER that says so wants to be reached at."""
        last: Login | None = None
        for login in self.logins:
            if login.contact and (last is None or (login.first_us, login.cseq) > (last.first_us, last.cseq)):
                last = login
        return last.contact if last is not None else ""

    def _ends(self) -> tuple[str, str]:
        """Client and registrar of the last REGISTER, as near to the client as it was seen."""
        nearest = self.logins.current.nearest()
        first = nearest[0]
        for other in nearest:
            if other.first_us < first.first_us:
                first = other
        return ends(first.hop)

    def record(self) -> RegistrationRecord:
        """The present value."""
        client, registrar = self._ends()
        return RegistrationRecord(
            key=self.key,
            open=self.open,
            aor=self.to_uri,
            contact=self._contact(),
            client=client,
            registrar=registrar,
            outcome=self.outcome,
            status=self.status or None,
            first_us=self.first_us,
            last_us=self.last_us,
            registered_us=self.registered_us or None,
            expires_us=self.expires_us or None,
            messages=self.messages,
            retransmissions=self.retransmissions,
            hops=self.hops_in_order(),
            findings=tuple(self.findings.values()),
            anomalies=self.anomalies(),
        )
