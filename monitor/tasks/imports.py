"""Imports: one task a file, and the sweep that finds what was left lying."""

import time
from typing import Final

from celery import shared_task

from monitor.models import Import
from monitor.services import imports

# Of four threads: an hour's file must not keep mails and retention waiting.
MOST_AT_ONCE: Final = 2


def clock_us() -> int:
    """This machine's clock, µs since the epoch."""
    return time.time_ns() // 1_000


@shared_task(name="monitor.tasks.run_import")
def run_import(import_id: int) -> None:
    """Read one file, if nobody else does; where enough are being read, it waits for the sweep."""
    if Import.objects.filter(state="running", claimed_until_us__gt=clock_us()).count() >= MOST_AT_ONCE:
        return
    imports.run(import_id, clock_us)


@shared_task(name="monitor.tasks.sweep_imports")
def sweep_imports() -> None:
    """Hand out what waits, and what was begun by a worker that died."""
    for import_id in imports.waiting(clock_us()):
        run_import.delay(import_id)
