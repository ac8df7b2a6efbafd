"""Capture files that people drop: kept, read in the background, correlated by themselves, deleted.

An import has a correlator of its own and no commit log: it shows what happened, and alerts nobody. Each
step is one transaction that begins with the import's row, so that of two workers, or of one that is at
it while the import is deleted, only the one that holds the claim writes.
"""

import contextlib
import logging
import secrets
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

from django.conf import settings
from django.db import connection, transaction
from django.db.models import F, Q, QuerySet
from msgspec.structs import replace

from collectors.sip.timers import SECOND
from monitor.analyze.replay import ReceiverError, Replay
from monitor.analyze.step import Progress, Step
from monitor.core.sources.stage import Sources
from monitor.core.sources.values import SubjectFinding
from monitor.core.updates import EvidenceAdded, FindingState, Kind, LegMarked, MessageAdded
from monitor.models import Call, FindingRow, Import, LegMark, MessageChunk, Registration, SubjectRow, Transaction
from monitor.services import schema, subjects
from monitor.services.apply_updates import FROM_FILE, write_content
from monitor.services.harvest import Chunks, Content
from monitor.services.sql import named
from monitor.shelf import IMPORTED

CLAIM_US: Final = 60 * SECOND
MOST_ATTEMPTS: Final = 3
MOST_BYTES: Final = 4 * 1024**3
STEP: Final = 2_000  # updates that one transaction writes
_BATCH: Final = 500  # records of which one transaction deletes all

log = logging.getLogger(__name__)


class ImportRefusedError(ValueError):
    """This file can't be imported; the text says why."""


class Superseded(Exception):  # noqa: N818 - what happened to the reader, in one word
    """The import was deleted, or another worker reads it."""


def add(name: str, data: Iterable[bytes], now_us: int, by: str = "") -> Import:
    """Keep an uploaded file and put it in line; whoever calls rings `monitor.tasks.run_import`."""
    folder = settings.CONFIG.state_dir / "imports"
    folder.mkdir(mode=0o700, exist_ok=True)
    path = folder / secrets.token_hex(16)
    try:
        size = _keep(path, data)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    return Import.objects.create(
        name=name[:255], path=f"imports/{path.name}", size=size, state="waiting", created_us=now_us, created_by=by
    )


def waiting(now_us: int) -> list[int]:
    """What nobody reads and somebody should, the oldest first."""
    return list(_unclaimed(now_us).order_by("id").values_list("id", flat=True))


def run(import_id: int, clock_us: Callable[[], int]) -> None:
    """Read one file to its end, if nobody else does."""
    now_us = clock_us()
    claim = {"state": "running", "attempts": F("attempts") + 1, "claimed_until_us": now_us + CLAIM_US}
    if not _unclaimed(now_us).filter(id=import_id).update(**claim):
        return
    row = Import.objects.get(id=import_id)
    if row.attempts > MOST_ATTEMPTS:
        _end(row, clock_us(), f"gave up after {MOST_ATTEMPTS} attempts: {row.error or 'none came to an end'}")
        return
    try:
        delete_records(import_id)
        _read(row, clock_us)
    except Superseded:
        log.info("import %d is another's now, or deleted", import_id)
    except ReceiverError as error:
        # Whoever uploaded the file knows it by its name, not by where it is kept.
        _end(row, clock_us(), str(error).replace(str(_path(row)), row.name))
    except Exception as error:
        # The next sweep tries again.
        _mine(row).update(error=f"{type(error).__name__}: {error}", claimed_until_us=0)
        raise


def delete(import_id: int) -> None:
    """Delete an import with all that came of it."""
    row = Import.objects.filter(id=import_id).first()
    if row is None:
        return
    # The row first: whoever reads it writes nothing more.
    row.delete()
    delete_records(import_id)
    with contextlib.suppress(OSError):
        _path(row).unlink(missing_ok=True)


def delete_older(before_us: int) -> int:
    """Delete imports that came to an end before; how many."""
    ids = list(Import.objects.filter(finished_us__lt=before_us).values_list("id", flat=True))
    for import_id in ids:
        delete(import_id)
    return len(ids)


