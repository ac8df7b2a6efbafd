"""What one partition holds."""

from collectors.scenario.library import play
from collectors.sip.timers import SECOND
from collectors.wire.events import SCHEMA, Batch, Heartbeat
from monitor.core.context import Peers
from monitor.core.settings import Settings
from monitor.core.updates import CollectorReported, LossRecorded, RecordClosed
from monitor.ingest.shard import Place, Shard
from monitor.ingest.stream import Entry

NOW = 1_800_000_000 * SECOND


def test_partitions_share_the_room_for_records() -> None:
    shard = Shard(Place(0, 1, "0-0", 0, 0, b""), 8, Settings(max_records=16), Peers())
    calls = [play("good", str(number)).events()[0] for number in range(3)]
    updates = [update for call in calls for update in shard.correlator.feed(call)]
    (closed,) = [update for update in updates if isinstance(update, RecordClosed)]
    assert (closed.key.call_id, closed.reason) == (calls[0].call_id, "evicted")


def heartbeat(partition: int, boot: str, at_us: int) -> tuple[Entry, Batch]:
    said = Heartbeat(at_us, at_us, 0, "host", "0.0", "scenario", ["eth0"], {}, [])
    return Entry(f"{at_us // 1_000}-0", b""), Batch(SCHEMA, "edge", boot, partition, 0, [], said)


def test_each_partition_tells_of_a_loss_before_its_time_goes_on_and_one_counts_it() -> None:
    """The time of the overview is that of the farthest partition: who speaks for the collector may be behind."""
    told = []
    for number in range(8):
        shard = Shard(Place(number, 1, "0-0", 0, 0, b""), 8, Settings(), Peers())
        shard.take(*heartbeat(number, "boot-1", NOW))
        shard.commit(NOW)
        shard.take(*heartbeat(number, "boot-2", NOW + 200 * SECOND))
        commit = shard.commit(NOW + 200 * SECOND)
        assert commit is not None
        assert commit.watermark_us > NOW + 190 * SECOND
        (lost,) = [update for update in commit.content.logged if not isinstance(update, CollectorReported)]
        assert isinstance(lost, LossRecorded)
        assert (lost.loss.reason, lost.loss.from_us, lost.loss.to_us) == ("restart", NOW, NOW + 200 * SECOND)
        told.append(lost.echo)
    assert sorted(told) == [False] + 7 * [True]
