"""What all records of a correlator share: settings, alarms, who was heard, where it was blind."""

from bisect import insort
from collections import OrderedDict
from heapq import heappop, heappush
from typing import Final

from collectors.wire.events import Loss
from monitor.core.settings import Settings

_MOST_LOSSES: Final = 1_000  # ranges remembered an observer
_MOST_PEERS: Final = 100_000  # addresses remembered


class Alarms:
    """The deadlines of all records: a heap of (time, order of setting, record id)."""

    def __init__(self) -> None:
        self._heap: list[tuple[int, int, int]] = []
        self._serial = 0

    def set(self, due_us: int, record: int) -> None:
        """Wake `record` when the watermark passes `due_us`."""
        self._serial += 1
        heappush(self._heap, (due_us, self._serial, record))

    def due(self, watermark_us: int) -> tuple[int, int] | None:
        """The next (time, record id) at or before the watermark, taken out."""
        if self._heap and self._heap[0][0] <= watermark_us:
            due_us, _, record = heappop(self._heap)
            return due_us, record
        return None

    def next(self) -> int | None:
        """When the next one is due."""
        return self._heap[0][0] if self._heap else None


class BlindSpots:
    """When which observer lost messages. There, nothing that wasn't seen is known not to have been."""

    def __init__(self) -> None:
        self._ranges: dict[str, list[tuple[int, int]]] = {}

    def add(self, loss: Loss) -> None:
        """Remember a range; the oldest goes first when there are too many."""
        ranges = self._ranges.setdefault(loss.observer, [])
        insort(ranges, (loss.from_us, loss.to_us))
        if len(ranges) > _MOST_LOSSES:
            del ranges[0]

    def covers(self, observers: list[str], from_us: int, to_us: int) -> bool:
        """Whether one of the observers lost anything between the two times."""
        if not self._ranges:
            return False
        return any(
            from_us <= end and begin <= to_us
            for observer in observers
            for name in (observer, f"{observer.partition('/')[0]}/*")
            for begin, end in self._ranges.get(name, ())
        )


class Context:
    """Shared by the records of one correlator."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.alarms = Alarms()
        self.blind = BlindSpots()
        self._heard: OrderedDict[str, None] = OrderedDict()

    def hear(self, address: str) -> None:
        """Something came from `address`: its messages are visible here."""
        if address not in self._heard:
            self._heard[address] = None
            if len(self._heard) > _MOST_PEERS:
                self._heard.popitem(last=False)

    def heard(self, address: str) -> bool:
        """Whether anything ever came from `address`; if not, its silence means nothing."""
        return address in self._heard
