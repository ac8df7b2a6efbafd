"""Events into the partitions of the stream store, in order and at least once.

The agent's thread gathers batches; a thread of its own delivers them, so that a store that is slow or
away never holds up a capture. What can't be delivered goes to the spool, and what comes later queues
behind it. A batch is sent until it is accepted, always under the same name.

Heartbeats speak of the present: none is spooled, except the last of a start ("it stopped").
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

import msgspec

from collectors.exporters.base import REFUSED, ExporterError
from collectors.exporters.batches import Batcher
from collectors.exporters.delivery import Addressed, Delivery
from collectors.exporters.spool import Dropped, Spool, SpoolError
from collectors.exporters.stream_store import StoreError, StreamStore
from collectors.wire.events import Batch, Heartbeat, Loss, Observation

log = logging.getLogger(__name__)

_MAX_QUEUED: Final = 50_000  # events between the two threads
_MAX_LOSSES: Final = 64  # told in one heartbeat; more are merged
_IDLE_S: Final = 0.1
_STOP_S: Final = 5.0  # for delivering what is left at a stop


class RedisStreamExporter:
    """Gathers events by time and size, and delivers them."""

    def __init__(
        self,
        url: str,
        *,
        collector: str,
        boot: str,
        partitions: int,
        spool: Path,
        spool_size: int,
        batch_s: float = 0.1,
    ) -> None:
        """Open the spool. `partitions` counts where the store doesn't know yet how many there are.

        `spool_size` is in octets. Raises `ExporterError`.
        """
        self._collector = collector
        self._boot = boot
        self._batch_s = batch_s
        self._flushed_s = 0.0
        self._remembered = spool / "partitions"  # how many the store had when it was last seen
        partitions = _read_number(self._remembered) or partitions
        try:
            store = StreamStore(url, f"offhook-collector:{collector}")
            self._delivery = Delivery(store, Spool(spool, spool_size), partitions)
        except (StoreError, SpoolError) as error:
            raise ExporterError(str(error), REFUSED) from error

        # Everything below belongs to whoever holds the lock; `_delivery` belongs to the thread once that runs.
        self._lock = threading.Condition()
        self._batcher = Batcher(collector, boot, partitions)
        self._renumbered = 0  # how often the store turned out to have another number of partitions
        self._queue: deque[Addressed] = deque()
        self._queued = 0  # events in it
        self._dropped = {"queue": Dropped(), "spool": Dropped()}  # that the agent has not asked for yet
        self._dropped_here = 0  # events, since the start
        self._untold: dict[int, list[Loss]] = {}  # by partition: what the next heartbeat has to tell there
        self._fluent = False
        self._behind = 0  # events that the thread has not delivered
        self._spool_fill = 0.0
        self._state: dict[str, int] = {}
        self._deadline_s: float | None = None  # of a stop
        self._failure: Exception | None = None
        self._thread = threading.Thread(target=self._run, name="exporter", daemon=True)

    def start(self) -> None:
        """Reach the store, or go on without it when waiting may help. Raises `ExporterError`."""
        try:
            self._delivery.connect()
        except StoreError as error:
            self._delivery.close()
            raise ExporterError(f"the stream store {error}", REFUSED) from error
        self._take_back()
        self._thread.start()

    def export(self, events: Sequence[Observation]) -> None:
        """Take events. Raises `ExporterError` when the thread has died of a defect."""
        with self._lock:
            if self._failure:
                raise ExporterError(f"the delivery of events failed: {self._failure!r}") from self._failure
            if events and self._queued + self._batcher.waiting >= _MAX_QUEUED:
                self._drop(events)
            else:
                self._enqueue(self._batcher.add(events))
            if self._batcher.waiting and time.monotonic() - self._flushed_s >= self._batch_s:
                self._flush(())

    def heartbeat(self, heartbeat: Heartbeat) -> None:
        """Tell every partition, unless the store is away or the spool must drain first."""
        with self._lock:
            self._note_losses(heartbeat.losses)
            if self._fluent:
                self._tell(heartbeat)

    def stop(self, final: Heartbeat) -> None:
        """Deliver what is left, for some seconds at most; the rest waits in the spool for the next start."""
        with self._lock:
            if self._deadline_s is not None or self._delivery.closed:
                return
            self._note_losses(final.losses)
            self._tell(final)
            self._deadline_s = time.monotonic() + _STOP_S
            self._lock.notify()
        if self._thread.is_alive():
            self._thread.join()
        elif not self._delivery.closed:  # it was never started
            self._goes_on()
            self._delivery.close()

    @property
    def backlog(self) -> int:
        """Events taken and not yet accepted by the store."""
        with self._lock:
            return self._queued + self._batcher.waiting + self._behind

    @property
    def has_room(self) -> bool:
        """Whether there is room for more than what a moment brings."""
        with self._lock:
            return self._queued < _MAX_QUEUED // 2 and self._spool_fill < 0.5

    def counters(self) -> dict[str, int]:
        """ "sent", "spooled", "dropped_spool", "dropped_queue" (events); "spool_damaged", "store_failures"; …"""
        with self._lock:
            always = dict.fromkeys(("sent", "spooled", "spool_octets", "dropped_spool"), 0)
            return {**always, **self._state, "dropped_queue": self._dropped_here}

    def losses(self) -> list[Loss]:
        """What was dropped since this was last asked."""
        with self._lock:
            taken, self._dropped = self._dropped, {"queue": Dropped(), "spool": Dropped()}
        observer = f"{self._collector}/*"
        return [
            Loss(observer, dropped.from_us, dropped.to_us, reason, dropped.events)
            for reason, dropped in taken.items()
            if dropped.events
        ]

    def _drop(self, events: Sequence[Observation]) -> None:
        times = [event.captured_us for event in events]
        self._dropped["queue"] = self._dropped["queue"].plus(len(events), min(times), max(times))
        self._dropped_here += len(events)

    def _note_losses(self, losses: list[Loss]) -> None:
        for partition in range(self._batcher.partitions) if losses else ():
            self._untold[partition] = _merged([*self._untold.get(partition, ()), *losses])

    def _tell(self, heartbeat: Heartbeat) -> None:
        untold, self._untold = self._untold, {}
        self._flush(
            [
                msgspec.structs.replace(heartbeat, losses=untold.get(partition, []))
                for partition in range(self._batcher.partitions)
            ]
        )

    def _flush(self, heartbeats: Iterable[Heartbeat]) -> None:
        self._flushed_s = time.monotonic()
        self._enqueue(self._batcher.flush(list(heartbeats)))

    def _enqueue(self, batches: list[Batch]) -> None:
        if batches:
            self._queue.extend(Addressed(self._batcher.partitions, batch) for batch in batches)
            self._queued += sum(batch.size for batch in batches)
            self._lock.notify()

    # What follows runs in the exporter's own thread.

    def _run(self) -> None:
        try:
            while self._goes_on():
                self._delivery.step()
                self._take_back()
        except Exception as error:  # the agent must hear of any defect, or events would pile up unseen
            log.exception("the delivery of events failed")
            with self._lock:
                self._failure = error
        finally:
            self._delivery.close()
            self._take_back()

    def _goes_on(self) -> bool:
        """Hand over what has been gathered, waiting for it a moment; False when a stop is complete."""
        with self._lock:
            if not self._queue and not self._delivery.busy and self._deadline_s is None:
                self._lock.wait(_IDLE_S)
            self._delivery.waiting.extend(self._queue)
            nothing_new = not self._queue
            self._queue.clear()
            self._behind += self._queued
            self._queued = 0
            if self._deadline_s is None:
                return True
            late = time.monotonic() >= self._deadline_s
            return not late and not (nothing_new and not self._delivery.waiting and not self._delivery.busy)

    def _take_back(self) -> None:
        """Note what came of it, and gather anew what could not go as it was."""
        delivery = self._delivery
        with self._lock:
            if delivery.partitions != self._batcher.partitions:
                self._renumber(delivery.partitions)
            for partition, losses in delivery.untold:
                self._untold[partition] = _merged([*losses, *self._untold.get(partition, ())])
            self._enqueue(self._batcher.add(delivery.misaddressed))
            self._dropped["spool"] = self._dropped["spool"].plus(*delivery.dropped)
            delivery.untold, delivery.misaddressed, delivery.dropped = [], [], Dropped()
            self._fluent = delivery.fluent
            self._behind = delivery.backlog
            self._spool_fill = delivery.spool_fill
            self._state = delivery.state()

    def _renumber(self, partitions: int) -> None:
        """The store has another number of partitions than was thought: begin numbering under a new name."""
        log.warning("the stream store has %d partitions, not %d", partitions, self._batcher.partitions)
        waiting = [event for batch in self._batcher.flush() for event in batch.observations]
        untold = dict.fromkeys(loss for losses in self._untold.values() for loss in losses)
        self._untold = dict.fromkeys(range(partitions), _merged(list(untold)))
        self._renumbered += 1
        self._batcher = Batcher(self._collector, f"{self._boot}-{self._renumbered}", partitions)
        self._enqueue(self._batcher.add(waiting))
        with suppress(OSError):  # it only saves this work at the next start
            self._remembered.write_text(f"{partitions}\n")


def _merged(losses: list[Loss]) -> list[Loss]:
    """The same losses, in few enough ranges; a wider range only makes the server claim less."""
    if len(losses) <= _MAX_LOSSES:
        return losses
    merged: dict[tuple[str, str], Loss] = {}
    for each in losses:
        known = merged.setdefault((each.observer, each.reason), each)
        if known is not each:
            first, last = min(known.from_us, each.from_us), max(known.to_us, each.to_us)
            merged[each.observer, each.reason] = Loss(each.observer, first, last, each.reason, known.count + each.count)
    return list(merged.values())


def _read_number(path: Path) -> int:
    """A number from a file, 0 when there is none."""
    try:
        text = path.read_text().strip()
    except (OSError, ValueError):
        return 0
    return int(text) if text.isdecimal() and len(text) < 4 else 0
