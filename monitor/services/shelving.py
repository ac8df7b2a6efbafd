"""Puts away what is over: its rows go from the shelf of what goes on to that of its day, its messages joined.

Ingest writes what goes on, little by little and again and again; this makes it small and lasting, by itself and in
its own time. A record that is heard of once more is taken back before ingest writes it. The two never change the same
record at once: who puts it away locks its row first, and ingest, before it takes it back, too.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import cache
from typing import Any, Final, TypeAlias

from django.apps import apps
from django.db import connection, transaction

from monitor import packing
from monitor.core.updates import Kind, RecordKey
from monitor.packing import Cut
from monitor.services import schema, shelves
from monitor.services.rows import CHUNKS, FINDINGS, MARKS, TABLES
from monitor.services.sql import Name, Row, Table, named, write
from monitor.shelf import OPEN, day_of

BATCH: Final = 500  # records of one transaction
MOST_MESSAGES: Final = 20_000  # of one transaction; a record that alone has more is put away as it is
JOINED: Final = 500  # messages and side events of one row, at least
_CALLS: Final = TABLES[Kind.CALL].name
_DEPENDENTS: Final = (FINDINGS.name,)
# What a call that goes on has shown since it was last put away.
_MARKS_OF: Final = (
    f"SELECT array_agg(m.mark ORDER BY m.mark) FROM {MARKS.name} m WHERE m.import_id = 0 AND m.key = gone.key "  # noqa: S608 - names of ours
    "AND m.day = gone.day AND m.incarnation = gone.incarnation"
)
_PUT_AWAY: Final = Table(CHUNKS.name, CHUNKS.columns)  # where none of them can be yet
_CHUNK: Final = "key, day, incarnation, first_number, count, first_side, side_count, watermark_us, cuts, messages, side"

_Chunk: TypeAlias = tuple[int, int, int, int, int, bytes, bytes, bytes]  # as _CHUNK names them, without the name


def put_away(now_us: int) -> int:
    """Put away all that is over; how many records."""
    shelves.make_ahead(now_us)
    done = 0
    for kind in Kind:
        while count := _put_away(TABLES[kind].name):
            done += count
    return done


def take_back(keys: Iterable[RecordKey]) -> None:
    """Bring back the rows of records that go on again, within the transaction that writes them."""
    by_kind: dict[Kind, list[Name]] = defaultdict(list)
    for key in keys:
        by_kind[key.kind].append((key.hash, key.day, key.incarnation))
    for kind, names in by_kind.items():
        table = TABLES[kind].name
        if connection.vendor == "postgresql":
            # Waits for who is just putting it away; what that has done, the next statement sees.
            _run(f"SELECT 1 FROM {table} WHERE shelf = {OPEN} AND {{named}} FOR UPDATE", names)  # noqa: S608 - names of ours
        since = min(day for _, day, _ in names)
        for each in (table, *_DEPENDENTS, CHUNKS.name):
            _move(each, f"shelf >= {since}", OPEN, names)


def _put_away(table: str) -> int:
    with transaction.atomic():
        schema.hold()
        over = _over(table)
        whole = {name for name, (_, messages) in over.items() if messages > MOST_MESSAGES}
        whole |= _join({name: day for name, (day, _) in over.items() if name not in whole})
        by_day: dict[int, list[Name]] = defaultdict(list)
        for name, (day, _) in over.items():
            by_day[day].append(name)
        for day, names in by_day.items():
            for each in (table, *_DEPENDENTS):
                _move(each, f"shelf = {OPEN}", day, names)
            if connection.vendor == "postgresql" and table == _CALLS:
                _run(f"DELETE FROM {MARKS.name} WHERE import_id = 0 AND {{named}}", names)  # noqa: S608 - names of ours
            if as_they_are := whole.intersection(names):
                _move(CHUNKS.name, f"shelf = {OPEN}", day, as_they_are)
    return len(over)


def _over(table: str) -> dict[Name, tuple[int, int]]:
    """Some records that are over, locked: their days, and how many messages they have."""
    lock = "FOR UPDATE SKIP LOCKED" if connection.vendor == "postgresql" else ""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT key, day, incarnation, last_us, messages FROM {table} "  # noqa: S608 - names of ours
            f"WHERE shelf = {OPEN} AND NOT open LIMIT {BATCH} {lock}"
        )
        found = cursor.fetchall()
    over: dict[Name, tuple[int, int]] = {}
    weight = 0
    for key, day, incarnation, last_us, messages in found:
        weight += messages
        if over and weight > MOST_MESSAGES:
            break
        over[key, day, incarnation] = day_of(last_us), messages
    return over


def _join(days: dict[Name, int]) -> set[Name]:
    """Put the messages of these records where they are to lie, in as few rows as may be; the records of which that
    can't be done, as some can't be read.
    """
    if not days:
        return set()
    chunks: dict[Name, list[_Chunk]] = defaultdict(list)
    stored = f"SELECT {_CHUNK} FROM {CHUNKS.name} WHERE import_id = 0 AND shelf = {OPEN} AND {{named}} ORDER BY id"  # noqa: S608 - names of ours
    for row in _run(stored, days):
        chunks[row[:3]].append(row[3:])
    joined: dict[Name, list[Row]] = {}
    for name, some in chunks.items():
        with suppress(packing.UnreadableError):  # of another version, perhaps
            joined[name] = [_joined(name, days[name], group) for group in _groups(some)]
    if joined:
        _run(f"DELETE FROM {CHUNKS.name} WHERE import_id = 0 AND shelf = {OPEN} AND {{named}}", joined)  # noqa: S608 - as above
        write(_PUT_AWAY, [row for rows in joined.values() for row in rows])
    return chunks.keys() - joined.keys()


def _groups(chunks: list[_Chunk]) -> Iterator[list[_Chunk]]:
    group: list[_Chunk] = []
    weight = 0
    for chunk in chunks:
        group.append(chunk)
        weight += chunk[1] + chunk[3]
        if weight >= JOINED:
            yield group
            group, weight = [], 0
    if group:
        yield group


def _joined(name: Name, shelf: int, chunks: list[_Chunk]) -> Row:
    """The row of `CHUNKS` that holds what these held."""
    key, day, incarnation = name
    first_numbers, counts, first_sides, side_counts, watermarks, cuts, messages, side = zip(*chunks, strict=True)
    parts = [
        cut
        for watermark_us, data, count, beside in zip(watermarks, cuts, counts, side_counts, strict=True)
        for cut in (packing.cuts(data) if data else [Cut(watermark_us, count, beside)])
    ]
    return (
        *(day, key, incarnation, 0, shelf),
        *(next(filter(None, first_numbers), 0), sum(counts), next(filter(None, first_sides), 0), sum(side_counts)),
        *(watermarks[0], packing.pack_cuts(parts) if len(parts) > 1 else b""),
        *(packing.join(messages), packing.join(side)),
    )


def _move(table: str, condition: str, shelf: int, names: Iterable[Name]) -> None:
    """Put rows of some records on another shelf, those that lie where the condition says.

    PostgreSQL could do it in an UPDATE; but who waits for a row that goes to another partition gets an error.
    """
    where = f"{condition} AND {{named}}"
    if connection.vendor == "sqlite":
        _run(f"UPDATE {table} SET shelf = {shelf} WHERE {where}", names)  # noqa: S608 - names of ours
        return
    columns = _columns(table)
    moved = columns.replace('"shelf"', str(shelf)).replace('"marks"', f"marks || ({_MARKS_OF})")
    gone = f"DELETE FROM {table} WHERE {where} RETURNING {columns}"  # noqa: S608 - as above
    _run(f"WITH gone AS ({gone}) INSERT INTO {table} ({columns}) SELECT {moved} FROM gone", names)  # noqa: S608 - as above


@cache
def _columns(table: str) -> str:
    (model,) = (model for model in apps.get_models() if model._meta.db_table == table)
    return ", ".join(f'"{field.column}"' for field in model._meta.local_concrete_fields)


def _run(statement: str, names: Iterable[Name]) -> list[tuple[Any, ...]]:
    """Run a statement on the rows of some records (`{named}`); what it returns."""
    condition, parameters = named(list(names))
    with connection.cursor() as cursor:
        cursor.execute(statement.format(named=condition), parameters)
        return cursor.fetchall() if cursor.description else []
