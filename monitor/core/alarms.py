"""The deadlines of all records of a correlator."""

from abc import ABC, abstractmethod
from bisect import insort
from enum import IntEnum, auto
from heapq import heappop, heappush
from itertools import chain
from operator import itemgetter
from typing import Any, Final, TypeAlias


class Timer(IntEnum):
    """What a deadline of a record is for; its reference is the object that it is about."""

    SOURCE = auto()  # nothing earlier than its first message can come
    REQUEST = auto()  # 64·T1 after a request (Timer B, F): no response
    RELIABLE = auto()  # a request over a reliable transport has waited long
    NO_FINAL = auto()  # Timer C
    CANCELLED = auto()  # 64·T1 after CANCEL (§9.1)
    ANSWER = auto()  # 64·T1 after a 2xx: no ACK
    RESENDS = auto()  # the resends of a 2xx must have ended
    REPAIR = auto()  # a refusal was not repaired
    EXPIRY = auto()  # a binding runs out
    FACET = auto()  # one of a facet's own; the reference is (facet, what it is about)
    LINGER = auto()  # stragglers are over


# When and what for (the time in µs, and in its lowest bits the number of the timer), the record, and what of it. The
# compiler would take a tuple of known types apart, and make another of its parts, each time it is moved.
Deadline: TypeAlias = tuple[Any, ...]

_BITS: Final = 4  # of the number of a timer
_MASK: Final = (1 << _BITS) - 1
_BUCKET: Final = 18 + _BITS  # bits of the time within a bucket of deadlines: 262 ms
_SHARE: Final = 8  # so many deadlines for each record that left or was settled are few
_TIMERS: Final[list[Timer]] = [Timer.SOURCE, *Timer]  # by number
_WHEN: Final = itemgetter(0)


class Sleeper(ABC):
    """Who is woken: a record."""

    __slots__ = ()

    @abstractmethod
    def needs(self, timer: Timer, about: Any) -> bool:
        """Whether something may still come of such a deadline."""


class Alarms:
    """Deadlines. Those of one record at the same time pass in the order of their timers, then as they were set.

    Most lie far ahead, and nothing comes of them any more when their time has come: they lie in buckets, by time, and
    only those of the bucket that passes now are put in order. These are let go of together, when it has passed.
    """

    def __init__(self) -> None:
        self._near: list[Deadline] = []  # in order: what is not later than the bucket that passes now
        self._passed = 0  # so many of these were taken out
        self._far: dict[int, list[Deadline]] = {}  # the later buckets
        self._order: list[int] = []  # a heap: the numbers of these
        self._passing = 0  # number of the bucket that passes now
        self._count = 0
        self._settled = 0  # records that left, or were settled, since what they don't need was looked for

    def set(self, due_us: int, timer: Timer, record: Sleeper, about: Any) -> None:
        """Wake `record` when the watermark passes `due_us`."""
        number: int = timer
        when = (due_us << _BITS) + number
        self._put(when >> _BUCKET, (when, record, about))

    def due(self, watermark_us: int) -> Deadline | None:
        """The next one at or before the watermark, taken out. Its record may have left."""
        if not self._near:
            if not self._order or self._order[0] > watermark_us << _BITS >> _BUCKET:
                return None
            self._passing = heappop(self._order)
            self._near = self._far.pop(self._passing)
            self._near.sort(key=_WHEN)
        deadline = self._near[self._passed]
        if due_us(deadline) > watermark_us:
            return None
        self._count -= 1
        self._passed += 1
        if self._passed == len(self._near):
            self._near, self._passed = [], 0
        return deadline

    def next(self) -> int | None:
        """When the next one is due."""
        nearest = self._near[self._passed :] or (self._far[self._order[0]] if self._order else ())
        return min(map(due_us, nearest)) if nearest else None

    def join(self, others: "Alarms") -> None:
        """Take over those of another clock, in their order."""
        for deadline in sorted(chain(others._near[others._passed :], *others._far.values()), key=_WHEN):
            self._put(deadline[0] >> _BUCKET, deadline)

    def settled(self) -> None:
        """A record left, or needs some of its deadlines no more. These take room, and go before that is much."""
        self._settled += 1
        if self._settled * _SHARE > self._count:
            self._settled = 0
            self._sift()

    def _put(self, number: int, deadline: Deadline) -> None:
        """Lay it into the bucket of this number."""
        self._count += 1
        if number <= self._passing:
            insort(self._near, deadline, self._passed, key=_WHEN)
            return
        bucket = self._far.get(number)
        if bucket is None:
            self._far[number] = [deadline]
            heappush(self._order, number)
        else:
            bucket.append(deadline)

    def _sift(self) -> None:
        self._near, self._passed = _needed(self._near[self._passed :]), 0
        kept = {number: _needed(bucket) for number, bucket in self._far.items()}
        self._far = {number: bucket for number, bucket in kept.items() if bucket}
        self._order = sorted(self._far)
        self._count = len(self._near) + sum(map(len, self._far.values()))


def due_us(deadline: Deadline) -> int:
    """When it is due."""
    when: int = deadline[0]
    return when >> _BITS


def timer_of(deadline: Deadline) -> Timer:
    """What it is for."""
    when: int = deadline[0]
    timer: Timer = _TIMERS[when & _MASK]
    return timer


def _needed(deadlines: list[Deadline]) -> list[Deadline]:
    needed = []
    for deadline in deadlines:
        record: Sleeper = deadline[1]
        if record.needs(timer_of(deadline), deadline[2]):
            needed.append(deadline)
    return needed
