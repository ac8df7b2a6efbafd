"""Holds the limits: looks how much there is, and removes the oldest of what is too old or too much.

`sweep` is called each few seconds by whoever likes, in any number of processes. Mostly it only looks.
Removing goes in slices with pauses as long as the slices, so that ingest has at least half of the
database's time; it goes on at the next call where one was not enough, also after being killed.
"""

import logging
import time
from collections.abc import Callable
from contextlib import nullcontext
from typing import Final

import msgspec
from django.db import OperationalError, connection
from django.db.models import Model

from monitor.core.retention import HOUR_US, DataKind, Policy, allot, surplus, wanted
from monitor.models import DeadLetter, Peer, StorageState, StorageUse
from monitor.services import shelves
from monitor.services.retention import conditions, journal, postgres, sqlite
from monitor.services.retention.cuts import Cutter, Slice, cutter, drop_days
from monitor.services.retention.disks import disks
from monitor.services.retention.measure import TABLES, Measured, measure, whole
from monitor.services.retention.words import dead_trouble, file_trouble, open_trouble

SLICE: Final = 500  # rows of one transaction, at first
CLAIM_US: Final = 30_000_000
AGE_EVERY_US: Final = 60_000_000
_LOOK_US: Final = 15_000_000  # it looks so often at least, and tells pages
_BETWEEN_US: Final = 3_000_000  # two calls
_WORTH_IT: Final = 20  # a twentieth of the rows
_BUDGET_S: Final = 20.0  # of one call
_ROUNDS: Final = 4
_LONGEST_PAUSE_S: Final = 0.25
_SHORT_S: Final = 0.05
_LARGEST: Final = 2_000  # rows
_RETRY_S: Final = 0.001
MOST_PEERS: Final = 100_000
MOST_DEAD_LETTERS: Final = 1_000
# A row was put on another shelf meanwhile, or two waited for each other: the next try sees it as it is.
_IN_THE_WAY: Final = frozenset({"40001", "40P01"})
_JOURNAL_US: Final = 400 * 24 * HOUR_US

log = logging.getLogger(__name__)


class Swept(msgspec.Struct):
    """What a sweep did, and what it came to."""

    removed: dict[DataKind, int] = {}
    troubles: dict[DataKind, str] = {}


