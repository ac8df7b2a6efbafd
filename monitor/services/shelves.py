"""Shelves as PostgreSQL keeps them: partitions of the tables of records, one a day, made ahead and dropped whole.

`monitor_call_open` holds what goes on, `monitor_call_imported` what imports made, `monitor_call_20261122` what
ended on that day, and `monitor_call_other` days that nobody foresaw, so that no row is ever refused. SQLite has
no partitions: there, all of it lies in one table, and `shelf` says the same.

What goes on is written again and again: its partition has room in its pages and no index on what changes, so that
an update touches no index (HOT). What is over is only read: its days have the indexes of searches.
"""

from collections.abc import Iterator
from typing import Final

import msgspec
from django.db import DatabaseError, connection, transaction

from collectors.sip.timers import SECOND
from monitor.models import terms
from monitor.shelf import IMPORTED, OPEN, day_of

RECORDS: Final = ("monitor_call", "monitor_registration", "monitor_transaction")
AHEAD_DAYS: Final = 3
_DAY_US: Final = 86_400 * SECOND
# A wait for a lock holds up all who come behind: rather later than long.
_PATIENCE: Final = "2s"
# Somebody holds the lock; somebody else was faster (it is there, it was made at this moment, it is gone); rows of that
# day lie among the others.
_LATER: Final = frozenset({"55P03", "42P07", "42710", "23505", "42P01", "23514"})


class Layout(msgspec.Struct, frozen=True):
    """The indexes of a table's partitions."""

    unique: str  # names a row, where rows are written
    everywhere: tuple[str, ...]
    over: tuple[str, ...]  # where nothing changes any more


_NAME: Final = "key, day, incarnation, import_id, shelf"
_NEWEST_FIRST: Final = "(import_id, first_us DESC)"
LAYOUTS: Final = {
    "monitor_call": Layout(
        unique=_NAME,
        everywhere=(_NEWEST_FIRST,),
        over=(
            "(import_id, state, first_us DESC) WHERE state <> 'ended'",
            "(import_id, severity, first_us DESC) WHERE severity IN ('critical', 'major')",
            "(ended_us) WHERE import_id = 0",
            "USING gin (marks)",
        ),
    ),
    "monitor_registration": Layout(
        unique=_NAME,
        everywhere=(_NEWEST_FIRST,),
        over=("(import_id, outcome, first_us DESC) WHERE outcome <> 'registered'",),
    ),
    "monitor_transaction": Layout(unique=_NAME, everywhere=(_NEWEST_FIRST,), over=("(call_id)",)),
    "monitor_findingrow": Layout(unique=f"{_NAME}, code, subject", everywhere=(), over=()),
    "monitor_messagechunk": Layout(unique=f"{_NAME}, first_number, first_side", everywhere=("(id)",), over=()),
}
TABLES: Final = tuple(LAYOUTS)
# Rows that are written again find room beside themselves; what they leave is swept up early.
_BUSY: Final = (
    "fillfactor = 60, autovacuum_vacuum_scale_factor = 0.1, autovacuum_vacuum_insert_scale_factor = 0.5, "
    "autovacuum_analyze_scale_factor = 0.2, autovacuum_vacuum_cost_delay = 0"
)


class Shelf(msgspec.Struct, frozen=True):
    """One day of one table."""

    table: str
    day: int  # YYYYMMDD
    octets: int  # on disk, with its indexes
    rows: int  # as the database last estimated


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
    """Make the partitions of yesterday, today, and the days to come; the days for which some were made."""
    return make([day_of(now_us + ahead * _DAY_US) for ahead in range(-1, days + 1)])


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


def partition(table: str, columns: str) -> Iterator[str]:
    """The statements that make a partitioned table; `columns` as CREATE TABLE takes them."""
    layout = LAYOUTS[table]
    yield f"CREATE SEQUENCE {table}_id_seq"
    yield f"CREATE TABLE {table} ({columns}) PARTITION BY RANGE (shelf)"
    yield f"ALTER SEQUENCE {table}_id_seq OWNED BY {table}.id"
    yield from (f"CREATE INDEX ON {table} {index}" for index in layout.everywhere)
    going_on = f"FOR VALUES FROM ({OPEN}) TO ({OPEN + 1}) WITH ({_BUSY})"
    imported = f"FOR VALUES FROM ({IMPORTED}) TO ({IMPORTED + 1}) WITH ({_BUSY})"
    for leaf, values in (("open", going_on), ("imported", imported), ("other", "DEFAULT")):
        yield f"CREATE TABLE {table}_{leaf} PARTITION OF {table} {values}"
    for leaf in ("open", "imported"):
        yield f"CREATE UNIQUE INDEX {table}_{leaf}_name ON {table}_{leaf} ({layout.unique})"
    if table in RECORDS:
        yield f"CREATE INDEX ON {table}_open (partition) WHERE NOT open"
    if table == "monitor_call":
        yield f"CREATE INDEX ON {table}_open USING gin (marks) WHERE marks IS NOT NULL"  # of one that was taken back
    for leaf in ("imported", "other"):
        yield from searched(table, f"{table}_{leaf}")


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
        *([closed] if table in RECORDS else []),
        *searched(table, leaf),
        f"ALTER TABLE {table} ATTACH PARTITION {leaf} FOR VALUES FROM ({day}) TO ({day + 1})",
    ]


def searched(table: str, leaf: str) -> Iterator[str]:
    """The statements that make the indexes of what is over. Its names are unique, as they were where they were
    written.
    """
    yield from (f"CREATE INDEX ON {leaf} {index}" for index in ("(key)", *LAYOUTS[table].over))
    if table in terms.COLUMNS:
        yield terms.index(table, leaf)


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
