"""What one partition knows of its collectors: which batches it has had, how far each has come in time,
how far its clock is off. Pure, and kept as one value that is committed with the partition's offset.

A batch is named by (collector, boot, partition, sequence). The high-water mark of each boot tells a
retry (dropped) from a batch that follows, and a hole in the sequence (counted as loss).

Two clocks are in play. *Wire time* is what collectors stamp on messages; all correlation is in it.
*Stream time* is the stream store's clock: the ids of entries, and its TIME. A collector whose clock is
ahead of stream time, or absurdly behind, gets its wire times shifted into place; single times that are
out of all bounds are set to the stream's. A clock that is a little behind can't be told from a spool
that drains, and is treated as one (`monitor.ingest.presence`).
"""

from enum import StrEnum
from typing import Final

import msgspec

from collectors.sip.timers import SECOND
from collectors.wire.events import Batch, Heartbeat, Loss, Observation
from monitor.core.overview import PLANNED

AHEAD_US: Final = 5 * SECOND  # a clock that is ahead by more is wrong
DRIFT_US: Final = SECOND  # a correction is taken anew when it is off by more
OLDEST_US: Final = 7 * 86_400 * SECOND  # nothing older comes out of a spool
FORGET_US: Final = 86_400 * SECOND  # a boot that was not heard for so long sends nothing any more
MOST_SOURCES: Final = 1_000
MOST_BOOTS: Final = 16
MOST_AGAIN: Final = 1_000  # as many dead letters as are kept


class Presence(StrEnum):
    """Whether a collector holds the watermark back; if not, why (and the reason of the loss)."""

    PRESENT = ""
    SILENT = "silent"
    LAGGING = "lagging"


class Mark(msgspec.Struct, array_like=True):
    """The last batch of one boot that was taken."""

    sequence: int
    heard_us: int  # stream time


class Source(msgspec.Struct, array_like=True):
    """One collector as one partition has heard it. Its wire times are corrected ones."""

    boot: str
    heard_us: int  # stream time
    low_water_us: int = 0  # nothing older will come, of this boot or of one before it; 0: not known yet
    final: bool = False
    presence: Presence = Presence.PRESENT
    absent_us: int = 0  # wire time since when it is absent
    clock_offset_us: int = 0  # its clock − stream time
    shift_us: int = 0  # what its times are corrected by
    clamped_us: int = 0  # stream time since when single times had to be set; 0: none
    clamped: int = 0  # how many, since then
    said_us: int = 0  # when it sent its last heartbeat, by its own clock
    parsed: int = 0  # its counter then
    boots: dict[str, Mark] = {}

    @property
    def absence(self) -> str:
        """Why it is absent: the reason of the loss."""
        return PLANNED if self.final else str(self.presence)

    @property
    def seen_us(self) -> int:
        """Wire time up to which it has certainly been heard."""
        return self.low_water_us or self.heard_us


class Marks(msgspec.Struct, array_like=True):
    """All collectors of one partition."""

    sources: dict[str, Source] = {}
    last_us: int = 0  # stream time of the last entry
    awake_us: int = 0  # stream time since when there was no pause of all collectors at once
    blind: list[Loss] = []  # what the correlator was told of losses; restore tells it again, first
    again: list[tuple[str, str, int]] = []  # batches that were taken from dead letters: collector, boot, sequence


class Admission(msgspec.Struct, frozen=True):
    """Whether a batch is new, what was lost before it came, and which silence it ends."""

    new: bool
    losses: tuple[Loss, ...] = ()
    ended: Loss | None = None


def admit(marks: Marks, batch: Batch, now_us: int) -> Admission:
    """Take in the name of a batch that was stored at stream time `now_us`."""
    source = marks.sources.get(batch.collector)
    known = source is not None
    if source is None:
        _make_room(marks, now_us)
        source = marks.sources[batch.collector] = Source(batch.boot, now_us)
    mark = source.boots.get(batch.boot)
    if mark is not None and batch.sequence <= mark.sequence:
        return Admission(new=False)
    # Where a collector that was never heard here begins is no hole: it may have been running for long.
    expected = mark.sequence + 1 if mark else 0 if known else batch.sequence
    losses = []
    hole = source.seen_us, _begin_us(batch, now_us) + source.shift_us
    if batch.sequence > expected:
        losses.append(whole(batch.collector, *hole, "gap", batch.sequence - expected))
    ended = None
    if source.presence is Presence.SILENT:
        # After a goodbye, the gap is all that there is to tell of it.
        ended = whole(batch.collector, source.absent_us, hole[1] if source.final else now_us, source.absence)
        source.presence = Presence.PRESENT
    begins = source.boot != batch.boot
    if begins:
        if not source.final:
            losses.append(whole(batch.collector, *hole, "restart"))
        source.boot, source.said_us = batch.boot, 0
    source.boots[batch.boot] = Mark(batch.sequence, now_us)
    while len(source.boots) > MOST_BOOTS:
        del source.boots[min(source.boots, key=lambda boot: source.boots[boot].heard_us)]
    source.heard_us, source.final = now_us, False
    if batch.observations and (begins or not source.low_water_us):
        # It may have a spool to drain, and sends heartbeats only when that is empty.
        source.low_water_us = _believable(hole[1], now_us)
    return Admission(new=True, losses=tuple(losses), ended=ended)


