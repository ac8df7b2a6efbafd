"""One partition with one collector and a worker, driven turn by turn on a real stream store and database."""

import time
from contextlib import suppress

import msgspec

from collectors.sip.timers import SECOND
from collectors.wire.events import SipEvent
from monitor.core.correlator import Correlator
from monitor.core.updates import LossRecorded, Update
from monitor.ingest.marks import Marks
from monitor.ingest.stream import Streams
from monitor.ingest.worker import CommitRefused, Worker
from monitor.models import IngestWorker, Partition
from tests.monitor.ingest.edge import Edge
from tests.monitor.ingest.story import logged
from tests.support.valkey import Valkey


class Bench:
    """One partition, one collector, one worker; wire time is set, and near to real time."""

    def __init__(self, valkey: Valkey) -> None:
        self.valkey = valkey
        self.client = valkey.client()
        self.edge = Edge(self.client)
        self.now_us = int(time.time()) * SECOND
        self.workers: list[Worker] = []
        self._streams: list[Streams] = []
        self.worker = self.new_worker()

    def new_worker(self) -> Worker:
        self._streams.append(Streams(self.valkey.url))
        self.workers.append(Worker(self._streams[-1], self._streams[-1], 1))
        return self.workers[-1]

    def close(self) -> None:
        for streams in self._streams:
            streams.close()
        self.client.close()

    def work(self, times: int = 3) -> None:
        """Until all is read; a failure needs a few turns to be dealt with."""
        for _ in range(times):
            with suppress(CommitRefused):
                while self.worker.cycle():
                    pass

    def pass_time(self, low_water_us: int) -> None:
        """The collector is so far, and ingest has heard of it."""
        self.edge.beat(low_water_us)
        self.work(1)

    def sources(self) -> set[str]:
        """The collectors that the partition knows."""
        return set(msgspec.msgpack.decode(Partition.objects.get().marks, type=Marks).sources)

    def reasons(self) -> list[str]:
        return [update.loss.reason for update in logged() if isinstance(update, LossRecorded)]


class Brittle(Correlator):
    """A core with a bug: it fails on some messages."""

    def feed(self, event: SipEvent) -> list[Update]:
        if event.from_tag == "boom":
            raise ZeroDivisionError("a bug")
        return super().feed(event)


def moved(events: list[SipEvent], by_us: int, **changes: object) -> list[SipEvent]:
    return [msgspec.structs.replace(event, captured_us=event.captured_us + by_us, **changes) for event in events]


def expire_leases() -> None:
    """As if the holder had been gone for long enough."""
    Partition.objects.update(lease_until_us=0)
    IngestWorker.objects.all().delete()
