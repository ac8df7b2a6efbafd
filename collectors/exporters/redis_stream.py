"""Events into the partitions of the stream store, in order and at least once.

The agent's thread gathers batches; threads of their own deliver them (`collectors.exporters.lane`), so that a
store that is slow or away never holds up a capture. What can't be delivered goes to the spool, and what comes
later queues behind it. A batch is sent until it is accepted, always under the same name.

Heartbeats speak of the present: none is spooled, except the last of a start ("it stopped"). While the spool is drained,
its batches tell them (`collectors.exporters.reports`): it may take long, or go on for as long as there is too much.
"""

import logging
import os
import threading
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

import msgspec

from collectors.exporters.base import REFUSED, ExporterError
from collectors.exporters.batches import NOBODY, Batcher
from collectors.exporters.delivery import Addressed, Delivery
from collectors.exporters.lane import Lane
from collectors.exporters.reports import Report, merged
from collectors.exporters.spool import Dropped, Spool, SpoolError
from collectors.exporters.spools import Spools
from collectors.exporters.stream_store import StoreError, open_store
from collectors.wire.cluster import is_cluster
from collectors.wire.events import Batch, Heartbeat, Loss, Observation

log = logging.getLogger(__name__)

_MAX_QUEUED: Final = 50_000  # events between the agent's thread and the others
_STOP_S: Final = 5.0  # for delivering what is left at a stop
_ALL: Final = -1  # the lane of all partitions


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
        self._apart = is_cluster(url)  # a lane for each partition
        partitions = _read_number(self._remembered) or partitions

        # Everything below belongs to whoever holds the lock.
        self._lock = threading.Lock()
        self._batcher = Batcher(collector, boot, partitions)
        self._renumbered = 0  # how often the store turned out to have another number of partitions
        self._low_water_us = 0  # behind all batches from now on; 0: not known
        self._moving = False  # what was addressed otherwise may still come back
        self._dropped = {"queue": Dropped(), "spool": Dropped()}  # that the agent has not asked for yet
        self._dropped_here = Counter[str]()  # events, since the start
        self._untold: dict[int, list[Loss]] = {}  # by partition: what the next heartbeat has to tell there
        self._running = self._stopping = False
        try:
            self._store = open_store(url, f"offhook-collector:{collector}")
            self._spools = Spools(spool, spool_size)
            self._lanes: dict[int, Lane] = {}
            self._open_lanes(partitions)
        except (StoreError, SpoolError) as error:
            raise ExporterError(str(error), REFUSED) from error

    def start(self) -> None:
        """Reach the store, or go on without it when waiting may help. Raises `ExporterError`."""
        first = next(iter(self._lanes.values()))
        try:
            first.delivery.connect()
        except StoreError as error:
            for lane in self._lanes.values():
                lane.delivery.close()
            self._spools.close()
            raise ExporterError(f"the stream store {error}", REFUSED) from error
        self._settle(first)
        with self._lock:
            self._running = True
            for lane in self._lanes.values():
                lane.start()

    def export(self, events: Sequence[Observation]) -> None:
        """Take events. Raises `ExporterError` when a thread has died of a defect."""
        with self._lock:
            for lane in self._lanes.values():
                if lane.failure:
                    raise ExporterError(f"the delivery of events failed: {lane.failure!r}") from lane.failure
            if events and self._queued + self._batcher.waiting >= _MAX_QUEUED:
                self._drop(events)
            else:
                self._enqueue(self._batcher.add(events))
            if self._batcher.waiting and time.monotonic() - self._flushed_s >= self._batch_s:
                self._flush()

    def heartbeat(self, heartbeat: Heartbeat) -> None:
        """Tell every partition: by a batch of its own, or where the spool must drain first, by one out of that."""
        with self._lock:
            self._note_losses(heartbeat.losses)
            self._moving = self._moving and not all(lane.fluent for lane in self._lanes.values())
            self._low_water_us = 0 if self._moving else heartbeat.low_water_us
            fluent = [number for number in range(self._batcher.partitions) if self._lane(number).fluent]
            self._tell(heartbeat, fluent)
            for number in set(range(self._batcher.partitions)).difference(fluent):
                self._offer(number, heartbeat)

    def stop(self, final: Heartbeat) -> None:
        """Deliver what is left, for some seconds at most; the rest waits in the spool for the next start."""
        with self._lock:
            if self._stopping or all(lane.delivery.closed for lane in self._lanes.values()):
                return
            self._stopping = True
            self._note_losses(final.losses)
            self._tell(final, range(self._batcher.partitions))
            for lane in self._lanes.values():
                lane.stop(time.monotonic() + _STOP_S)
        for lane in list(self._lanes.values()):
            lane.join()
        for lane in self._lanes.values():
            lane.keep()
        self._spools.close()

    @property
    def backlog(self) -> int:
        """Events taken and not yet accepted by the store."""
        with self._lock:
            return self._queued + self._batcher.waiting + sum(lane.behind for lane in self._lanes.values())

    @property
    def has_room(self) -> bool:
        """Whether there is room for more than what a moment brings."""
        with self._lock:
            return self._queued < _MAX_QUEUED // 2 and all(lane.spool_fill < 0.5 for lane in self._lanes.values())

    def counters(self) -> dict[str, int]:
        """ "sent", "spooled", "dropped_spool", "dropped_queue" (events); "spool_damaged", "store_failures"; …"""
        with self._lock:
            total = Counter(dict.fromkeys(("sent", "spooled", "spool_octets", "dropped_spool", "dropped_queue"), 0))
            for counted in (self._dropped_here, *(lane.state for lane in self._lanes.values())):
                total.update(counted)
            return dict(total) | self._disk()

    def _disk(self) -> dict[str, int]:
        """How large the disk of the spool is, and how much of it is free; nothing where it can't be asked."""
        try:
            disk = os.statvfs(self._remembered.parent)
        except OSError:
            return {}
        return {"disk_octets": disk.f_blocks * disk.f_frsize, "disk_free_octets": disk.f_bavail * disk.f_frsize}

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

    # --- lanes

    @property
    def _queued(self) -> int:
        return sum(lane.queued for lane in self._lanes.values())

    def _lane(self, partition: int) -> Lane:
        return self._lanes[partition if self._apart else _ALL]

    def _open_lanes(self, partitions: int) -> None:
        """Those that there are not yet. Raises `SpoolError`."""
        spools: Mapping[int, Spool]
        if self._apart:
            spools, dropped = self._spools.each(partitions)
        else:
            whole, dropped = self._spools.whole()
            spools = {_ALL: whole}
        self._dropped["spool"] = self._dropped["spool"].plus(*dropped)
        self._dropped_here["dropped_spool"] += dropped.events
        for number in spools.keys() - self._lanes.keys():
            delivery = Delivery(self._store, spools[number], partitions)
            name = "exporter" if number == _ALL else f"exporter-{number:02d}"
            self._lanes[number] = Lane(delivery, self._lock, self._settle, name)

    def _settle(self, lane: Lane) -> None:
        """Note what came of a step, and gather anew what could not go as it was. Called by the lane's thread."""
        delivery = lane.delivery
        with self._lock:
            if delivery.partitions != self._batcher.partitions:
                self._renumber(delivery.partitions)
            for partition, losses in delivery.untold:
                self._untold[partition] = merged([*losses, *self._untold.get(partition, ())])
            self._enqueue(self._batcher.add(delivery.misaddressed))
            self._dropped["spool"] = self._dropped["spool"].plus(*delivery.dropped)
            delivery.untold, delivery.misaddressed, delivery.dropped = [], [], Dropped()
            lane.note()

    def _renumber(self, partitions: int) -> None:
        """The store has another number of partitions than was thought: begin numbering under a new name."""
        log.warning("the stream store has %d partitions, not %d", partitions, self._batcher.partitions)
        waiting = [event for batch in self._batcher.flush() for event in batch.observations]
        untold = dict.fromkeys(loss for losses in self._untold.values() for loss in losses)
        self._untold = dict.fromkeys(range(partitions), merged(list(untold)))
        self._renumbered += 1
        self._moving, self._low_water_us = True, 0
        self._batcher = Batcher(self._collector, f"{self._boot}-{self._renumbered}", partitions)
        known = set(self._lanes)
        self._open_lanes(partitions)
        for number, lane in self._lanes.items():
            lane.delivery.partitions = partitions
            if number not in known and self._running and not self._stopping:
                lane.start()
        self._enqueue(self._batcher.add(waiting))
        with suppress(OSError):  # it only saves this work at the next start
            self._remembered.write_text(f"{partitions}\n")

    # --- batches

    def _drop(self, events: Sequence[Observation]) -> None:
        times = [event.captured_us for event in events]
        self._dropped["queue"] = self._dropped["queue"].plus(len(events), min(times), max(times))
        self._dropped_here["dropped_queue"] += len(events)

    def _note_losses(self, losses: list[Loss]) -> None:
        for partition in range(self._batcher.partitions) if losses else ():
            self._untold[partition] = merged([*self._untold.get(partition, ()), *losses])

    def _tell(self, heartbeat: Heartbeat, partitions: Iterable[int]) -> None:
        told = {number: msgspec.structs.replace(heartbeat, losses=self._losses_of(number)) for number in partitions}
        if told:
            self._flush(told)

    def _offer(self, partition: int, heartbeat: Heartbeat) -> None:
        """To be told by a batch that comes out of the spool."""
        told = msgspec.structs.replace(heartbeat, losses=self._losses_of(partition))
        self._lane(partition).reports[partition] = Report(self._batcher.boot, told)

    def _losses_of(self, partition: int) -> list[Loss]:
        """What a partition was not told yet, as far as its lane's thread has not taken it to tell."""
        waiting = self._lane(partition).reports.pop(partition, None)
        return merged([*(waiting.heartbeat.losses if waiting else ()), *self._untold.pop(partition, ())])

    def _flush(self, heartbeats: Mapping[int, Heartbeat] = NOBODY) -> None:
        self._flushed_s = time.monotonic()
        self._enqueue(self._batcher.flush(heartbeats))

    def _enqueue(self, batches: list[Batch]) -> None:
        for batch in batches:
            self._lane(batch.partition).put(Addressed(self._batcher.partitions, batch, self._low_water_us))


def _read_number(path: Path) -> int:
    """A number from a file, 0 when there is none."""
    try:
        text = path.read_text().strip()
    except (OSError, ValueError):
        return 0
    return int(text) if text.isdecimal() and len(text) < 4 else 0
