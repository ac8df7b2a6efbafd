"""What one partition holds."""

from collectors.scenario.library import play
from monitor.core.context import Peers
from monitor.core.settings import Settings
from monitor.core.updates import RecordClosed
from monitor.ingest.shard import Place, Shard


def test_partitions_share_the_room_for_records() -> None:
    shard = Shard(Place(0, 1, "0-0", 0, 0, b""), 8, Settings(max_records=16), Peers())
    calls = [play("good", str(number)).events()[0] for number in range(3)]
    updates = [update for call in calls for update in shard.correlator.feed(call)]
    (closed,) = [update for update in updates if isinstance(update, RecordClosed)]
    assert (closed.key.call_id, closed.reason) == (calls[0].call_id, "evicted")
