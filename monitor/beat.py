"""The clock of periodic tasks: it stops adding to a queue that nobody empties, and shows that it is alive."""

import logging
from typing import Any, Final

from celery.beat import PersistentScheduler, ScheduleEntry
from kombu.exceptions import ChannelError

from monitor.watchdog import Watchdog

log = logging.getLogger(__name__)

# A worker that is back does each sweep once; more of them would only fill the memory that streams need.
MOST_WAITING: Final = 100


class Beat(PersistentScheduler):  # type: ignore[misc]  # Celery has no types
    """Celery's own, within bounds."""

    _full = False

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._watchdog = Watchdog()
        super().__init__(*args, **kwargs)

    def tick(self, *args: Any, **kwargs: Any) -> float:
        """Send what is due; returns the seconds until the next is."""
        self._watchdog.alive()
        seconds: float = super().tick(*args, **kwargs)
        return seconds

    def apply_entry(self, entry: ScheduleEntry, producer: Any = None) -> None:
        """Send one task, unless so many wait already."""
        full = self._waiting() >= MOST_WAITING
        if full and not self._full:
            log.warning("no worker takes tasks from the queue: it gets no further sweeps until one does")
        self._full = full
        if not full:
            super().apply_entry(entry, producer=producer)

    def _waiting(self) -> int:
        try:
            with self.app.connection_for_write() as connection:
                queue = self.app.conf.task_default_queue
                # A channel of its own: the default one would be waited for until the broker is back.
                return int(connection.channel().queue_declare(queue, passive=True).message_count)
        except ChannelError:  # an empty queue is none
            return 0
        except Exception as error:  # noqa: BLE001 - whatever the broker's client raises, sending will say it, too
            log.debug("the queue's length is not known: %s", error)
            return 0
