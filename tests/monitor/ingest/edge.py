"""A collector as ingest sees one: batches with sequence numbers in the partitions' streams."""

import time
from collections import defaultdict, deque

import msgspec
import redis

from collectors.scenario.scenario import event
from collectors.scenario.traffic import traffic
from collectors.sip.timers import SECOND
from collectors.wire.codec import FIELD, encode, partition_of, stream
from collectors.wire.events import SCHEMA, Batch, Heartbeat, Loss, SideEvent, SipEvent

VERSION = "0.0"


class Edge:
    """Sends to the streams of `client`; counts what it sends."""

    def __init__(self, client: redis.Redis, name: str = "edge", *, boot: str = "boot-1", partitions: int = 1) -> None:
        self.name = name
        self.boot = boot
        self.sent = 0
        self.entries: list[tuple[str, bytes, bytes]] = []  # what was put where: stream, id, data
        self._waiting: deque[tuple[str, bytes, str]] = deque()
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
        for each in events:
            by_partition[partition_of(each.call_id, each.source, self._partitions)].append(each)
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

    def send_side(self, side: list[SideEvent]) -> None:
        """A batch with these for the first partition."""
        self.add(msgspec.structs.replace(self.batch(0, []), side=side))

    def batch(self, partition: int, events: list[SipEvent], heartbeat: Heartbeat | None = None) -> Batch:
        """The next batch of a partition."""
        sequence = self._sequences[partition]
        self._sequences[partition] += 1
        return Batch(SCHEMA, self.name, self.boot, partition, sequence, events, heartbeat)

    def add(self, batch: Batch, *, data: bytes | None = None, at: str = "*") -> None:
        """Put a batch (or these bytes) into its stream."""
        self._waiting.append((stream(batch.partition), data or encode(batch), at))
        try:
            while self._waiting:
                name, data, at = self._waiting[0]
                entry_id = self._client.xadd(name, {FIELD: data}, id=at)
                assert isinstance(entry_id, bytes)
                self.entries.append((name, entry_id, data))
                self._waiting.popleft()
        except redis.ConnectionError:
            pass  # as a spool does: it waits, and what comes after it waits behind it


class Feed:
    """Sample traffic in real time, as one collector sends it."""

    def __init__(self, client: redis.Redis, seed: str, partitions: int, *, calls_per_second: float = 25) -> None:
        self.edge = Edge(client, partitions=partitions)
        self.sent: list[SipEvent] = []
        self._begin_us = int(time.time() * SECOND)
        self._traffic = traffic(seed, phones=120, calls_per_second=calls_per_second)
        self._next = next(self._traffic)
        self._beaten_us = 0

    def step(self) -> None:
        """Send what is due by now; a heartbeat each half second."""
        now_us = int(time.time() * SECOND)
        due = []
        while self._begin_us + self._next.sent_us <= now_us:
            due.append(event(self._next, self._begin_us + self._next.sent_us, "edge/eth0"))
            self._next = next(self._traffic)
        self.edge.send(due)
        self.sent += due
        if now_us - self._beaten_us > SECOND // 2:
            self.edge.beat(now_us)
            self._beaten_us = now_us

    def run(self, seconds: float) -> None:
        """Send for so long."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.step()
            time.sleep(0.02)

    def end(self) -> None:
        """The last heartbeat: everything up to now was sent."""
        self.edge.beat(int(time.time() * SECOND))
