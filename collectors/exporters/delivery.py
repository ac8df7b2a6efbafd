"""Batches to the stream store, or to the spool while it is away: one step after the other, in one thread.

Per partition, batches are accepted in the order of their numbers or not at all: a round trip carries one
batch a partition at most, so that none overtakes one that was refused. The server would take what is
overtaken for a copy.
"""

import logging
import time
from collections import Counter, deque
from collections.abc import Iterable
from itertools import islice
from typing import Final, NamedTuple, TypeVar

import msgspec

from collectors.exporters.reports import Reports
from collectors.exporters.spool import Dropped, Record, Spool
from collectors.exporters.stream_store import StoreError, StreamStore
from collectors.wire.codec import BatchError, decode, encode
from collectors.wire.events import Batch, Loss, Observation

log = logging.getLogger(__name__)

_FIRST_RETRY_S: Final = 0.2
_LAST_RETRY_S: Final = 2.0
_STEP_S: Final = 0.2  # for draining, before what has come meanwhile is looked at
_AT_ONCE: Final = 64  # batches looked at for a round trip


class Addressed(NamedTuple):
    """A batch, and how many partitions there were when its partition was chosen."""

    partitions: int
    batch: Batch
    low_water_us: int = 0  # as in `Record`

    @property
    def partition(self) -> int:
        """Where it goes."""
        return self.batch.partition

    @property
    def events(self) -> int:
        """How many are in it, side events among them."""
        return self.batch.size


