"""When messages were lost: what was not seen then is not known to have been absent."""

from collections import deque
from typing import Final

from monitor.core.updates import LossRecorded

_MOST: Final = 1_000


class Blindness:
    """The losses of all collectors: of sources and bindings, any of them may have seen the message that is missed."""

    def __init__(self) -> None:
        self._lost: deque[tuple[int, int]] = deque(maxlen=_MOST)

    def lost(self, update: LossRecorded) -> None:
        """A collector, or ingest, lost messages."""
        span = update.loss.from_us, update.loss.to_us
        if span not in self._lost:  # each partition tells it
            self._lost.append(span)

    def covers(self, from_us: int, to_us: int) -> bool:
        """Whether anything was lost between the two times."""
        return any(begin <= to_us and from_us <= end for begin, end in self._lost)
