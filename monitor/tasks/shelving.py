"""Shelving: what is over is put away."""

import time

from celery import shared_task

from monitor.services import shelving


@shared_task(name="monitor.tasks.put_away")
def put_away() -> None:
    """Put away what came to an end meanwhile."""
    shelving.put_away(time.time_ns() // 1_000)