class Sweep:
    """One call's work."""

    def __init__(self, policy: Policy, clock_us: Callable[[], int]) -> None:
        self._policy = policy
        self._clock_us = clock_us
        self._until = time.monotonic() + _BUDGET_S
        self._claimed_us = 0
        self._measured = Measured({}, 0, 0, 0)
        self._limits: dict[DataKind, int] = {}
        self._exhausted: set[DataKind] = set()  # nothing more of them may go
        self._unfreed: set[DataKind] = set()  # what went has left no room, although it was asked for
        self._swept = Swept({}, {})

    def run(self) -> Swept | None:
        """Look, and remove what is too old or too much; None when another is at it."""
        state, _ = StorageState.objects.get_or_create(id=1)
        now_us = self._clock_us()
        since_us, aged = now_us - state.measured_us, now_us - state.aged_us >= AGE_EVERY_US
        if connection.vendor == "sqlite":
            sqlite.make_room()
        if not aged and since_us < _LOOK_US and self._nothing_came():
            return self._swept
        parts = self._measure(since_us)
        if not (parts or aged or since_us >= _LOOK_US):
            return self._swept
        if not self._claim(now_us):
            return None
        if aged:
            self._age(now_us)
            StorageState.objects.filter(id=1).update(aged_us=now_us)
        self._shrink(parts)
        self._give_back()
        self._judge()
        self._tell()
        StorageState.objects.filter(id=1).update(busy_until_us=0)
        return self._swept

    # --- what is too much

    def _nothing_came(self) -> bool:
        """Whether hardly anything was written since the last look: asked of SQLite, where a look takes many reads."""
        if connection.vendor != "sqlite":
            return False
        last = sum(StorageUse.objects.values_list("used", flat=True))
        smallest = min(self._policy.total, *(keep.octets for keep in self._policy.kinds.values()))
        return abs(whole().used - last) < smallest // 50

    def _measure(self, since_us: int = 0) -> dict[DataKind, float]:
        """Look; the part of each kind that is to go. What came in the `since_us` since the last look may come
        again until the next one; 0: nothing does.
        """
        self._measured = measure()
        kinds = self._measured.kinds
        growth = self._growth(since_us)
        own = {kind: keep.octets for kind, keep in self._policy.kinds.items()}
        wants = {kind: wanted(use.used, growth[kind]) for kind, use in kinds.items()}
        log_room = sqlite.log_room(self._policy.total) if connection.vendor == "sqlite" else 0
        self._limits = allot(self._policy.total - self._measured.other - log_room, own, wants)
        parts = {kind: surplus(use.used, self._limits[kind], growth[kind]) for kind, use in kinds.items()}
        return {kind: part for kind, part in parts.items() if part}

    def _growth(self, since_us: int) -> dict[DataKind, int]:
        growth = dict.fromkeys(DataKind, 0)
        if since_us:
            for kind, used in StorageUse.objects.values_list("kind", "used"):
                came = max(0, self._measured.kinds[DataKind(kind)].used - used)
                growth[DataKind(kind)] = came * min(since_us, _BETWEEN_US) // since_us
        return growth

    def _shrink(self, parts: dict[DataKind, float]) -> None:
        for _ in range(_ROUNDS):
            for kind, part in parts.items():
                self._cut(kind, part)
            self._make_room()
            parts = {kind: part for kind, part in self._measure().items() if kind not in self._exhausted}
            if not parts or time.monotonic() > self._until:
                break

    def _cut(self, kind: DataKind, part: float) -> None:
        use = self._measured.kinds[kind]
        if kind not in self._unfreed and use.dead > use.rows // 5 + SLICE:
            self._unfreed.add(kind)  # their room first: perhaps it is enough
            return
        if use.dead > use.rows // 2 + SLICE:
            self._exhausted.add(kind)  # removing more would gain nothing while what went has left no room
            return
        self._unfreed.discard(kind)
        dropped = self._drop_days(kind, None, int(use.used * part))
        self._remove(kind, None, max(1, round(use.rows * part) - dropped))

    # --- what is too old

    def _age(self, now_us: int) -> None:
        shelves.make_ahead(now_us)
        for kind, keep in self._policy.kinds.items():
            before_us = now_us - keep.hours * HOUR_US
            self._drop_days(kind, before_us, 0)
            self._remove(kind, before_us, None)
        _beyond(DeadLetter, "-stored_us", MOST_DEAD_LETTERS)
        _beyond(Peer, "-since_us", MOST_PEERS)
        journal.forget(now_us - _JOURNAL_US)

    def _drop_days(self, kind: DataKind, before_us: int | None, octets: int) -> int:
        """Drop what goes as a whole; how many rows, about."""
        rows = 0
        for done in drop_days(kind, before_us, octets):
            journal.note(kind, done, self._clock_us())
            rows += done.rows
        if rows:
            log.info("dropped days with about %d rows of %s", rows, kind)
            self._swept.removed[kind] = self._swept.removed.get(kind, 0) + rows
        return rows

    def _remove(self, kind: DataKind, before_us: int | None, most: int | None) -> None:
        """Remove slice after slice, `most` rows or all that is old enough."""
        removed, cut, more, size = 0, cutter(kind), True, SLICE
        while more and (most is None or removed < most) and time.monotonic() < self._until:
            begun = time.monotonic()
            done = _tried(cut, size if most is None else min(size, most - removed), before_us)
            if done is None:
                time.sleep(_RETRY_S)
                continue
            now_us = self._clock_us()
            journal.note(kind, done, now_us)
            removed, more = removed + done.rows, done.more
            self._claim(now_us)
            lasted = time.monotonic() - begun
            # As large as others can wait for: so it keeps up with whoever fills it, however fast the machine is.
            large = lasted > _SHORT_S or (connection.vendor == "sqlite" and sqlite.long_log())
            size = max(SLICE // 10, size // 2) if large else min(_LARGEST, 2 * size)
            if connection.vendor == "sqlite":
                sqlite.make_room()
            time.sleep(_RETRY_S if self._over(kind) else min(lasted, _LONGEST_PAUSE_S))
        if before_us is None and not more:
            self._exhausted.add(kind)
        if removed:
            self._swept.removed[kind] = self._swept.removed.get(kind, 0) + removed
            log.info("removed %d rows of %s", removed, kind)

    def _over(self, kind: DataKind) -> bool:
        """Whether more of it was there, when it was measured, than there may be: no time for pauses then."""
        return bool(self._limits) and self._measured.kinds[kind].used > self._limits[kind]

    # --- room on the disk

    def _make_room(self) -> None:
        """Make room that was left usable, where that pays: of little, autovacuum takes care."""
        if connection.vendor == "sqlite":
            sqlite.make_room()
            return
        if connection.in_atomic_block:
            return
        kinds = {
            kind for kind, rows in self._swept.removed.items() if rows * _WORTH_IT >= self._measured.kinds[kind].rows
        }
        if kinds & {DataKind.RECORDS, DataKind.IMPORTS}:
            kinds |= {DataKind.RECORDS, DataKind.MESSAGES}  # their messages went with them
        tables = {model._meta.db_table: kind for kind in kinds | self._unfreed for model in TABLES[kind]}
        postgres.make_room({name: self._measured.kinds[kind].octets for name, kind in tables.items()})

    def _give_back(self) -> None:
        """What was once larger than the limit is to become smaller."""
        if connection.vendor == "sqlite":
            sqlite.give_back(self._measured.octets - self._policy.total)
            return
        if connection.in_atomic_block:
            return
        whole = self._measured.octets > self._policy.total
        for kind, use in self._measured.kinds.items():
            own = self._policy.kinds[kind].octets
            for table, (octets, _) in use.packed.items():
                roomy = octets - use.used > octets // _WORTH_IT
                if roomy and use.used <= self._limits[kind] and (octets > own or whole):
                    postgres.rewrite(table, use.used)

    # --- what people see

    def _judge(self) -> None:
        """Say which limits don't hold, and why."""
        for kind, use in self._measured.kinds.items():
            if use.used > self._limits[kind] and kind in self._exhausted:
                why = dead_trouble if kind in self._unfreed else open_trouble
                self._swept.troubles[kind] = why(kind)
            elif use.octets > self._policy.kinds[kind].octets >= use.used:
                self._swept.troubles[kind] = file_trouble(kind)

    def _tell(self) -> None:
        for kind, use in self._measured.kinds.items():
            StorageUse.objects.update_or_create(
                kind=kind,
                defaults={
                    "octets": use.octets,
                    "used": use.used,
                    "rows": use.rows,
                    "limit": self._limits[kind],
                    "reaches_us": journal.reaches_us(kind),
                    "trouble": self._swept.troubles.get(kind, ""),
                    "packed": use.packed,
                },
            )
        conditions.judge(disks(), self._swept.troubles, self._clock_us())
        StorageState.objects.filter(id=1).update(
            measured_us=self._clock_us(), octets=self._measured.octets, limit=self._policy.total
        )

    def _claim(self, now_us: int) -> bool:
        """Say that this process is at it, or still is; False when another is."""
        if self._claimed_us and now_us - self._claimed_us < CLAIM_US // 3:
            return True
        rows = StorageState.objects.filter(id=1)
        if not self._claimed_us:
            rows = rows.filter(busy_until_us__lt=now_us)
        self._claimed_us = now_us
        return bool(rows.update(busy_until_us=now_us + CLAIM_US))


def sweep(policy: Policy, clock_us: Callable[[], int]) -> Swept | None:
    """Hold these limits; None when another process is at it."""
    return Sweep(policy, clock_us).run()


def _tried(cut: Cutter, most: int, before_us: int | None) -> Slice | None:
    """One slice; None where somebody is in the way just now."""
    try:
        with sqlite.eagerly() if connection.vendor == "sqlite" else nullcontext():
            return cut.cut(most, before_us)
    except OperationalError as error:
        if getattr(error.__cause__, "sqlstate", None) in _IN_THE_WAY or sqlite.locked(error):
            return None
        raise


def _beyond(table: type[Model], order: str, most: int) -> None:
    """Delete all but the first `most` in this order."""
    rows = table._default_manager.order_by(order, "pk").values_list("pk", flat=True)
    while keys := list(rows[most : most + SLICE]):
        table._default_manager.filter(pk__in=keys).delete()
