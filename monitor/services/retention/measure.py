"""What each kind of data takes on disk: of tables by what the database says, of uploads by their files."""

from typing import Final, TypeAlias

import msgspec
from django.db import connection
from django.db.models import Model, Sum

from monitor.core.retention import DataKind
from monitor.models import (
    Alert,
    AlertOccurrence,
    Call,
    CommitLog,
    DeadLetter,
    Delivery,
    FindingRow,
    Import,
    LegMark,
    LossRange,
    MeasureBucket,
    MessageChunk,
    Registration,
    StorageUse,
    SubjectRow,
    Transaction,
)
from monitor.services.retention import postgres, sqlite
from monitor.services.retention.values import Table, Tables

Packed: TypeAlias = dict[str, list[int]]

TABLES: Final[dict[DataKind, tuple[type[Model], ...]]] = {
    DataKind.MESSAGES: (MessageChunk,),
    DataKind.RECORDS: (Call, Registration, Transaction, FindingRow, LegMark, SubjectRow),
    DataKind.ALERTS: (Alert, AlertOccurrence, Delivery),
    DataKind.MEASURES: (MeasureBucket,),
    DataKind.IMPORTS: (Import,),
    DataKind.LETTERS: (DeadLetter, LossRange),
    DataKind.LOG: (CommitLog,),
}


# Tables whose rows are what retention counts by; those of the others go with them.
_COUNTED: Final = frozenset(
    {MessageChunk, Call, Registration, Transaction, Alert, MeasureBucket, Import, DeadLetter, LossRange, CommitLog}
)


class Use(msgspec.Struct):
    """What one kind takes. `used`: of its `octets` those that are no room for reuse."""

    octets: int = 0
    used: int = 0
    rows: int = 0  # that retention counts by
    dead: int = 0  # rows that are removed, but whose room can't be reused yet
    packed: Packed = {}

    def add(self, table: Table, share: float, *, counted: bool) -> None:
        """Count a part of a table."""
        self.octets += int(table.octets * share)
        self.used += int(table.used * share)
        self.dead += int(table.dead * share)
        self.rows += int(table.rows * share) if counted else 0


class Measured(msgspec.Struct):
    """All kinds, and the whole database with what is of no kind. Uploads lie beside it."""

    kinds: dict[DataKind, Use]
    octets: int  # on disk
    used: int
    other: int  # used by what has no limit: accounts, settings, peers, the tables themselves


def measure() -> Measured:
    """Measure now. Reads a few rows and no table as a whole."""
    models = [model for each in TABLES.values() for model in each]
    found = postgres.tables(models, _packed()) if connection.vendor == "postgresql" else sqlite.tables(models)
    kinds = {kind: Use() for kind in DataKind}
    for kind, those in TABLES.items():
        for model in those:
            table = found.of[model._meta.db_table]
            imported = table.imported if kind in (DataKind.MESSAGES, DataKind.RECORDS) else 0.0
            kinds[kind].add(table, 1 - imported, counted=model in _COUNTED)
            kinds[DataKind.IMPORTS].add(table, imported, counted=False)
            if table.packed:
                kinds[kind].packed[model._meta.db_table] = list(table.packed)
    known = sum(use.used for use in kinds.values())
    uploads = Import.objects.aggregate(octets=Sum("size"))["octets"] or 0
    kinds[DataKind.IMPORTS].octets += uploads
    kinds[DataKind.IMPORTS].used += uploads
    return Measured(kinds, found.octets, found.used, max(0, found.used - known))


def whole() -> Tables:
    """The database as a whole, without its tables: a moment's work."""
    return postgres.whole() if connection.vendor == "postgresql" else sqlite.whole()


def _packed() -> dict[str, tuple[int, int]]:
    """How many rows each table had when it had no room for reuse, as it was seen last."""
    found: dict[str, tuple[int, int]] = {}
    for packed in StorageUse.objects.values_list("packed", flat=True):
        found |= {name: (octets, rows) for name, (octets, rows) in packed.items()}
    return found
