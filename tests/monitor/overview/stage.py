"""A stage in front of the overview: scenarios through the real correlator into real rows."""

import time

from collectors.scenario.library import play as staged
from collectors.sip.timers import SECOND
from collectors.wire.events import SipEvent
from monitor.core.correlator import Correlator
from monitor.core.updates import Committed, LoggedUpdate
from monitor.models import CommitLog, Partition
from monitor.packing import pack
from monitor.services.apply_updates import apply
from monitor.services.commit import PartitionCommit
from monitor.services.harvest import Harvest


def clock_us() -> int:
    return time.time_ns() // 1_000


class Ingest:
    """One partition's worker, whose commits the test decides."""

    def __init__(self, number: int = 0) -> None:
        self.number = number
        self._offset = "0-0"
        self._correlator = Correlator()
        self._harvest = Harvest(self._correlator)
        Partition.objects.create(number=number, owner="test", epoch=1)

    def play(self, situation: str, start_us: int, until_s: float | None = None, seed: str = "") -> int:
        """Feed a situation as far as `until_s` and commit it; returns the last wire time."""
        events = staged(situation, seed).events(start_us=start_us, until=until_s)
        return self.feed(events)

    def feed(self, events: list[SipEvent]) -> int:
        """Feed and commit, with a watermark two seconds behind."""
        for event in events:
            self._harvest.add(self._correlator.feed(event), 0)
        last_us = events[-1].captured_us
        self.advance(last_us - 2 * SECOND)
        return last_us

    def advance(self, watermark_us: int) -> None:
        """Time passes; commit."""
        self._harvest.add(self._correlator.advance(watermark_us), watermark_us)
        milliseconds, _, serial = self._offset.partition("-")
        offset = f"{milliseconds}-{int(serial) + 1}"
        commit = PartitionCommit(
            number=self.number,
            epoch=1,
            old_offset=self._offset,
            new_offset=offset,
            watermark_us=watermark_us,
            marks=b"",
            version=clock_us(),
            lag_ms=0,
            content=self._harvest.take(),
            collectors=[],
            losses=[],
            dead_letters=[],
        )
        apply([commit], {})
        self._offset = offset


def log(*updates: LoggedUpdate, watermark_us: int, partition: int = 0, committed_us: int | None = None) -> int:
    """A row of the commit log; returns its id."""
    committed = Committed(partition, watermark_us, list(updates))
    return CommitLog.objects.create(
        partition=partition,
        watermark_us=watermark_us,
        committed_us=clock_us() if committed_us is None else committed_us,
        updates=pack(committed),
    ).pk
