"""What the first stage tells of many calls and registrations, said briefly, and what the second makes of it."""

from collections.abc import Iterable, Sequence

from msgspec.structs import replace

from monitor.core.limits import Limits
from monitor.core.sources.stage import Sources
from monitor.core.sources.values import SubjectFinding
from monitor.core.updates import (
    CallAnswered,
    CallEnded,
    CallRang,
    CallState,
    ConnectionFailed,
    Kind,
    LoginFailed,
    RecordGrew,
    RecordKey,
    RegistrationEnded,
    RegistrationOutcome,
    RegistrationSucceeded,
    RequestRefused,
    SourceSeen,
    Update,
)
from tests.monitor.core.told import us

REGISTRAR = "10.0.0.9:5060"
THEM = "203.0.113.7:5060"


def call(name: str) -> RecordKey:
    return RecordKey(Kind.CALL, name, "", 20270115)


def session(name: str) -> RecordKey:
    return RecordKey(Kind.REGISTRATION, name, "", 20270115)


def ping(name: str) -> RecordKey:
    return RecordKey(Kind.TRANSACTION, name, "1 OPTIONS a", 20270115)


def seen(
    at: float,
    key: RecordKey,
    source: str = THEM,
    to: str = "sip:bob@example.com",
    agent: str = "",
    signature: str = "",
    destination: str = REGISTRAR,
) -> SourceSeen:
    method = {Kind.CALL: "INVITE", Kind.REGISTRATION: "REGISTER", Kind.TRANSACTION: "OPTIONS"}[key.kind]
    return SourceSeen(
        key, us(at), method, source, destination, "sip:alice@example.com", to, agent, signature, asked=True
    )


def grew(at: float, key: RecordKey, source: str = THEM) -> RecordGrew:
    return RecordGrew(key, us(at), source, 32)


def rang(at: float, key: RecordKey) -> CallRang:
    return CallRang(key, us(at), 180, 100.0)


def answered(at: float, key: RecordKey) -> CallAnswered:
    return CallAnswered(key, us(at), 1000.0)


def refused_call(at: float, key: RecordKey, status: int | None = 404) -> CallEnded:
    return CallEnded(key, us(at), CallState.FAILED, status, answered=False, duration_ms=None)


def hung_up(at: float, key: RecordKey) -> CallEnded:
    return CallEnded(key, us(at), CallState.ENDED, 200, answered=True, duration_ms=1000.0)


def refused_ping(at: float, key: RecordKey, source: str = THEM, to: str = "sip:bob@example.com") -> RequestRefused:
    return RequestRefused(key, us(at), "OPTIONS", source, REGISTRAR, to, 404)


def registered(
    at: float,
    key: RecordKey,
    account: str,
    source: str = THEM,
    contact: str = "sip:a@10.0.0.1",
    expires: float = 3600,
    identity: str = "",
) -> RegistrationSucceeded:
    return RegistrationSucceeded(
        key, us(at), account, contact, source, REGISTRAR, us(at + expires), identity or contact
    )


def unregistered(
    at: float,
    key: RecordKey,
    account: str,
    source: str = THEM,
    *,
    outcome: RegistrationOutcome = RegistrationOutcome.FAILED,
    status: int | None = 401,
    credentials: bool = False,
    identity: str = "",
) -> RegistrationEnded:
    return RegistrationEnded(key, us(at), account, source, REGISTRAR, outcome, status, credentials, identity)


def wrong(at: float, key: RecordKey, account: str, source: str = THEM) -> LoginFailed:
    """Somebody gave a wrong password."""
    return LoginFailed(key, us(at), source, REGISTRAR, account, 401)


def account(number: int) -> str:
    return f"sip:{number}@example.com"


class Look:
    """The second stage at work: all updates in order, then time up to `until`."""

    def __init__(
        self,
        updates: Iterable[Update | ConnectionFailed],
        until: float | None = None,
        *,
        trusted: Sequence[str] = (),
        limits: Limits | None = None,
    ) -> None:
        self.sources = Sources(replace(limits or Limits(), trusted_peers=tuple(trusted)))
        self.news: list[SubjectFinding] = []
        self.rows: dict[tuple[str, str, str, int], SubjectFinding] = {}
        self.see(updates)
        if until is None:
            self.sources.finish()
        else:
            self.sources.advance(us(until))
        self._note()

    def see(self, updates: Iterable[Update | ConnectionFailed]) -> "Look":
        """More updates come, each with the time at which it happened."""
        for update in updates:
            self.sources.take(update)
            self.sources.advance(update.at_us)
        self._note()
        return self

    def _note(self) -> None:
        self.news += self.sources.news()
        for finding in self.sources.changed():
            self.rows[finding.kind, finding.name, finding.finding.code, finding.finding.at_us] = finding

    def found(self) -> list[tuple[str, str, str]]:
        """(code, name, state) of all, by name."""
        return sorted((row.finding.code, row.name, str(row.finding.state)) for row in self.rows.values())

    def one(self, code: str) -> SubjectFinding:
        """The one finding of a code."""
        (row,) = [row for row in self.rows.values() if row.finding.code == code]
        return row

    def told(self, code: str) -> list[tuple[str, float]]:
        """What was told of a code, and when."""
        return [
            (str(each.finding.state), (each.last_us - us(0)) / 1_000_000)
            for each in self.news
            if each.finding.code == code
        ]
