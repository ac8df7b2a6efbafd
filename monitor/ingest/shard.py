"""One leased partition in memory: where it stands, its correlator, and what waits to be committed.

What it does with an entry depends on nothing but the entries before it: however many of them make up a
commit, whoever holds the lease, and however often it is taken over, the outcome is the same.
"""

from collections.abc import Iterable
from typing import Final
from zlib import crc32

import msgspec

from collectors.sip.timers import SECOND
from collectors.wire.events import Batch, Loss, Observation, SideEvent, SipEvent
from monitor.core.connections import failure
from monitor.core.context import Peers
from monitor.core.correlator import Correlator, Name
from monitor.core.overview import PLANNED
from monitor.core.settings import Settings
from monitor.core.updates import CollectorReported, LossRecorded, RecordKey
from monitor.ingest import archive, marks, presence
from monitor.ingest.archive import Part, Stored
from monitor.ingest.marks import Marks, Source
from monitor.ingest.stream import Entry
from monitor.services.commit import POISON, CollectorState, DeadLetter, NotedLoss, PartitionCommit, Replayed
from monitor.services.harvest import Harvest

REFOLD_MOST: Final = 5_000  # messages of a record that is gone on with; a longer one is begun anew
REMEMBERED_US: Final = 86_400 * SECOND  # wire time: what came to an end longer ago is not gone on with
_FORGET_EVERY_US: Final = 60_000_000  # stream time
_MOST_KEPT: Final = 16 * 1024 * 1024  # octets of an entry that is set aside
_STEP_US: Final = 1_000_000  # a watermark that moved less, with nothing to tell, needs no commit

_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Marks)


class Place(msgspec.Struct):
    """The partition's row as it is committed."""

    number: int
    epoch: int
    offset: str
    watermark_us: int
    version: int
    marks: bytes


