"""The second stage for sources, accounts and peers: updates in, findings out, in the order of wire time.

The first stage tells each update when it can, and partitions commit apart from each other. So updates wait here
until nothing older is to be expected, and are then taken in one order: that of wire time, and by name where
times are equal. A capture file thus gives the same findings as the wire that it was taken from.
"""

from collections.abc import Iterable
from heapq import heappop, heappush
from typing import Final, TypeAlias, TypeGuard, assert_never, get_args

from monitor.core.diagnosis.setup import INVITE_UNANSWERED
from monitor.core.limits import Limits
from monitor.core.sources.accounts import EVERY, Accounts
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
from monitor.core.sources.scanning import Scanning
from monitor.core.sources.sight import Sight
from monitor.core.sources.slowness import Slowness
from monitor.core.sources.storms import Storms
from monitor.core.sources.trust import Trust
from monitor.core.sources.values import SubjectFinding
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
    RecordGrew,
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
_Noted: TypeAlias = ConnectionFailed | LoginFailed | RecordGrew | RequestRefused | RetryAfterGiven | WeaklyChallenged
Minded: TypeAlias = (
    CallAnswered
    | CallEnded
    | CallRang
    | FindingCleared
    | FindingConfirmed
    | FindingRaised
    | RegistrationEnded
    | RegistrationSucceeded
    | SourceSeen
    | _Noted
)
_MINDED: Final = frozenset(get_args(Minded))
_FOUND: Final = (FindingRaised, FindingConfirmed, FindingCleared)
# Findings of records that say something of a source.
_CODES: Final = frozenset({"auth-failed", INVITE_UNANSWERED.code})


def is_minded(update: LoggedUpdate | Update) -> TypeGuard[Minded]:
    """Whether the stage waits for an update to be of account in its turn; others it only looks at, or not at all."""
    if type(update) not in _MINDED:
        return False
    return not isinstance(update, _FOUND) or update.finding.code in _CODES


