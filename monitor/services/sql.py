"""Bulk writes without the ORM: how rows go into tables, and the one place where SQLite and PostgreSQL differ in it.

SQLite takes a prepared statement a row (`executemany`). PostgreSQL takes all rows of a table in one statement, as
one array a column, or as a COPY where none of them can be there already. All of it runs inside the caller's
transaction.
"""

from collections.abc import Iterable, Sequence
from functools import cache
from operator import itemgetter
from typing import Any, Final, TypeAlias

import msgspec
from django.apps import apps
from django.db import connection

from monitor.shelf import IMPORTED, OPEN

Row: TypeAlias = Sequence[Any]
Name: TypeAlias = tuple[int, int, int]  # a record's key, day, incarnation

# The database's clock in µs since the epoch: one clock for all workers.
NOW_US: Final = {
    "sqlite": "CAST((julianday('now') - 2440587.5) * 86400000000 AS INTEGER)",
    "postgresql": "CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000000 AS BIGINT)",
}
_BIGGEST: Final = 2**63 - 1
_TEXT_LENGTH: Final = 512  # characters: a PostgreSQL index entry has room for 2,704 octets
_PARTITIONS: Final = {OPEN: "open", IMPORTED: "imported"}


class Table(msgspec.Struct, frozen=True):
    """How rows go into one table: the columns in order, and those that name a row."""

    name: str
    columns: tuple[str, ...]
    key: tuple[str, ...] = ()  # none: no row can be there already
    steady: bool = False  # a row is often written as it is: then it stays untouched

    def partition(self, shelf: int) -> str:
        """The partition of a shelf, as PostgreSQL writes to it: no row has to be led there."""
        return f"{self.name}_{_PARTITIONS[shelf]}"

    def insert(self, into: str, values: str) -> str:
        """INSERT which becomes an UPDATE of the other columns where the key is there."""
        columns = ", ".join(f'"{name}"' for name in self.columns)
        insert = f'INSERT INTO "{into}" ({columns}) {values}'
        if not self.key:
            return insert
        key = ", ".join(f'"{name}"' for name in self.key)
        others = [name for name in self.columns if name not in self.key]
        changed = ", ".join(f'"{name}" = excluded."{name}"' for name in others)
        if not changed:
            return f"{insert} ON CONFLICT ({key}) DO NOTHING"
        return f"{insert} ON CONFLICT ({key}) DO UPDATE SET {changed}{self._unless_same(into, others)}"

    def _unless_same(self, into: str, columns: list[str]) -> str:
        if not self.steady:
            return ""
        old = ", ".join(f'"{into}"."{name}"' for name in columns)
        new = ", ".join(f'excluded."{name}"' for name in columns)
        return f" WHERE ({old}) {'IS NOT' if connection.vendor == 'sqlite' else 'IS DISTINCT FROM'} ({new})"


def write(table: Table, rows: Iterable[Row], shelf: int | None = None) -> None:
    """Insert these rows, or update those that are there; `shelf` is theirs where the table has shelves."""
    rows = list(rows)
    if not rows:
        return
    if connection.vendor == "sqlite":
        many(table.insert(table.name, f"VALUES ({', '.join(['%s'] * len(table.columns))})"), rows)
    elif table.key:
        _write_arrays(table, rows, table.name if shelf is None else table.partition(shelf))
    else:
        _copy(table, rows, table.name if shelf is None else table.partition(shelf))


def named(names: Sequence[Name]) -> tuple[str, list[Any]]:
    """The condition that a row is of one of these records, and its parameters."""
    keys = sorted({key for key, _, _ in names})
    if connection.vendor == "sqlite":
        rows = ", ".join(["(%s, %s, %s)"] * len(names))
        places = ", ".join(["%s"] * len(keys))
        values = [value for name in names for value in name]
        return f"key IN ({places}) AND (key, day, incarnation) IN (VALUES {rows})", [*keys, *values]
    # The key alone leads to an index; how many names there are the planner would only guess.
    columns = [list(column) for column in zip(*names, strict=True)]
    rows = "SELECT * FROM unnest(%s::bigint[], %s::integer[], %s::smallint[])"
    return f"key = ANY(%s::bigint[]) AND (key, day, incarnation) IN ({rows})", [keys, *columns]


def many(statement: str, rows: Iterable[Row]) -> None:
    """Run a statement with `%s` placeholders once a row."""
    rows = list(rows)
    if not rows:
        return
    connection.ensure_connection()
    if connection.vendor == "sqlite":
        connection.connection.executemany(statement.replace("%s", "?"), rows)
        return
    import psycopg

    # Django's own cursor binds on the client, one statement a round trip; this one pipelines them.
    with connection.wrap_database_errors, psycopg.Cursor(connection.connection) as cursor:
        cursor.executemany(statement, rows)


def text(value: str, length: int = _TEXT_LENGTH) -> str:
    """Text that any column takes: PostgreSQL refuses NUL, and its indexes long values."""
    if "\0" in value:
        value = value.replace("\0", "\ufffd")
    return value[:length]


def big(value: int) -> int:
    """A number that a BIGINT column takes, whatever a collector or a file says."""
    return min(max(value, -_BIGGEST), _BIGGEST)


def when(value: int | None) -> int | None:
    """A time that may not have come."""
    return None if value is None else big(value)


def json(value: Any) -> str:
    """A JSON column's value."""
    return msgspec.json.encode(value).decode()


def _write_arrays(table: Table, rows: list[Row], into: str) -> None:
    """One statement for all rows. Of two with one key the later counts, as it would after the other."""
    import psycopg

    key = itemgetter(*(table.columns.index(name) for name in table.key))
    latest = {key(row): row for row in rows}
    columns = [list(column) for column in zip(*latest.values(), strict=True)]
    connection.ensure_connection()
    with connection.wrap_database_errors, psycopg.Cursor(connection.connection) as cursor:
        cursor.execute(_from_arrays(table, into), columns)


@cache
def _from_arrays(table: Table, into: str) -> str:
    arrays = ", ".join(f"%b::{kind}[]" for kind in _types(table))
    return table.insert(into, f"SELECT * FROM unnest({arrays})")  # noqa: S608 - types of ours


def _copy(table: Table, rows: list[Row], into: str) -> None:
    import psycopg

    columns = ", ".join(f'"{name}"' for name in table.columns)
    connection.ensure_connection()
    statement = f'COPY "{into}" ({columns}) FROM STDIN (FORMAT BINARY)'
    with (
        connection.wrap_database_errors,
        psycopg.Cursor(connection.connection) as cursor,
        cursor.copy(statement) as copy,
    ):
        copy.set_types(_types(table))
        for row in rows:
            copy.write_row(row)


@cache
def _types(table: Table) -> tuple[str, ...]:
    """PostgreSQL's types of the columns."""
    (model,) = (model for model in apps.get_models() if model._meta.db_table == table.name)
    types = (model._meta.get_field(name).db_type(connection) or "" for name in table.columns)
    return tuple(kind.partition("(")[0] for kind in types)