class Shard:
    """A partition that this process holds. `partitions` is how many there are."""

    def __init__(self, place: Place, partitions: int, settings: Settings, peers: Peers) -> None:
        self.number = place.number
        self.place = place
        self.offset = place.offset
        self.watermark_us = place.watermark_us
        self.correlator = Correlator(_share(settings, partitions), peers)
        self.taken: list[str] = []  # entries, since the last commit
        self._partitions = partitions
        self._settings = settings
        self._peers = peers
        self._marks = _decoder.decode(place.marks) if place.marks else Marks()
        self._harvest = Harvest(self.correlator)
        self._unmatched = 0  # side events that fit no record, up to the last commit
        self._stored: dict[Name, Stored] = {}
        self._collectors: dict[str, CollectorState] = {}
        self._losses: list[NotedLoss] = []
        self._dead_letters: list[DeadLetter] = []
        self._replayed: list[Replayed] = []
        self._tell(0)

    # --- input

    def unknown(self, batches: list[Batch]) -> set[Name]:
        """The names of all records that these batches may go on with, and that are not in memory."""
        unknown = {
            name
            for batch in batches
            for event in batch.events
            if not self.correlator.knows(event)
            for name in self.correlator.names(event)
        }
        unknown.update(name for batch in batches for side in batch.side for name in self.correlator.misses(side))
        return unknown

    def remembers_us(self, batches: list[Batch]) -> int:
        """The time since when a record that these batches may go on with was last heard of."""
        # Of clocks that are behind; those ahead are set right before anything is fed.
        times = [seen.captured_us for batch in batches for seen in batch.observations]
        return min([self.watermark_us, *times]) - REMEMBERED_US

    def recalls(self, stored: dict[Name, Stored]) -> None:
        """Which of these are stored: what is taken until the next commit may go on with them."""
        self._stored = stored

    def take(self, entry: Entry, batch: Batch) -> None:
        """Take the next entry of the stream; `recalls` has told what is stored of its batch's records."""
        if not self._admit(entry, batch):
            return
        source = self._marks.sources[batch.collector]
        self._correlate(marks.correct(source, batch.observations, entry.stored_us))
        clamped = marks.clamped(batch.collector, source)
        if clamped is not None:
            self._withhold(clamped)
            self._note(clamped, log=clamped.from_us == entry.stored_us)
        self._report(batch, entry.stored_us)
        self._advance(entry.stored_us)

    def take_again(self, entry: Entry, batch: Batch) -> None:
        """Take what was set aside once; its heartbeat is of a time that is over, and its name was admitted then."""
        self.pass_over(entry)
        if any(letter.entry_id == entry.again for letter in self._replayed):
            return
        known = self._marks.sources.get(batch.collector)
        source = Source(batch.boot, entry.kept_us, shift_us=known.shift_us if known else 0)
        self._replayed.append(Replayed(entry.again, marks.all_of(batch.collector), entry.lost_us))
        if marks.admit_again(self._marks, batch):
            self._correlate(marks.correct(source, batch.observations, entry.kept_us))

    def pass_over(self, entry: Entry) -> None:
        """Go on behind an entry in which there is nothing to take."""
        self._note_silences(presence.heard(self._marks, entry.stored_us))
        self._pass(entry)

    def set_aside(self, entry: Entry, batch: Batch | None, reason: str) -> None:
        """Pass over an entry that can't be read (`batch` is None) or on which we fail."""
        data = (entry.data or b"")[:_MOST_KEPT]
        if entry.again:
            self._dead_letters.append(DeadLetter(entry.again, reason, entry.kept_us, entry.lost_us, data))
            self.pass_over(entry)
            return
        lost_us = 0
        if batch is None:
            self.pass_over(entry)
        elif self._admit(entry, batch):
            lost = _poison(self._marks.sources[batch.collector], batch, entry.stored_us)
            lost_us = lost.from_us
            self._withhold(lost)
            self._note(lost, everywhere=True)
            self._report(batch, entry.stored_us)
        self._dead_letters.append(DeadLetter(entry.id, reason, entry.stored_us, lost_us, data))

    def idle(self, now_us: int, listening_us: int) -> None:
        """All that was stored up to stream time `now_us` is taken; we listen since `listening_us`."""
        self._note_silences(presence.unheard(self._marks, now_us, listening_us))
        self._advance(now_us)

    def reset(self, now_us: int) -> None:
        """The stream begins anew, without what was not taken yet: that is lost."""
        self.offset = "0-0"
        for name, source in self._marks.sources.items():
            lost = marks.whole(name, source.seen_us, now_us, "reset")
            self._withhold(lost)
            self._note(lost, everywhere=True)

    def refold(self, key: RecordKey, parts: Iterable[Part]) -> None:
        """Take an open record of the partition into memory."""
        self.correlator.refold(key, parts, self.watermark_us)

    def try_out(self, key: RecordKey, parts: Iterable[Part], watermark_us: int) -> None:
        """Raises what this record alone would raise on its way to a watermark."""
        alone = Correlator(self._settings, self._peers)
        for loss in self._marks.blind:
            alone.lost(loss)
        alone.refold(key, parts, watermark_us)

    # --- output

    def commit(self, now_us: int) -> PartitionCommit | None:
        """What has come together since the last commit; None when that is nothing."""
        content = self._harvest.take()
        place = self.place
        moved = self.offset != place.offset or self.watermark_us >= place.watermark_us + _STEP_US
        if not (moved or content or self._losses):
            return None
        for loss in presence.absences(self._marks, max(self.watermark_us, self._marks.last_us)):
            self._note(loss, log=False)
        return PartitionCommit(
            number=self.number,
            epoch=place.epoch,
            old_offset=place.offset,
            new_offset=self.offset,
            watermark_us=self.watermark_us,
            marks=_encoder.encode(self._marks),
            version=max(place.version + 1, now_us),
            lag_ms=max(0, now_us - Entry(self.offset, None).stored_us) // 1000 if self.offset != place.offset else 0,
            content=content,
            collectors=list(self._collectors.values()),
            losses=self._losses,
            dead_letters=self._dead_letters,
            replayed=self._replayed,
            side_unmatched=self.correlator.unmatched - self._unmatched,
        )

    def committed(self, commit: PartitionCommit) -> None:
        """The commit is in the database."""
        self.place = Place(
            commit.number, commit.epoch, commit.new_offset, commit.watermark_us, commit.version, commit.marks
        )
        self._collectors, self._losses, self._dead_letters, self._replayed = {}, [], [], []
        self._stored, self.taken = {}, []
        self._unmatched += commit.side_unmatched

    # --- inside

    def _correlate(self, observations: list[Observation]) -> None:
        for seen in observations:
            if isinstance(seen, SipEvent):
                if not self.correlator.knows(seen):
                    self._recall(seen)
                updates = self.correlator.feed(seen)
            elif (failed := failure(seen)) is not None:
                self._harvest.log(failed)
                continue
            else:
                self._recall_for(seen)
                updates = self.correlator.witness(seen)
            self._harvest.add(updates, self.watermark_us)

    def _admit(self, entry: Entry, batch: Batch) -> bool:
        now_us = entry.stored_us
        if now_us // _FORGET_EVERY_US != self._marks.last_us // _FORGET_EVERY_US:
            marks.forget(self._marks, now_us)
        self._note_silences(presence.heard(self._marks, now_us))
        admission = marks.admit(self._marks, batch, now_us)
        self._pass(entry)
        for loss in admission.losses:
            self._withhold(loss)
            self._note(loss, everywhere=loss.reason == "gap")
            if loss.reason == "restart" and not self._is_home(loss):
                self._losses.append(NotedLoss(batch.collector, loss, -1))  # the same, as wide as it is here
        if admission.ended is not None:
            if admission.ended.reason == PLANNED:
                self._withhold(admission.ended)
            self._note(admission.ended)
        return admission.new

    def _report(self, batch: Batch, now_us: int) -> None:
        heartbeat, name = batch.heartbeat, batch.collector
        if heartbeat is None:
            return
        source = self._marks.sources[name]
        losses, rate = marks.report(source, heartbeat, now_us)
        for loss in losses:
            self._withhold(loss)
            self._note(loss)
        if self._is_mine(name):
            reported = CollectorReported(name, batch.boot, now_us, heartbeat)
            self._harvest.log(reported)
            self._collectors[name] = CollectorState(reported, source.clock_offset_us, source.low_water_us, rate)

    def _advance(self, now_us: int) -> None:
        for loss in presence.settle(self._marks):
            self._note(loss)
        watermark_us = presence.watermark(self._marks, now_us, self._settings.window_us)
        if watermark_us <= self.watermark_us:
            return
        for loss in presence.absences(self._marks, watermark_us):
            self._withhold(loss)
        before_us, self.watermark_us = self.watermark_us, watermark_us
        self._tell(before_us)
        self._harvest.add(self.correlator.advance(watermark_us), watermark_us)

    def _recall(self, event: SipEvent) -> None:
        """Go on with the record of this message that had left memory, or number the one that it begins."""
        for name in self.correlator.names(event):
            latest = self._latest(name, event.captured_us)
            if latest is None:
                continue
            if latest.messages <= REFOLD_MOST:
                parts = self._parts(latest.key)
                # Without parts: retention took them, and a record can't go on from nothing.
                if parts and not begins_anew(event, parts):
                    self._reopen(latest.key, parts)
                    return
            self.correlator.reserve(*name, latest.key.incarnation + 1)

    def _recall_for(self, side: SideEvent) -> None:
        """Go on with the record that this side event belongs to, if that has left memory."""
        for name in self.correlator.misses(side):
            latest = self._latest(name, side.captured_us)
            if latest is not None and latest.messages <= REFOLD_MOST and (parts := self._parts(latest.key)):
                self._reopen(latest.key, parts)
                return

    def _reopen(self, key: RecordKey, parts: list[Part]) -> None:
        self.correlator.refold(key, parts, self.watermark_us)
        self._harvest.reopened(key)

    def _latest(self, name: Name, now_us: int) -> Stored | None:
        """The latest record of this name, unless it was over a day before."""
        left = self._harvest.left(name)
        latest = Stored(left.key, left.messages, left.last_us) if left else self._stored.get(name)
        return latest if latest and latest.last_us >= now_us - REMEMBERED_US else None

    def _parts(self, key: RecordKey) -> list[Part]:
        fresh = [(chunk.watermark_us, chunk.observations) for chunk in self._harvest.pending(key)]
        return archive.parts(key) + fresh

    def _pass(self, entry: Entry) -> None:
        self.offset = entry.id
        self.taken.append(entry.id)

    def _note_silences(self, begun: list[Loss]) -> None:
        for loss in begun:
            self._note(loss)

    def _withhold(self, loss: Loss) -> None:
        """Claim no absence over a loss, as far as it lies ahead: behind the watermark they were made, and a
        restore, which knows all losses from the start, must come to the same.
        """
        if loss.to_us > self.watermark_us:
            ahead = msgspec.structs.replace(loss, from_us=max(loss.from_us, self.watermark_us + 1))
            presence.remember(self._marks, ahead)

    def _tell(self, since_us: int) -> None:
        """Tell the correlator what was lost after `since_us` and up to the watermark."""
        for loss in self._marks.blind:
            begin_us, end_us = max(loss.from_us, since_us + 1), min(loss.to_us, self.watermark_us)
            if begin_us <= end_us:
                self.correlator.lost(msgspec.structs.replace(loss, from_us=begin_us, to_us=end_us))

    def _note(self, loss: Loss, *, everywhere: bool = False, log: bool = True) -> None:
        """Show a loss to people: once, by the one partition that speaks for its collector; what befell
        each partition in its own way, by each (`everywhere`).
        """
        echo = not everywhere and not self._is_home(loss)
        if not echo:
            self._losses.append(NotedLoss(_collector(loss), loss, self.number if everywhere else -1))
        if log:
            self._harvest.log(LossRecorded(_collector(loss), loss, echo))

    def _is_home(self, loss: Loss) -> bool:
        return self._is_mine(_collector(loss))

    def _is_mine(self, collector: str) -> bool:
        return crc32(collector.encode()) % self._partitions == self.number


def _share(settings: Settings, partitions: int) -> Settings:
    """What is bounded for all partitions, for one of them."""
    return msgspec.structs.replace(settings, max_records=max(1, settings.max_records // partitions))


def begins_anew(event: SipEvent, parts: list[Part]) -> bool:
    """Whether this message begins another call under the Call-ID of one that is over: an initial INVITE
    (no To tag) whose From tag none of the initial INVITEs of that call had.
    """
    if event.method != "INVITE" or event.to_tag:
        return False
    return all(
        old.from_tag != event.from_tag
        for _, observations in parts
        for old in observations
        if isinstance(old, SipEvent) and old.method == "INVITE" and not old.to_tag
    )


def _poison(source: Source, batch: Batch, stored_us: int) -> Loss:
    """What is lost with a batch that is set aside."""
    times = [event.captured_us + source.shift_us for event in batch.events] or [stored_us]
    return marks.whole(batch.collector, min(times), max(times), POISON, len(batch.events))


def _collector(loss: Loss) -> str:
    return loss.observer.partition("/")[0]
