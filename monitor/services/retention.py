"""Deletes what is older than the days that are kept; little by little, so that nobody waits for it."""

from typing import Any, Final

from django.db import connection, transaction
from django.db.models import Model

from monitor.models import Call, DeadLetter, LossRange, MeasureBucket, Peer, Registration, SubjectRow, Transaction
from monitor.models.measures import BUCKET_US
from monitor.services import imports

BATCH: Final = 500  # records of one transaction
MOST_PEERS: Final = 100_000
MOST_DEAD_LETTERS: Final = 1_000


def prune(before_us: int) -> int:
    """Delete what was over before this time, and what is too much; returns how many rows of tables that people see."""
    deleted = sum(_prune_records(table, before_us) for table in (Call, Registration, Transaction))
    deleted += imports.delete_older(before_us)
    deleted += _in_batches(LossRange, to_us__lt=before_us)
    deleted += _in_batches(SubjectRow, import_id=0, last_us__lt=before_us)
    deleted += _in_batches(DeadLetter, stored_us__lt=before_us)
    deleted += _beyond(DeadLetter, "-stored_us", MOST_DEAD_LETTERS)
    deleted += _in_batches(MeasureBucket, bucket__lt=before_us // BUCKET_US)
    _beyond(Peer, "-since_us", MOST_PEERS)
    return deleted


def _prune_records(table: type[Call | Registration | Transaction], before_us: int) -> int:
    old = table.objects.filter(import_id=0, first_us__lt=before_us, last_us__lt=before_us, open=False)
    deleted = 0
    while names := list(old.values_list("key", "day", "incarnation")[:BATCH]):
        with transaction.atomic(), connection.cursor() as cursor:
            values = ", ".join(["(%s, %s, %s)"] * len(names))
            parameters = [value for name in names for value in name]
            for name in ("monitor_messagechunk", "monitor_findingrow", "monitor_legmark", table._meta.db_table):
                cursor.execute(
                    f"DELETE FROM {name} WHERE import_id = 0 AND (key, day, incarnation) IN (VALUES {values})",  # noqa: S608 - names of ours
                    parameters,
                )
        deleted += len(names)
    return deleted


def _in_batches(table: type[Model], **condition: Any) -> int:
    deleted = 0
    rows = table._default_manager.filter(**condition)
    while keys := list(rows.values_list("pk", flat=True)[:BATCH]):
        table._default_manager.filter(pk__in=keys).delete()
        deleted += len(keys)
    return deleted


def _beyond(table: type[Model], order: str, most: int) -> int:
    """Delete all but the first `most` in this order."""
    deleted = 0
    while keys := list(table._default_manager.order_by(order, "pk").values_list("pk", flat=True)[most : most + BATCH]):
        table._default_manager.filter(pk__in=keys).delete()
        deleted += len(keys)
    return deleted
