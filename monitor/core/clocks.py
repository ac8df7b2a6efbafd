"""The clocks of collectors, compared by the messages that several of them saw.

A message that two collectors saw has two times, which differ by the offset of the one clock to the other and by the
time that it took from the one to the other. Going one way that time is added, going the other way it is taken off:
half of the sum of both differences is the offset (as in NTP, RFC 5905 §8), and half of their difference the doubt.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import combinations
from statistics import median
from typing import Final, TypeAlias

import msgspec
from msgspec.structs import replace

from collectors.wire.events import SipEvent

_MOST_PAIRS: Final = 512  # of messages of one record
_MOST_CLOCKS: Final = 16
_AGENT: Final = "hep:"
# What is less is no clock that is wrong, but the time that packets take.
LEAST_US: Final = 500

_Seen: TypeAlias = dict[str, list[int]]  # whose clock → the times at which it saw a message
_Message: TypeAlias = tuple[str, int, str, int, bytes]


class Clock(msgspec.Struct, frozen=True, kw_only=True):
    """How far the clock of a collector, or of a HEP agent, is ahead of that of the reference."""

    collector: str  # "north", or of an agent "north/hep:sbc-1"
    reference: str
    offset_us: int
    doubt_us: int | None  # None: messages went one way only, so that the time they took is part of the offset
    messages: int  # that both saw


def clocks(events: Iterable[SipEvent]) -> list[Clock]:
    """The clocks that differ from that of the collector that saw a message first; those of one host never do."""
    seen = _seen(events)
    names = list(dict.fromkeys(owner for each in seen.values() for owner in each))[:_MOST_CLOCKS]
    if len(names) < 2:
        return []
    pairs = {(one, other): _compared(seen, one, other) for one, other in combinations(names, 2)}
    found = {names[0]: Clock(collector=names[0], reference=names[0], offset_us=0, doubt_us=0, messages=0)}
    # A clock that has nothing in common with the reference is known by way of another.
    while step := _next(pairs, found):
        known, collector, clock = step
        found[collector] = replace(
            clock, reference=names[0], offset_us=found[known].offset_us + clock.offset_us, doubt_us=clock.doubt_us
        )
    return [clock for clock in found.values() if abs(clock.offset_us) >= max(LEAST_US, clock.doubt_us or 0)]


def corrected(events: Sequence[SipEvent], differing: Sequence[Clock]) -> Sequence[SipEvent]:
    """The messages with the times of one clock."""
    if not differing:
        return events
    offsets = {clock.collector: clock.offset_us for clock in differing}
    return [
        replace(event, captured_us=event.captured_us - offset) if (offset := offsets.get(_owner(event))) else event
        for event in events
    ]


def _owner(event: SipEvent) -> str:
    """Whose clock it was: that of the collector; of what a HEP agent told, the agent's own."""
    collector, _, interface = event.observer.partition("/")
    return event.observer if interface.startswith(_AGENT) else collector


def _seen(events: Iterable[SipEvent]) -> dict[_Message, _Seen]:
    found: dict[_Message, _Seen] = defaultdict(lambda: defaultdict(list))
    for event in events:
        message = (event.source, event.source_port, event.destination, event.destination_port, event.raw)
        found[message][_owner(event)].append(event.captured_us)
    return found


def _compared(seen: dict[_Message, _Seen], one: str, other: str) -> Clock | None:
    """How far the other's clock is ahead of the one's; the nth copy at the one is the nth copy at the other."""
    ways: dict[bool, list[int]] = {True: [], False: []}
    for (source, source_port, destination, destination_port, _), each in seen.items():
        if one in each and other in each:
            way = (source, source_port) < (destination, destination_port)
            ways[way] += [there - here for here, there in zip(sorted(each[one]), sorted(each[other]), strict=False)]
    there, back = ways[True][:_MOST_PAIRS], ways[False][:_MOST_PAIRS]
    if not there and not back:
        return None
    middles = [median(way) for way in (there, back) if way]
    return Clock(
        collector=other,
        reference=one,
        offset_us=round(sum(middles) / len(middles)),
        doubt_us=round(abs(middles[0] - middles[1]) / 2) if len(middles) == 2 else None,
        messages=len(there) + len(back),
    )


def _next(pairs: dict[tuple[str, str], Clock | None], found: dict[str, Clock]) -> tuple[str, str, Clock] | None:
    """(a collector that is known, one that is not, the second's clock against the first's), by the most messages."""
    best: tuple[str, str, Clock] | None = None
    for (one, other), clock in pairs.items():
        if clock is None or (one in found) == (other in found):
            continue
        known, fresh = (one, other) if one in found else (other, one)
        turned = clock if known == one else replace(clock, collector=one, reference=other, offset_us=-clock.offset_us)
        if best is None or turned.messages > best[2].messages:
            best = (known, fresh, turned)
    return best
