"""Numbers and names that look random and follow from a seed: the same seed, the same scenario."""

from bisect import bisect
from collections.abc import Sequence
from hashlib import blake2b
from itertools import accumulate
from math import log
from typing import Final, TypeVar

T = TypeVar("T")

_SPAN: Final = 2**64
ALPHANUMERIC: Final = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"


class Dice:
    """A stream of throws. The nth throw of a seed is the same on every machine and Python."""

    __slots__ = ("_count", "_seed")

    def __init__(self, seed: str) -> None:
        self._seed = seed.encode()
        self._count = 0

    def _throw(self) -> int:
        self._count += 1
        return int.from_bytes(blake2b(b"%d/%s" % (self._count, self._seed), digest_size=8).digest(), "big")

    def below(self, end: int) -> int:
        """A whole number from 0 to `end` - 1."""
        return self._throw() % end

    def between(self, low: float, high: float) -> float:
        return low + (high - low) * self._throw() / _SPAN

    def chance(self, probability: float) -> bool:
        return self._throw() < probability * _SPAN

    def gap(self, mean: float) -> float:
        """The time to the next of many independent arrivals (exponential)."""
        return -mean * log(1 - self._throw() / _SPAN)

    def pick(self, choices: Sequence[T]) -> T:
        return choices[self.below(len(choices))]

    def weighted(self, choices: Sequence[tuple[T, int]]) -> T:
        """One of (value, weight) pairs."""
        ends = list(accumulate(weight for _, weight in choices))
        return choices[bisect(ends, self.below(ends[-1]))][0]

    def hex(self, digits: int) -> str:
        return self._join("%016x", 16, digits)

    def digits(self, count: int) -> str:
        return self._join("%010d", 10, count, 10**10)

    def _join(self, form: str, width: int, length: int, span: int = _SPAN) -> str:
        throws = -(-length // width)
        return "".join(form % (self._throw() % span) for _ in range(throws))[:length]

    def text(self, length: int) -> str:
        """Letters and digits of both cases."""
        value, out = 0, []
        for place in range(length):
            value = self._throw() if place % 8 == 0 else value // 62
            out.append(ALPHANUMERIC[value % 62])
        return "".join(out)

    def child(self, name: str) -> "Dice":
        """Another stream, which this one's throws do not disturb."""
        return Dice(f"{self._seed.decode()}/{name}")
