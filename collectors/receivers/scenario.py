"""Sample traffic: the calls of a made-up town at real pace, as if captured on an interface "sample"."""

import time
from threading import Event
from typing import Final

from collectors.decode.datagram import Datagram
from collectors.scenario.stage import Sent
from collectors.scenario.traffic import traffic
from collectors.wire.events import Loss, SideEvent

_INTERFACE: Final = "sample"
_AT_ONCE: Final = 1000  # datagrams of one read at most


class ScenarioReceiver:
    """Plays `traffic` from the moment of its start. Another seed (the boot id) makes other Call-IDs."""

    kind = "scenario"
    live = True

    def __init__(self, collector: str, seed: str, *, calls_per_second: float = 1.5) -> None:
        self._observer = f"{collector}/{_INTERFACE}"
        self._messages = traffic(seed, calls_per_second=calls_per_second)
        self._next: Sent | None = None
        self._start_us = 0  # µs since the epoch
        self._start_s = 0.0  # on the clock that no one sets
        self._received = 0
        self._stopped = Event()

    @property
    def interfaces(self) -> list[str]:
        """The one that it pretends to be."""
        return [_INTERFACE]

    @property
    def finished(self) -> bool:
        """It goes on until it is stopped."""
        return self._stopped.is_set()

    def start(self) -> None:
        """Let time begin."""
        self._start_us = time.time_ns() // 1000
        self._start_s = time.monotonic()
        self._next = next(self._messages)

    def read(self, timeout_s: float) -> list[Datagram]:
        """What is due by now, or becomes due within `timeout_s`."""
        upcoming = self._next
        if upcoming is None:
            return []
        self._stopped.wait(min(timeout_s, max(0.0, upcoming.sent_us / 1e6 - self._elapsed_s())))
        due_us = self._elapsed_s() * 1e6
        found: list[Datagram] = []
        while upcoming.sent_us <= due_us and len(found) < _AT_ONCE and not self.finished:
            found.append(self._datagram(upcoming))
            upcoming = self._next = next(self._messages)
        self._received += len(found)
        return found

    def side(self) -> list[SideEvent]:
        """Nothing is seen beside the messages."""
        return []

    def stop(self) -> None:
        """No more, also for a `read` that waits."""
        self._stopped.set()

    def low_water_us(self, now_us: int) -> int:
        """The time of the message that is next."""
        return now_us if self._next is None else min(now_us, self._start_us + self._next.sent_us)

    def counters(self) -> dict[str, int]:
        """Messages played."""
        return {"received": self._received}

    def losses(self, now_us: int) -> list[Loss]:
        """Nothing gets lost on a stage."""
        return []

    def _elapsed_s(self) -> float:
        return time.monotonic() - self._start_s

    def _datagram(self, sent: Sent) -> Datagram:
        return Datagram(
            self._start_us + sent.sent_us,
            sent.source.address,
            sent.source.port,
            sent.destination.address,
            sent.destination.port,
            sent.transport,
            self._observer,
            sent.raw,
        )
