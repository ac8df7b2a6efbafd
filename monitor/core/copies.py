"""Copies of a message: the same packet seen again, or sent again.

Seen again, by one observer within 100 ms (a bridge, a mirror port), it is a mere copy. Of two observers,
the nth sight of the one is the nth sight of the other, whatever their clocks say: a message was sent as
often as the one saw it who saw most.
"""

from enum import IntEnum, auto
from struct import Struct
from typing import Final, TypeAlias

from collectors.sip.timers import COPY_US
from monitor.core.message import Message

_MOST_SIGHTS: Final = 64  # of one message
_ENTRY: Final = Struct("qq")  # as the machine writes them, which is half the work
_entry: Final = _ENTRY.pack
_SIZE: Final = _ENTRY.size
_DIGEST: Final = 8  # octets
_MARKS: Final = 30  # as many bits as an int has in its least size
_LATEST_US: Final = 2**61  # a clock that says more is none

_Sights: TypeAlias = list[tuple[int, str]]  # (wire time in µs, observer)


class Sight(IntEnum):
    """What a message is to those seen before."""

    NEW = auto()
    COPY = auto()
    RETRANSMISSION = auto()


# Asked with each message, and slowly through the class (Python 3.11).
NEW: Final = Sight.NEW
COPY: Final = Sight.COPY
RETRANSMISSION: Final = Sight.RETRANSMISSION


class Copies:
    """The messages of one record, by what they are copies of."""

    __slots__ = ("_first", "_marks", "_sights")

    def __init__(self) -> None:
        # Digest and time of the first sight of each, in octets: a table of numbers would take four times as much.
        self._first = b""
        # A bit for each of these digests, and for others like them: most that are new are known by that.
        self._marks = 0
        # By digest: all sights of a message, where there is more to say than that the first observer saw it once.
        self._sights: dict[int, _Sights] | None = None

    def add(self, event: Message, observers: tuple[str, ...], most: int) -> Sight:
        """What this message is; `observers` are those of the record in order of appearance.

        So many messages are remembered at `most`: the oldest are not sent again.
        """
        digest = hash((event.raw, event.source_port << 16 | event.destination_port, event.source, event.destination))
        at_us = event.captured_us
        usual = 0 <= at_us < _LATEST_US
        entry = _entry(digest, at_us if usual else 0)
        mark = 1 << (entry[0] % _MARKS)
        if self._marks & mark:
            place = place_of(entry[:_DIGEST], self._first, _SIZE)
            if place >= 0:
                return _compared(self._sights_at(place, digest, observers[0]), at_us, event.observer)
        if len(self._first) >= _SIZE * most:
            self._forget()
        self._first += entry
        self._marks |= mark
        if not usual or len(observers) > 1:
            self._sights = self._sights or {}
            self._sights[digest] = [(at_us, event.observer)]
        return NEW

    def _sights_at(self, place: int, digest: int, observer: str) -> _Sights:
        self._sights = self._sights or {}
        sights = self._sights.get(digest)
        if sights is None:
            _, first_us = _ENTRY.unpack_from(self._first, place)
            sights = self._sights[digest] = [(first_us, observer)]
        return sights

    def _forget(self) -> None:
        digest, _ = _ENTRY.unpack_from(self._first)
        self._first = self._first[_SIZE:]
        if self._sights is not None:
            self._sights.pop(digest, None)


def place_of(digest: bytes, entries: bytes, size: int) -> int:
    """Where the entry that begins with a digest is, among entries of one size; -1 where there is none."""
    place = entries.find(digest)
    while place >= 0 and place % size:
        place = entries.find(digest, place + 1)
    return place


def _compared(sights: _Sights, at_us: int, observer: str) -> Sight:
    own = [known_us for known_us, by in sights if by == observer]
    for known_us in own:
        if -COPY_US < at_us - known_us < COPY_US:
            return COPY
    others = [by for _, by in sights if by != observer]
    sights.append((at_us, observer))
    del sights[:-_MOST_SIGHTS]
    most = max([others.count(by) for by in set(others)], default=0)
    return COPY if len(own) < most else RETRANSMISSION
