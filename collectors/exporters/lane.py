"""A way to the stream store with a thread of its own, so that one that is blocked holds up no other.

To a single server there is one for all partitions; to a cluster each partition has its own, since any of
its nodes may be away. What goes over one lane keeps its order.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from collectors.exporters.delivery import Addressed, Delivery

if TYPE_CHECKING:
    from collectors.exporters.reports import Report

log = logging.getLogger(__name__)

_IDLE_S: Final = 0.1


class Lane:
    """A delivery, what has been gathered for it, and what its thread last told.

    All but the thread's own methods is for whoever holds `lock`. `settle` is called by the thread after each step.
    """

    def __init__(self, delivery: Delivery, lock: threading.Lock, settle: Callable[["Lane"], None], name: str) -> None:
        self.delivery = delivery  # belongs to the thread, once that runs
        self.queue: deque[Addressed] = deque()
        self.queued = 0  # events in it
        self.reports: dict[int, Report] = {}  # by partition: what drained batches are to tell
        self.fluent = False
        self.behind = 0  # events that the thread has not delivered
        self.spool_fill = 0.0
        self.state: dict[str, int] = {}
        self.deadline_s: float | None = None  # of a stop
        self.failure: Exception | None = None
        self._settle = settle
        self._news = threading.Condition(lock)
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Begin to deliver."""
        self._thread.start()

    def put(self, item: Addressed) -> None:
        """One more batch."""
        self.queue.append(item)
        self.queued += item.events
        self._news.notify()

    def stop(self, deadline_s: float) -> None:
        """Deliver what is left until then (time.monotonic()), and keep the rest."""
        self.deadline_s = deadline_s
        self._news.notify()

    def join(self) -> None:
        """Wait until its thread has stopped. Not for whoever holds the lock."""
        if self._thread.is_alive():
            self._thread.join()

    def keep(self) -> None:
        """Keep for the next start what came after that, or where no thread ever ran."""
        if self.queue or not self.delivery.closed:
            self._goes_on()
            self.delivery.close()

    def note(self) -> None:
        """Remember how the delivery stands."""
        self.fluent = self.delivery.fluent
        self.behind = self.delivery.backlog
        self.spool_fill = self.delivery.spool_fill
        self.state = self.delivery.state()

    # What follows runs in the lane's own thread.

    def _run(self) -> None:
        try:
            while self._goes_on():
                self.delivery.step()
                self._settle(self)
        except Exception as error:  # the agent must hear of any defect, or events would pile up unseen
            log.exception("the delivery of events failed")
            self.failure = error
        finally:
            self.delivery.close()
            self._settle(self)

    def _goes_on(self) -> bool:
        """Hand over what has been gathered, waiting for it a moment; False when a stop is complete."""
        with self._news:
            if not self.queue and not self.delivery.busy and self.deadline_s is None:
                self._news.wait(_IDLE_S)
            self.delivery.waiting.extend(self.queue)
            nothing_new = not self.queue
            self.queue.clear()
            self.delivery.reports.offer(self.reports)
            self.reports = {}
            self.behind += self.queued
            self.queued = 0
            if self.deadline_s is None:
                return True
            late = time.monotonic() >= self.deadline_s
            return not late and not (nothing_new and not self.delivery.waiting and not self.delivery.busy)
