"""A capture file through a correlator, its own time stamps being the clock.

The watermark is the latest wire time seen, less the reordering window: what the file says about time
is all there is, so that the same file gives the same updates each time.
"""

from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, TypeAlias

import msgspec

from collectors.receivers.base import ReceiverError as ReceiverError  # for those who may not import receivers
from collectors.receivers.pcap_file import read_events
from collectors.sip.timers import MILLISECOND
from collectors.wire.events import SideEvent, SipEvent
from monitor.core.correlator import Correlator
from monitor.core.settings import Settings
from monitor.core.updates import Record, RecordClosed, RecordKey, Update

# A Call-ID is one entry to the last packet: nothing leaves memory before, but by the limit on records.
CAPTURE_SETTINGS: Final = Settings(linger_us=None)

# How often the watermark moves: as often as a live worker commits.
_CYCLE_US: Final = 100 * MILLISECOND
_TELL_EVERY: Final = 16 * 1024 * 1024  # octets


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """How far a file has been read."""

    bytes_read: int
    size: int  # 0 where it can't be known (a pipe)
    packets: int
    messages: int


ProgressCallback: TypeAlias = Callable[[Progress], None]


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """What a stretch of the file told: input for one commit."""

    updates: list[Update]  # in order; each message is a `MessageAdded`, each side event that fits an `EvidenceAdded`
    records: dict[RecordKey, Record]  # of every key that the updates name, as it stands after them
    watermark_us: int
    progress: Progress
    last: bool


class Replay:
    """One passage of a file; iterate once, over `turns` or over `steps`.

    Whoever stores or shows whole messages leaves `redacted` on.

    Raises `ReceiverError` (collectors.receivers.base), here or while iterating, when the file can't
    be read or is no capture.
    """

    def __init__(
        self,
        path: str | Path,
        settings: Settings = CAPTURE_SETTINGS,
        collector: str = "file",
        *,
        redacted: bool = True,
    ) -> None:
        self.reading = read_events(path, collector, redacted=redacted)
        self.settings = settings
        self.correlator = Correlator(settings)
        self.watermark_us = 0
        self.evicted = 0  # records that left memory early, by the limit

    def turns(self) -> Iterator[list[Update]]:
        """The updates of each message and of each passing of a deadline, in order.

        An empty turn ends each chunk of the file, so that its reader can tell progress where there is
        much else than SIP. The clock stops at the last packet, whatever it carries: timers that would
        fire later don't.
        """
        for batch in self.reading.batches():
            yield from self._play(batch, deque(self.reading.side()))
            yield []
        last_us = self.reading.file.last_us
        if last_us > self.watermark_us:
            self.watermark_us = last_us
        if updates := self.correlator.advance(self.watermark_us):
            yield updates

    def steps(self, size: int = 2_000) -> Iterator[Step]:
        """Bounded batches: a step ends with the first turn by which it has `size` updates or more.

        Where there is little SIP, a step each 16 MiB of the file tells how far it is, with few updates or none.
        """
        updates: list[Update] = []
        closed: dict[RecordKey, Record] = {}
        told = 0
        for turn in self.turns():
            updates += turn
            # A record that leaves memory is gone with the next turn.
            for update in turn:
                if type(update) is RecordClosed:
                    closed[update.key] = self.correlator.record(update.key)
            if len(updates) >= size or (not turn and self.reading.file.bytes_read >= told + _TELL_EVERY):
                yield self._step(updates, closed, last=False)
                updates, closed = [], {}
                told = self.reading.file.bytes_read
        yield self._step(updates, closed, last=True)

    def progress(self) -> Progress:
        """How far it has come."""
        file = self.reading.file
        return Progress(
            bytes_read=file.bytes_read, size=file.size, packets=file.packets, messages=self.reading.messages
        )

    def _play(self, batch: list[SipEvent], side: deque[SideEvent]) -> Iterator[list[Update]]:
        feed, window_us = self.correlator.feed, self.settings.window_us
        for event in batch:
            while side and side[0].captured_us < event.captured_us:
                yield from self._witness(side.popleft())
            updates = feed(event)
            if type(updates[-1]) is RecordClosed:
                self._name_the_next(updates)
            yield updates
            at_us = event.captured_us - window_us
            if at_us >= self.watermark_us + _CYCLE_US:
                self.watermark_us = at_us
                if fired := self.correlator.advance(at_us):
                    self._name_the_next(fired)
                    yield fired

        for each in side:
            yield from self._witness(each)

    def _witness(self, side: SideEvent) -> Iterator[list[Update]]:
        if updates := self.correlator.witness(side):
            yield updates

    def _name_the_next(self, updates: list[Update]) -> None:
        """What follows a record that left memory is its next incarnation."""
        for update in updates:
            if type(update) is RecordClosed:
                key = update.key
                self.evicted += update.reason == "evicted"
                self.correlator.reserve(key.kind, key.call_id, key.discriminator, key.incarnation + 1)

    def _step(self, updates: list[Update], closed: dict[RecordKey, Record], *, last: bool) -> Step:
        records = {
            key: closed[key] if key in closed else self.correlator.record(key)
            for key in dict.fromkeys(update.key for update in updates)
        }
        return Step(
            updates=updates, records=records, watermark_us=self.watermark_us, progress=self.progress(), last=last
        )
