"""The measures of ended calls, rolled up by the five minutes in which they ended, and of registrations by their begin.

A bucket is computed from the rows of its calls, whole, as often as calls may still be added to it: doing it again
gives the same, so that nothing depends on who did it last, or on whether it was done in time.
"""

from collections.abc import Iterable, Iterator
from typing import Any, Final

import msgspec
from django.db import transaction

from monitor.core.measures import Breakdown, Sample, parts
from monitor.core.measures.split import Parts
from monitor.core.updates import CallState, RegistrationOutcome
from monitor.models import Call, MeasureBucket, Registration
from monitor.models.measures import BUCKET_US

# Commits may come late: so many buckets are computed again.
_AGAIN: Final = 3
# After a longer pause, no more than this is made up for.
_MOST_BUCKETS: Final = 12 * 24 * 7
_READ: Final = 2_000  # rows at once
_COLUMNS: Final = (
    *("caller", "callee", "to_uri", "user_agent", "state", "status", "answered_us", "ended_us", "first_us", "acked"),
    *("pdd_ms", "setup_ms", "duration_ms", "disconnect_ms"),
)


def roll_up(now_us: int) -> int:
    """Bring the buckets up to date; how many were written."""
    current = now_us // BUCKET_US
    last = MeasureBucket.objects.order_by("-bucket").values_list("bucket", flat=True).first()
    if last is None:
        last = min(filter(None, _oldest_us()), default=now_us) // BUCKET_US
    begin = max(min(last, current - _AGAIN), current - _MOST_BUCKETS)
    for bucket in range(begin, current + 1):
        _write(bucket, _computed(bucket))
    return current + 1 - begin


def _oldest_us() -> Iterator[int | None]:
    """When the first call ended and the first registration began, of what is kept."""
    calls = Call.objects.filter(import_id=0, ended_us__isnull=False).order_by("ended_us")
    yield calls.values_list("ended_us", flat=True).first()
    yield Registration.objects.filter(import_id=0).order_by("first_us").values_list("first_us", flat=True).first()


def _computed(bucket: int) -> Breakdown:
    found = Breakdown()
    calls = Call.objects.filter(
        import_id=0, ended_us__gte=bucket * BUCKET_US, ended_us__lt=(bucket + 1) * BUCKET_US
    ).order_by("ended_us")
    found.add(map(_counted, calls.values(*_COLUMNS).iterator(chunk_size=_READ)))
    _add_registrations(found, bucket)
    return found


def _counted(row: dict[str, Any]) -> tuple[Sample, Parts]:
    """A call as it counts, and where."""
    sample = Sample(
        state=CallState(row["state"]),
        status=row["status"],
        answered=row["answered_us"] is not None,
        acked=row["acked"],
        first_us=row["first_us"],
        ended_us=row["ended_us"],
        pdd_ms=row["pdd_ms"],
        setup_ms=row["setup_ms"],
        duration_ms=row["duration_ms"],
        disconnect_ms=row["disconnect_ms"],
    )
    return sample, parts(row["caller"], row["callee"], row["to_uri"], row["user_agent"])


def _add_registrations(found: Breakdown, bucket: int) -> None:
    """The sessions that began then. Of one so young, the present binding (`registered_us`) is the first."""
    sessions = Registration.objects.filter(
        import_id=0, first_us__gte=bucket * BUCKET_US, first_us__lt=(bucket + 1) * BUCKET_US
    ).order_by("first_us")
    columns = ("outcome", "first_us", "registered_us", "registrar")
    for outcome, first_us, registered_us, registrar in sessions.values_list(*columns).iterator(chunk_size=_READ):
        delay_ms = None if registered_us is None else (registered_us - first_us) / 1000
        found.register(RegistrationOutcome(outcome), delay_ms, registrar)


def _write(bucket: int, found: Breakdown) -> None:
    rows = _rows(bucket, found)
    with transaction.atomic():
        MeasureBucket.objects.filter(bucket=bucket).delete()
        # Another worker may be at it in the same moment: it writes the same.
        MeasureBucket.objects.bulk_create(
            rows,
            update_conflicts=True,
            unique_fields=["dimension", "bucket", "key"],
            update_fields=["calls", "tally"],
        )


def _rows(bucket: int, found: Breakdown) -> Iterable[MeasureBucket]:
    return [
        MeasureBucket(
            bucket=bucket,
            dimension=dimension.value,
            key=key.replace("\0", "\ufffd"),
            calls=tally.calls,
            tally=msgspec.msgpack.encode(tally),
        )
        for dimension, tallies in found.tallies.items()
        for key, tally in tallies.items()
    ]
