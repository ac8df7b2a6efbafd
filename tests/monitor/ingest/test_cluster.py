"""From a collector through a real Redis Cluster into the database: slots move, nodes go away, nothing is lost."""

import logging
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from collectors.exporters.redis_stream import RedisStreamExporter
from collectors.scenario.scenario import event
from collectors.scenario.traffic import traffic
from collectors.sip.timers import SECOND
from collectors.wire.codec import PARTITIONS_KEY, partition_of, stream
from collectors.wire.events import Heartbeat, SipEvent
from monitor import packing
from monitor.ingest.cluster import ClusterStreams, open_streams
from monitor.ingest.stream import StoreAway, Streams
from monitor.ingest.worker import Worker
from monitor.models import LossRange, MessageChunk, Partition
from tests.support.cluster import Node, RedisCluster

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.any_database]

PARTITIONS = 8
log = logging.getLogger(__name__)


class Silent:
    """A bell without a bus."""

    def ring(self) -> None:
        """Nobody waits."""


class Line:
    """A collector with sample traffic and an ingest worker, turn by turn, as real time passes."""

    def __init__(self, cluster: RedisCluster, spool: Path, seed: str) -> None:
        self.cluster = cluster
        self.sent: list[SipEvent] = []
        self.exporter = RedisStreamExporter(
            cluster.url,
            collector="edge",
            boot="boot",
            partitions=PARTITIONS,
            spool=spool,
            spool_size=2**26,
            batch_s=0.05,
        )
        self.exporter.start()
        self.streams = open_streams(cluster.url)
        self.worker = Worker(self.streams, Silent(), PARTITIONS)
        self._traffic = traffic(seed, phones=120, calls_per_second=25)
        self._next = next(self._traffic)
        self._begin_us = int(time.time() * SECOND)
        self._told_us = 0

    def turn(self) -> None:
        """What is due is sent, and what came is taken."""
        now_us = int(time.time() * SECOND)
        due = []
        while self._begin_us + self._next.sent_us <= now_us:
            due.append(event(self._next, self._begin_us + self._next.sent_us, "edge/eth0"))
            self._next = next(self._traffic)
        self.sent += due
        self.exporter.export(due)
        if now_us - self._told_us > SECOND // 2:
            self._told_us = now_us
            self.exporter.heartbeat(self.beat(now_us))
        try:
            self.worker.cycle()
        except StoreAway as error:  # as the worker's loop does
            log.info("%s", error)
            self.streams.close()

    def beat(self, now_us: int, *, final: bool = False) -> Heartbeat:
        """A heartbeat that speaks of now."""
        counters = {"parsed": len(self.sent)}
        return Heartbeat(now_us, now_us, self._begin_us, "host", "0", "scenario", ["eth0"], counters, [], 0, final)

    def run(self, until: Callable[[], bool] | None = None, seconds: float = 0.5) -> None:
        """For some seconds, or until something holds, which it must in half a minute."""
        begun = time.monotonic()
        while time.monotonic() - begun < seconds if until is None else not until():
            assert time.monotonic() - begun < 30, "it must hold at last"
            self.turn()
            time.sleep(0.02)

    def end(self) -> None:
        """Say goodbye; all is committed and trimmed."""
        self.exporter.stop(self.beat(int(time.time() * SECOND), final=True))
        with self.cluster.client() as client:
            begun = time.monotonic()
            while any(client.xlen(stream(number)) for number in range(PARTITIONS)):
                self.worker.cycle()
                assert time.monotonic() - begun < 30, "all is committed"

    def watermarks(self) -> list[int]:
        """How far each partition is."""
        return list(Partition.objects.order_by("number").values_list("watermark_us", flat=True))

    def of(self, node: Node) -> set[int]:
        """The partitions that a node has."""
        return {number for number in range(PARTITIONS) if self.cluster.owner(stream(number)) is node}


@pytest.fixture
def line(cluster: RedisCluster, tmp_path: Path) -> Iterator[Line]:
    line = Line(cluster, tmp_path / "spool", str(tmp_path))
    yield line
    line.exporter.stop(line.beat(0, final=True))
    line.streams.close()


def stored() -> Counter[bytes]:
    """The messages in the database, and how often each is there."""
    return Counter(each.raw for chunk in MessageChunk.objects.all() for each in packing.messages(chunk.messages))


def sent(line: Line) -> Counter[bytes]:
    return Counter(each.raw for each in line.sent)


def losses() -> set[str]:
    """The reasons of losses, but for goodbyes, and for silences, which a slow machine brings about."""
    expected = ["silent", "lagging", "planned"]
    return set(LossRange.objects.exclude(reason__in=expected).values_list("reason", flat=True))


@pytest.mark.timeout(120)
def test_slots_move_and_a_node_goes_away_and_comes_back_and_every_message_is_stored_once(line: Line) -> None:
    cluster = line.cluster
    line.run()
    origin, spare = cluster.owner(stream(0)), cluster.spare
    for to in (spare, origin):
        with cluster.moving(stream(0), to):
            line.run(seconds=0.3)
        line.run(seconds=0.3)

    knows = cluster.owner(PARTITIONS_KEY)
    away = next(node for node in cluster.nodes if node not in (knows, cluster.spare))
    before = line.watermarks()
    its_own = line.of(away)
    away.kill()
    others = set(range(PARTITIONS)) - its_own
    line.run(lambda: all(line.watermarks()[number] > before[number] for number in others))
    stood = [line.watermarks()[number] for number in its_own]
    line.run(seconds=0.3)
    assert [line.watermarks()[number] for number in its_own] == stood
    waiting = sum(partition_of(each.call_id, each.source, PARTITIONS) in its_own for each in line.sent)
    assert 0 < line.exporter.backlog <= waiting
    away.start()
    line.run(lambda: line.exporter.backlog == 0)
    line.end()
    assert stored() == sent(line)
    assert losses() == set()


@pytest.mark.timeout(120)
def test_a_replica_takes_over_and_every_message_is_stored_once(line: Line) -> None:
    cluster = line.cluster
    old = cluster.owner(stream(0))
    with cluster.replica(old) as replica:
        line.run()
        # What a node took and its replica had not got yet would be lost with it, and counted as a gap.
        line.run(lambda: line.exporter.backlog == 0 and replica.written == old.written)
        old.kill()
        line.run(lambda: cluster.owner(stream(0)) is replica)
        line.run(lambda: line.exporter.backlog == 0)
        line.end()
        old.start()
    assert stored() == sent(line)
    assert losses() <= {"reset"}


def test_streams_on_another_node_are_read_from_their_beginning(cluster: RedisCluster, line: Line) -> None:
    # Its clock may be behind: what it gave out has lower ids than what was read.
    line.run(lambda: all(line.watermarks()) and len(line.watermarks()) == PARTITIONS)
    Partition.objects.update(stream_offset="9999999999999-0")
    line.worker = Worker(line.streams, Silent(), PARTITIONS)
    Partition.objects.update(owner="", lease_until_us=0)
    line.run()
    line.end()
    assert stored() == sent(line)


def test_a_cluster_and_a_single_server_are_told_apart(cluster: RedisCluster, tmp_path: Path) -> None:
    with pytest.raises(StoreAway, match=r"redis\+cluster://"):
        Streams(f"redis://127.0.0.1:{cluster.spare.port}").fix_partitions(4)
    streams = ClusterStreams("redis+cluster://127.0.0.1:1")
    with pytest.raises(StoreAway, match="Connection refused"):
        streams.fix_partitions(4)
