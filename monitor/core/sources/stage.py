"""The second stage for sources, accounts and peers: updates in, findings out, in the order of wire time.

The first stage tells each update when it can, and partitions commit apart from each other. So updates wait here
until nothing older is to be expected, and are then taken in one order: that of wire time, and by name where
times are equal. A capture file thus gives the same findings as the wire that it was taken from.
"""

from collections.abc import Iterable
from heapq import heappop, heappush
from typing import Final, TypeAlias

from monitor.core.limits import Limits
from monitor.core.presence import name_of
from monitor.core.sources.flooding import Flooding
from monitor.core.sources.ledger import Ledger
from monitor.core.sources.logins import Logins
from monitor.core.sources.scanning import Scanning
from monitor.core.sources.trust import Trust
from monitor.core.sources.values import SubjectFinding
from monitor.core.updates import (
    CallAnswered,
    CallEnded,
    CallRang,
    FindingConfirmed,
    FindingRaised,
    LoggedUpdate,
    LoginFailed,
    RecordGrew,
    RegistrationEnded,
    RegistrationSucceeded,
    RequestRefused,
    SourceSeen,
    Update,
)

MOST_WAITING: Final = 200_000
_Minded: TypeAlias = (
    CallAnswered
    | CallEnded
    | CallRang
    | FindingConfirmed
    | FindingRaised
    | LoginFailed
    | RecordGrew
    | RegistrationEnded
    | RegistrationSucceeded
    | RequestRefused
    | SourceSeen
)
# Findings of records that say something of a source.
_CODES: Final = frozenset({"auth-failed"})


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
        self._waiting: list[tuple[int, int, int, _Minded]] = []  # a heap
        self._serial = 0
        self._most_waiting = most_waiting
        self.hurried = 0  # updates that were taken before their time, for want of room

    def take(self, update: LoggedUpdate | Update, at_us: int | None = None) -> None:
        """An update of the first stage, which happened at `at_us` (its own time, unless that is not believed)."""
        if not isinstance(update, _Minded):
            return
        if isinstance(update, FindingRaised | FindingConfirmed) and update.finding.code not in _CODES:
            return
        self._serial += 1
        when_us = update.at_us if at_us is None else at_us
        heappush(self._waiting, (when_us, name_of(update.key), self._serial, update))
        if len(self._waiting) > self._most_waiting:
            self.hurried += 1
            self._next()

    def advance(self, watermark_us: int) -> None:
        """The first stage has come to this wire time."""
        settled_us = watermark_us - self.limits.settle_us
        while self._waiting and self._waiting[0][0] <= settled_us:
            self._next()
        self._ledger.advance(settled_us)

    def finish(self) -> None:
        """Nothing more will come: the file is at its end."""
        while self._waiting:
            self._next()

    def restore(self, findings: Iterable[SubjectFinding]) -> None:
        """These stand, by what was stored, whatever was made of the past that was taken again."""
        self._ledger.restore(findings)

    def changed(self) -> list[SubjectFinding]:
        """Each finding that changed since this was asked last."""
        return self._ledger.changed()

    def news(self) -> list[SubjectFinding]:
        """What is to be told since this was asked last."""
        return self._ledger.news()

    def _next(self) -> None:
        at_us, _, _, update = heappop(self._waiting)
        self._ledger.advance(at_us)
        match update:
            case SourceSeen():
                self._trust.seen(update, at_us)
                self._scanning.seen(update, at_us)
                self._flooding.seen(update, at_us)
            case RecordGrew():
                self._flooding.seen(update, at_us)
            case CallRang() | CallAnswered():
                self._trust.went_well(update, at_us)
            case CallEnded():
                self._scanning.call_ended(update, at_us)
                self._trust.ended(update)
            case RegistrationSucceeded():
                self._trust.went_well(update, at_us)
                self._scanning.registered(update, at_us)
                self._logins.registered(update, at_us)
            case RegistrationEnded():
                self._scanning.registration_ended(update, at_us)
            case LoginFailed():
                self._logins.failed(update, at_us)
            case RequestRefused():
                self._scanning.refused(update, at_us)
            case _:
                self._logins.call_refused(update, at_us)
