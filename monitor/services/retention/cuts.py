"""Removes the oldest of each kind, a slice at a time: each slice is a short transaction of its own, so that
nobody waits long for it, and being killed between two leaves nothing half done.

A slice takes what it finds: done twice, or by two at once, it removes the same once. What goes on (an
open record, an alert that is open, a commit that is not folded) is passed over.
"""

from collections import defaultdict
from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Protocol

import msgspec
from django.db import connection, transaction
from django.db.models import Model, Q

from collectors.sip.timers import SECOND
from monitor.core.retention import DataKind
from monitor.core.updates import Kind
from monitor.models import (
    Alert,
    Call,
    CommitLog,
    DeadLetter,
    Delivery,
    Import,
    LossRange,
    MeasureBucket,
    Registration,
    SubjectRow,
    Transaction,
)
from monitor.models.measures import BUCKET_US
from monitor.services import imports, shelves
from monitor.services.sql import Name, named
from monitor.shelf import LIVE

RECORDS: Final[dict[str, type[Model]]] = {
    Kind.CALL: Call,
    Kind.REGISTRATION: Registration,
    Kind.TRANSACTION: Transaction,
}
COUNTED_BY: Final = {DataKind.MESSAGES: ("monitor_messagechunk",), DataKind.RECORDS: shelves.RECORDS}
_OF_A_RECORD: Final = ("monitor_messagechunk", "monitor_findingrow", "monitor_legmark")
_UNSENT: Final = ("pending", "sending")


class Slice(msgspec.Struct, frozen=True):
    """What one transaction removed. `more`: there may be further ones to remove."""

    rows: int
    reached_us: int  # the newest of it began then; 0: nothing was removed
    more: bool


class Cutter(Protocol):
    """Removes one kind, the oldest first."""

    def cut(self, most: int, before_us: int | None) -> Slice:
        """Remove about `most` rows of what was over before a time (None: whenever)."""


class Messages:
    """The messages of records that are over, all of a record at once; the record itself stays."""

    def __init__(self) -> None:
        self._after = 0

    def cut(self, most: int, before_us: int | None) -> Slice:
        """As `Cutter`; rows are chunks."""
        with transaction.atomic():
            found: set[Name] = set()
            with connection.cursor() as cursor:
                cursor.execute(
                    "SELECT id, key, day, incarnation FROM monitor_messagechunk "
                    "WHERE import_id = 0 AND id > %s ORDER BY id LIMIT %s",
                    (self._after, most),
                )
                for number, key, day, incarnation in cursor.fetchall():
                    found.add((key, day, incarnation))
                    self._after = number
            over = {name: times for kind in RECORDS for name, times in _over(kind, found).items()}
            due = [name for name, (_, last_us) in over.items() if before_us is None or last_us < before_us]
            rows = _delete("monitor_messagechunk", due)
        reached_us = max((over[name][0] for name in due), default=0)
        # In order of arrival: behind a record that is not old enough, hardly any is.
        return Slice(rows, reached_us, more=bool(found) and len(due) == len(over))


class Records:
    """Calls, registrations and other requests that are over, with all that belongs to them."""

    def __init__(self) -> None:
        self._after_us = -(2**62)

    def cut(self, most: int, before_us: int | None) -> Slice:
        """As `Cutter`."""
        with transaction.atomic():
            found = sorted(row for table in RECORDS.values() for row in self._oldest(table, most, before_us))[:most]
            by_table: dict[str, list[Name]] = defaultdict(list)
            for _, table_name, *name in found:
                by_table[table_name].append((name[0], name[1], name[2]))
            for table_name, names in by_table.items():
                for of_a_record in _OF_A_RECORD:
                    _delete(of_a_record, names)
                _delete(table_name, names)
            reached_us = found[-1][0] if found else 0
            subjects = _ids(SubjectRow, Q(import_id=0, last_us__lt=before_us or reached_us), "last_us", most)
            SubjectRow.objects.filter(pk__in=subjects).delete()
        self._after_us = max(self._after_us, reached_us) if found else self._after_us
        return Slice(len(found) + len(subjects), reached_us, more=bool(found or subjects))

    def _oldest(self, table: type[Model], most: int, before_us: int | None) -> list[tuple[Any, ...]]:
        name = table._meta.db_table
        old = " AND first_us < %s AND last_us < %s" if before_us is not None else ""
        with connection.cursor() as cursor:
            cursor.execute(
                f"SELECT first_us, '{name}', key, day, incarnation FROM {name} WHERE import_id = 0 AND NOT open "  # noqa: S608 - names of ours
                f"AND first_us >= %s{old} ORDER BY first_us LIMIT %s{_locked()}",
                (self._after_us, *([before_us, before_us] if before_us is not None else []), most),
            )
            rows: list[tuple[Any, ...]] = cursor.fetchall()
        return rows


