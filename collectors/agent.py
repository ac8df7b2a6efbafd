"""The collector at work: receiver → processors → exporter, and a heartbeat each second, or sooner while it is busy."""

import logging
import time
from collections.abc import Callable
from typing import Final

from collectors.exporters.base import Exporter
from collectors.processors.pipeline import Pipeline
from collectors.receivers.base import Receiver, ReceiverError
from collectors.telemetry import Telemetry

log = logging.getLogger(__name__)

_HEARTBEAT_S: Final = 1.0
# What is absent is told of when a heartbeat says that time has passed. While many events go on their way, batches
# leave for every partition as often as this, and heartbeats in them cost next to nothing.
_BUSY_HEARTBEAT_S: Final = 0.2
_BUSY: Final = 200  # events since the last heartbeat
_TICK_S: Final = 0.05  # a wait for packets is no longer, so that batches go and a stop is heard in time
_SETTLE_S: Final = 1.0
_LAST_READS_S: Final = 3.0  # at a stop, until what was captured before it has been read


def _now_us() -> int:
    return time.time_ns() // 1000


class Agent:
    """Runs one receiver into one exporter, in the calling thread. `now_us` is the clock of this host."""

    def __init__(
        self, receiver: Receiver, pipeline: Pipeline, exporter: Exporter, now_us: Callable[[], int] = _now_us
    ) -> None:
        self._receiver = receiver
        self._pipeline = pipeline
        self._exporter = exporter
        self._now_us = now_us
        self._telemetry = Telemetry(receiver, pipeline, exporter, now_us())
        self._stopping = False
        self._beat_s = float("-inf")  # when the last heartbeat went
        self._passed = 0  # events since then

    def stop(self) -> None:
        """End `run` soon; may be called from a signal handler."""
        self._stopping = True

    def run(self) -> None:
        """Work until the receiver has finished or `stop` was called.

        Raises `ReceiverError` or `ExporterError`; what was taken until then is delivered or spooled.
        """
        self._exporter.start()
        try:
            self._receiver.start()
            log.info("%s: %s", self._receiver.kind, ", ".join(self._receiver.interfaces))
            while not self._stopping and not self._receiver.finished:
                self._turn()
            self._read_the_rest()
            received_us = self._now_us() if self._receiver.live else None
            self._exporter.export(self._pipeline.beside([], received_us, last=True))
            self._settle()
        except ReceiverError:
            # Ctrl-C reaches tshark, too, and may do so first.
            if not self._stopping:
                raise
        finally:
            final = self._telemetry.heartbeat(self._now_us(), final=True)
            self._receiver.stop()
            self._exporter.stop(final)
            log.info("ended: %s", self._telemetry.summary() or "nothing was received")

    def _turn(self) -> None:
        if self._receiver.live or self._exporter.has_room:
            self._pass_on(_TICK_S)
        else:
            self._exporter.export([])
            time.sleep(_TICK_S)
        interval_s = _BUSY_HEARTBEAT_S if self._passed >= _BUSY else _HEARTBEAT_S
        if time.monotonic() >= self._beat_s + interval_s:
            self._beat_s, self._passed = time.monotonic(), 0
            heartbeat = self._telemetry.heartbeat(self._now_us())
            for loss in heartbeat.losses:
                log.warning("lost %s messages of %s (%s)", loss.count or "unknown", loss.observer, loss.reason)
            self._exporter.heartbeat(heartbeat)

    def _pass_on(self, timeout_s: float) -> None:
        """One reading, as far as the exporter."""
        datagrams = self._receiver.read(timeout_s)
        received_us = self._now_us() if self._receiver.live else None
        events = self._pipeline.run(datagrams, received_us)
        self._passed += len(events)
        side = self._pipeline.beside(self._receiver.side(), received_us, last=self._receiver.finished)
        self._exporter.export([*events, *side])

    def _read_the_rest(self) -> None:
        """What was captured before a stop, and is still with the kernel or with tshark."""
        stopped_us, late_s = self._now_us(), time.monotonic() + _LAST_READS_S
        while self._receiver.live and time.monotonic() < late_s:
            self._pass_on(_TICK_S)
            if self._receiver.low_water_us(self._now_us()) >= stopped_us:
                return

    def _settle(self) -> None:
        """Let what was taken arrive, if it can be soon: the last heartbeat tells what is left over."""
        late_s = time.monotonic() + _SETTLE_S
        while self._exporter.backlog and time.monotonic() < late_s:
            self._exporter.export([])
            time.sleep(_TICK_S / 5)
