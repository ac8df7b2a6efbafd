"""Shelves as PostgreSQL keeps them: partitions of the tables of records, one a day, made ahead and dropped whole.

`monitor_call_open` holds what goes on, `monitor_call_imported` what imports made, `monitor_call_20261122` what
ended on that day, and `monitor_call_other` days that nobody foresaw, so that no row is ever refused. SQLite has
no partitions: there, all of it lies in one table, and `shelf` says the same.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Final

import msgspec
from django.db import DatabaseError, connection, transaction

from collectors.sip.timers import SECOND
from monitor.models import terms
from monitor.models.records import IMPORTED, OPEN

RECORDS: Final = ("monitor_call", "monitor_registration", "monitor_transaction")
TABLES: Final = (*RECORDS, "monitor_findingrow", "monitor_legmark", "monitor_messagechunk")
AHEAD_DAYS: Final = 3
# A wait for a lock holds up all who come behind: rather later than long.
_PATIENCE: Final = "2s"
# Somebody holds the lock; somebody else was faster (it is there, it was made at this moment, it is gone); rows of that
# day lie among the others.
_LATER: Final = frozenset({"55P03", "42P07", "42710", "23505", "42P01", "23514"})


class Shelf(msgspec.Struct, frozen=True):
    """One day of one table."""

    table: str
    day: int  # YYYYMMDD
    octets: int  # on disk, with its indexes
    rows: int  # as the database last estimated


def day_of(time_us: int) -> int:
    """The UTC day of a time, as YYYYMMDD."""
    moment = datetime.fromtimestamp(time_us // SECOND, UTC)
    return moment.year * 10_000 + moment.month * 100 + moment.day


def shelves() -> list[Shelf]:
    """The days that lie in partitions, oldest first; none on SQLite."""
    leaves = _leaves()
    if not leaves:
        return []
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname, pg_total_relation_size(oid), greatest(reltuples, 0)::bigint FROM pg_class "
            "WHERE relname = ANY(%s) AND relnamespace = current_schema()::regnamespace",
            (list(leaves),),
        )
        found = [Shelf(*leaves[name], octets, rows) for name, octets, rows in cursor.fetchall()]
    return sorted(found, key=lambda shelf: (shelf.day, shelf.table))


def make_ahead(now_us: int, days: int = AHEAD_DAYS) -> list[int]:
    """Make the partitions of today and of the days to come; the days for which some were made."""
    today = datetime.fromtimestamp(now_us // SECOND, UTC)
    wanted = [today + timedelta(days=ahead) for ahead in range(days + 1)]
    return make([day_of(int(day.timestamp()) * SECOND) for day in wanted])


def make(days: list[int]) -> list[int]:
    """Make the partitions of these days where they are missing; the days for which some were made.

    A day of which rows lie among the others already stays there: moving them would hold up writers.
    """
    if connection.vendor != "postgresql":
        return []
    there = set(_leaves().values())
    missing = [(table, day) for day in days for table in TABLES if (table, day) not in there]
    return sorted({day for table, day in missing if _patiently(_made(table, day))})


def drop(table: str, day: int) -> bool:
    """Drop one day of a table; False when it isn't there, or is in use for longer than writers may wait.

    Open records lie on no day, and a partition's constraint keeps it so.
    """
    if (table, day) not in _leaves().values():
        return False
    return _patiently([f"DROP TABLE {table}_{day}"])


def partition(table: str) -> Iterator[str]:
    """The statements that turn a plain, empty table into a partitioned one with the same columns."""
    yield f"ALTER TABLE {table} RENAME TO {table}_plain"
    yield f"CREATE TABLE {table} (LIKE {table}_plain INCLUDING DEFAULTS) PARTITION BY RANGE (shelf)"
    yield f"DROP TABLE {table}_plain"
    yield f"CREATE SEQUENCE {table}_id_seq OWNED BY {table}.id"
    yield f"ALTER TABLE {table} ALTER COLUMN id SET DEFAULT nextval('{table}_id_seq')"
    yield f"CREATE TABLE {table}_open PARTITION OF {table} FOR VALUES FROM ({OPEN}) TO ({OPEN + 1})"
    yield f"CREATE TABLE {table}_imported PARTITION OF {table} FOR VALUES FROM ({IMPORTED}) TO ({IMPORTED + 1})"
    yield f"CREATE TABLE {table}_other PARTITION OF {table} DEFAULT"


def _leaves() -> dict[str, tuple[str, int]]:
    """The partitions that are days, by name: (table, day)."""
    if connection.vendor != "postgresql":
        return {}
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT inhparent::regclass::text, inhrelid::regclass::text FROM pg_inherits "
            "WHERE inhparent = ANY(%s::regclass[])",
            (list(TABLES),),
        )
        pairs = cursor.fetchall()
    found = ((leaf, table, leaf.removeprefix(f"{table}_")) for table, leaf in pairs)
    return {leaf: (table, int(day)) for leaf, table, day in found if day.isdecimal()}


def _made(table: str, day: int) -> list[str]:
    """The statements that make the partition of a day. Attaching it holds up nobody who reads or writes other days."""
    leaf = f"{table}_{day}"
    closed = f"ALTER TABLE {leaf} ADD CONSTRAINT {leaf}_closed CHECK (NOT open)"
    return [
        f"CREATE TABLE {leaf} (LIKE {table} INCLUDING DEFAULTS)",
        *([closed, terms.index(table, leaf)] if table in RECORDS else []),
        f"ALTER TABLE {table} ATTACH PARTITION {leaf} FOR VALUES FROM ({day}) TO ({day + 1})",
    ]


def _patiently(statements: list[str]) -> bool:
    """Run these in one transaction, unless somebody is in the way; whether they were run."""
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(f"SET LOCAL lock_timeout = '{_PATIENCE}'")
            for statement in statements:
                cursor.execute(statement)
    except DatabaseError as error:
        if getattr(error.__cause__, "sqlstate", None) in _LATER:
            return False
        raise
    return True
