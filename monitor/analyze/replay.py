"""A capture file through a correlator, its own time stamps being the clock.

The watermark is the latest wire time seen, less the reordering window: what the file says about time
is all there is, so that the same file gives the same updates each time.
"""

from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

from collectors.decode.datagram import Datagram
from collectors.receivers.base import ReceiverError as ReceiverError  # for those who may not import receivers
from collectors.receivers.pcap_file import read_events
from collectors.sip.faults import cut_short
from collectors.sip.glance import is_response
from collectors.sip.message import parse_head
from collectors.sip.timers import MILLISECOND
from monitor.analyze.share import Share
from monitor.analyze.step import Progress, Step
from monitor.core.connections import failure
from monitor.core.context import FAR
from monitor.core.correlator import Correlator
from monitor.core.fold import Fold
from monitor.core.message import Message, message_of
from monitor.core.settings import Settings
from monitor.core.updates import ConnectionFailed, MessageAdded, Record, RecordClosed, RecordKey, Update

if TYPE_CHECKING:
    from collectors.wire.events import SideEvent

# A Call-ID is one entry to the last packet: nothing leaves memory before, but by the limit on records.
CAPTURE_SETTINGS: Final = Settings(linger_us=None)

# How often the watermark moves: as often as a live worker commits.
_CYCLE_US: Final = 100 * MILLISECOND
_TELL_EVERY: Final = 16 * 1024 * 1024  # octets


