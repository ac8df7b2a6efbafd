"""Days as partitions: made ahead, weighed, dropped whole; SQLite has none, and says so."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any, cast

import pytest
from django.db import IntegrityError, connection, transaction

from monitor.models import Call, MessageChunk
from monitor.services import shelves
from monitor.services.shelves import RECORDS, TABLES, drop, make, make_ahead
from monitor.shelf import day_of
from tests.support.processes import wait_for

pytestmark = pytest.mark.django_db

NOON_US = 1_795_348_800_000_000  # 2026-11-22 12:00 UTC
DAYS = [20261121, 20261122, 20261123, 20261124, 20261125]


@pytest.fixture
def partitioned(db: None) -> bool:
    """Whether this database has partitions at all."""
    return connection.vendor == "postgresql"


def call(key: int, shelf: int, **columns: object) -> Call:
    """A row with nothing in it but its name."""
    times = {"first_us": NOON_US, "last_us": NOON_US}
    return Call.objects.create(day=20261122, key=key, shelf=shelf, partition=0, **times | {"open": False} | columns)


def leaf_of(key: int) -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT tableoid::regclass::text FROM monitor_call WHERE key = %s", [key])
        return str(cursor.fetchone()[0])


def test_the_days_ahead_are_made_once_for_every_table(partitioned: bool) -> None:
    assert make_ahead(NOON_US) == (DAYS if partitioned else [])
    assert make_ahead(NOON_US) == []
    made = [(shelf.day, shelf.table) for shelf in shelves.shelves()]
    assert made == [(day, table) for day in DAYS for table in sorted(TABLES) if partitioned]


@pytest.mark.django_db(transaction=True)
def test_two_that_make_a_day_at_the_same_moment_make_it_once(partitioned: bool) -> None:
    if not partitioned:
        return
    day = 20270101
    with closing(cast("Any", connection.copy())) as other, ThreadPoolExecutor() as pool:
        cursor = other.cursor()
        cursor.execute("BEGIN")
        cursor.execute(f"CREATE TABLE monitor_call_{day} ()")  # as somebody does who was a little faster
        making = pool.submit(in_a_thread, make, [day])
        wait_for(lambda: waits_for_a_lock(cursor), 10, what="the slower one waits")
        cursor.execute("COMMIT")
        assert making.result() == [day]  # the other tables'
        cursor.execute(f"DROP TABLE monitor_call_{day}")
    for table in TABLES:
        drop(table, day)


def in_a_thread(action: Callable[[list[int]], list[int]], days: list[int]) -> list[int]:
    """Through a connection of its own."""
    try:
        return action(days)
    finally:
        connection.close()


def waits_for_a_lock(cursor: Any) -> bool:
    cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
    return bool(cursor.fetchone()[0])


def test_a_row_lies_in_the_partition_of_its_shelf_and_an_unforeseen_day_among_the_others(partitioned: bool) -> None:
    make([20261122])
    for key, shelf in enumerate((0, -1, 20261122, 20260101)):
        call(key, shelf)
    assert Call.objects.count() == 4
    if partitioned:
        assert [leaf_of(key) for key in range(4)] == [
            f"monitor_call_{name}" for name in ("open", "imported", 20261122, "other")
        ]


def test_a_day_of_which_rows_lie_among_the_others_stays_there(partitioned: bool) -> None:
    call(1, 20261122)
    assert make([20261122]) == ([20261122] if partitioned else [])  # the other tables'
    assert "monitor_call" not in {shelf.table for shelf in shelves.shelves()}
    call(2, 20261122)
    assert Call.objects.filter(shelf=20261122).count() == 2


def test_a_day_is_dropped_with_all_its_rows_and_none_of_another(partitioned: bool) -> None:
    make([20261122, 20261123])
    for key, shelf in enumerate((0, 20261122, 20261122, 20261123)):
        call(key, shelf)
    assert drop("monitor_call", 20261122) is partitioned
    assert drop("monitor_call", 20261122) is False
    if partitioned:
        assert sorted(Call.objects.values_list("shelf", flat=True)) == [0, 20261123]
        assert [shelf.day for shelf in shelves.shelves() if shelf.table == "monitor_call"] == [20261123]


def test_a_day_never_holds_an_open_record(partitioned: bool) -> None:
    make([20261122])
    call(1, 0, open=True)
    if partitioned:
        for table in RECORDS:
            assert any(shelf.table == table for shelf in shelves.shelves())
        with pytest.raises(IntegrityError), transaction.atomic():
            Call.objects.update(shelf=20261122)
    Call.objects.update(shelf=20261122, open=False)
    assert Call.objects.get().shelf == 20261122


def test_a_dropped_day_can_be_made_again(partitioned: bool) -> None:
    for key in range(2):
        assert make([20261122]) == ([20261122] if partitioned else [])
        call(key, 20261122)
        for table in TABLES:
            assert drop(table, 20261122) is partitioned


def test_the_weight_of_a_day_grows_with_its_rows(partitioned: bool) -> None:
    def weight() -> int:
        return sum(shelf.octets for shelf in shelves.shelves() if shelf.table == "monitor_messagechunk")

    make([20261122])
    before = weight()
    blob = bytes(1000)
    MessageChunk.objects.bulk_create(
        MessageChunk(
            day=20261122, key=key, incarnation=1, shelf=20261122, first_number=1, count=1, watermark_us=0, messages=blob
        )
        for key in range(100)
    )
    assert weight() >= before + 100_000 if partitioned else weight() == 0


@pytest.mark.parametrize(
    ("time_us", "day"), [(0, 19700101), (NOON_US, 20261122), (NOON_US + 12 * 3600 * 10**6, 20261123)]
)
def test_a_day_is_that_of_utc(time_us: int, day: int) -> None:
    assert day_of(time_us) == day
