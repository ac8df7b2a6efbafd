"""Twice what it can take, for long: is memory bounded, and is every loss told? `python -m bench soak --seconds N`.

Real processes at a rate beyond their capacity; a stream store, a spool and a number of records in memory that are small
enough to be full soon: so each bound is reached and held. A sample is taken each few seconds; the verdict compares the
last two quarters of the run, and holds what went out against what is stored and what was told as lost.
"""

import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

import msgspec
from rich.console import Console
from rich.table import Table

from bench import live
from bench.installation import Database, Installation, installation
from monitor.core.overview import GAP

RATE: Final = 20_000  # frames/s: twice what is asked for on two cores
SECONDS: Final = 3_600.0
STREAM_MEMORY: Final = "48mb"
SPOOL_SIZE: Final = "32M"
MAX_RECORDS: Final = 30_000  # as many as are open in this traffic or linger; some never end: their BYE was lost
_SAMPLES: Final = 240
_LEAST_STEP_S: Final = 1.0
_QUIET_S: Final = 5.0  # with nothing more stored, where nothing waits
_STALLED_S: Final = 120.0  # and where something does
_MAY_GROW: Final = 1.15  # from the third quarter to the last, at the median
_MAY_GROW_MIB: Final = 16.0
_MAY_MISS: Final = 0.02  # of what was lost: the kernel counts packets, and some messages have several


class Sample(msgspec.Struct, frozen=True, kw_only=True):
    """How things stood at a moment."""

    at_s: float
    resident_mib: dict[str, float]  # by process
    stream_mib: float  # what the stream store holds
    spool_mib: float
    stored: int  # messages
    counters: dict[str, int]  # the collector's


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What came of it."""

    sent: int
    stored: int
    told: dict[str, int]  # messages that the product says were lost, by reason; of a gap batches
    untold: int  # neither stored nor told; packets that held no message of their own make it negative
    alerted: bool  # of the loss
    grew_mib: dict[str, float]  # by process, from the third quarter of the run to the last
    bounded: bool
    honest: bool

    @property
    def passed(self) -> bool:
        """Whether memory is bounded, and every loss told."""
        return self.bounded and self.honest


class Soak(msgspec.Struct, frozen=True, kw_only=True):
    """A run."""

    database: Database
    compiled: bool
    rate: int
    seconds: float
    samples: list[Sample]
    verdict: Verdict


def run(file: Path, plan: live.Plan, console: Console) -> Soak:
    """The whole run. Raises `RuntimeError` when a process ends."""
    settings = {"OFFHOOK_COLLECTOR_SPOOL_SIZE": SPOOL_SIZE, "OFFHOOK_MAX_RECORDS": str(MAX_RECORDS)}
    with live.namespace() as inside, installation(plan.database, plan.source, settings, STREAM_MEMORY) as system:
        live.start(system, inside, plan.ingest)
        with live.replay(inside, file, plan.rate, plan.seconds, plan.faults) as sender, ThreadPoolExecutor(1) as aside:
            # Read all along: what an hour's faults were is more than a pipe holds.
            said = aside.submit(sender.communicate)
            samples = [*_samples(system, plan.seconds, lambda: not said.done(), console)]
        sent = int(json.loads(said.result()[0])["sent"])
        console.print("The source has ended; what waits is taken in …")
        _settle(system)
        verdict = judge(samples, sent, system.stored(), system.told_losses(), alerted="capture-loss" in system.alerts())
    return Soak(
        database=plan.database,
        compiled=plan.compiled,
        rate=plan.rate,
        seconds=plan.seconds,
        samples=samples,
        verdict=verdict,
    )


def judge(samples: list[Sample], sent: int, stored: int, told: dict[str, int], *, alerted: bool) -> Verdict:
    """Whether memory is bounded, and every loss told."""
    quarter = max(1, len(samples) // 4)
    third, last = samples[-2 * quarter : -quarter] or samples, samples[-quarter:]
    grew = {name: _median(last, name) - _median(third, name) for name in samples[-1].resident_mib} if samples else {}
    bounded = all(mib <= max(_MAY_GROW_MIB, (_MAY_GROW - 1) * _median(third, name)) for name, mib in grew.items())
    lost = sent - stored
    untold = lost - sum(count for reason, count in told.items() if reason != GAP)
    return Verdict(
        sent=sent,
        stored=stored,
        told=told,
        untold=untold,
        alerted=alerted,
        grew_mib=grew,
        bounded=bounded,
        honest=abs(untold) <= _MAY_MISS * lost and (alerted or not lost),
    )


def table(soak: Soak, rows: int = 20) -> Table:
    """The curve, in so many rows."""
    names = list(soak.samples[-1].resident_mib)
    where = f"{soak.database}{', compiled' if soak.compiled else ''}"
    shown = Table(title=f"{soak.rate:,} messages/s into {where}: MiB of each process", title_justify="left")
    for name in ("at s", *names, "streams", "spool", "stored"):
        shown.add_column(name, justify="right")
    step = max(1, len(soak.samples) // rows)
    for sample in soak.samples[step - 1 :: step]:
        own = (f"{sample.resident_mib.get(name, 0):,.0f}" for name in names)
        rest = (f"{sample.stream_mib:,.0f}", f"{sample.spool_mib:,.0f}", f"{sample.stored:,}")
        shown.add_row(f"{sample.at_s:,.0f}", *own, *rest)
    return shown


def sentence(verdict: Verdict) -> str:
    """The verdict in words."""
    told = ", ".join(f"{reason} {count:,}" for reason, count in sorted(verdict.told.items())) or "none"
    grew = ", ".join(f"{name} {mib:+.0f}" for name, mib in verdict.grew_mib.items())
    return (
        f"{verdict.sent:,} sent, {verdict.stored:,} stored; told as lost: {told}; untold: {verdict.untold:,}; "
        f"alert: {'yes' if verdict.alerted else 'no'}. MiB in the last quarter: {grew}. "
        f"Memory is {'bounded' if verdict.bounded else 'NOT bounded'}, "
        f"loss is {'told' if verdict.honest else 'NOT told'}."
    )


def _samples(system: Installation, seconds: float, going: Callable[[], bool], console: Console) -> Iterator[Sample]:
    began = time.monotonic()
    step_s = max(_LEAST_STEP_S, seconds / _SAMPLES)
    while going():
        time.sleep(step_s)
        system.check()
        sample = _sample(system, time.monotonic() - began)
        console.print(
            f"{sample.at_s:,.0f} s: {sum(sample.resident_mib.values()):,.0f} MiB in all, streams "
            f"{sample.stream_mib:,.0f}, spool {sample.spool_mib:,.0f} MiB, {sample.stored:,} stored"
        )
        yield sample


def _sample(system: Installation, at_s: float) -> Sample:
    counters = system.collector_counters()
    return Sample(
        at_s=at_s,
        resident_mib=system.resident_mib(),
        stream_mib=system.waiting_in_streams() / 2**20,
        spool_mib=counters.get("spool_octets", 0) / 2**20,
        stored=system.stored(),
        counters=counters,
    )


def _settle(system: Installation) -> None:
    """Until nothing waits any more, or nothing is done about it, and nothing more is stored for a while."""
    stored, changed = -1, time.monotonic()
    while time.monotonic() < changed + (_STALLED_S if system.waiting() else _QUIET_S):
        time.sleep(1)
        system.check()
        now_stored = system.stored()
        if now_stored != stored:
            stored, changed = now_stored, time.monotonic()


def _median(samples: list[Sample], name: str) -> float:
    return sorted(sample.resident_mib.get(name, 0.0) for sample in samples)[len(samples) // 2]
