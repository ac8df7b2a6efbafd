"""SQLite: one file. Rows that go leave free pages, which are used again before the file grows.

How many pages are in use is known exactly and at once; how they are divided among the tables would
take reading all of them, and is estimated from rows that lie evenly apart.
"""

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

from django.db import connection
from django.db.models import Model, UniqueConstraint
from django.db.utils import OperationalError

from monitor.models import Peer
from monitor.services.retention.values import Table, Tables

_PROBES: Final = 16
_RUN: Final = 8  # rows at each probe
_ENTRY: Final = 12  # octets of a row, or of an index entry, beside its values
_PEER: Final = 100
PAGE: Final = 4096  # octets, as SQLite has it by default
_STEP: Final = 500  # pages given back in one transaction
_LOG_MOST: Final = 2000 * 4096  # twice as much as when SQLite takes it into the file by itself
_SLICE_LOG: Final = 1000 * 4096  # what one slice may leave there
_BUSY_MS: Final = 20_000  # as `monitor.setup` says
_PATIENCE_MS: Final = 1_000


def whole() -> Tables:
    """The file and its log, without the tables."""
    pages, free, size = _one("SELECT * FROM pragma_page_count, pragma_freelist_count, pragma_page_size")
    log = _log_octets()
    return Tables({}, pages * size + log, (pages - free) * size)


def log_room(limit: int) -> int:
    """What to leave to the log under a limit of the whole: one commit may touch pages all over the indexes."""
    return max(_log_octets(), min(max(limit // 8, _LOG_MOST), 8 * _LOG_MOST))


def tables(models: Iterable[type[Model]]) -> Tables:
    """The file, divided among these tables and what else there is."""
    total = whole()
    roots, size = _one("SELECT count(*), (SELECT page_size FROM pragma_page_size) FROM sqlite_master")
    other = roots * size + Peer.objects.count() * _PEER
    sampled = {model._meta.db_table: _sample(model) for model in models}
    weight = sum(rows * width for rows, width, _ in sampled.values())
    scale = max(0, total.used - other) / weight if weight else 0.0
    of = {}
    for name, (rows, width, imported) in sampled.items():
        used = int(rows * width * scale)
        of[name] = Table(octets=used, used=used, rows=rows, imported=imported)
    return Tables(of, total.octets, total.used)


def long_log() -> bool:
    """Whether the log is longer than one slice should leave it."""
    return _log_octets() > _SLICE_LOG


def make_room() -> None:
    """Cut the log, where readers or large commits have let it grow."""
    if _log_octets() > _LOG_MOST and not connection.in_atomic_block:
        # Readers may hold this up, and it would hold writers up meanwhile: no longer than that.
        _set_patience(_PATIENCE_MS)
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        _set_patience(_BUSY_MS)


def give_back(octets: int) -> None:
    """Make the file smaller by so many octets, as far as they are free, in short transactions."""
    if connection.in_atomic_block:
        return
    for _ in range(0, octets, _STEP * PAGE):
        # As a script: SQLite gives back a page each time that it is asked to go on, which a cursor does once.
        connection.connection.executescript(f"PRAGMA incremental_vacuum({_STEP})")
        if not _one("PRAGMA freelist_count")[0]:
            return


@contextmanager
def eagerly() -> Iterator[None]:
    """Within it, a transaction that finds another at work fails at once, to be tried again soon.

    SQLite itself looks after the other again after up to 100 ms: who writes one after the other gets in before.
    """
    if connection.in_atomic_block:
        yield
        return
    _set_patience(0)
    try:
        yield
    finally:
        _set_patience(_BUSY_MS)


def locked(error: OperationalError) -> bool:
    """Whether another was at work."""
    return getattr(error.__cause__, "sqlite_errorcode", None) in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_BUSY_SNAPSHOT)


def _set_patience(milliseconds: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"PRAGMA busy_timeout = {milliseconds}")


def _sample(model: type[Model]) -> tuple[int, float, float]:
    """(rows, octets of one with its index entries, the part that is imported), estimated."""
    table = model._meta.db_table
    low, high = _one(f'SELECT min(id), max(id) FROM "{table}"')  # noqa: S608 - a name of ours
    if low is None:
        return 0, 0.0, 0.0
    imported = "import_id <> 0" if any(field.column == "import_id" for field in model._meta.fields) else "0"
    statement = f'SELECT id, {imported}, {_width(model)} FROM "{table}" WHERE id >= %s ORDER BY id LIMIT {_RUN}'  # noqa: S608 - as above
    density, octets, strange, seen = 0.0, 0, 0, 0
    for probe in range(_PROBES):
        begin = low + (high - low) * probe // _PROBES
        with connection.cursor() as cursor:
            cursor.execute(statement, (begin,))
            run = cursor.fetchall()
        density += len(run) / (run[-1][0] - begin + 1)
        seen += len(run)
        strange += sum(row[1] for row in run)
        octets += sum(row[2] for row in run)
    rows = max(1, round((high - low + 1) * density / _PROBES))
    return rows, octets / seen, strange / seen


def _width(model: type[Model]) -> str:
    """SQL for the octets of a row: each column as often as it is stored, in the table and in indexes."""
    times = {field.name: 1 for field in model._meta.local_concrete_fields}
    entries = 1
    indexes: list[Any] = [*model._meta.indexes]
    indexes += [each for each in model._meta.constraints if isinstance(each, UniqueConstraint)]
    for index in indexes:
        entries += 1
        for name in index.fields:
            times[name.lstrip("-")] += 1
    columns = {field.name: field.column for field in model._meta.local_concrete_fields}
    terms = [f'{count} * coalesce(length("{columns[name]}"), 0)' for name, count in times.items()]
    return f"{' + '.join(terms)} + {entries * _ENTRY}"


def _log_octets() -> int:
    with suppress(OSError):
        return Path(f"{connection.settings_dict['NAME']}-wal").stat().st_size
    return 0


def _one(statement: str) -> tuple[Any, ...]:
    with connection.cursor() as cursor:
        cursor.execute(statement)
        row: tuple[Any, ...] = cursor.fetchone()
    return row
