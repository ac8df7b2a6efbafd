"""Bounded memory: tables that forget what was not asked for longest, and counts of the recent past."""

from collections import OrderedDict, deque
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any, Final, Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")

# Of most, shared and never changed: an empty deque is as large as a hundred numbers.
_NOTHING_HAPPENED: Final[deque[Any]] = deque()
_NO_COUNTS: Final[dict[Any, int]] = {}


class Bounded(Generic[K, V]):
    """Values by key. Beyond `most` the one least recently asked for goes, counted."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._found: OrderedDict[K, V] = OrderedDict()
        self.evicted = 0

    def find(self, key: K) -> V | None:
        """The value, if there is one."""
        value = self._found.get(key)
        if value is not None:
            self._found.move_to_end(key)
        return value

    def get(self, key: K) -> V | None:
        """The value, if there is one; asking so is no use of it."""
        return self._found.get(key)

    def put(self, key: K, value: V) -> None:
        """This is its value from now on."""
        if key in self._found:
            self._found.move_to_end(key)
        self._found[key] = value
        if len(self._found) > self._most:
            self._found.popitem(last=False)
            self.evicted += 1

    def pop(self, key: K) -> V | None:
        """Take a value out."""
        return self._found.pop(key, None)

    def __iter__(self) -> Iterator[K]:
        return iter(self._found)

    def __len__(self) -> int:
        return len(self._found)


class Table(Bounded[K, V]):
    """As that, its values made when first asked for."""

    def __init__(self, make: Callable[[], V], most: int) -> None:
        super().__init__(most)
        self._make = make

    def __getitem__(self, key: K) -> V:
        value = self.find(key)
        if value is None:
            value = self._make()
            self.put(key, value)
        return value


class Recent(Generic[K]):
    """What happened within a time: how often, and to what. Times come in order, nearly."""

    __slots__ = ("_happened", "_most", "_oldest_us", "_within_us", "counts", "total")

    def __init__(self, within_us: int, most: int = 1_000) -> None:
        self._within_us = within_us
        self._most = most
        self._happened: deque[tuple[int, K, int]] = _NOTHING_HAPPENED
        self._oldest_us = 0  # of those, the time of the first
        self.counts: dict[K, int] = _NO_COUNTS
        self.total = 0

    def add(self, at_us: int, what: K, times: int = 1) -> None:
        """It happened at `at_us`; what was longer ago than the time is forgotten."""
        if self._happened is _NOTHING_HAPPENED:
            self._happened, self.counts = deque(), {}
            self._oldest_us = at_us
        self._happened.append((at_us, what, times))
        self.counts[what] = self.counts.get(what, 0) + times
        self.total += times
        while self._oldest_us <= at_us - self._within_us or len(self._happened) > self._most:
            self._forget()

    def _forget(self) -> None:
        _, what, times = self._happened.popleft()
        self.total -= times
        left = self.counts[what] - times
        if left:
            self.counts[what] = left
        else:
            del self.counts[what]
        self._oldest_us = self._happened[0][0]

    def __len__(self) -> int:
        return len(self.counts)


class Sum(Generic[V]):
    """How much there was within a time, and of what. Times come in order, nearly."""

    __slots__ = ("_most", "_oldest_us", "_parts", "_within_us", "total")

    def __init__(self, within_us: int, most: int) -> None:
        self._within_us = within_us
        self._most = most  # parts that are told apart
        self._parts: deque[tuple[int, int, V]] = deque()
        self._oldest_us = 0
        self.total = 0

    def add(self, at_us: int, amount: int, of: V) -> None:
        """So much more of this at `at_us`; what was longer ago than the time is forgotten."""
        parts = self._parts
        if not parts:
            self._oldest_us = at_us
        parts.append((at_us, amount, of))
        self.total += amount
        while self._oldest_us <= at_us - self._within_us or len(parts) > self._most:
            self.total -= parts.popleft()[1]
            self._oldest_us = parts[0][0]

    def newest(self, most: int) -> list[V]:
        """Of what the last parts were, the oldest first."""
        return [of for _, _, of in islice(reversed(self._parts), most)][::-1]
