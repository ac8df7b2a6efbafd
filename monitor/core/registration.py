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
from monitor.core.attempt import CHALLENGES, Attempts, repairable
from monitor.core.context import Context
from monitor.core.diagnosis import registration as rules
from monitor.core.diagnosis.setup import Surroundings, silent_subject, unanswered
from monitor.core.diagnosis.text import ends
from monitor.core.fold import Fold, Timer
from monitor.core.login import Login
from monitor.core.logins import Nonce, challenges
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


_O, _I = RegistrationOutcome, RegistrationInput
# The last final response decides, whatever went before; only expiry depends on the state.
OUTCOME_TABLE: Final[dict[tuple[RegistrationOutcome, RegistrationInput], RegistrationOutcome]] = {
    (outcome, message): {
        _I.SUCCESS: _O.REGISTERED,
        _I.REMOVAL: _O.UNREGISTERED,
        _I.CHALLENGE: _O.CHALLENGED,
        _I.REFUSAL: _O.FAILED,
        _I.SILENCE: _O.UNANSWERED if outcome == _O.PENDING else outcome,
        _I.EXPIRY: _O.EXPIRED if outcome == _O.REGISTERED else outcome,
    }[message]
    for outcome in RegistrationOutcome
    for message in RegistrationInput
}

_DEFAULT_EXPIRES_S: Final = 3600  # §10.2.1.1: where nobody says, the registrar's default is meant
# What is remembered of a session: enough for a login that fails again and again, little of one that succeeds.
_MOST_LOGINS: Final = 16
_MOST_AFTER_SUCCESS: Final = 4
_MOST_TRANSACTIONS: Final = 16
_REFUSED_LOGIN: Final = frozenset({401, 403, 407})
_MOST_NONCES: Final = 16
# What another final response may repair.
_REPAIRED: Final = frozenset(
    rule.code for rule in (rules.REGISTRATION_REJECTED, rules.REGISTRATION_AUTH_FAILED, rules.REGISTRATION_UNANSWERED)
)


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

    def __init__(self, key: RecordKey, ident: int, context: Context, event: Message) -> None:
        super().__init__(key, ident, context, event)
        self.outcome = RegistrationOutcome.PENDING
        self.status = 0
        self.registered_us = 0
        self.expires_us = 0
        self.logins: Attempts[Login] = Attempts(Login, _MOST_LOGINS)
        self.transactions = Transactions(_MOST_TRANSACTIONS)
        self._decided: Login | None = None  # whose final response made the outcome
        self._bound_by: Login | None = None  # who began the present binding
        self._nonces: list[Nonce] = []
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
                self.wake_at(waited_us, Timer.RELIABLE, (login, transaction))
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
            if event.status in _REFUSED_LOGIN and transaction in login.tried and self._tried_latest(login):
                client, server = ends(transaction.hop)
                out.append(LoginFailed(self.key, event.captured_us, client, server, self.to_uri, event.status))
        return transaction

    def _begin(self, transaction: Transaction, event: Message) -> Login:
        """A hop of a REGISTER appeared."""
        self.introduce(event)
        another = self.logins.of(event) is None
        login = self.logins.on(transaction, event)
        self.add_hop(transaction, login)
        timeout_us = self.context.settings.timers.timeout_us
        self.wake_at(event.captured_us + timeout_us, Timer.REQUEST, (login, transaction))
        if another and login is self.logins.current:
            self._told_end = False
        return login

    def _final(self, event: Message, login: Login, out: list[Update]) -> None:
        at_us, status = event.captured_us, login.status() or event.status
        if event.status in CHALLENGES:
            self._challenged(event, login)
        elif event.status < 300:
            login.success_us = min(login.success_us or at_us, at_us)
        # A first challenge is how a registration begins: nothing to judge.
        if not self.found.isdisjoint(_REPAIRED) or (
            status >= 300 and not (status in CHALLENGES and len(self.logins) == 1)
        ):
            self._judge_all(at_us, out)
        if self._decided is None or not login.before(self._decided):
            self._decide(event, login, status, out)

    def _challenged(self, event: Message, login: Login) -> None:
        """Learn the nonces, and who asked for credentials."""
        for nonce, stale in challenges(event):
            self._nonces.append(nonce)
            if not stale:
                login.challenged |= {nonce.realm}
        del self._nonces[:-_MOST_NONCES]

    def _decide(self, event: Message, login: Login, status: int, out: list[Update]) -> None:
        """The final response of the latest REGISTER that has one makes the outcome."""
        at_us = event.captured_us
        self._decided, self.status = login, status
        if status < 300:
            self._succeeded(event, login, out)
        elif status in CHALLENGES and not login.nonces:
            self._move(RegistrationInput.CHALLENGE)
            self.wake_at(at_us + self.context.settings.timers.timeout_us, Timer.REPAIR, login)
        else:
            self._move(RegistrationInput.REFUSAL)
            if repairable(status) and not self._nonce_us(login):
                self.wake_at(at_us + self.context.settings.repair_us, Timer.REPAIR, login)
            else:
                self._tell_end(at_us, out)

    def _succeeded(self, event: Message, login: Login, out: list[Update]) -> None:
        at_us = event.captured_us
        self.logins.keep(_MOST_AFTER_SUCCESS)
        self._expire(at_us, out)
        if login.expires_s == 0:
            self._move(RegistrationInput.REMOVAL)
            self.registered_us = self.expires_us = 0
            self._tell_end(at_us, out)
            return
        self._judge_slow(login, at_us, out)
        if self.outcome != RegistrationOutcome.REGISTERED or login is self._bound_by:
            self.registered_us, self._bound_by = at_us, login
        self._move(RegistrationInput.SUCCESS)
        granted = granted_s(event, login.contact, login.identity)
        if granted < 0:
            granted = login.expires_s if login.expires_s >= 0 else _DEFAULT_EXPIRES_S
        self.expires_us = at_us + granted * SECOND
        self.wake_at(self.expires_us, Timer.EXPIRY)
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
        if timer == Timer.EXPIRY:
            self._expire(due_us, out)
        elif timer == Timer.REPAIR:
            self._judge_all(due_us, out)
            self._settle(due_us, out)
        else:
            login, transaction = about
            self.judge_unanswered(transaction, due_us, out)
            final = login.final()
            answered = final is not None and final.final_us <= due_us
            retried = 0 < self.logins.next_us(login) <= due_us
            if timer == Timer.REQUEST and not answered and not retried:
                self._move(RegistrationInput.SILENCE)
            if timer == Timer.REQUEST:
                self._settle(due_us, out)

    def _settle(self, at_us: int, out: list[Update]) -> None:
        """Tell the end, unless a REGISTER still waits for its final response."""
        timeout_us = self.context.settings.timers.timeout_us
        if not any(login.final() is None and at_us < login.first_us + timeout_us for login in self.logins):
            self._tell_end(at_us, out)

    def _expire(self, at_us: int, out: list[Update]) -> None:
        """The binding runs out, if nothing has prolonged it."""
        if self.outcome == RegistrationOutcome.REGISTERED and at_us >= self.expires_us:
            self._move(RegistrationInput.EXPIRY)
            self._tell_end(self.expires_us, out)

    def _tell_end(self, at_us: int, out: list[Update]) -> None:
        bound = self.outcome == RegistrationOutcome.REGISTERED and self.expires_us > at_us
        if not self._told_end and not bound:
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
        self._judge_refusals(at_us, out)
        for login in self.logins:
            for transaction in login.transactions:
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
        failed = [login for login in since if self._nonce_us(login)]
        failed_before = [login for login in until if self._nonce_us(login)]
        wrong = rules.auth_failed(failed, self.to_uri, registered_us=0)
        wrong = wrong or rules.auth_failed(failed_before, self.to_uri, registered_us=success_us)
        given_us = min((self._nonce_us(login) for login in failed), default=0)
        self.judge(rules.REGISTRATION_AUTH_FAILED, "", wrong, given_us, at_us, out)

    def _nonce_us(self, login: Login) -> int:
        """When the latest nonce was given out with which a login was refused; 0 where it was not refused so."""
        for realm in login.challenged & login.nonces.keys():
            used = login.nonces[realm]
            given = [nonce for nonce in self._nonces if nonce.realm == realm and nonce.at_us <= login.first_us]
            # Of an earlier use that was not refused, the success may be out of sight.
            served = any(
                realm not in other.challenged and other.first_us < login.first_us and used in other.nonces.values()
                for other in self.logins
            )
            if given and max(given).nonce == used and not served:
                return max(given).at_us
        return 0

    def _tried_latest(self, login: Login) -> bool:
        """Whether the credentials of a login were for a nonce that was the latest, and not said to be stale."""
        for realm, used in login.nonces.items():
            given = [nonce for nonce in self._nonces if nonce.realm == realm and nonce.at_us <= login.first_us]
            if given and max(given).nonce == used:
                return login.status() not in CHALLENGES or realm in login.challenged
        return False

    # --- state

    def _move(self, message: RegistrationInput) -> None:
        self.outcome = OUTCOME_TABLE[self.outcome, message]

    @property
    def over(self) -> bool:
        """Whether nothing more is expected before the next REGISTER."""
        return self._told_end

    def _contact(self) -> str:
        """What the last REGISTER that says so wants to be reached at."""
        said = [login for login in self.logins if login.contact]
        return max(said, key=lambda login: (login.first_us, login.cseq)).contact if said else ""

    def _ends(self) -> tuple[str, str]:
        """Client and registrar of the last REGISTER, as near to the client as it was seen."""
        return ends(min(self.logins.current.nearest(), key=lambda hop: hop.first_us).hop)

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