def admit_again(marks: Marks, batch: Batch) -> bool:
    """Whether a batch from a dead letter is new: its collector may have sent it twice, and both were set aside."""
    name = batch.collector, batch.boot, batch.sequence
    if name in marks.again:
        return False
    marks.again = [*marks.again, name][-MOST_AGAIN:]
    return True


def correct(source: Source, events: list[Observation], now_us: int) -> list[Observation]:
    """These events with wire times that can be believed, counting those that had to be set."""
    shift = source.shift_us
    low, high = now_us - OLDEST_US - shift, now_us + AHEAD_US - shift
    outside = sum(not low <= event.captured_us <= high for event in events)
    if outside:
        source.clamped_us = source.clamped_us or now_us
        source.clamped += outside
    elif events:
        source.clamped_us = source.clamped = 0
    if not outside and not shift:
        return events
    return [
        msgspec.structs.replace(
            event, captured_us=event.captured_us + shift if low <= event.captured_us <= high else now_us
        )
        for event in events
    ]


def clamped(name: str, source: Source) -> Loss | None:
    """The range in which this collector's times were not to be believed, and how many; None: they are."""
    if not source.clamped:
        return None
    return whole(name, source.clamped_us, source.heard_us, "clock", source.clamped)


def report(source: Source, heartbeat: Heartbeat, now_us: int) -> tuple[tuple[Loss, ...], float]:
    """Take in a heartbeat that was stored at stream time `now_us`.

    Returns its losses in corrected wire time, and the rate in messages a second since the one before.
    """
    rate = _rate(source, heartbeat)
    offset_us = heartbeat.sent_us - now_us
    # With a backlog it comes late by as much, which looks like a slow clock: the least late one tells.
    late = heartbeat.backlog > 0 and source.said_us > 0
    source.clock_offset_us = max(source.clock_offset_us, offset_us) if late else offset_us
    source.shift_us = _shift(source.clock_offset_us, source.shift_us)
    low_water_us = _believable(heartbeat.low_water_us + source.shift_us, now_us)
    # The first word of a boot counts alone: its clock may have been set since the one before.
    source.low_water_us = max(source.low_water_us, low_water_us) if source.said_us else low_water_us
    source.said_us, source.final = heartbeat.sent_us, heartbeat.final
    source.parsed = heartbeat.counters.get("parsed", 0)
    return tuple(_shifted(loss, source.shift_us, now_us) for loss in heartbeat.losses), rate


def forget(marks: Marks, now_us: int) -> None:
    """Let go of collectors and boots that were not heard for a day."""
    for name, source in list(marks.sources.items()):
        if now_us - source.heard_us > FORGET_US:
            del marks.sources[name]
            continue
        for boot in [boot for boot, mark in source.boots.items() if now_us - mark.heard_us > FORGET_US]:
            del source.boots[boot]


def whole(collector: str, from_us: int, to_us: int, reason: str, count: int = 0) -> Loss:
    """A loss of all that a collector observes."""
    return Loss(all_of(collector), from_us, max(from_us, to_us), str(reason), count)


def all_of(collector: str) -> str:
    """The observer of a loss of all that a collector observes."""
    return f"{collector}/*"


def _make_room(marks: Marks, now_us: int) -> None:
    forget(marks, now_us)
    while len(marks.sources) >= MOST_SOURCES:
        del marks.sources[min(marks.sources, key=lambda name: marks.sources[name].heard_us)]


def _begin_us(batch: Batch, now_us: int) -> int:
    """The wire time at which a batch begins, uncorrected."""
    if batch.observations:
        return min(seen.captured_us for seen in batch.observations)
    return batch.heartbeat.low_water_us if batch.heartbeat else now_us


def _believable(wire_us: int, now_us: int) -> int:
    """How far a collector has come, as far as that can be: not ahead of the stream's clock, nor far behind."""
    return min(wire_us, now_us) if wire_us >= now_us - OLDEST_US else now_us


def _shift(offset_us: int, shift_us: int) -> int:
    if -OLDEST_US <= offset_us <= AHEAD_US:
        return 0
    return shift_us if abs(offset_us + shift_us) <= DRIFT_US else -offset_us


def _shifted(loss: Loss, shift_us: int, now_us: int) -> Loss:
    """A collector's loss in corrected time, within believable bounds."""
    begin = min(max(loss.from_us + shift_us, now_us - OLDEST_US), now_us)
    end = min(max(loss.to_us + shift_us, begin), now_us)
    return msgspec.structs.replace(loss, from_us=begin, to_us=end)


def _rate(source: Source, heartbeat: Heartbeat) -> float:
    elapsed_us = heartbeat.sent_us - source.said_us
    if not source.said_us or elapsed_us <= 0:
        return 0.0
    return max(0.0, (heartbeat.counters.get("parsed", 0) - source.parsed) * SECOND / elapsed_us)
