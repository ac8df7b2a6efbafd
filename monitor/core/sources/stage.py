"""The second stage for sources, accounts and peers: updates in, findings out, in the order of wire time.

The first stage tells each update when it can, and partitions commit apart from each other. So updates wait here
until nothing older is to be expected, and are then taken in one order: that of wire time, and by name where
times are equal. A capture file thus gives the same findings as the wire that it was taken from.
"""

from collections.abc import Callable, Iterable
from typing import Any, Final, TypeAlias, TypeGuard, cast, get_args

from monitor.core.diagnosis.setup import INVITE_UNANSWERED
from monitor.core.limits import Limits
from monitor.core.sources.accounts import EVERY, Accounts, Binding
from monitor.core.sources.beginning import Beginning, Underway
from monitor.core.sources.blindness import Blindness
from monitor.core.sources.connecting import Connecting
from monitor.core.sources.expiry import Expiry
from monitor.core.sources.flapping import Flapping
from monitor.core.sources.flooding import Flooding
from monitor.core.sources.fraud import Fraud
from monitor.core.sources.hijacks import Hijacks
from monitor.core.sources.ledger import Ledger
from monitor.core.sources.logins import Logins
from monitor.core.sources.manners import Manners
from monitor.core.sources.natted import Natted
from monitor.core.sources.peers import Peers
from monitor.core.sources.scanning import Scanning
from monitor.core.sources.sight import Sight
from monitor.core.sources.slowness import Slowness
from monitor.core.sources.storms import Storms
from monitor.core.sources.tables import Bounded
from monitor.core.sources.trust import Trust
from monitor.core.sources.values import SubjectFinding
from monitor.core.sources.waiting import STEP_US, Waiting
from monitor.core.updates import (
    CallAnswered,
    CallEnded,
    CallRang,
    ConnectionFailed,
    FindingCleared,
    FindingConfirmed,
    FindingRaised,
    LoggedUpdate,
    LoginFailed,
    LossRecorded,
    RecordClosed,
    RecordGrew,
    RecordKey,
    RegistrationEnded,
    RegistrationOutcome,
    RegistrationSucceeded,
    RequestRefused,
    RetryAfterGiven,
    SourceSeen,
    Update,
    WeaklyChallenged,
)

MOST_WAITING: Final = 200_000
_MOST_CALLS: Final = 100_000
Minded: TypeAlias = (
    CallAnswered
    | CallEnded
    | CallRang
    | ConnectionFailed
    | FindingCleared
    | FindingConfirmed
    | FindingRaised
    | LoginFailed
    | RecordGrew
    | RegistrationEnded
    | RegistrationSucceeded
    | RequestRefused
    | RetryAfterGiven
    | SourceSeen
    | WeaklyChallenged
)
_MINDED: Final = frozenset(get_args(Minded))
_Finding: TypeAlias = FindingRaised | FindingConfirmed | FindingCleared
_FINDINGS: Final = frozenset(get_args(_Finding))
# Findings of records that say something of a source.
_CODES: Final = frozenset({"auth-failed", INVITE_UNANSWERED.code})


def is_minded(update: LoggedUpdate | Update) -> TypeGuard[Minded]:
    """Whether the stage waits for an update to be of account in its turn; others it only looks at, or not at all."""
    kind = type(update)
    return kind in _MINDED and (kind not in _FINDINGS or cast("_Finding", update).finding.code in _CODES)


