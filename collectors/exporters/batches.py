"""Events → numbered batches, one stream of numbers a partition.

(collector, boot, partition, sequence) names a batch for ever, and the numbers of a partition have no
holes: the server drops what comes twice and counts what is missing.
"""

from collections.abc import Iterable, Mapping
from typing import Final

from collectors.wire.codec import partition_of
from collectors.wire.events import SCHEMA, Batch, Heartbeat, Observation, SideEvent, SipEvent

MAX_EVENTS: Final = 1_000  # in a batch
MAX_OCTETS: Final = 1024 * 1024  # of raw data in a batch, before one more is added
NOBODY: Final[Mapping[int, Heartbeat]] = {}


class Batcher:
    """Gathers events by partition and cuts batches."""

    def __init__(self, collector: str, boot: str, partitions: int) -> None:
        self.partitions = partitions
        self._collector = collector
        self.boot = boot
        self._sequences = [0] * partitions
        self._events: list[list[SipEvent]] = [[] for _ in range(partitions)]
        self._side: list[list[SideEvent]] = [[] for _ in range(partitions)]
        self._octets = [0] * partitions

    @property
    def waiting(self) -> int:
        """Events that are in no batch yet."""
        return sum(map(len, self._events)) + sum(map(len, self._side))

    def add(self, events: Iterable[Observation]) -> list[Batch]:
        """Take events; the batches that are full by that."""
        full: list[Batch] = []
        for event in events:
            partition = partition_of(event.call_id, event.source, self.partitions)
            gathered, side = self._events[partition], self._side[partition]
            if isinstance(event, SipEvent):
                gathered.append(event)
            else:
                side.append(event)
                self._octets[partition] += len(event.text)
            self._octets[partition] += len(event.raw)
            if len(gathered) + len(side) >= MAX_EVENTS or self._octets[partition] >= MAX_OCTETS:
                full.append(self._cut(partition, None))
        return full

    def flush(self, heartbeats: Mapping[int, Heartbeat] = NOBODY) -> list[Batch]:
        """Everything that waits, and a batch for each partition that is told a heartbeat."""
        waiting = enumerate(zip(self._events, self._side, strict=True))
        return [
            self._cut(partition, heartbeats.get(partition))
            for partition, gathered in waiting
            if any(gathered) or partition in heartbeats
        ]

    def _cut(self, partition: int, heartbeat: Heartbeat | None) -> Batch:
        events, self._events[partition] = self._events[partition], []
        side, self._side[partition] = self._side[partition], []
        self._octets[partition] = 0
        sequence = self._sequences[partition]
        self._sequences[partition] += 1
        return Batch(SCHEMA, self._collector, self.boot, partition, sequence, events, heartbeat, side)
