"""What came over the network and was not read yet: bounded, in order, and what found no room is counted."""

import threading
import time
from collections import deque
from typing import Final, NamedTuple

MOST_FRAMES: Final = 50_000
MOST_OCTETS: Final = 64 * 1024 * 1024


class Arrival(NamedTuple):
    """One frame."""

    received_us: int  # µs since the epoch
    octets: bytes


class Dropped(NamedTuple):
    """Frames that found no room, or that the kernel had none for."""

    from_us: int
    to_us: int
    frames: int


class Inbox:
    """Between the threads that listen and the one that reads."""

    def __init__(self, most_frames: int = MOST_FRAMES, most_octets: int = MOST_OCTETS) -> None:
        self._most_frames = most_frames
        self._most_octets = most_octets
        self._changed = threading.Condition()
        self._frames: deque[Arrival] = deque()
        self._octets = 0
        self._dropped: dict[str, Dropped] = {}  # by reason, not told yet
        self._ever: dict[str, int] = {}  # by reason

    @property
    def oldest_us(self) -> int | None:
        """When the first of those that wait came."""
        with self._changed:
            return self._frames[0].received_us if self._frames else None

    def put(self, octets: bytes, *, whatever: bool = False) -> None:
        """Take a frame, or count it where there is no room; `whatever`: its sender has waited for room."""
        now_us = time.time_ns() // 1000
        with self._changed:
            if self._is_full() and not whatever:
                self._drop("queue", now_us, now_us, 1)
                return
            self._frames.append(Arrival(now_us, octets))
            self._octets += len(octets)
            self._changed.notify_all()

    def wait_for_room(self, timeout_s: float) -> bool:
        """Whether there is room, after so long at most: for those who can make a sender wait."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._is_full(), timeout_s)

    def lost(self, reason: str, since_us: int, count: int) -> None:
        """So many frames were lost before they came here."""
        with self._changed:
            self._drop(reason, since_us, time.time_ns() // 1000, count)

    def take(self, timeout_s: float, most: int) -> list[Arrival]:
        """The first that wait; when there are none, what comes within `timeout_s`."""
        with self._changed:
            self._changed.wait_for(lambda: self._frames, timeout_s)
            taken = [self._frames.popleft() for _ in range(min(most, len(self._frames)))]
            self._octets -= sum(len(each.octets) for each in taken)
            self._changed.notify_all()
            return taken

    def dropped(self) -> dict[str, int]:
        """Frames by reason, since the start."""
        with self._changed:
            return dict(self._ever)

    def take_dropped(self) -> dict[str, Dropped]:
        """The same since this was last asked, with the time in which it was."""
        with self._changed:
            taken, self._dropped = self._dropped, {}
            return taken

    def _is_full(self) -> bool:
        return len(self._frames) >= self._most_frames or self._octets >= self._most_octets

    def _drop(self, reason: str, from_us: int, to_us: int, count: int) -> None:
        known = self._dropped.get(reason, Dropped(from_us, to_us, 0))
        self._dropped[reason] = Dropped(min(known.from_us, from_us), max(known.to_us, to_us), known.frames + count)
        self._ever[reason] = self._ever.get(reason, 0) + count
