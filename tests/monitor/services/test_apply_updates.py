"""One transaction for all that a worker found: whole, or not at all, and only for who holds the lease."""

import msgspec
import pytest
from django.db import DataError, connection

from collectors.scenario.library import play
from collectors.wire.events import Heartbeat, Loss
from monitor import packing
from monitor.core.context import Heard
from monitor.core.correlator import Correlator
from monitor.core.updates import CollectorReported
from monitor.models import (
    Call,
    Collector,
    CommitLog,
    DeadLetter,
    FindingRow,
    LossRange,
    MessageChunk,
    Partition,
    Peer,
    Registration,
    Transaction,
)
from monitor.services.apply_updates import Fenced, apply
from monitor.services.commit import CollectorState, NotedLoss, PartitionCommit
from monitor.services.commit import DeadLetter as Letter
from monitor.services.harvest import Content, Harvest
from monitor.services.sql import NOW_US

pytestmark = pytest.mark.django_db

EMPTY = Content([], [], [], [])


@pytest.fixture(autouse=True)
def _partitions(db: None) -> None:
    Partition.objects.create(number=0, owner="me", epoch=3, stream_offset="5-0", version=10)
    Partition.objects.create(number=1, owner="me", epoch=1)


def commit(content: Content = EMPTY, **changes: object) -> PartitionCommit:
    values: dict[str, object] = {
        "number": 0,
        "epoch": 3,
        "old_offset": "5-0",
        "new_offset": "6-0",
        "watermark_us": 1_000,
        "marks": b"marks",
        "version": 11,
        "lag_ms": 7,
        "content": content,
        "collectors": [],
        "losses": [],
        "dead_letters": [],
    }
    return PartitionCommit(**(values | changes))  # type: ignore[arg-type]  # a table of fields


def correlated(*situations: str) -> Content:
    """What playing these situations to their end leaves to be written."""
    correlator = Correlator()
    harvest = Harvest(correlator)
    for name in situations:
        for event in play(name).events():
            harvest.add(correlator.feed(event), 0)
    harvest.add(correlator.advance(2_000_000_000_000_000), 2_000_000_000_000_000)
    return harvest.take()


def test_a_commit_moves_the_partition_and_writes_all_that_belongs_to_it() -> None:
    content = correlated("missing-ack", "registered", "pings")
    heartbeat = Heartbeat(1, 2, 3, "edge-1", "0.1", "libpcap", ["eth0"], {"parsed": 4}, [], 5)
    apply(
        [
            commit(
                content,
                collectors=[CollectorState(CollectorReported("edge", "b1", 99, heartbeat), 1, 2, 3.5)],
                losses=[NotedLoss("edge", Loss("edge/eth0", 1, 2, "kernel", 3), -1)],
                dead_letters=[Letter("6-0", "not a batch", 6_000, 0, b"junk")],
            )
        ],
        {"10.0.0.1": Heard(77, 78)},
    )
    row = Partition.objects.get(number=0)
    assert (row.stream_offset, row.watermark_us, bytes(row.marks), row.version) == ("6-0", 1_000, b"marks", 11)
    assert row.lease_until_us > 0
    call = Call.objects.get()
    assert call.codes == " missing-ack dropped-at-32s "
    assert call.severity in ("major", "critical")
    assert not call.open
    chunk = MessageChunk.objects.get(day=call.day, key=call.key)
    assert len(packing.messages(chunk.messages)) == chunk.count == call.messages
    assert FindingRow.objects.get(code="missing-ack").evidence
    assert Registration.objects.get().outcome == "expired"
    assert Transaction.objects.filter(method="OPTIONS").count() == 3
    assert Collector.objects.get().counters == {"parsed": 4}
    assert LossRange.objects.get().count == 3
    assert bytes(DeadLetter.objects.get().data) == b"junk"
    assert Peer.objects.values_list("since_us", "answers_us").get() == (77, 78)
    assert packing.committed(CommitLog.objects.get().updates).updates == content.logged


def test_of_several_partitions_none_is_written_when_one_is_fenced() -> None:
    with pytest.raises(Fenced) as caught:
        apply([commit(correlated("good")), commit(number=1, epoch=2, old_offset="0-0")], {"10.0.0.1": Heard(1)})
    assert caught.value.number == 1
    assert Partition.objects.get(number=0).stream_offset == "5-0"
    assert not Call.objects.exists()
    assert not Peer.objects.exists()


@pytest.mark.parametrize("stale", [{"epoch": 2}, {"epoch": 4}, {"old_offset": "4-9"}])
def test_an_older_epoch_or_another_offset_changes_nothing(stale: dict[str, object]) -> None:
    with pytest.raises(Fenced):
        apply([commit(correlated("good"), **stale)], {})
    assert not Call.objects.exists()
    assert Partition.objects.get(number=0).stream_offset == "5-0"


def test_a_commit_that_was_applied_can_not_be_applied_again() -> None:
    once = commit(correlated("good"))
    apply([once], {})
    with pytest.raises(Fenced):
        apply([once], {})
    assert CommitLog.objects.count() == 1


def test_what_fails_half_way_leaves_nothing() -> None:
    with pytest.raises((DataError, OverflowError)):
        apply([commit(correlated("good"), lag_ms=-(2**70))], {})
    assert not Call.objects.exists()
    assert Partition.objects.get(number=0).version == 10


def test_hostile_text_is_stored_where_the_database_takes_it() -> None:
    correlator = Correlator()
    harvest = Harvest(correlator)
    invite = play("good").events()[0]
    for call_id in ("nul\0nul", "x" * 60_000, "\U0001f600" * 2_000, "'; DROP TABLE monitor_call; --", "%s"):
        hostile = msgspec.structs.replace(invite, call_id=call_id, from_uri=call_id, captured_us=2**63)
        harvest.add(correlator.feed(hostile), 0)
    apply([commit(harvest.take())], {"\0": Heard(1, 2**63)})
    assert Call.objects.count() == 5
    assert {row.call_id[:3] for row in Call.objects.all()} == {"nul", "xxx", "\U0001f600" * 3, "'; ", "%s"}


def test_a_range_that_grows_stays_one_row() -> None:
    first, grown = Loss("edge/*", 1, 2, "silent", 0), Loss("edge/*", 1, 9, "silent", 0)
    apply([commit(losses=[NotedLoss("edge", first, -1), NotedLoss("edge", grown, -1)])], {})
    apply([commit(old_offset="6-0", new_offset="7-0", losses=[NotedLoss("edge", grown, -1)])], {})
    assert LossRange.objects.get().to_us == 9


def test_the_lease_is_renewed_by_the_databases_clock() -> None:
    apply([commit()], {})
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {NOW_US[connection.vendor]}")
        (now_us,) = cursor.fetchone()
    assert 4_000_000 < Partition.objects.get(number=0).lease_until_us - now_us <= 5_000_000


def test_of_a_peer_the_earliest_times_stay_whoever_tells_them() -> None:
    def told(heard: Heard) -> tuple[int, int]:
        apply([], {"10.0.0.1": heard})
        return Peer.objects.values_list("since_us", "answers_us").get()

    assert told(Heard(50)) == (50, 0)
    assert told(Heard(60, 70)) == (50, 70)
    assert told(Heard(40, 80)) == (40, 70)
    assert told(Heard(45, 65)) == (40, 65)
    assert told(Heard(30)) == (30, 65)
