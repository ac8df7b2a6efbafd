"""Rings Celery for what a page put into the database, from a thread: a broker that is away holds no page up.

Rows are the queue. What nobody was rung for is found by the worker's sweep within seconds.
"""

from functools import cache
from typing import Final

from monitor.celery import app
from monitor.overview.ringer import Ringer, ring_celery

RUN_IMPORT: Final = "monitor.tasks.run_import"


def ring_deliveries(delivery_ids: list[int]) -> None:
    """These messages are due."""
    _delivery_bell().ring(delivery_ids)


def ring_import(import_id: int) -> None:
    """This file waits to be read."""
    _import_bell().ring([import_id])


@cache
def _delivery_bell() -> Ringer:
    return Ringer(ring_celery)


@cache
def _import_bell() -> Ringer:
    return Ringer(lambda import_id: app.send_task(RUN_IMPORT, (import_id,), retry=False))
