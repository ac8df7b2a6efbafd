"""What is stored of records, read back: to go on with them after a restart, or when one that had left
memory is heard of again.
"""

import logging
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any, Final, TypeAlias

import msgspec
from django.db import connection

from collectors.wire.events import Observation, SipEvent
from monitor import packing
from monitor.core.correlator import Correlator, Name
from monitor.core.updates import Kind, RecordKey
from monitor.shelf import OPEN, day_of

Part: TypeAlias = tuple[int, list[Observation]]  # (the watermark at which they were fed, messages and side events)
_Row: TypeAlias = tuple[Any, ...]
_Id: TypeAlias = tuple[int, int, int]  # key, day, incarnation

log = logging.getLogger(__name__)

_PAGE: Final = 500  # rows of one query
_MOST_MESSAGES: Final = 20_000  # of records that are read at once
_TABLES: Final = {
    Kind.CALL: "monitor_call",
    Kind.REGISTRATION: "monitor_registration",
    Kind.TRANSACTION: "monitor_transaction",
}


class Stored(msgspec.Struct, frozen=True):
    """A live record that is stored."""

    key: RecordKey
    messages: int
    last_us: int


def latest(names: Iterable[Name], since_us: int) -> dict[Name, Stored]:
    """The latest incarnation of each of these names that is stored, of what was not over at a time."""
    found: dict[Name, Stored] = {}
    by_kind: dict[Kind, dict[int, Name]] = defaultdict(dict)
    for name in names:
        by_kind[name[0]][RecordKey(*name, day=0).hash] = name
    for kind, hashes in by_kind.items():
        # No import lies there: see `monitor.shelf.LIVE` for why it is not asked for by its id.
        statement = (
            f"SELECT key, day, incarnation, messages, last_us FROM {_TABLES[kind]} "  # noqa: S608 - a name of ours
            f"WHERE (shelf = {OPEN} OR shelf >= {day_of(since_us)}) AND key IN "
        )
        for key, day, incarnation, messages, last_us in _paged(statement, sorted(hashes)):
            name = hashes[key]
            # Incarnations count within a day.
            if name not in found or (found[name].key.day, found[name].key.incarnation) < (day, incarnation):
                found[name] = Stored(RecordKey(*name, day=day, incarnation=incarnation), messages, last_us)
    return found


def parts(key: RecordKey) -> list[Part]:
    """All that is stored of a record's messages and side events, in order of arrival; nothing where some of it can't
    be read.
    """
    since = f"(shelf = {OPEN} OR shelf >= {key.day})"  # it may have been put away meanwhile
    try:
        return [
            part
            for _, day, incarnation, *data in _chunks([key.hash], since)
            if (day, incarnation) == (key.day, key.incarnation)
            for part in packing.parts(*data)
        ]
    except packing.UnreadableError as error:
        log.error("record %s can't be gone on with: %s", key.slug, error)
        return []


def open_records(partition: int) -> Iterator[tuple[RecordKey, Iterable[Part]]]:
    """The open records of a partition with their messages, the least recently fed first; without those that can't
    be read.
    """
    for page in _pages(_open_ids(partition)):
        yield from _record(page[0]) if len(page) == 1 else _records(page)


def _record(name: _Id) -> Iterator[tuple[RecordKey, Iterable[Part]]]:
    parts_of_one = _Parts(name)
    try:
        key = _record_key(name, next(iter(parts_of_one)))
    except packing.UnreadableError as error:
        _left_out(name, error)
        return
    yield key, parts_of_one


def _records(names: list[_Id]) -> Iterator[tuple[RecordKey, Iterable[Part]]]:
    chunks: dict[_Id, list[Part]] = defaultdict(list)
    unreadable: set[_Id] = set()
    for key, day, incarnation, *data in _chunks(sorted({key for key, _, _ in names}), f"shelf = {OPEN}"):
        name = key, day, incarnation
        try:
            chunks[name] += packing.parts(*data)
        except packing.UnreadableError as error:
            if name not in unreadable:
                _left_out(name, error)
            unreadable.add(name)
    for name in names:
        if name not in unreadable:
            yield _record_key(name, chunks[name][0]), chunks[name]


def _left_out(name: _Id, error: packing.UnreadableError) -> None:
    log.error("record %016x is left out of memory: %s", name[0], error)


class _Parts:
    """What is stored of one record, a few chunks at a time: it may be more than fits into memory."""

    def __init__(self, name: _Id) -> None:
        self._name = name

    def __iter__(self) -> Iterator[Part]:
        last = 0
        while True:
            with connection.cursor() as cursor:
                cursor.execute(
                    "SELECT id, watermark_us, cuts, messages, side FROM monitor_messagechunk WHERE key = %s "
                    "AND day = %s AND incarnation = %s AND import_id = 0 AND shelf = %s AND id > %s "
                    "ORDER BY id LIMIT %s",
                    (*self._name, OPEN, last, _PAGE),
                )
                rows = cursor.fetchall()
            for _, *data in rows:
                yield from packing.parts(*data)
            if len(rows) < _PAGE:
                return
            last = rows[-1][0]


def _pages(found: list[tuple[_Id, int]]) -> Iterator[list[_Id]]:
    """Records in groups that have so many messages together, or are one record."""
    page: list[_Id] = []
    weight = 0
    for name, messages in found:
        if page and (weight + messages > _MOST_MESSAGES or len(page) >= _PAGE):
            yield page
            page, weight = [], 0
        page.append(name)
        weight += messages
    if page:
        yield page


def _open_ids(partition: int) -> list[tuple[_Id, int]]:
    """The open records, each with the number of its messages and side events, in the order of their last chunks."""
    found: list[tuple[int, _Id, int]] = []
    with connection.cursor() as cursor:
        for table in _TABLES.values():
            cursor.execute(
                "SELECT r.key, r.day, r.incarnation, r.messages + SUM(c.side_count), MAX(c.id) "  # noqa: S608 - a name of ours
                f"FROM {table} r JOIN monitor_messagechunk c ON c.key = r.key AND c.day = r.day "
                "AND c.incarnation = r.incarnation AND c.import_id = 0 AND c.shelf = r.shelf "
                f"WHERE r.partition = %s AND r.open AND r.import_id = 0 AND r.shelf = {OPEN} "
                "GROUP BY r.key, r.day, r.incarnation, r.messages",
                (partition,),
            )
            found.extend((last, (key, day, incarnation), messages) for key, day, incarnation, messages, last in cursor)
    return [(name, messages) for _, name, messages in sorted(found)]


def _record_key(name: _Id, part: Part) -> RecordKey:
    # From its first message and not from the row, where long and odd texts are cut to what an index takes.
    first = next(seen for seen in part[1] if isinstance(seen, SipEvent))
    _, day, incarnation = name
    return RecordKey(*Correlator().names(first)[-1], day=day, incarnation=incarnation)


def _chunks(hashes: list[int], shelves: str) -> Iterator[_Row]:
    statement = (
        "SELECT key, day, incarnation, watermark_us, cuts, messages, side FROM monitor_messagechunk "  # noqa: S608 - a condition of ours
        f"WHERE import_id = 0 AND {shelves} AND key IN "
    )
    return _paged(statement, hashes, " ORDER BY id")


def _paged(statement: str, values: list[int], tail: str = "") -> Iterator[_Row]:
    for begin in range(0, len(values), _PAGE):
        page = values[begin : begin + _PAGE]
        with connection.cursor() as cursor:
            cursor.execute(f"{statement}({', '.join(['%s'] * len(page))}){tail}", page)
            yield from cursor.fetchall()