def delete_records(import_id: int) -> None:
    """Delete what came of an import, in bounded transactions."""
    SubjectRow.objects.filter(import_id=import_id).delete()
    for table in (Call, Registration, Transaction):
        rows = table.objects.filter(import_id=import_id, shelf=IMPORTED)
        while names := list(rows.values_list("key", "day", "incarnation")[:_BATCH]):
            condition, parameters = named(names)
            with transaction.atomic(), connection.cursor() as cursor:
                for each in (MessageChunk, FindingRow, LegMark, table):
                    cursor.execute(
                        f"DELETE FROM {each._meta.db_table} WHERE import_id = %s AND shelf = %s AND {condition}",  # noqa: S608 - names of ours
                        [import_id, IMPORTED, *parameters],
                    )


def _read(row: Import, clock_us: Callable[[], int]) -> None:
    replay = Replay(_path(row), replace(settings.CONFIG.thresholds, linger_us=None), collector="import")
    sources = Sources(settings.CONFIG.thresholds.limits)
    found = Counter[Kind]()
    version = clock_us()
    for step in replay.steps(STEP):
        version = max(version + 1, clock_us())
        for update in step.updates:
            if type(update) is MessageAdded and update.number == 1:
                found[update.key.kind] += 1
        progress = {"calls": found[Kind.CALL], "registrations": found[Kind.REGISTRATION]} | _progress(step.progress)
        with transaction.atomic():
            schema.hold()
            if not _mine(row).update(
                malformed=replay.reading.malformed, claimed_until_us=version + CLAIM_US, **progress
            ):
                raise Superseded
            write_content([(_content(step), FROM_FILE, version)], row.id)
            subjects.apply(_subjects(sources, step), row.id)
    _close(row)
    _end(row, clock_us(), "")


def _content(step: Step) -> Content:
    chunks = Chunks()
    marked: list[LegMarked] = []
    for update in step.updates:
        if isinstance(update, (MessageAdded, EvidenceAdded)):
            chunks.add(update, step.watermark_us)
        elif type(update) is LegMarked:
            marked.append(update)
    return Content(list(step.records.values()), chunks.all(), [], marked)


def _subjects(sources: Sources, step: Step) -> list[SubjectFinding]:
    """What the second stage makes of a step."""
    for update in (*step.updates, *step.failures):
        sources.take(update)
    sources.advance(step.watermark_us)
    if step.last:
        sources.finish()
    return sources.changed()


def _progress(progress: Progress) -> dict[str, int]:
    return {"bytes_read": progress.bytes_read, "packets": progress.packets, "messages": progress.messages}


def _close(row: Import) -> None:
    """The file is at its end: nothing of it goes on."""
    for table in (Call, Registration, Transaction):
        table.objects.filter(import_id=row.id, open=True).update(open=False)


def _end(row: Import, now_us: int, error: str) -> None:
    findings = sum(
        table.objects.filter(import_id=row.id).exclude(state=FindingState.CLEARED).count()
        for table in (FindingRow, SubjectRow)
    )
    state = "failed" if error else "done"
    _mine(row).update(state=state, error=error, findings=findings, finished_us=now_us, claimed_until_us=0)


def _unclaimed(now_us: int) -> QuerySet[Import]:
    return Import.objects.filter(Q(state="waiting") | Q(state="running", claimed_until_us__lt=now_us))


def _mine(row: Import) -> QuerySet[Import]:
    """The row, as long as this attempt holds its claim."""
    return Import.objects.filter(id=row.id, attempts=row.attempts, state="running")


def _path(row: Import) -> Path:
    return Path(settings.CONFIG.state_dir) / row.path


def _keep(path: Path, data: Iterable[bytes]) -> int:
    size = 0
    with path.open("xb") as file:
        path.chmod(0o600)
        for part in data:
            size += len(part)
            if size > MOST_BYTES:
                raise ImportRefusedError(f"the file has more than {MOST_BYTES // 1024**3} GiB: cut it with editcap")
            file.write(part)
    return size