class Sources:
    """`take` updates, `advance` time; `changed` and `news` say what came of it.

    Raises ValueError where one of the trusted peers is no network.
    """

    def __init__(self, limits: Limits | None = None, most_waiting: int = MOST_WAITING) -> None:
        self.limits = limits or Limits()
        self._ledger = ledger = Ledger(self.limits)
        self._peers = Peers()
        self._calls: Bounded[RecordKey, Underway] = Bounded(_MOST_CALLS)
        self._trust = trust = Trust(self.limits, self._peers)
        self._scanning = Scanning(self.limits, ledger, trust)
        self._logins = Logins(self.limits, ledger, trust)
        self._flooding = Flooding(self.limits, ledger, trust, self._peers)
        self._fraud = Fraud(self.limits, ledger, trust)
        self._manners = Manners(self.limits, ledger, self._peers)
        self._blind = Blindness()
        self._accounts = Accounts()
        self._expiry = Expiry(self.limits, ledger, self._accounts, self._blind, self._peers)
        self._flapping = Flapping(self.limits, ledger)
        self._storms = Storms(self.limits, ledger)
        self._hijacks = Hijacks(self.limits, ledger, trust, self._logins)
        self._sight = Sight(self.limits, ledger)
        self._connecting = Connecting(self.limits, ledger, trust)
        self._slowness = Slowness(self.limits, ledger)
        self._natted = Natted(ledger, self._accounts)
        self._takers: dict[type, Callable[[Any, int], None]] = {
            CallAnswered: self._rang,
            CallEnded: self._ended,
            CallRang: self._rang,
            ConnectionFailed: self._connecting.failed,
            FindingCleared: self._found,
            FindingConfirmed: self._found,
            FindingRaised: self._found,
            LoginFailed: self._logins.failed,
            RecordGrew: self._flooding.grew,
            RegistrationEnded: self._unregistered,
            RegistrationSucceeded: self._registered,
            RequestRefused: self._scanning.refused,
            RetryAfterGiven: self._manners.rest_asked,
            SourceSeen: self._seen,
            WeaklyChallenged: self._manners.challenged,
        }
        self._waiting: Waiting[Minded] = Waiting()
        self._watermark_us = 0
        self._most_waiting = most_waiting
        self.hurried = 0  # updates that were taken before their time, for want of room

    def take(self, update: LoggedUpdate | Update, at_us: int | None = None) -> None:
        """An update of the first stage, which happened at `at_us` (its own time, unless that is not believed)."""
        if not is_minded(update):
            if type(update) is LossRecorded:
                self._blind.lost(update)
            elif type(update) is RecordClosed:
                self._calls.pop(update.key)  # its end may never have been seen
            return
        self._waiting.add(update.at_us if at_us is None else at_us, update)
        if len(self._waiting) > self._most_waiting:
            self.hurried += self._next()

    def advance(self, watermark_us: int) -> None:
        """The first stage has come to this wire time."""
        self._watermark_us = max(self._watermark_us, watermark_us)
        settled_us = self._watermark_us - self.limits.settle_us
        while self._waiting and self._waiting.over_us() <= settled_us:
            self._next()
        self._pass(settled_us - settled_us % STEP_US)

    def finish(self) -> None:
        """Nothing more will come: the file is at its end."""
        while self._waiting:
            self._next()
        self._pass(self._watermark_us)

    def expect(self, update: RegistrationSucceeded) -> None:
        """A stored binding is in force: what it was bound by, as far as the row tells."""
        if update.contact:
            binding = Binding(update, update.at_us)
            self._accounts.bind(binding)
            self._expiry.registered(binding)

    def restore(self, findings: Iterable[SubjectFinding]) -> None:
        """These stand, by what was stored, whatever was made of the past that was taken again."""
        self._ledger.restore(findings)

    def changed(self) -> list[SubjectFinding]:
        """Each finding that changed since this was asked last."""
        return self._ledger.changed()

    def news(self) -> list[SubjectFinding]:
        """What is to be told since this was asked last."""
        return self._ledger.news()

    def _pass(self, now_us: int) -> None:
        """Time passes: what is due by then."""
        self._expiry.advance(now_us)
        self._ledger.advance(now_us)

    def _next(self) -> int:
        """Take what happened in the earliest step that waits; how many updates that is."""
        step = self._waiting.pop()
        # What one record tells at a time comes in its order, whoever else tells something then.
        if _mingles(step):
            step.sort(key=_time_and_name)
        for at_us, update in step:
            self._pass(at_us)
            self._takers[type(update)](update, at_us)
        return len(step)

    def _seen(self, update: SourceSeen, at_us: int) -> None:
        begun = Beginning(update, self._peers)
        begun.client.tally.begin(at_us)
        self._scanning.seen(begun, at_us)
        self._flooding.seen(begun, at_us)
        if begun.is_call:
            self._calls.put(begun.key, Underway(begun))
            self._fraud.seen(begun, at_us)
        self._manners.seen(begun, at_us)
        self._sight.seen(begun, at_us)
        begun.server.heard_us = at_us

    def _rang(self, update: CallRang | CallAnswered, at_us: int) -> None:
        call = self._calls.get(update.key)
        if call is None or call.rang:
            return
        call.rang = True
        if not call.over:
            call.client.tally.succeed(at_us)
            call.server.tally.succeed(at_us)
            self._slowness.rang(update, call, at_us)
        self._sight.answered(call.server, at_us)

    def _ended(self, update: CallEnded, at_us: int) -> None:
        call = self._calls.get(update.key)
        if call is None:
            return
        if update.status is not None:
            self._calls.pop(update.key)
            self._sight.answered(call.server, at_us)
        if not call.over:
            call.over = True
            self._scanning.call_ended(update, call, at_us)

    def _registered(self, update: RegistrationSucceeded, at_us: int) -> None:
        binding = Binding(update, at_us)
        client, registrar = self._peers.at(binding.address), self._peers.of(binding.registrar)
        client.tally.succeed(at_us)
        self._sight.answered(registrar, at_us)
        self._scanning.registered(binding.client, at_us)
        self._hijacks.registered(binding)
        self._logins.registered(binding)
        self._storms.bound(registrar.address, binding)
        registrar.heard_us = at_us
        self._natted.registered(binding.account, at_us)
        if binding.identity not in ("", EVERY):
            self._accounts.bind(binding)
            self._expiry.registered(binding)
            self._flapping.registered(binding)

    def _unregistered(self, update: RegistrationEnded, at_us: int) -> None:
        registrar = self._peers.of(update.registrar)
        self._scanning.registration_ended(update, at_us)
        if update.status is not None:
            self._sight.answered(registrar, at_us)
        if update.outcome != RegistrationOutcome.EXPIRED:
            registrar.heard_us = at_us
            self._storms.ended(registrar.address, update.key, at_us)
        if update.outcome == RegistrationOutcome.UNREGISTERED:
            self._hijacks.removed(update, self._accounts.remove(update.aor, update.identity), at_us)
            self._flapping.ended(update)

    def _found(self, update: _Finding, at_us: int) -> None:
        if update.finding.code == INVITE_UNANSWERED.code:
            self._natted.unanswered(update, at_us)
        elif not isinstance(update, FindingCleared):
            self._logins.call_refused(update, at_us)


def _mingles(step: list[tuple[int, Minded]]) -> bool:
    """Whether several tell something at the same time."""
    for place in range(1, len(step)):
        at_us, update = step[place]
        before_us, before = step[place - 1]
        if at_us == before_us and _name(update) != _name(before):
            return True
    return False


def _time_and_name(told: tuple[int, Minded]) -> tuple[int, str]:
    return told[0], _name(told[1])


def _name(update: Minded) -> str:
    return update.server if isinstance(update, ConnectionFailed) else update.key.call_id
