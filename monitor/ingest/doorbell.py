"""Rings for whoever waits for commits, aside: a bus that does not answer must not hold ingest up."""

import logging
import threading
from typing import Final, Protocol

from monitor.ingest.stream import StoreAway, Streams

log = logging.getLogger(__name__)

_PAUSE_S: Final = 1.0  # after a ring that failed


class Bell(Protocol):
    """Where a commit is told of."""

    def ring(self) -> None:
        """Something was committed. Raises `StoreAway`."""


class Doorbell:
    """A thread that rings on `bus`; what comes while it is at it is rung once."""

    def __init__(self, bus: Streams) -> None:
        self._bus = bus
        self._rung = threading.Event()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="doorbell", daemon=True)
        self._thread.start()

    def ring(self) -> None:
        """Something was committed; returns at once."""
        self._rung.set()

    def close(self, seconds: float = 1.0) -> None:
        """Ring what was not rung yet, for so long at most."""
        self._ended.set()
        self._rung.set()
        self._thread.join(seconds)

    def _run(self) -> None:
        away = False
        while not self._ended.is_set() or self._rung.is_set():
            self._rung.wait()
            self._rung.clear()
            try:
                self._bus.ring()
                away = False
            except StoreAway as error:
                if not away:
                    log.warning("nobody hears the bell, the overview looks by itself: %s", error)
                away = True
                self._bus.close()
                self._ended.wait(_PAUSE_S)
        self._bus.close()