class Alerts:
    """Alerts that are over, with their findings and what was sent because of them; mails that belong to none."""

    def cut(self, most: int, before_us: int | None) -> Slice:
        """As `Cutter`."""
        most = max(1, most // 10)  # each may have hundreds of occurrences
        old, old_mail = Q(state="resolved"), Q(alert=None)
        if before_us is not None:
            old, old_mail = old & Q(resolved_us__lt=before_us), old_mail & Q(created_us__lt=before_us)
        with transaction.atomic():
            found = list(
                Alert.objects.filter(old)
                .exclude(deliveries__state__in=_UNSENT)
                .order_by("resolved_us", "id")
                .values_list("id", "opened_us")[:most]
            )
            Alert.objects.filter(id__in=[number for number, _ in found]).delete()
            mails = list(
                Delivery.objects.filter(old_mail)
                .exclude(state__in=_UNSENT)
                .order_by("id")
                .values_list("id", "created_us")[:most]
            )
            Delivery.objects.filter(id__in=[number for number, _ in mails]).delete()
        reached_us = max((at_us for _, at_us in [*found, *mails]), default=0)
        return Slice(len(found) + len(mails), reached_us, more=bool(found or mails))


class Imports:
    """Imports that came to an end: each with its file and all that was read out of it."""

    def cut(self, most: int, before_us: int | None) -> Slice:
        """As `Cutter`: one import, whatever its size, in short transactions."""
        over = Import.objects.filter(finished_us__isnull=False)
        if before_us is not None:
            over = over.filter(finished_us__lt=before_us)
        oldest = over.order_by("finished_us", "id").first()
        if oldest is None:
            return Slice(0, 0, more=False)
        imports.delete(oldest.pk)
        return Slice(1, oldest.created_us, more=True)


class Rows:
    """Rows that are by themselves; `field` is their time, in units of `unit_us`."""

    def __init__(self, model: type[Model], field: str, unit_us: int = 1) -> None:
        self._model = model
        self._field = field
        self._unit_us = unit_us

    def cut(self, most: int, before_us: int | None) -> Slice:
        """As `Cutter`."""
        which = Q() if before_us is None else Q(**{f"{self._field}__lt": before_us // self._unit_us})
        with transaction.atomic():
            rows = self._model._default_manager.filter(which).order_by(self._field, "pk")
            found = list(rows.values_list("pk", self._field)[:most])
            self._model._default_manager.filter(pk__in=[pk for pk, _ in found]).delete()
        return Slice(len(found), found[-1][1] * self._unit_us if found else 0, more=bool(found))


class Log:
    """What the overview has folded of the commit log."""

    def cut(self, most: int, before_us: int | None) -> Slice:
        """As `Cutter`."""
        with transaction.atomic():
            oldest = CommitLog.objects.order_by("id").values_list("id", "committed_us", "folded")[:most]
            found = [
                (number, committed_us)
                for number, committed_us, folded in oldest
                if folded is not None and (before_us is None or committed_us < before_us)
            ]
            CommitLog.objects.filter(id__in=[number for number, _ in found]).delete()
        return Slice(len(found), max((at_us for _, at_us in found), default=0), more=bool(found))


class Letters:
    """What could not be read, then the record of losses."""

    def __init__(self) -> None:
        self._parts = [Rows(DeadLetter, "stored_us"), Rows(LossRange, "to_us")]

    def cut(self, most: int, before_us: int | None) -> Slice:
        """As `Cutter`."""
        done = self._parts[0].cut(most, before_us)
        if not done.more and len(self._parts) > 1:
            del self._parts[0]
            return self.cut(most, before_us)
        return done


# What a kind has on the shelves: a day of records goes with its messages.
ON_SHELVES: Final = {DataKind.MESSAGES: ("monitor_messagechunk",), DataKind.RECORDS: shelves.TABLES}


def drop_days(kind: DataKind, before_us: int | None, octets: int) -> list[Slice]:
    """Drop whole days, the oldest first: those that were over before a time, or as many as take so many octets.

    It takes a moment and leaves no room to be freed. Only PostgreSQL keeps days apart, and never what goes on.
    """
    by_day: dict[int, list[shelves.Shelf]] = defaultdict(list)
    for shelf in shelves.shelves():
        if shelf.table in ON_SHELVES.get(kind, ()):
            by_day[shelf.day].append(shelf)
    dropped: list[Slice] = []
    for day, parts in sorted(by_day.items()):
        end_us, octets = _end_us(day), octets - sum(shelf.octets for shelf in parts)
        rows = sum(shelf.rows for shelf in parts if shelf.table in COUNTED_BY[kind])
        if (end_us > before_us) if before_us is not None else (octets < 0 or not rows):
            break
        # Messages first: they never outlive their records.
        for shelf in sorted(parts, key=lambda shelf: shelf.table != "monitor_messagechunk"):
            if not shelves.drop(shelf.table, shelf.day):
                return dropped
        dropped.append(Slice(rows, end_us - 1, more=True))
    return dropped


def _end_us(day: int) -> int:
    begin = datetime(day // 10_000, day // 100 % 100, day % 100, tzinfo=UTC)
    return int((begin + timedelta(days=1)).timestamp()) * SECOND


def cutter(kind: DataKind) -> Cutter:
    """A new one: it remembers how far it has come."""
    match kind:
        case DataKind.MESSAGES:
            return Messages()
        case DataKind.RECORDS:
            return Records()
        case DataKind.ALERTS:
            return Alerts()
        case DataKind.MEASURES:
            return Rows(MeasureBucket, "bucket", unit_us=BUCKET_US)
        case DataKind.IMPORTS:
            return Imports()
        case DataKind.LETTERS:
            return Letters()
        case DataKind.LOG:
            return Log()


def _over(kind: str, names: Collection[Name]) -> dict[Name, tuple[int, int]]:
    """Which of these live records are over: (first_us, last_us) of each.

    They stay so until the transaction ends. One that is just being written is left out: nobody waits for another
    here, so that no two can wait for each other.
    """
    name = RECORDS[kind]._meta.db_table
    if not names:
        return {}
    condition, parameters = named(list(names))
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT key, day, incarnation, first_us, last_us FROM {name} WHERE {LIVE} AND NOT open "  # noqa: S608 - names of ours
            f"AND {condition}{_locked()}",
            parameters,
        )
        return {(key, day, number): (first_us, last_us) for key, day, number, first_us, last_us in cursor.fetchall()}


def _delete(table: str, names: list[Name]) -> int:
    """Delete what these live records have in a table; how many rows."""
    if not names:
        return 0
    condition, parameters = named(names)
    with connection.cursor() as cursor:
        cursor.execute(
            f"DELETE FROM {table} WHERE {LIVE} AND {condition}",  # noqa: S608 - names of ours
            parameters,
        )
        deleted: int = cursor.rowcount
    return deleted


def _locked() -> str:
    # Of SQLite a transaction that writes is alone anyway.
    return " FOR UPDATE SKIP LOCKED" if connection.vendor == "postgresql" else ""


def _ids(model: type[Model], which: Q, order: str, most: int) -> list[int]:
    return list(model._default_manager.filter(which).order_by(order).values_list("pk", flat=True)[:most])
