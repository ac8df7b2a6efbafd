"""What the processes of a world run: the product, with short times, as this version or as the next one."""

import os
from typing import Final

from django.conf import settings
from django.db.models import TextField
from msgspec.structs import replace

from collectors.sip.timers import SECOND
from monitor.services.harvest import Chunk

NEXT: Final = "next"
# As often as beat rings for it here, in seconds.
_SWEEPS: Final = {"sweep_deliveries": 0.5, "put_away": 2.0, "prune": 1.5, "roll_up": 3.0}


def offhook(version: str, *arguments: str) -> int:
    """`offhook …`."""
    _become(version)
    from monitor.cli import main

    return main(arguments)


def mailer(version: str) -> None:
    """A Celery worker that is in a hurry."""
    _become(version)
    from monitor.celery import app
    from monitor.notify import outbox
    from monitor.notify.email import smtp
    from monitor.services.retention import sweeping

    outbox.FIRST_RETRY_US = outbox.LAST_RETRY_US = SECOND // 3  # type: ignore[misc]  # they are final but here
    outbox.CLAIM_US, outbox.PROLONG_S = 4 * SECOND, 1.0  # type: ignore[misc]  # as above
    smtp.PATIENCE = smtp.Patience(answer=1, talk=2, taking=3)  # type: ignore[misc]  # as above
    sweeping.CLAIM_US, sweeping.AGE_EVERY_US = 4 * SECOND, SECOND  # type: ignore[misc]  # as above
    options = ("--pool", "threads", "--concurrency", "4", "--without-gossip", "--without-mingle", "--loglevel", "INFO")
    app.worker_main(["worker", *options, "--hostname", f"mailer-{os.getpid()}"])


def beat(version: str) -> None:
    """The clock of its sweeps. What it keeps lies apart from that of another, as on another host."""
    _become(version)
    from monitor.celery import app

    app.conf.beat_schedule_filename += f"-{os.getpid()}"
    app.conf.beat_schedule = {
        name: {"task": f"monitor.tasks.{name}", "schedule": seconds} for name, seconds in _SWEEPS.items()
    }
    app.start(["beat", "--loglevel", "INFO"])


def _become(version: str) -> None:
    """This version, or the next: it knows the next one's migrations, and what they ask of whoever writes."""
    if version != NEXT:
        return
    from monitor.models import Delivery, MessageChunk
    from monitor.services import rows, schema

    settings.MIGRATION_MODULES = {"monitor": f"{__package__}.next_version"}
    schema.expected.cache_clear()
    for model in (Delivery, MessageChunk):
        TextField(default=NEXT).contribute_to_class(model, "origin")
    chunk_of_old = rows.chunk

    def chunk(value: Chunk, import_id: int) -> rows.Row:
        return (*chunk_of_old(value, import_id), NEXT)

    rows.chunk = chunk
    rows.CHUNKS = replace(rows.CHUNKS, columns=(*rows.CHUNKS.columns, "origin"))  # type: ignore[misc]  # final, too
