"""Events through a real Redis Cluster whose slots move and whose nodes go away: nothing lost, others not held up."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import count
from pathlib import Path

import pytest

from collectors.exporters.base import ExporterError
from collectors.exporters.redis_stream import RedisStreamExporter
from collectors.exporters.spool import Record, Spool
from collectors.exporters.spools import Spools
from collectors.wire.codec import FIELD, PARTITIONS_KEY, decode, partition_of, stream
from collectors.wire.events import Batch
from tests.collectors.exporters.test_redis_stream import BEAT, FINAL, MEGABYTE, events
from tests.support.cluster import Node, RedisCluster
from tests.support.processes import free_port, wait_for

PARTITIONS = 8
Make = Callable[..., RedisStreamExporter]


@pytest.fixture
def make(cluster: RedisCluster, tmp_path: Path) -> Iterator[Make]:
    boots = count(1)
    with ExitStack() as stack:

        def make_one(url: str = "") -> RedisStreamExporter:
            exporter = RedisStreamExporter(
                url or cluster.url,
                collector="edge",
                boot=f"boot{next(boots)}",
                partitions=PARTITIONS,
                spool=tmp_path / "spool",
                spool_size=64 * MEGABYTE,
                batch_s=0.0,
            )
            stack.callback(exporter.stop, FINAL)
            return exporter

        yield make_one


def delivered(cluster: RedisCluster) -> dict[int, list[Batch]]:
    """What each partition holds, each batch once, as ingest takes it: in the order of the stream."""
    found: dict[int, list[Batch]] = {}
    with cluster.client() as client:
        for number in range(PARTITIONS):
            taken: dict[str, int] = {}
            found[number] = []
            for _, fields in client.xrange(stream(number)):
                batch = decode(fields[FIELD])
                if batch.sequence > taken.get(batch.boot, -1):
                    taken[batch.boot] = batch.sequence
                    found[number].append(batch)
    return found


def holes(found: dict[int, list[Batch]]) -> list[tuple[int, list[int]]]:
    """Partitions where the batches of a start are not numbered 0, 1, 2, …"""
    numbers: dict[tuple[int, str], list[int]] = {}
    for number, batches in found.items():
        for batch in batches:
            numbers.setdefault((number, batch.boot), []).append(batch.sequence)
    return [(number, each) for (number, _), each in numbers.items() if each != list(range(len(each)))]


def call_ids(found: dict[int, list[Batch]]) -> list[str]:
    return sorted(event.call_id for batches in found.values() for batch in batches for event in batch.events)


def wanted(last: int) -> list[str]:
    return sorted(f"c{number}" for number in range(last))


def by_node(cluster: RedisCluster) -> dict[int, list[int]]:
    """Which partitions each node has, by its place among the nodes."""
    found: dict[int, list[int]] = {}
    for number in range(PARTITIONS):
        found.setdefault(cluster.nodes.index(cluster.owner(stream(number))), []).append(number)
    return found


def test_partitions_lie_on_several_nodes_and_each_gets_its_events_in_order(cluster: RedisCluster, make: Make) -> None:
    exporter = make()
    exporter.start()
    for first in range(0, 400, 20):
        exporter.export(events(first, first + 20))
    exporter.heartbeat(BEAT)
    exporter.stop(FINAL)
    found = delivered(cluster)
    assert len(by_node(cluster)) == 3
    assert call_ids(found) == wanted(400)
    assert not holes(found)
    assert all(batches[-1].heartbeat and batches[-1].heartbeat.final for batches in found.values())
    assert exporter.counters()["sent"] == 400
    with cluster.client() as client:
        assert client.get(PARTITIONS_KEY) == b"8"


def test_slots_move_while_events_flow_and_nothing_is_lost_or_out_of_order(cluster: RedisCluster, make: Make) -> None:
    exporter, sent = make(), count(0, 10)
    exporter.start()

    def flow(rounds: int) -> None:
        for first in (next(sent) for _ in range(rounds)):
            exporter.export(events(first, first + 10))
            wait_for(lambda: exporter.backlog == 0)

    flow(5)
    origin, spare = cluster.owner(stream(0)), cluster.spare
    for to in (spare, origin):
        with cluster.moving(stream(0), to):
            flow(5)
        flow(5)
    exporter.stop(FINAL)
    found = delivered(cluster)
    assert call_ids(found) == wanted(250)
    assert not holes(found)
    assert exporter.counters()["spooled"] == 0


def test_a_node_that_is_away_holds_up_its_own_partitions_only(cluster: RedisCluster, make: Make) -> None:
    with cluster.client() as client:
        client.set(PARTITIONS_KEY, PARTITIONS)
    # Who knows how many partitions there are is asked at the start.
    away = next(node for node in cluster.nodes if node not in (cluster.spare, cluster.owner(PARTITIONS_KEY)))
    its_own = set(by_node(cluster)[cluster.nodes.index(away)])

    def of_its_own(first: int, last: int) -> int:
        return sum(partition_of(each.call_id, each.source, PARTITIONS) in its_own for each in events(first, last))

    exporter = make()
    exporter.start()
    exporter.export(events(0, 100))
    wait_for(lambda: exporter.backlog == 0)
    away.kill()
    for first in range(100, 500, 10):
        exporter.export(events(first, first + 10))
    wait_for(lambda: exporter.backlog == of_its_own(100, 500), 20, what="the others have theirs")
    exporter.heartbeat(BEAT)
    wait_for(lambda: exporter.counters()["spooled"] == of_its_own(100, 500), 20, what="its own are spooled")
    exporter.stop(FINAL)

    second = make()  # a collector that starts meanwhile
    second.start()
    second.export(events(500, 600))
    wait_for(lambda: second.backlog == of_its_own(100, 600), 20, what="the others have theirs")
    away.start()
    wait_for(lambda: second.backlog == 0, 20, what="the node has taken the rest")
    second.stop(FINAL)
    cluster.settled()
    found = delivered(cluster)
    assert call_ids(found) == wanted(600)
    assert not holes(found)


def test_a_cluster_and_a_single_server_are_not_taken_for_one_another(
    cluster: RedisCluster, make: Make, tmp_path: Path
) -> None:
    node = next(node for node in cluster.nodes if node is not cluster.owner(PARTITIONS_KEY))
    with pytest.raises(ExporterError, match=r"one node of a cluster: name its nodes in a URL .* redis\+cluster://"):
        make(f"redis://127.0.0.1:{node.port}").start()
    lone = Node(tmp_path / "lone", free_port(), cluster=False)
    try:
        with pytest.raises(ExporterError, match=r"is a single server and no cluster: name it .* redis://"):
            make(f"redis+cluster://127.0.0.1:{lone.port}").start()
    finally:
        lone.kill()


def record(partition: int, number: int) -> Record:
    return Record(PARTITIONS, partition, 1, 1, 2, 1, b"%d" % number)


def test_what_waits_moves_with_the_kind_of_store(tmp_path: Path) -> None:
    folder = tmp_path / "spool"
    single = Spool(folder, MEGABYTE)
    for number in range(200):
        single.append(record(number % 3, number))
    single.close()

    spools = Spools(folder, 8 * MEGABYTE)
    each, dropped = spools.each(2)
    assert set(each) == {0, 1, 2}
    assert [int(one.data) for one in each[2].head(1000)] == list(range(2, 200, 3))
    assert dropped.events == 0
    for one in each.values():
        one.close()
    spools.close()

    spools = Spools(folder, 8 * MEGABYTE)
    whole, dropped = spools.whole()
    found = [(one.partition, int(one.data)) for one in whole.head(1000)]
    assert sorted(number for _, number in found) == list(range(200))
    assert [number for partition, number in found if partition == 1] == list(range(1, 200, 3))
    assert dropped.events == 0
    whole.close()
