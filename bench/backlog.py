"""How fast ingest clears what has piled up in the streams: the most that the server side can take."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec

from bench.installation import Database, Installation, installation
from bench.report import Cleared
from collectors.receivers.pcap_file import read_events
from collectors.sip.timers import SECOND
from collectors.wire.events import SipEvent
from tests.monitor.ingest.edge import Edge

PARTITIONS: Final = 8
_POLL_S: Final = 0.1
_PATIENCE_S: Final = 300.0


def measure(file: Path, database: Database) -> Cleared:
    """Messages a second from the first commit that can be seen to the last, and what they cost."""
    with installation(database) as system:
        total = _fill(system, file)
        system.run("ingest", "monitor.cli", "correlate")
        first = _wait(system, 1)
        started, cpu_before = time.monotonic(), system.cpu_seconds()
        seen = _wait(system, total)
        seconds = time.monotonic() - started
        cpu = system.cpu_seconds()["ingest"] - cpu_before["ingest"]
    return Cleared(
        database=database,
        messages=total,
        stored=seen,
        rate=(total - first) / seconds,
        cpu_us_a_message=1e6 * cpu / max(1, total - first),
    )


def _fill(system: Installation, file: Path) -> int:
    """Put the capture into the streams, as if it had ended just now; how many messages."""
    events = list(read_events(file))
    shift_us = time.time_ns() // 1000 - events[-1].captured_us
    with system.valkey.client() as client:
        client.set("offhook:partitions", PARTITIONS)
        edge = Edge(client, "bench", partitions=PARTITIONS)
        for low_water_us, some in _by_second(events):
            edge.send([_shifted(event, shift_us) for event in some])
            edge.beat(low_water_us + shift_us)
        edge.beat(events[-1].captured_us + shift_us)
    return len(events)


def _by_second(events: list[SipEvent]) -> Iterator[tuple[int, list[SipEvent]]]:
    """(a time, what was captured in the second before it)."""
    end_us = events[0].captured_us + SECOND
    some: list[SipEvent] = []
    for event in events:
        while event.captured_us >= end_us:
            yield end_us, some
            some, end_us = [], end_us + SECOND
        some.append(event)
    yield end_us, some


def _shifted(event: SipEvent, shift_us: int) -> SipEvent:
    captured_us = event.captured_us + shift_us
    return msgspec.structs.replace(event, captured_us=captured_us, received_us=captured_us)


def _wait(system: Installation, count: int) -> int:
    """Until so many messages are stored; how many there are, also when patience ends."""
    deadline = time.monotonic() + _PATIENCE_S
    while (stored := system.stored()) < count and time.monotonic() < deadline:
        system.check()
        time.sleep(_POLL_S)
    return stored
