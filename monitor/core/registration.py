"""A registration session: all REGISTERs of one Call-ID (RFC 3261 §10), with their hops.

Each REGISTER is an attempt; its final response at the client moves the outcome by `OUTCOME_TABLE`. A
challenge is no outcome until the retry stays away; a challenge to credentials is a failure. A binding
lives as long as the 2xx gave to *that* Contact (then its Expires, then the request's); a refresh
prolongs it, Expires 0 removes it, and otherwise it expires.
"""

from enum import IntEnum
from typing import Any, Final

from collectors.sip.auth import parameters
from collectors.sip.message import header, header_values
from collectors.sip.timers import SECOND
from collectors.sip.uri import addr_spec
from collectors.wire.events import SipEvent
from monitor.core.attempt import CHALLENGES, Attempt, repairable
from monitor.core.context import Context
from monitor.core.diagnosis import registration as rules
from monitor.core.diagnosis import setup
from monitor.core.fold import Fold, Timer
from monitor.core.hop import request_hop
from monitor.core.transaction import Transaction, Transactions
from monitor.core.updates import (
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
    SILENCE = 4  # 64·T1 without any response
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
_MOST_EXPIRES_S: Final = 2**31
_MOST_NONCES: Final = 8  # of one realm, latest last
_MOST_ATTEMPTS: Final = 64  # remembered; a session goes on for months


class Login(Attempt):
    """A REGISTER on all its hops, with what it asks for and the credentials that it carries."""

    __slots__ = ("contact", "expires_s", "nonces", "rejected_again")

    def __init__(self, event: SipEvent) -> None:
        super().__init__(event)
        self.contact = event.contact
        self.expires_s = _requested_expiry(event) if event.method else -1
        # realm → nonce of each credential that is one (an empty response is none: IMS AKA, RFC 3310).
        self.nonces = credentials(event.raw) if event.method else {}
        self.rejected_again = False  # it carried credentials with the latest nonce, and was challenged


def credentials(raw: bytes) -> dict[str, str]:
    """Realm → nonce of the digest credentials in a request."""
    found: dict[str, str] = {}
    if b"uthorization" not in raw and b"UTHORIZATION" not in raw:
        return found  # the usual case: spare the search
    for name in ("authorization", "proxy-authorization"):
        for value in header_values(raw, name):
            digest = parameters(value)
            if digest.get("response") and "auts" not in digest:
                found[digest.get("realm", "")] = digest.get("nonce", "")
    return found


class Registration(Fold):
    """A registration session in the making."""

    __slots__ = (
        "_nonces",
        "_told_end",
        "client",
        "contact",
        "expires_us",
        "logins",
        "outcome",
        "registered_us",
        "registrar",
        "status",
        "transactions",
    )

    def __init__(self, key: RecordKey, ident: int, context: Context, event: SipEvent) -> None:
        super().__init__(key, ident, context, event)
        self.client, _, self.registrar = request_hop(event).partition(">")
        self.contact = event.contact if event.method else ""
        self.outcome = RegistrationOutcome.PENDING
        self.status = 0
        self.registered_us = 0
        self.expires_us = 0
        self.logins: list[Login] = []
        self.transactions = Transactions()
        self._nonces: dict[str, list[tuple[int, str]]] = {}
        self._told_end = False

    # --- messages

    def add(self, event: SipEvent, number: int, out: list[Update]) -> None:
        """Take a message that is no mere copy."""
        if event.method:
            transaction, new = self.transactions.of_request(event)
            transaction.sent(event, number)
        else:
            transaction, new = self.transactions.of_response(event)
            self.note(transaction.answered(event, number))
        login = self._login_of(event) if not new else self._begin(transaction, event, out)
        if login is None:
            return  # long forgotten
        if event.method:
            if transaction.sends >= self.context.settings.suspect_sends and not transaction.response_us:
                self._judge_unanswered(transaction, event.captured_us, out)
            return
        if self.findings:
            self._judge_unanswered(transaction, event.captured_us, out)
        nearest = transaction in login.nearest()
        if event.status in CHALLENGES and nearest:
            self._challenged(event, login)
        if event.status >= 200 and nearest and transaction.final_sends == 1:
            self._final(event, login, out)

    def _begin(self, transaction: Transaction, event: SipEvent, out: list[Update]) -> Login:
        """A transaction appeared: a hop of a known REGISTER, or a new one."""
        self.add_hop(transaction.hop)
        settings, at_us = self.context.settings, event.captured_us
        login = self._login_of(event)
        if login is None:
            login = Login(event)
            self.logins.append(login)
            if len(self.logins) > _MOST_ATTEMPTS:
                del self.logins[0]
            if event.contact and event.method:
                self.contact = event.contact
            self._told_end = False
            for earlier in self.logins[:-1] if self.findings else ():
                self.judge("registration-rejected", earlier.subject, None, at_us, out)
        login.transactions.append(transaction)
        if event.method:
            self.wake_at(at_us + settings.timers.timeout_us, Timer.REQUEST, (login, transaction))
            if transaction.reliable:
                self.wake_at(at_us + settings.unanswered_reliable_us, Timer.RELIABLE, (login, transaction))
        return login

    def _challenged(self, event: SipEvent, login: Login) -> None:
        """Learn the nonce; note whether the credentials that carried the latest one were refused."""
        name = "www-authenticate" if event.status == 401 else "proxy-authenticate"
        for value in header_values(event.raw, name):
            challenge = parameters(value)
            realm, nonce = challenge.get("realm", ""), challenge.get("nonce", "")
            known = self._nonces.setdefault(realm, [])
            before = [entry for entry in known if entry[0] <= login.first_us]
            used = login.nonces.get(realm)
            if used is not None and before and used == max(before)[1]:
                login.rejected_again |= challenge.get("stale", "").lower() != "true"
            known.append((event.captured_us, nonce))
            del known[:-_MOST_NONCES]

    def _final(self, event: SipEvent, login: Login, out: list[Update]) -> None:
        status, at_us = event.status, event.captured_us
        if login is not max(self.logins, key=lambda login: login.first_us):
            return  # a straggler: a later REGISTER has the word
        self.status = status
        if status < 300:
            self._succeeded(event, login, out)
        elif status in CHALLENGES and not login.nonces:
            self._move(RegistrationInput.CHALLENGE)
            self.wake_at(at_us + self.context.settings.timers.timeout_us, Timer.REPAIR, login)
        else:
            self._move(RegistrationInput.REFUSAL)
            self._judge_refusal(login, at_us, out)
            if repairable(status) and not login.rejected_again:
                self.wake_at(at_us + self.context.settings.repair_us, Timer.REPAIR, login)
            else:
                self._tell_end(at_us, out)

    def _succeeded(self, event: SipEvent, login: Login, out: list[Update]) -> None:
        at_us = event.captured_us
        for code, subject in list(self.findings):
            self.judge(code, subject, None, at_us, out)
        expires_s = _granted_expiry(event, login)
        if login.expires_s == 0:
            self._move(RegistrationInput.REMOVAL)
            self.expires_us = 0
            self._tell_end(at_us, out)
            return
        if self.outcome != RegistrationOutcome.REGISTERED:
            self.registered_us = at_us
        self._move(RegistrationInput.SUCCESS)
        self.expires_us = at_us + expires_s * SECOND
        self.wake_at(self.expires_us, Timer.EXPIRY)
        self._told_end = False
        out.append(
            RegistrationSucceeded(
                self.key, at_us, self.to_uri, self.contact, self.client, self.registrar, self.expires_us
            )
        )

    # --- time

    def fire(self, timer: Timer, about: Any, due_us: int, out: list[Update]) -> None:
        """A deadline passed."""
        if timer == Timer.EXPIRY:
            if self.outcome == RegistrationOutcome.REGISTERED and due_us >= self.expires_us:
                self._move(RegistrationInput.EXPIRY)
                self._tell_end(due_us, out)
        elif timer == Timer.REPAIR:
            self._judge_refusal(about, due_us, out)
            if about is self.logins[-1]:
                self._tell_end(due_us, out)
        else:
            login, transaction = about
            self._judge_unanswered(transaction, due_us, out)
            if timer == Timer.REQUEST and login is self.logins[-1] and not login.response_us():
                self._move(RegistrationInput.SILENCE)
                self._tell_end(due_us, out)

    def _tell_end(self, at_us: int, out: list[Update]) -> None:
        bound = self.outcome == RegistrationOutcome.REGISTERED and self.expires_us > at_us
        if not self._told_end and not bound:
            self._told_end = True
            out.append(
                RegistrationEnded(
                    self.key, at_us, self.to_uri, self.client, self.registrar, self.outcome, self.status or None
                )
            )
            self.linger()

    # --- verdicts

    def _judge_unanswered(self, transaction: Transaction, at_us: int, out: list[Update]) -> None:
        code = "registration-unanswered"
        verdict = setup.unanswered(
            code,
            transaction,
            self.context.settings,
            at_us,
            heard=self.context.peers.heard(transaction.destination, at_us),
            blind=self.blind(transaction.first_us, at_us),
        )
        self.judge(code, f"{transaction.cseq} {transaction.hop}", verdict, at_us, out)

    def _judge_refusal(self, login: Login, at_us: int, out: list[Update]) -> None:
        latest = login is self.logins[-1]
        rejected = rules.rejected(login, self.context.settings, at_us, repaired=not latest)
        self.judge("registration-rejected", login.subject, rejected, at_us, out)
        # The failures of one session are one finding, which gathers their evidence.
        failed = [each for each in self.logins if each.rejected_again]
        if failed:
            self.judge("registration-auth-failed", "", rules.auth_failed(failed, self.to_uri), at_us, out)

    # --- state

    def _move(self, message: RegistrationInput) -> None:
        self.outcome = OUTCOME_TABLE[self.outcome, message]

    @property
    def over(self) -> bool:
        """Whether nothing more is expected before the next REGISTER."""
        return self._told_end

    def _login_of(self, event: SipEvent) -> Login | None:
        for login in reversed(self.logins):
            if login.cseq == event.cseq and login.from_tag == event.from_tag:
                return login
        return None

    def record(self) -> RegistrationRecord:
        """The present value."""
        return RegistrationRecord(
            key=self.key,
            open=self.open,
            aor=self.to_uri,
            contact=self.contact,
            client=self.client,
            registrar=self.registrar,
            outcome=self.outcome,
            status=self.status or None,
            first_us=self.first_us,
            last_us=self.last_us,
            registered_us=self.registered_us or None,
            expires_us=self.expires_us or None,
            messages=self.messages,
            retransmissions=self.retransmissions,
            hops=tuple(self.hops),
            findings=tuple(self.findings.values()),
            anomalies=tuple(self.anomalies),
        )


def _requested_expiry(event: SipEvent) -> int:
    """What a REGISTER asks for, in seconds; -1 where it leaves that to the registrar."""
    contacts = header_values(event.raw, "contact")
    asked = [seconds for contact in contacts if (seconds := _parameter(contact)) >= 0]
    if asked:
        return max(asked)
    return _seconds(header(event.raw, "expires") or "")


def _granted_expiry(event: SipEvent, login: Login) -> int:
    """What the 2xx gave to the Contact that asked (§10.3 step 8), in seconds."""
    granted = []
    for value in header_values(event.raw, "contact"):
        for contact in value.split(","):
            seconds = _parameter(contact)
            if seconds >= 0:
                if addr_spec(contact)[0] == login.contact:
                    return seconds
                granted.append(seconds)
    if granted:
        return max(granted)
    for seconds in (_seconds(header(event.raw, "expires") or ""), login.expires_s):
        if seconds >= 0:
            return seconds
    return _DEFAULT_EXPIRES_S


def _parameter(contact: str) -> int:
    lower = contact.lower().replace(" ", "")
    _, found, rest = lower.partition(";expires=")
    return _seconds(rest.partition(";")[0].partition(",")[0].strip('">')) if found else -1


def _seconds(text: str) -> int:
    text = text.strip()
    return min(int(text), _MOST_EXPIRES_S) if text.isascii() and text.isdigit() and len(text) < 20 else -1
