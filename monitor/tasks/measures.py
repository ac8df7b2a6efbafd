"""Measures: rolled up while the last calls come in."""

import time

from celery import shared_task

from monitor.services import measures


@shared_task(name="monitor.tasks.roll_up")
def roll_up() -> None:
    """Bring the measures up to date."""
    measures.roll_up(time.time_ns() // 1_000)
