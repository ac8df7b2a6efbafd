"""Celery: notifications, imports, retention. The rows are the queue; Celery is the doorbell."""

import os

from celery import Celery

from monitor.conf import load

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "monitor.settings")


def broker_url(bus_url: str) -> str:
    """redis-py's URL as kombu spells it: unix:///path → redis+socket:///path."""
    return bus_url.replace("unix://", "redis+socket://", 1)


app = Celery("offhook", broker=broker_url(load().bus_url))
app.conf.update(
    task_ignore_result=True,
    task_acks_late=True,
    task_default_queue="offhook",
    broker_connection_retry_on_startup=True,
    worker_hijack_root_logger=False,
    beat_schedule_filename=str(load().state_dir / "celerybeat"),
    beat_schedule={
        "sweep-deliveries": {"task": "monitor.tasks.sweep_deliveries", "schedule": 5.0},
        "sweep-imports": {"task": "monitor.tasks.sweep_imports", "schedule": 30.0},
        "roll-up": {"task": "monitor.tasks.roll_up", "schedule": 60.0},
        "prune": {"task": "monitor.tasks.prune", "schedule": 600.0},
    },
)
app.autodiscover_tasks(["monitor"])
