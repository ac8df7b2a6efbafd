"""The commit log as the overview reads it: what is not folded yet, what was, and in which order.

A row's id is taken before its transaction commits, so rows may appear with ids below one that is
already folded. Therefore no position is kept: each row is marked with the commit that folded it.
Rows of one partition can't overtake each other, because each transaction holds the partition's row.
"""

import logging
from collections.abc import Collection, Iterator, Sequence
from typing import Final

import msgspec
from django.db import transaction
from django.db.models import Q

from monitor.core.updates import Committed
from monitor.models import CommitLog, DeadLetter
from monitor.packing import UnreadableError, pack
from monitor.packing import committed as unpack
from monitor.services.sql import text

log = logging.getLogger(__name__)

CHUNK: Final = 500
# A statement takes so many ids at once; SQLite's own limit is 250,000 variables.
_IDS: Final = 5_000
ASIDE: Final = "commit "  # and the row's id: a dead letter that was a row of the log


class Entry(msgspec.Struct, frozen=True):
    """One row of the log."""

    id: int
    committed: Committed


def unfolded(limit: int) -> list[Entry]:
    """What waits to be folded, oldest first."""
    rows = CommitLog.objects.filter(folded=None).order_by("id").values_list("id", "partition", "updates")[:limit]
    return [Entry(number, _committed(number, partition, data)) for number, partition, data in rows]


def last_folded_us() -> int | None:
    """When the row was committed that was folded last; None when there is none."""
    newest = CommitLog.objects.filter(folded__isnull=False).order_by("-folded", "-id")
    return newest.values_list("committed_us", flat=True).first()


def folded_since(since_us: int) -> Iterator[list[Committed]]:
    """What was committed since and is folded, in the order of the fold, in chunks."""
    rows = CommitLog.objects.filter(folded__isnull=False, committed_us__gte=since_us)
    folded = number = 0
    while True:
        beyond = Q(folded__gt=folded) | Q(folded=folded, id__gt=number)
        columns = rows.filter(beyond).order_by("folded", "id").values_list("folded", "id", "partition", "updates")
        chunk = list(columns[:CHUNK])
        if not chunk:
            return
        folded, number = chunk[-1][0] or 0, chunk[-1][1]
        yield [_committed(row_id, partition, data) for _, row_id, partition, data in chunk]


def mark(entries: Sequence[Entry], sequence: int) -> None:
    """These are folded now, by this commit of the overview."""
    ids = [entry.id for entry in entries]
    for start in range(0, len(ids), _IDS):
        CommitLog.objects.filter(id__in=ids[start : start + _IDS]).update(folded=sequence)


def set_aside(entry: Entry, reason: str, now_us: int) -> None:
    """Take a row out of the log that can't be folded, now or after a restart; it is kept, and shown."""
    row = CommitLog.objects.get(pk=entry.id)
    DeadLetter.objects.create(
        partition=row.partition,
        entry_id=f"{ASIDE}{row.pk}",
        reason=text(reason, 8_000),
        stored_us=now_us,
        data=row.updates,
    )
    row.delete()


def take_again(now_us: int, letter_ids: Collection[int] | None = None) -> int:
    """Put rows that were set aside (of these dead letters, or all) into the log anew; how many they are."""
    rows = DeadLetter.objects.filter(entry_id__startswith=ASIDE)
    if letter_ids is not None:
        rows = rows.filter(id__in=letter_ids)
    with transaction.atomic():
        letters = list(rows.order_by("id"))
        for letter in letters:
            CommitLog.objects.create(
                partition=letter.partition, watermark_us=0, committed_us=now_us, updates=letter.data
            )
        DeadLetter.objects.filter(id__in=[letter.pk for letter in letters]).delete()
    return len(letters)


def append(committed: Committed, now_us: int, folded: int | None = None) -> None:
    """Log something that is not of ingest: what a person did, or (already folded) a tick of the clock."""
    CommitLog.objects.create(
        partition=committed.partition,
        watermark_us=committed.watermark_us,
        committed_us=now_us,
        updates=pack(committed),
        folded=folded,
    )


def forget(before_us: int) -> int:
    """Delete what was folded and committed before; returns how many rows. Oldest first, in small bites."""
    deleted = 0
    while True:
        oldest = CommitLog.objects.order_by("id").values_list("id", "committed_us", "folded")[:CHUNK]
        gone = [number for number, committed_us, folded in oldest if committed_us < before_us and folded is not None]
        if not gone:
            return deleted
        CommitLog.objects.filter(id__in=gone).delete()
        deleted += len(gone)


def _committed(number: int, partition: int, data: bytes | memoryview) -> Committed:
    try:
        return unpack(data)
    except UnreadableError as error:
        # Written by another version: one row that can't be read must not stop all that follow.
        log.error("row %d of the commit log can't be read, and is passed over: %s", number, error)
        return Committed(partition, 0, [])