class Sources:
    """`take` updates, `advance` time; `changed` and `news` say what came of it.

    Raises ValueError where one of the trusted peers is no network.
    """

    def __init__(self, limits: Limits | None = None, most_waiting: int = MOST_WAITING) -> None:
        self.limits = limits or Limits()
        self._ledger = Ledger(self.limits)
        self._trust = Trust(self.limits)
        self._scanning = Scanning(self.limits, self._ledger, self._trust)
        self._logins = Logins(self.limits, self._ledger, self._trust)
        self._flooding = Flooding(self.limits, self._ledger, self._trust)
        self._fraud = Fraud(self.limits, self._ledger, self._trust)
        self._manners = Manners(self.limits, self._ledger)
        self._blind = Blindness()
        self._accounts = Accounts()
        self._expiry = Expiry(self.limits, self._ledger, self._accounts, self._blind)
        self._flapping = Flapping(self.limits, self._ledger)
        self._storms = Storms(self.limits, self._ledger)
        self._hijacks = Hijacks(self.limits, self._ledger, self._trust, self._logins)
        self._sight = Sight(self.limits, self._ledger)
        self._connecting = Connecting(self.limits, self._ledger, self._trust)
        self._slowness = Slowness(self.limits, self._ledger)
        self._natted = Natted(self._ledger, self._accounts)
        self._waiting: list[tuple[int, str, int, Minded]] = []  # a heap
        self._serial = 0
        self._watermark_us = 0
        self._most_waiting = most_waiting
        self.hurried = 0  # updates that were taken before their time, for want of room

    def take(self, update: LoggedUpdate | Update, at_us: int | None = None) -> None:
        """An update of the first stage, which happened at `at_us` (its own time, unless that is not believed)."""
        if type(update) is LossRecorded:
            self._blind.lost(update)
        if not is_minded(update):
            return
        self._serial += 1
        when_us = update.at_us if at_us is None else at_us
        # What one record tells at a time comes in its order, whoever else tells something then.
        name = update.server if isinstance(update, ConnectionFailed) else update.key.call_id
        heappush(self._waiting, (when_us, name, self._serial, update))
        if len(self._waiting) > self._most_waiting:
            self.hurried += 1
            self._next()

    def advance(self, watermark_us: int) -> None:
        """The first stage has come to this wire time."""
        self._watermark_us = max(self._watermark_us, watermark_us)
        settled_us = self._watermark_us - self.limits.settle_us
        while self._waiting and self._waiting[0][0] <= settled_us:
            self._next()
        self._pass(settled_us)

    def finish(self) -> None:
        """Nothing more will come: the file is at its end."""
        while self._waiting:
            self._next()
        self._pass(self._watermark_us)

    def expect(self, update: RegistrationSucceeded) -> None:
        """A stored binding is in force: what it was bound by, as far as the row tells."""
        if update.contact:
            self._accounts.bind(update, update.at_us)
            self._expiry.registered(update, update.at_us)

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

    def _next(self) -> None:
        at_us, _, _, update = heappop(self._waiting)
        self._pass(at_us)
        match update:
            case SourceSeen():
                self._seen(update, at_us)
            case CallRang() | CallAnswered():
                self._trust.went_well(update, at_us)
                self._sight.call(update, at_us)
                self._slowness.rang(update, at_us)
            case CallEnded():
                self._sight.call(update, at_us)
                self._slowness.ended(update)
                self._scanning.call_ended(update, at_us)
                self._trust.ended(update)
            case RegistrationSucceeded():
                self._registered(update, at_us)
            case RegistrationEnded():
                self._unregistered(update, at_us)
            case FindingRaised() | FindingConfirmed() | FindingCleared():
                self._found(update, at_us)
            case _:
                self._noted(update, at_us)

    def _noted(self, update: _Noted, at_us: int) -> None:
        match update:
            case RecordGrew():
                self._flooding.seen(update, at_us)
            case LoginFailed():
                self._logins.failed(update, at_us)
            case RequestRefused():
                self._scanning.refused(update, at_us)
            case WeaklyChallenged():
                self._manners.challenged(update, at_us)
            case RetryAfterGiven():
                self._manners.rest_asked(update, at_us)
            case ConnectionFailed():
                self._connecting.failed(update, at_us)
            case _:
                assert_never(update)

    def _seen(self, update: SourceSeen, at_us: int) -> None:
        self._trust.seen(update, at_us)
        self._scanning.seen(update, at_us)
        self._flooding.seen(update, at_us)
        self._fraud.seen(update, at_us)
        self._slowness.seen(update)
        self._manners.seen(update, at_us)
        self._sight.seen(update, at_us)
        self._expiry.seen(update.destination, at_us)

    def _registered(self, update: RegistrationSucceeded, at_us: int) -> None:
        self._trust.went_well(update, at_us)
        self._sight.registration(update, at_us)
        self._scanning.registered(update, at_us)
        self._hijacks.registered(update, self._logins.failures(update), at_us)
        self._logins.registered(update, at_us)
        self._storms.seen(update, at_us)
        self._expiry.seen(update.registrar, at_us)
        self._natted.registered(update, at_us)
        if update.identity not in ("", EVERY):
            self._accounts.bind(update, at_us)
            self._expiry.registered(update, at_us)
            self._flapping.registered(update, at_us)

    def _unregistered(self, update: RegistrationEnded, at_us: int) -> None:
        self._scanning.registration_ended(update, at_us)
        self._sight.registration(update, at_us)
        if update.outcome != RegistrationOutcome.EXPIRED:
            self._expiry.seen(update.registrar, at_us)
            self._storms.seen(update, at_us)
        if update.outcome == RegistrationOutcome.UNREGISTERED:
            self._hijacks.removed(update, self._accounts.remove(update.aor, update.identity), at_us)
            self._flapping.ended(update)

    def _found(self, update: FindingRaised | FindingConfirmed | FindingCleared, at_us: int) -> None:
        if update.finding.code == INVITE_UNANSWERED.code:
            self._natted.unanswered(update, at_us)
        elif not isinstance(update, FindingCleared):
            self._logins.call_refused(update, at_us)
