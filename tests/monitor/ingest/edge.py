"""A collector as ingest sees one: batches with sequence numbers in the partitions' streams."""

from collections import defaultdict

import redis

from collectors.wire.codec import FIELD, encode, partition_of, stream
from collectors.wire.events import SCHEMA, Batch, Heartbeat, Loss, SipEvent

VERSION = "0.0"


class Edge:
    """Sends to the streams of `client`; counts what it sends."""

    def __init__(self, client: redis.Redis, name: str = "edge", *, boot: str = "boot-1", partitions: int = 1) -> None:
        self.name = name
        self.boot = boot
        self.sent = 0
        self._client = client
        self._partitions = partitions
        self._sequences = [0] * partitions

    def restart(self, boot: str) -> None:
        """A new process of the same collector."""
        self.boot = boot
        self._sequences = [0] * self._partitions

    def send(self, events: list[SipEvent]) -> None:
        """A batch a partition with these events."""
        by_partition = defaultdict(list)
        for event in events:
            by_partition[partition_of(event.call_id, event.source, self._partitions)].append(event)
        for partition, some in by_partition.items():
            self.add(self.batch(partition, some))
        self.sent += len(events)

    def beat(
        self,
        low_water_us: int,
        *,
        sent_us: int | None = None,
        losses: tuple[Loss, ...] = (),
        backlog: int = 0,
        final: bool = False,
    ) -> None:
        """A heartbeat to every partition."""
        heartbeat = Heartbeat(
            low_water_us if sent_us is None else sent_us,
            low_water_us,
            0,
            "host",
            VERSION,
            "scenario",
            ["eth0"],
            {"parsed": self.sent},
            list(losses),
            backlog,
            final,
        )
        for partition in range(self._partitions):
            self.add(self.batch(partition, [], heartbeat))

    def batch(self, partition: int, events: list[SipEvent], heartbeat: Heartbeat | None = None) -> Batch:
        """The next batch of a partition."""
        sequence = self._sequences[partition]
        self._sequences[partition] += 1
        return Batch(SCHEMA, self.name, self.boot, partition, sequence, events, heartbeat)

    def add(self, batch: Batch, *, data: bytes | None = None, at: str = "*") -> None:
        """Put a batch (or these bytes) into its stream."""
        self._client.xadd(stream(batch.partition), {FIELD: data or encode(batch)}, id=at)
