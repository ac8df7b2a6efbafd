"""A collector process before a made-up wire: all of it is real but the interface."""

import logging
import signal
import time
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

import msgspec

from collectors.agent import Agent
from collectors.decode.datagram import Datagram
from collectors.exporters.redis_stream import RedisStreamExporter
from collectors.processors.pipeline import Pipeline
from collectors.wire.events import Loss, SideEvent
from tests.faults.wire import INTERFACE, Wire

if TYPE_CHECKING:
    from collections.abc import Iterator


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """What a collector's process is told."""

    name: str
    wire: Wire
    url: str
    partitions: int
    spool: str
    spool_size: int  # octets
    offset_us: int = 0  # its clock − the true time


class Interface:
    """The wire as a receiver sees it that starts now: what passed before is gone."""

    kind = "made-up"
    live = True
    interfaces = [INTERFACE]  # noqa: RUF012 - read only

    def __init__(self, collector: Told, *, from_beginning: bool) -> None:
        self._wire = collector.wire
        self._clock_us = collector.wire.begin_us + collector.offset_us
        self._from_beginning = from_beginning
        self._messages: Iterator[tuple[int, Datagram]] = collector.wire.seen_by(collector.name, collector.offset_us)
        self._next: tuple[int, Datagram] | None = None
        self._read_us = 0  # up to here everything was read
        self._received = 0

    @property
    def finished(self) -> bool:
        return self._next is None and self._read_us >= self._wire.length_us

    def start(self) -> None:
        self._next = next(self._messages, None)
        if not self._from_beginning:
            self._due()
            self._received = 0

    def read(self, timeout_s: float) -> list[Datagram]:
        found = self._due()
        if not found:
            time.sleep(timeout_s / 2)
        return found or self._due()

    def side(self) -> list[SideEvent]:
        return []

    def stop(self) -> None:
        self._messages = iter(())

    def low_water_us(self, now_us: int) -> int:
        return now_us if self.finished else min(now_us, self._clock_us + self._read_us)

    def counters(self) -> dict[str, int]:
        return {"received": self._received}

    def losses(self, now_us: int) -> list[Loss]:
        return []

    def _due(self) -> list[Datagram]:
        until_us = self._wire.passed_us(time.monotonic())
        found = []
        while self._next is not None and self._next[0] < until_us:
            found.append(self._next[1])
            self._next = next(self._messages, None)
        self._received += len(found)
        self._read_us = until_us
        return found


def main(told: dict[str, Any], boot: str, from_beginning: bool) -> None:
    """Collect until the wire falls silent, or until SIGTERM."""
    logging.basicConfig(format="%(asctime)s %(process)d %(name)s: %(message)s", level=logging.INFO)
    collector = msgspec.convert(told, Told)
    exporter = RedisStreamExporter(
        collector.url,
        collector=collector.name,
        boot=boot,
        partitions=collector.partitions,
        spool=Path(collector.spool),
        spool_size=collector.spool_size,
        batch_s=0.05,
    )

    def now_us() -> int:
        return time.time_ns() // 1000 + collector.offset_us

    agent = Agent(Interface(collector, from_beginning=from_beginning), Pipeline(), exporter, now_us)

    def stop(_number: int, _frame: FrameType | None) -> None:
        agent.stop()

    signal.signal(signal.SIGTERM, stop)
    agent.run()
