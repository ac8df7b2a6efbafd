"""Bulk writes without the ORM, in SQL that SQLite and PostgreSQL share.

Both speak `INSERT … ON CONFLICT … DO UPDATE`; they differ in placeholders and in how many rows go at
once, which is settled here and nowhere else. All of it runs inside the caller's transaction.
"""

from collections.abc import Iterable, Sequence
from typing import Any, Final, TypeAlias

import msgspec
from django.db import connection

Row: TypeAlias = Sequence[Any]

# The database's clock in µs since the epoch: one clock for all workers.
NOW_US: Final = {
    "sqlite": "CAST((julianday('now') - 2440587.5) * 86400000000 AS INTEGER)",
    "postgresql": "CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000000 AS BIGINT)",
}
_BIGGEST: Final = 2**63 - 1
_TEXT_LENGTH: Final = 512  # characters: a PostgreSQL index entry has room for 2,704 octets


class Table(msgspec.Struct, frozen=True):
    """How rows go into one table: the columns in order, and those that name a row."""

    name: str
    columns: tuple[str, ...]
    key: tuple[str, ...]

    def upsert(self) -> str:
        """INSERT with `%s` for each column, which becomes an UPDATE of the others where the key is there."""
        columns = ", ".join(f'"{name}"' for name in self.columns)
        values = ", ".join(["%s"] * len(self.columns))
        key = ", ".join(f'"{name}"' for name in self.key)
        changed = ", ".join(f'"{name}" = excluded."{name}"' for name in self.columns if name not in self.key)
        return (
            f'INSERT INTO "{self.name}" ({columns}) VALUES ({values}) '  # noqa: S608 - the names are ours
            f"ON CONFLICT ({key}) DO UPDATE SET {changed}"
        )


def write(table: Table, rows: Iterable[Row]) -> None:
    """Insert or update these rows."""
    many(table.upsert(), rows)


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
