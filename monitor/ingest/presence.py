"""Who holds a partition's watermark back, and what those who don't have not seen. Pure.

The *watermark* is the wire time up to which a partition has seen all that will come: the least low
water of its collectors, less the window in which messages may come out of order. A collector is
*absent*, and doesn't hold it back, when it is

    silent    nothing came from it for 5 s of stream time, or it said goodbye
    lagging   more than 5 s behind the one that is farthest: it drains a spool, or its clock is slow

As the watermark passes an absent collector, the span becomes a loss: there, no absence of a message is
claimed for what it observes. Where nobody at all is heard the watermark is in no hurry: it stays for a
minute, so that a lone collector that was cut off and comes back with its spool is read as if it had never
been away. After a goodbye it goes on with the stream's clock.

A pause of all collectors at once is the stream store's: each has 5 s from its end to be heard, and to
catch up.
"""

from typing import Final

import msgspec

from collectors.sip.timers import SECOND
from collectors.wire.events import Loss
from monitor.ingest.marks import Marks, Presence, Source, whole

SILENT_US: Final = 5 * SECOND
PAUSE_US: Final = 3 * SECOND
LAGGING_US: Final = 5 * SECOND
CAUGHT_UP_US: Final = 2 * SECOND
PATIENCE_US: Final = 60 * SECOND
MOST_BLIND: Final = 200


def heard(marks: Marks, now_us: int) -> list[Loss]:
    """An entry of stream time `now_us` is at hand. Returns the silences that have begun by then,
    and the lags that ended in one.
    """
    if now_us - marks.last_us > PAUSE_US:
        marks.awake_us = now_us
    marks.last_us = max(marks.last_us, now_us)
    return _silence(marks, now_us, marks.awake_us)


def unheard(marks: Marks, now_us: int, listening_us: int) -> list[Loss]:
    """All up to stream time `now_us` was read, and nothing came; before `listening_us` nobody listened.

    Returns the same.
    """
    return _silence(marks, now_us, max(marks.awake_us, listening_us))


def watermark(marks: Marks, now_us: int, window_us: int) -> int:
    """Up to where, at stream time `now_us`, everything has come; 0 or less where nobody can say."""
    if not marks.sources:
        return 0
    audible = [source for source in marks.sources.values() if source.presence is not Presence.SILENT]
    if not audible:
        gone = all(source.final for source in marks.sources.values())
        return now_us - (window_us if gone else PATIENCE_US)
    # Whoever is farthest is present, so that there is one as soon as anybody has said how far it is.
    told = [s.low_water_us for s in audible if s.low_water_us and s.presence is Presence.PRESENT]
    return min(told, default=0) - window_us


def settle(marks: Marks) -> list[Loss]:
    """Decide who lags, as of the last entry: a later moment, at which nothing has come, says nothing new, and would be
    another whenever the stream is read. Returns the lags that have ended.
    """
    told = {
        name: source
        for name, source in marks.sources.items()
        if source.low_water_us and source.presence is not Presence.SILENT
    }
    farthest_us = max((source.low_water_us for source in told.values()), default=0)
    ended = []
    for name, source in told.items():
        behind_us = farthest_us - source.low_water_us
        if behind_us > LAGGING_US and marks.last_us - marks.awake_us > SILENT_US:
            _leave(source, Presence.LAGGING)
        elif behind_us <= CAUGHT_UP_US and source.presence is Presence.LAGGING:
            ended.append(whole(name, source.absent_us, source.low_water_us, Presence.LAGGING))
            source.presence = Presence.PRESENT
    return ended


def absences(marks: Marks, until_us: int) -> list[Loss]:
    """What the absent have not seen, up to a wire time."""
    return [
        whole(name, source.absent_us, until_us, source.absence)
        for name, source in marks.sources.items()
        if source.presence is not Presence.PRESENT and source.absent_us <= until_us
    ]


def remember(marks: Marks, loss: Loss) -> None:
    """Keep what the correlator is told, joined with what it touches; the oldest goes when it's too much."""
    begin_us, end_us, apart = loss.from_us, loss.to_us, []
    for old in marks.blind:
        if old.observer == loss.observer and old.from_us <= end_us + 1 and begin_us <= old.to_us + 1:
            begin_us, end_us = min(begin_us, old.from_us), max(end_us, old.to_us)
        else:
            apart.append(old)
    apart.append(msgspec.structs.replace(loss, from_us=begin_us, to_us=end_us, count=0))
    marks.blind = apart[-MOST_BLIND:]


def _silence(marks: Marks, now_us: int, since_us: int) -> list[Loss]:
    begun = []
    for name, source in marks.sources.items():
        if source.presence is Presence.SILENT:
            continue
        if source.final or now_us - max(source.heard_us, since_us) > SILENT_US:
            if source.presence is Presence.LAGGING:
                begun.append(whole(name, source.absent_us, source.low_water_us, Presence.LAGGING))
            _leave(source, Presence.SILENT)
            begun.append(whole(name, source.absent_us, now_us, source.absence))
    return begun


def _leave(source: Source, presence: Presence) -> None:
    if source.presence is Presence.PRESENT:
        source.absent_us = source.seen_us
    source.presence = presence
