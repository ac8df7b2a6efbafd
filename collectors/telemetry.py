"""What a collector says of itself: all counters of all stages, and how far it has come."""

import socket
from importlib.metadata import PackageNotFoundError, version

from collectors.exporters.base import Exporter
from collectors.processors.pipeline import Pipeline
from collectors.receivers.base import Receiver
from collectors.wire.events import Heartbeat


class Telemetry:
    """Reads the stages' counters; `docs/collector.md` explains each."""

    def __init__(self, receiver: Receiver, pipeline: Pipeline, exporter: Exporter, started_us: int) -> None:
        self._receiver = receiver
        self._pipeline = pipeline
        self._exporter = exporter
        self._started_us = started_us
        self._host = socket.gethostname()
        self._version = release()

    def counters(self) -> dict[str, int]:
        """Since the start; names that every receiver and exporter has are always there."""
        return {
            "received": 0,
            "kernel_drops": 0,
            "parsed": 0,
            "malformed": 0,
            "sent": 0,
            "spooled": 0,
            **self._receiver.counters(),
            **self._pipeline.counters,
            **self._exporter.counters(),
        }

    def heartbeat(self, now_us: int, *, final: bool = False) -> Heartbeat:
        """How things stand. Losses are told once: the heartbeat must reach the exporter."""
        return Heartbeat(
            sent_us=now_us,
            low_water_us=self._receiver.low_water_us(now_us),
            started_us=self._started_us,
            host=self._host,
            version=self._version,
            receiver=self._receiver.kind,
            interfaces=self._receiver.interfaces,
            counters=self.counters(),
            losses=[*self._receiver.losses(now_us), *self._exporter.losses()],
            backlog=self._exporter.backlog,
            final=final,
        )

    def summary(self) -> str:
        """The counters that aren't zero, in a line, without sizes."""
        counts = self.counters().items()
        return ", ".join(f"{name} {count}" for name, count in counts if count and not name.endswith("_octets"))


def release() -> str:
    """The installed version."""
    try:
        return version("offhook")
    except PackageNotFoundError:
        return "from a source tree that is not installed"
