"""A limit by size holds on disk while data pour in; on SQLite and on PostgreSQL."""

import pytest
from django.db import connection, transaction
from msgspec.structs import replace

from collectors.scenario.library import play
from monitor.core.correlator import Correlator
from monitor.core.retention import DataKind
from monitor.models import Call, MessageChunk, Removal, StorageState, StorageUse
from monitor.services import retention
from monitor.services.apply_updates import write_content
from monitor.services.harvest import Content, Harvest
from monitor.services.retention import postgres, sqlite
from monitor.services.retention.measure import measure, whole
from tests.monitor.services.retention.store import DAY, MB, NOW, clock_us, policy, store


@pytest.fixture
def emptied(transactional_db: None) -> None:
    """Tables that take no room left over from other tests."""
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute("VACUUM")
            cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def content(over: bool = True) -> Content:
    """What one commit writes of a call without an ACK."""
    correlator = Correlator()
    harvest = Harvest(correlator)
    for event in play("missing-ack", "poured").events(start_us=NOW - DAY):
        harvest.add(correlator.feed(event), 0)
    if over:
        harvest.add(correlator.advance(NOW), 0)
    return harvest.take()


def pour(calls: int, begin: int = 0, *, over: bool = True) -> None:
    """So many calls, one after the other, in commits as ingest makes them."""
    one = content(over)
    for first in range(begin, begin + calls, 50):
        many = [renamed(one, number) for number in range(first, first + 50)]
        with transaction.atomic():
            write_content([(each, 0, 1) for each in many])


def renamed(one: Content, number: int) -> Content:
    """The same of another call, that many ms later."""
    (record,), (chunk,) = one.records, one.chunks
    key = replace(record.key, call_id=f"{number}@example.com")
    record = replace(record, key=key, first_us=record.first_us + number * 1000)
    return Content([record], [replace(chunk, key=key)], [], [])


def log_room() -> int:
    """What SQLite's log takes beside."""
    return sqlite.log_room(0) if connection.vendor == "sqlite" else 0


def take_stock() -> None:
    """Let PostgreSQL count what this connection wrote, as it does each second by itself."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_stat_force_next_flush()")


def test_a_limit_over_all_holds_on_disk_while_calls_pour_in(emptied: None) -> None:
    pour(50, over=False)
    limit = whole().used + log_room() + 6 * MB
    highest = 0
    for turn in range(12):
        pour(200, 1000 + turn * 200)
        take_stock()
        highest = max(highest, whole().octets)
        swept = retention.sweep(policy(limit), clock_us)
        assert swept is not None
        assert not swept.troubles
    assert highest <= limit
    assert highest > limit // 2  # the room is made use of
    assert Call.objects.filter(open=True).count() == 50
    assert MessageChunk.objects.filter(key__in=Call.objects.filter(open=True).values("key")).count() == 50
    # What is there are the newest, whole.
    assert 200 < Call.objects.count() < 2000
    assert Call.objects.latest("first_us").call_id == "3399@example.com"
    state, removed = StorageState.objects.get(), Removal.objects.get(kind=DataKind.RECORDS)
    assert state.octets <= state.limit == limit
    assert removed.rows == 2400 - Call.objects.filter(open=False).count()


def test_a_limit_of_messages_leaves_their_calls(emptied: None) -> None:
    wanted = policy(messages_mb=1)
    for turn in range(5):
        pour(200, turn * 200)
        take_stock()
        retention.sweep(wanted, clock_us)
    assert Call.objects.count() == 1000
    assert 0 < MessageChunk.objects.count() < 1000
    use = StorageUse.objects.get(kind=DataKind.MESSAGES)
    assert use.octets <= use.limit == MB
    assert use.reaches_us is not None
    oldest = Call.objects.filter(key__in=MessageChunk.objects.values("key")).earliest("first_us")
    assert Removal.objects.get().reached_us < oldest.first_us


def test_what_only_open_calls_take_is_said_and_not_removed(emptied: None) -> None:
    pour(1500, over=False)
    take_stock()
    swept = retention.sweep(policy(messages_mb=1, records_mb=1), clock_us)
    assert swept is not None
    assert Call.objects.count() == MessageChunk.objects.count() == 1500
    assert "calls and registrations that go on" in swept.troubles[DataKind.RECORDS]
    assert StorageUse.objects.get(kind=DataKind.RECORDS).trouble


def test_a_smaller_limit_makes_the_database_smaller(emptied: None) -> None:
    empty = whole().used
    pour(800)
    take_stock()
    retention.sweep(policy(), clock_us)
    grown = whole().used
    limit = empty + log_room() + (grown - empty) * 2 // 3
    for _ in range(3):
        StorageState.objects.update(measured_us=0)
        retention.sweep(policy(limit), clock_us)
        take_stock()
    assert whole().octets <= limit
    assert Call.objects.count() > 50


def test_what_tables_take_is_estimated_near_enough(emptied: None) -> None:
    pour(500)
    store("registered", 3, import_id=7)
    take_stock()
    measured = measure()
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute(
                "SELECT sum(s.pgsize) FROM dbstat s JOIN sqlite_master m ON m.name = s.name "
                "WHERE s.aggregate = 1 AND m.tbl_name = 'monitor_messagechunk'"
            )
        else:
            cursor.execute("SELECT sum(pg_total_relation_size(relid)) FROM pg_partition_tree('monitor_messagechunk')")
        exact = float(cursor.fetchone()[0])
    assert measured.kinds[DataKind.MESSAGES].used == pytest.approx(exact, rel=0.3)
    assert measured.kinds[DataKind.MESSAGES].rows == pytest.approx(500, rel=0.1)
    assert measured.kinds[DataKind.IMPORTS].used < exact / 10


@pytest.mark.parametrize(
    ("before", "octets", "rows", "now"),
    [
        (None, 80, 10, (80 * MB, 10)),
        ((80, 10), 90, 8, (90 * MB, 8)),  # it grew although it had fewer rows: there was no room
        ((80, 10), 80, 4, (80 * MB, 10)),  # it has room now
        ((80, 10), 81, 4, (80 * MB, 10)),  # no more than a map of that room
        ((80, 10), 80, 12, (80 * MB, 12)),  # rows fit more tightly
        ((80, 10), 40, 3, (40 * MB, 5)),  # its end was cut off
    ],
)
def test_how_many_rows_fit_is_learned_when_a_file_grows(
    before: tuple[int, int] | None, octets: int, rows: int, now: tuple[int, int]
) -> None:
    known = before and (before[0] * MB, before[1])
    assert postgres.repacked(known, octets * MB, rows) == now
