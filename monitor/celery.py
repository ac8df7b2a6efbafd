"""Celery: notifications, imports, retention. The rows are the queue; Celery is the doorbell."""

import logging
import os
import threading
import time
from typing import Any, Final

from celery import Celery, Task
from celery.signals import worker_ready

from monitor.conf import load
from monitor.watchdog import Watchdog

log = logging.getLogger(__name__)

_ALIVE_S: Final = 1.0

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "monitor.settings")


def broker_url(bus_url: str) -> str:
    """redis-py's URL as kombu spells it: unix:///path → redis+socket:///path."""
    return bus_url.replace("unix://", "redis+socket://", 1)


class Standing(Task):  # type: ignore[misc]  # Celery has no types
    """A task that stands by where the database is away, or another version's: a sweep finds its row later."""

    abstract = True

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """The task's work, where it can be done."""
        # What knows the database is there once Django is set up.
        from django.db import Error, connection

        from monitor.services import schema

        try:
            schema.require()
        except (Error, schema.OtherSchemaError) as error:
            log.warning("%s is left for later: %s", self.name, error)
            connection.close()
            return None
        return super().__call__(*args, **kwargs)


app = Celery("offhook", broker=broker_url(load().bus_url), task_cls=Standing)
app.conf.update(
    task_ignore_result=True,
    task_default_queue="offhook",
    broker_connection_retry_on_startup=True,
    worker_hijack_root_logger=False,
    beat_schedule_filename=str(load().state_dir / "celerybeat"),
    beat_scheduler="monitor.beat:Beat",
    beat_schedule={
        "sweep-deliveries": {"task": "monitor.tasks.sweep_deliveries", "schedule": 5.0},
        "sweep-imports": {"task": "monitor.tasks.sweep_imports", "schedule": 30.0},
        "roll-up": {"task": "monitor.tasks.roll_up", "schedule": 60.0},
        # Mostly it only looks: what fills the disk fast must be seen soon. One that comes late is not needed.
        "put-away": {"task": "monitor.tasks.put_away", "schedule": 5.0},
        "prune": {"task": "monitor.tasks.prune", "schedule": 2.0, "options": {"expires": 2.0}},
    },
)
app.autodiscover_tasks(["monitor"])


@worker_ready.connect  # type: ignore[untyped-decorator]  # Celery has no types
def _show_life(**_signal: Any) -> None:
    """A worker that is frozen is started again by its supervisor."""
    threading.Thread(target=_live, args=(Watchdog(),), name="watchdog", daemon=True).start()


def _live(watchdog: Watchdog) -> None:
    while True:
        watchdog.alive()
        time.sleep(_ALIVE_S)
