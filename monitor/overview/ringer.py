"""Rings Celery for deliveries, aside: a broker that is away must not hold the overview up."""

import logging
import queue
import threading
from collections.abc import Callable, Iterable
from typing import Final

log = logging.getLogger(__name__)

# What does not fit is found by the sweep.
_WAITING: Final = 1000


class Ringer:
    """A thread that hands delivery ids to `ring`, and drops what it can't keep up with."""

    def __init__(self, ring: Callable[[int], None]) -> None:
        self._ring = ring
        self._queue: queue.Queue[int | None] = queue.Queue(_WAITING)
        self._thread = threading.Thread(target=self._run, name="ringer", daemon=True)
        self._thread.start()

    def ring(self, delivery_ids: Iterable[int]) -> None:
        """These are due; returns at once."""
        for delivery_id in delivery_ids:
            try:
                self._queue.put_nowait(delivery_id)
            except queue.Full:
                return

    def close(self, seconds: float = 2.0) -> None:
        """Ring what waits, for some seconds at most."""
        self._queue.put(None)
        self._thread.join(seconds)

    def _run(self) -> None:
        away = False
        while (delivery_id := self._queue.get()) is not None:
            try:
                self._ring(delivery_id)
                away = False
            except Exception as error:  # noqa: BLE001 - whatever the broker's client raises, the sweep finds the row
                if not away:
                    log.warning("no Celery to ring, its sweep will find what is due: %s", error)
                away = True


def ring_celery(delivery_id: int) -> None:
    """One delivery to the workers, without retries. Raises what the broker's client raises."""
    from monitor.celery import app

    app.send_task("monitor.tasks.deliver", (delivery_id,), retry=False)
