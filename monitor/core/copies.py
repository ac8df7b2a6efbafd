"""Copies of a message: the same packet seen again, or sent again.

Seen again, by one observer within 100 ms (a bridge, a mirror port), it is a mere copy. Of two observers,
the nth sight of the one is the nth sight of the other, whatever their clocks say: a message was sent as
often as the one saw it who saw most.
"""

from enum import IntEnum, auto
from typing import Final, TypeAlias

from collectors.sip.timers import COPY_US
from collectors.wire.events import SipEvent

_MOST_SIGHTS: Final = 64  # of one message

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

    __slots__ = ("_most", "_seen")

    def __init__(self, most: int) -> None:
        self._most = most  # messages that are remembered; the oldest are not sent again
        # By digest: when it was seen; only the time where the first observer saw it once, as is usual.
        self._seen: dict[int, int | _Sights] = {}

    def add(self, event: SipEvent, observers: list[str]) -> Sight:
        """What this message is; `observers` are those of the record in order of appearance."""
        digest = hash((event.raw, event.source_port, event.destination_port, event.source, event.destination))
        sights = self._seen.get(digest)
        if sights is None:
            if len(self._seen) >= self._most:
                del self._seen[next(iter(self._seen))]
            alone = len(observers) == 1
            self._seen[digest] = event.captured_us if alone else [(event.captured_us, event.observer)]
            return NEW
        if isinstance(sights, int):
            sights = self._seen[digest] = [(sights, observers[0])]
        return _compared(sights, event.captured_us, event.observer)


def _compared(sights: _Sights, at_us: int, observer: str) -> Sight:
    own = [known_us for known_us, by in sights if by == observer]
    if any(abs(at_us - known_us) < COPY_US for known_us in own):
        return COPY
    others = [by for _, by in sights if by != observer]
    sights.append((at_us, observer))
    del sights[:-_MOST_SIGHTS]
    most = max((others.count(by) for by in set(others)), default=0)
    return COPY if len(own) < most else RETRANSMISSION
