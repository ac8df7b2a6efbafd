"""What is no more there: how far back each kind reaches, and when what was removed went."""

from django.db.models import F, Min
from django.db.models.functions import Greatest

from monitor.core.retention import HOUR_US, DataKind
from monitor.models import (
    Alert,
    Call,
    CommitLog,
    DeadLetter,
    Import,
    LossRange,
    MeasureBucket,
    MessageChunk,
    Registration,
    Removal,
    Transaction,
)
from monitor.models.measures import BUCKET_US
from monitor.packing import observations
from monitor.services.retention.cuts import Slice


def note(kind: DataKind, done: Slice, now_us: int) -> None:
    """A slice was removed."""
    if not done.rows:
        return
    row, made = Removal.objects.get_or_create(
        kind=kind,
        hour=now_us // HOUR_US,
        defaults={"at_us": now_us, "reached_us": done.reached_us, "rows": done.rows},
    )
    if not made:
        Removal.objects.filter(pk=row.pk).update(
            at_us=now_us, reached_us=Greatest("reached_us", done.reached_us), rows=F("rows") + done.rows
        )


def forget(before_us: int) -> None:
    """Removals of so long ago tell nobody anything."""
    Removal.objects.filter(hour__lt=before_us // HOUR_US).delete()


def reaches_us(kind: DataKind) -> int | None:
    """Since when this kind is there; None: there is nothing of it.

    What goes on may be older, and is there, too: this is since when all is there.
    """
    oldest_us = _oldest_us(kind)
    if oldest_us is None:
        return None
    removed_us = Removal.objects.filter(kind=kind).order_by("-reached_us").values_list("reached_us", flat=True).first()
    return max(oldest_us, removed_us or 0)


def _oldest_us(kind: DataKind) -> int | None:
    match kind:
        case DataKind.MESSAGES:
            return _first_message_us()
        case DataKind.RECORDS:
            times = [
                table.objects.filter(import_id=0).order_by("first_us").values_list("first_us", flat=True).first()
                for table in (Call, Registration, Transaction)
            ]
            return min((at_us for at_us in times if at_us is not None), default=None)
        case DataKind.ALERTS:
            return _least(Alert, "opened_us")
        case DataKind.MEASURES:
            bucket = _least(MeasureBucket, "bucket")
            return None if bucket is None else bucket * BUCKET_US
        case DataKind.IMPORTS:
            return _least(Import, "created_us")
        case DataKind.LETTERS:
            times = [_least(DeadLetter, "stored_us"), _least(LossRange, "to_us")]
            return min((at_us for at_us in times if at_us is not None), default=None)
        case DataKind.LOG:
            return CommitLog.objects.order_by("id").values_list("committed_us", flat=True).first()


def _first_message_us() -> int | None:
    oldest = MessageChunk.objects.filter(import_id=0).order_by("id").values_list("messages", "side").first()
    return observations(*oldest)[0].captured_us if oldest else None


def _least(
    table: type[Alert] | type[MeasureBucket] | type[Import] | type[DeadLetter] | type[LossRange], field: str
) -> int | None:
    found: int | None = table.objects.aggregate(least=Min(field))["least"]
    return found