class Replay:
    """One passage of a file, to be made once: by `steps`, or message by message.

        for batch in replay.batches():
            for datagram in batch:
                replay.witness(datagram.captured_us, updates)
                fold = replay.take(read(datagram), updates)
            replay.witness(FAR, updates)
        replay.end(updates)

    Messages of `batches` have their secrets: whoever stores or shows whole ones takes `steps`, and leaves `redacted`
    on. `key_log` is a file of TLS secrets (SSLKEYLOGFILE).

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
        key_log: str = "",
    ) -> None:
        self.reading = read_events(path, collector, redacted=redacted, key_log=key_log, media="presence")
        self.correlator = Correlator(settings)
        self.watermark_us = 0
        self.malformed = 0  # messages taken
        self.evicted = 0  # records that left memory early, by the limit
        self.closed: dict[RecordKey, Record] = {}  # what left memory, as it stood; since the last step
        self._failures: list[ConnectionFailed] = []
        self._side: deque[SideEvent] = deque()  # read, and yet to be told
        self._side_us = 0  # when the next of these was captured
        self._window_us = settings.window_us
        self._next_us = _CYCLE_US  # when the watermark moves next

    def batches(self, share: Share | None = None) -> Iterator[list[Datagram]]:
        """The messages, unread, chunk by chunk of the file; some chunks have none.

        `share`: of what was seen beside them, only its own is told of.
        """
        for batch in self.reading.unread():
            self._look_beside(share)
            yield batch

    def witness(self, before_us: int, out: list[Update]) -> None:
        """Tell what was seen beside the messages before a time; what it caused is added to `out`."""
        while self._side and self._side_us < before_us:
            side = self._side.popleft()
            self._note_next()
            failed = failure(side)
            if failed is None:
                out += self.correlator.witness(side)
            else:
                self._failures.append(failed)

    def take_failures(self) -> list[ConnectionFailed]:
        """The connections that did not come about since this was asked last."""
        failures, self._failures = self._failures, []
        return failures

    def take(self, message: Message, out: list[Update]) -> Fold:
        """Let a message join its record, and the time pass to it; what that caused is added to `out`."""
        if message.fault:
            self.malformed += 1
        begin = len(out)
        fold = self.correlator.take(message, out)
        if len(out) > begin and type(out[-1]) is RecordClosed:
            self._note_closed(out[-1:])
        if message.captured_us - self._window_us >= self._next_us:
            self._pass(message.captured_us, out)
        return fold

    def pass_by(self, datagram: Datagram, out: list[Update]) -> None:
        """Let the time pass to a message of somebody else's share."""
        captured_us = datagram.captured_us
        self.correlator.overhear(datagram.source, captured_us, response=is_response(datagram.payload))
        if captured_us - self._window_us >= self._next_us:
            self._pass(captured_us, out)

    def end(self, out: list[Update]) -> None:
        """The clock stops at the last packet, whatever it carries: timers that would fire later don't."""
        self.watermark_us = max(self.watermark_us, self.reading.file.last_us)
        self._advance(out)

    def steps(self, size: int = 2_000) -> Iterator[Step]:
        """Bounded batches: a step ends with the first message by which it has `size` updates or more.

        Where there is little SIP, a step each 16 MiB of the file tells how far it is, with few updates or none.
        """
        updates: list[Update] = []
        told = 0
        for batch in self.reading.batches():
            self._look_beside()
            for event in batch:
                self.witness(event.captured_us, updates)
                place = len(updates)
                fold = self.take(message_of(event), updates)
                updates.insert(place, MessageAdded(fold.key, event.captured_us, fold.messages, event))
                if len(updates) >= size:
                    yield self._step(updates, last=False)
                    updates = []
                    told = self.reading.file.bytes_read
            self.witness(FAR, updates)
            if self.reading.file.bytes_read >= told + _TELL_EVERY:
                yield self._step(updates, last=False)
                updates = []
                told = self.reading.file.bytes_read
        self.end(updates)
        yield self._step(updates, last=True)

    def progress(self) -> Progress:
        """How far it has come."""
        file = self.reading.file
        return Progress(
            bytes_read=file.bytes_read, size=file.size, packets=file.packets, messages=self.reading.messages
        )

    def record(self, key: RecordKey) -> Record:
        """The present value of a record; of one that has left memory, the last. Raises KeyError for any other."""
        closed = self.closed.get(key)
        return self.correlator.record(key) if closed is None else closed

    def first_us(self, key: RecordKey) -> int:
        """When the first message of a record was captured, as far as is known. Raises KeyError as `record`."""
        closed = self.closed.get(key)
        return self.correlator.first_us(key) if closed is None else closed.first_us

    def _look_beside(self, share: Share | None = None) -> None:
        """Take note of what the last chunk told beside its messages."""
        side = self.reading.side()
        self._side.extend(side if share is None else [each for each in side if share.holds(each.call_id)])
        self._note_next()
        for loss in self.reading.losses():
            self.correlator.lost(loss)

    def _note_next(self) -> None:
        if self._side:
            self._side_us = self._side[0].captured_us

    def _pass(self, captured_us: int, out: list[Update]) -> None:
        """Move the watermark."""
        self.watermark_us = captured_us - self._window_us
        self._next_us = self.watermark_us + _CYCLE_US
        self._advance(out)

    def _advance(self, out: list[Update]) -> None:
        fired = self.correlator.advance(self.watermark_us)
        if fired:
            self._note_closed(fired)
            out += fired

    def _note_closed(self, updates: list[Update]) -> None:
        """Keep what left memory as it stands; what follows it is its next incarnation."""
        for update in updates:
            if type(update) is RecordClosed:
                key = update.key
                self.closed[key] = self.correlator.record(key)
                self.evicted += update.reason == "evicted"
                self.correlator.reserve(key.kind, key.call_id, key.discriminator, key.incarnation + 1)

    def _step(self, updates: list[Update], *, last: bool) -> Step:
        records = {key: self.record(key) for key in dict.fromkeys(update.key for update in updates)}
        self.closed = {}
        return Step(
            updates=updates,
            failures=self.take_failures(),
            records=records,
            watermark_us=self.watermark_us,
            progress=self.progress(),
            last=last,
        )


def read(datagram: Datagram) -> Message:
    """A SIP message of a file, parsed."""
    parsed, head = parse_head(datagram.payload)
    return Message(
        datagram.captured_us,
        datagram.source,
        datagram.source_port,
        datagram.destination,
        datagram.destination_port,
        datagram.transport,
        datagram.observer,
        datagram.payload,
        cut_short(parsed) if datagram.cut else parsed,
        head,
    )
