"""What waits for its time, by steps of it."""

from heapq import heappop, heappush
from operator import itemgetter
from typing import Final, Generic, TypeVar

T = TypeVar("T")

STEP_US: Final = 100_000
_TIME: Final = itemgetter(0)


class Waiting(Generic[T]):
    """What happened, in the order in which it came; only what is of a step that is over is put in order of time."""

    def __init__(self) -> None:
        self._steps: dict[int, list[tuple[int, T]]] = {}  # by number: a step has the time at which it is over, too
        self._order: list[int] = []  # a heap of the numbers
        self._count = 0

    def add(self, at_us: int, what: T) -> None:
        """One more."""
        self._count += 1
        number = (at_us + STEP_US - 1) // STEP_US
        step = self._steps.get(number)
        if step is None:
            step = self._steps[number] = []
            heappush(self._order, number)
        step.append((at_us, what))

    def over_us(self) -> int:
        """When the earliest step is over, where anything waits."""
        return self._order[0] * STEP_US

    def pop(self) -> list[tuple[int, T]]:
        """All that is of the earliest step, in order of time; what is of one moment as it came."""
        step = self._steps.pop(heappop(self._order))
        self._count -= len(step)
        step.sort(key=_TIME)
        return step

    def __len__(self) -> int:
        return self._count