class Delivery:
    """What waits, the store, and the spool between them."""

    def __init__(self, store: StreamStore, spool: Spool, partitions: int) -> None:
        self.partitions = partitions  # until the store says how many
        self.closed = False
        self.waiting: deque[Addressed] = deque()
        self.counters: Counter[str] = Counter()
        # What the gathering side must take back: losses of heartbeats that could not be told (partition,
        # losses), events for other partitions than was thought, and what did not fit into the spool.
        self.untold: list[tuple[int, list[Loss]]] = []
        self.misaddressed: list[Observation] = []
        self.dropped = Dropped()
        self.reports = Reports()  # what drained batches are to tell
        self._store = store
        self._spool = spool
        self._connected = False
        self._retry_s = _FIRST_RETRY_S
        self._retry_at_s = 0.0
        self._complaint = ""  # the last that was logged

    @property
    def fluent(self) -> bool:
        """What comes now is delivered now."""
        return self._connected and self._spool.empty

    @property
    def busy(self) -> bool:
        """The spool is being drained."""
        return self._connected and not self._spool.empty

    @property
    def backlog(self) -> int:
        """Events that wait, here and in the spool."""
        return self._spool.events + sum(each.events for each in self.waiting)

    @property
    def spool_fill(self) -> float:
        """How full the spool is, from 0 to 1."""
        return self._spool.octets / self._spool.limit

    def state(self) -> dict[str, int]:
        """Counters since the start, and the size of the spool."""
        damaged = self.counters["spool_damaged"] + self._spool.damaged
        return {**self.counters, "spool_octets": self._spool.octets, "spool_damaged": damaged}

    def connect(self) -> None:
        """Reach the store for the first time, or log why it can't be. Raises `StoreError` when it never will."""
        try:
            self._connect()
        except StoreError as error:
            if error.permanent:
                raise
            self._complain(error)

    def step(self) -> None:
        """Deliver what can be delivered now, and spool what can't."""
        if not self._connected and time.monotonic() >= self._retry_at_s:
            try:
                self._connect()
            except StoreError as error:
                self._complain(error)
        self._drain()
        while self.waiting and self.fluent:
            self._send()
        if not self._connected:
            self.spool_waiting()
        if self._spool.empty:
            self.untold += self.reports.take_back()
        self._spool.sync()

    def spool_waiting(self) -> None:
        """Put on disk what waits in memory."""
        while self.waiting:
            self._keep(self.waiting.popleft())

    def close(self) -> None:
        """Keep what is left for the next start."""
        self.closed = True
        self.spool_waiting()
        self._spool.close()
        self._store.close()

    def _connect(self) -> None:
        self.partitions = self._store.connect(self.partitions)
        self._connected = True

    def _complain(self, error: StoreError) -> None:
        self._connected = False
        self.counters["store_failures"] += 1
        self._retry_at_s = time.monotonic() + self._retry_s
        self._retry_s = min(2 * self._retry_s, _LAST_RETRY_S)
        if str(error) != self._complaint:
            self._complaint = str(error)
            log.warning("the stream store %s; events go to the spool meanwhile", error)

    def _drain(self) -> None:
        until_s = time.monotonic() + _STEP_S
        while self._connected and time.monotonic() < until_s and (records := self._spool.head(_AT_ONCE)):
            first, records = records[0], _one_each(records, self.partitions)
            if not records:
                self._readdress(first)
                self._spool.remove([first])
                continue
            accepted = self._append([(each.partition, self.reports.data(each)) for each in records])
            delivered = [each for each, done in zip(records, accepted, strict=True) if done]
            self._spool.remove(delivered)
            self.reports.accepted(delivered)
            self.counters["sent"] += sum(each.events for each in delivered)

    def _readdress(self, record: Record) -> None:
        try:
            self.misaddressed += decode(record.data).observations
        except BatchError:
            self.counters["spool_damaged"] += 1

    def _send(self) -> None:
        batches = [self._whole(each) for each in _one_each(islice(self.waiting, _AT_ONCE), self.partitions)]
        if not batches:
            self.misaddressed += self.waiting.popleft().batch.observations
            return
        accepted = self._append([(each.partition, encode(each.batch)) for each in batches])
        for _ in batches:
            self.waiting.popleft()
        self.waiting.extendleft(each for each, done in zip(batches[::-1], accepted[::-1], strict=True) if not done)
        self.counters["sent"] += sum(each.events for each, done in zip(batches, accepted, strict=True) if done)

    def _append(self, entries: list[tuple[int, bytes]]) -> list[bool]:
        """One round trip: which of the entries have been accepted."""
        try:
            errors = self._store.append(entries)
        except StoreError as error:
            errors = [error] * len(entries)
        refused = next((error for error in errors if error), None)
        if refused:
            self._complain(refused)
        else:
            self._be_content()
        return [error is None for error in errors]

    def _be_content(self) -> None:
        self._retry_s = _FIRST_RETRY_S
        if self._complaint:
            self._complaint = ""
            log.info("the stream store takes events again; %d wait in the spool", self._spool.events)

    def _keep(self, item: Addressed) -> None:
        batch = self._whole(item).batch
        if batch.heartbeat and not batch.heartbeat.final:
            # It speaks of a moment that will be over; its batch keeps its number, which must not be missing.
            self.untold.append((batch.partition, batch.heartbeat.losses))
            batch = msgspec.structs.replace(batch, heartbeat=None)
        times = [event.captured_us for event in batch.observations] or [0]
        span = min(times), max(times)
        record = Record(item.partitions, batch.partition, batch.size, *span, item.low_water_us, encode(batch))
        dropped = self._spool.append(record)
        self.counters["spooled"] += batch.size
        self.counters["dropped_spool"] += dropped.events
        self.dropped = self.dropped.plus(*dropped)

    def _whole(self, item: Addressed) -> Addressed:
        """The last heartbeat of all tells what no batch out of the spool has told."""
        batch = item.batch
        if batch.heartbeat is None or not batch.heartbeat.final:
            return item
        heartbeat = self.reports.with_untold(batch.partition, batch.heartbeat)
        return item._replace(batch=msgspec.structs.replace(batch, heartbeat=heartbeat))


_Item = TypeVar("_Item", Addressed, Record)


def _one_each(items: Iterable[_Item], partitions: int) -> list[_Item]:
    """The first items, one for each partition, as far as they count as many partitions as there are."""
    found: dict[int, _Item] = {}
    for item in items:
        if item.partition in found or item.partitions != partitions:
            break
        found[item.partition] = item
    return list(found.values())
