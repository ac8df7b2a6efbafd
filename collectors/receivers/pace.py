"""The past replayed: datagrams given when they are due, as if they were captured now."""

import time
from collections import deque
from typing import Final, Generic, TypeVar, cast

import msgspec

from collectors.decode.datagram import Datagram
from collectors.wire.events import SideEvent

# Packets of a file are nearly in the order of their times: merged files and several interfaces differ by less.
DISORDER_US: Final = 1_000_000

_Seen = TypeVar("_Seen", bound=Datagram | SideEvent)


class Pacer(Generic[_Seen]):
    """Holds datagrams back until as much time has passed since the first as passed when they were captured."""

    def __init__(self) -> None:
        self.shift_us = 0  # from the times of the past to those of now; 0 before the first
        self.clear_us = 0  # all that was due before this has been given
        self._due: deque[_Seen] = deque()

    @property
    def empty(self) -> bool:
        """Nothing is held."""
        return not self._due

    def put(self, datagrams: list[_Seen]) -> None:
        """Take datagrams in their order."""
        if datagrams and not self.shift_us:
            self.shift_us = _now_us() - datagrams[0].captured_us
        self._due.extend(datagrams)

    def take(self, timeout_s: float) -> list[_Seen]:
        """What is due by now, or the next that becomes due within `timeout_s`; times are those of now."""
        if not self._due:
            return []
        early_s = (self._due[0].captured_us + self.shift_us - _now_us()) / 1e6
        time.sleep(max(0.0, min(timeout_s, early_s)))
        until_us = _now_us() - self.shift_us
        given: list[_Seen] = []
        while self._due and self._due[0].captured_us <= until_us:
            datagram = self._due.popleft()
            given.append(_moved(datagram, datagram.captured_us + self.shift_us))
        # What follows the last is not known yet: it may be due already, if reading was held up.
        latest_us = until_us + self.shift_us if self._due else max(each.captured_us for each in given)
        self.clear_us = max(self.clear_us, latest_us)
        return given


def _moved(seen: _Seen, captured_us: int) -> _Seen:
    if isinstance(seen, Datagram):
        return cast("_Seen", seen.at(captured_us))
    return msgspec.structs.replace(seen, captured_us=captured_us)


def _now_us() -> int:
    return time.time_ns() // 1000
