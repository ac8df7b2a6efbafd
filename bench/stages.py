"""Our own stages, each alone, in one process: `python -m bench.stages FILE ROUNDS` prints JSON.

Each stage is fed from memory with what the one before it gave, and is timed over the whole capture:
stage → the seconds of each round. `collector` is all that a collector does, from the file to the octets of batches.
"""

import gc
import json
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil

from collectors.decode.datagram import Datagram
from collectors.exporters.batches import Batcher
from collectors.processors.parse import events
from collectors.processors.pipeline import Pipeline
from collectors.receivers.capture_file import CaptureFile
from collectors.wire import codec
from collectors.wire.events import SCHEMA, Batch, SipEvent
from monitor.core.correlator import Correlator
from monitor.garbage import keep_pauses_short

BATCH = 200  # events, as a busy collector sends them
PARTITIONS = 8
CYCLE_US = 100_000  # how often an ingest worker lets time pass
WINDOW_US = 2_000_000  # how far the watermark is behind


def collector(path: Path) -> int:
    """File → datagrams → events without secrets → batches by partition → octets: how many messages."""
    file, pipeline, batcher = CaptureFile(path), Pipeline(), Batcher("bench", "boot", PARTITIONS)
    while not file.finished:
        full = batcher.add(pipeline.run(file.read()))
        if batcher.waiting >= BATCH * PARTITIONS:
            full += batcher.flush()
        for batch in full:
            codec.encode(batch)
    for batch in batcher.flush():
        codec.encode(batch)
    file.close()
    return pipeline.counters["parsed"]


def read(path: Path) -> list[Datagram]:
    """File → datagrams: pcap, link layer, IP with its fragments, UDP."""
    file = CaptureFile(path)
    found: list[Datagram] = []
    while not file.finished:
        found += file.read()
    file.close()
    return found


def parse(datagrams: list[Datagram]) -> list[SipEvent]:
    """Datagrams → events."""
    return events(datagrams, Counter())


def encode(sip_events: list[SipEvent]) -> list[bytes]:
    """Events → batches as octets."""
    batches = (sip_events[at : at + BATCH] for at in range(0, len(sip_events), BATCH))
    return [codec.encode(Batch(SCHEMA, "bench", "boot", 0, number, batch)) for number, batch in enumerate(batches)]


def decode(batches: list[bytes]) -> list[Batch]:
    """Octets → batches."""
    return [codec.decode(batch) for batch in batches]


def correlate(sip_events: list[SipEvent]) -> int:
    """Events → updates: how many; garbage is collected as an ingest worker does it."""
    thresholds = gc.get_threshold()
    keep_pauses_short()
    try:
        return _correlate(sip_events)
    finally:
        gc.unfreeze()
        gc.set_threshold(*thresholds)


def _correlate(sip_events: list[SipEvent]) -> int:
    correlator = Correlator()
    updates = 0
    turn_us = 0
    for event in sip_events:
        if event.captured_us >= turn_us:
            turn_us = event.captured_us + CYCLE_US
            updates += len(correlator.advance(event.captured_us - WINDOW_US))
        updates += len(correlator.feed(event))
    return updates


def measure(path: Path, rounds: int) -> dict[str, Any]:
    """Every stage in every round, interleaved."""
    seconds: dict[str, list[float]] = {}
    updates, octets, messages, mib = 0, 0, 0, 0.0

    def timed(stage: Callable[[Any], Any], value: object) -> Any:
        started = time.perf_counter()
        result = stage(value)
        seconds.setdefault(stage.__name__, []).append(time.perf_counter() - started)
        return result

    for _ in range(rounds):
        messages = timed(collector, path)
        mib = mib or psutil.Process().memory_info().rss / 2**20
        datagrams = timed(read, path)
        sip_events = timed(parse, datagrams)
        del datagrams
        batches = timed(encode, sip_events)
        octets = sum(map(len, batches))
        timed(decode, batches)
        del batches
        updates = timed(correlate, sip_events)  # last: it leaves the collector of garbage much to look through
        del sip_events
    return {
        "messages": messages,
        "seconds": seconds,
        "mib": {"collector": mib},  # the others hold what they are fed with, and their outcome
        "octets_a_message": octets / messages,
        "updates": updates,
    }


if __name__ == "__main__":
    json.dump(measure(Path(sys.argv[1]), int(sys.argv[2])), sys.stdout)
