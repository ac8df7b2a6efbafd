"""What waits for its time, moment by moment."""

from heapq import heappop, heappush
from typing import Generic, TypeVar

T = TypeVar("T")


class Waiting(Generic[T]):
    """A heap of the times alone, and beside it what happened then: numbers are sorted at a third of the cost."""

    def __init__(self) -> None:
        self._times: list[int] = []
        self._moments: dict[int, list[T]] = {}
        self._count = 0

    def add(self, at_us: int, what: T) -> None:
        """One more."""
        self._count += 1
        moment = self._moments.get(at_us)
        if moment is None:
            self._moments[at_us] = [what]
            heappush(self._times, at_us)
        else:
            moment.append(what)

    def first_us(self) -> int:
        """The earliest time, where anything waits."""
        return self._times[0]

    def pop(self) -> list[T]:
        """All that is of the earliest time, as it came."""
        moment = self._moments.pop(heappop(self._times))
        self._count -= len(moment)
        return moment

    def __len__(self) -> int:
        return self._count
