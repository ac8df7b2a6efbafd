"""What was measured, as values, as JSON and as tables."""

import json
import os
import platform
import time
from collections.abc import Mapping
from pathlib import Path
from statistics import median
from typing import Any

import msgspec
from rich.console import Console
from rich.table import Table

from bench.programs import Run


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a table. Rates are messages per second."""

    stage: str
    median_rate: float
    best_rate: float
    beside: str = ""  # of programs, the sngrep that they are compared to
    to_sngrep: float | None = None  # by the clock: median of the ratios within each round
    to_sngrep_cpu: float | None = None  # the same by processor time, which other load disturbs less
    cpu_us_a_message: float | None = None
    peak_mib: float | None = None


class Cleared(msgspec.Struct, frozen=True, kw_only=True):
    """How a backlog in the streams went into the database."""

    database: str
    messages: int
    stored: int
    rate: float  # messages/s
    cpu_us_a_message: float  # of the ingest process


GOING_ON = "what goes on"  # its room is used again


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """What messages take on disk, indexes included."""

    database: str
    messages: int
    calls: int
    octets: dict[str, int]  # of what lasts by table, and what goes on; of SQLite the one file

    @property
    def a_message(self) -> float:
        """Of what lasts."""
        return sum(octets for name, octets in self.octets.items() if name != GOING_ON) / max(1, self.messages)


class Held(msgspec.Struct, frozen=True, kw_only=True):
    """What open dialogs take in memory."""

    dialogs: int
    hops: int  # over which each is seen
    messages: int
    octets_a_dialog: float
    resident_mib: float  # of the whole process


class Latency(msgspec.Struct, frozen=True):
    """From the moment in which a finding was true to the frame that told of it, in ms."""

    of: str
    seen: int  # how many faults
    unseen: int
    p50_ms: float
    p99_ms: float
    worst_ms: float

    @classmethod
    def of_delays(cls, name: str, delays_ms: list[float], unseen: int) -> "Latency":
        """Of sorted delays."""
        if not delays_ms:
            return cls(name, 0, unseen, 0.0, 0.0, 0.0)
        last = len(delays_ms) - 1
        return cls(name, len(delays_ms), unseen, delays_ms[last // 2], delays_ms[round(0.99 * last)], delays_ms[last])


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """The live path at one rate, by count."""

    database: str
    compiled: bool = False
    offered: int  # messages/s
    sent: int
    stored: int
    lost: int
    lag_s: float  # from the last message sent to the last stored
    sustained: bool  # nothing lost, and no lag that grows
    cpu_us_a_message: dict[str, float]  # by process
    resident_mib: dict[str, float] = {}  # by process, when all was stored
    latencies: list[Latency] = []
    counters: dict[str, int]  # the collector's


class Report(msgspec.Struct, kw_only=True):
    """One session. Rates differ from machine to machine and day to day; the ratios of a session hold."""

    messages: int
    rounds: int
    core: int | None
    machine: dict[str, str]
    programs: list[Row] = []
    stages: list[Row] = []
    memory: list[Held] = []
    backlog: list[Cleared] = []
    storage: list[Kept] = []
    live: list[Step] = []
    missing: list[str] = []


def machine() -> dict[str, str]:
    """What the figures depend on."""
    model = next(
        (line.partition(":")[2].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")), ""
    )
    return {
        "processor": model or platform.machine(),
        "cores": str(os.cpu_count()),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()}",
        "measured": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
    }


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text().splitlines()
    except OSError:
        return []


def program_rows(runs: dict[str, list[Run]], messages: int, beside: Mapping[str, str]) -> list[Row]:
    """One row a program; `beside`: the program to which it is compared, by name."""
    return [
        Row(
            stage=name,
            median_rate=messages / median(run.seconds for run in own),
            best_rate=messages / min(run.seconds for run in own),
            beside=beside[name],
            to_sngrep=_ratio([run.seconds for run in own], [run.seconds for run in runs.get(beside[name], [])]),
            to_sngrep_cpu=_ratio(
                [run.cpu_seconds for run in own], [run.cpu_seconds for run in runs.get(beside[name], [])]
            ),
            cpu_us_a_message=1e6 * median(run.cpu_seconds for run in own) / messages,
            peak_mib=max(run.peak_mib for run in own),
        )
        for name, own in runs.items()
    ]


def _ratio(own: list[float], beside: list[float]) -> float | None:
    """How many times as fast, in the median round; None where there is nothing beside it."""
    ratios = [other / ours for ours, other in zip(own, beside, strict=False) if ours]
    return median(ratios) if ratios else None


def stage_rows(measured: dict[str, Any], titles: dict[str, str], suffix: str = "") -> list[Row]:
    """One row a stage of ours; `suffix` says in which form."""
    messages = measured["messages"]
    return [
        Row(
            stage=titles[name] + suffix,
            median_rate=messages / median(seconds),
            best_rate=messages / min(seconds),
            peak_mib=measured["mib"].get(name),
        )
        for name, seconds in measured["seconds"].items()
    ]


def write(report: msgspec.Struct, path: Path) -> None:
    """As JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(msgspec.to_builtins(report), indent=2, ensure_ascii=False) + "\n")


def show(report: Report, console: Console) -> None:
    """As tables, on a terminal or in a log."""
    about = ", ".join(report.machine.values())
    console.print(f"{report.messages:,} SIP messages, {report.rounds} rounds, core {report.core}; {about}")
    for name in report.missing:
        console.print(f"not installed, left out: {name}")
    if report.programs:
        console.print(_program_table(report.programs))
    if report.stages:
        console.print(_stage_table(report.stages))
    if report.memory:
        console.print(_memory_table(report.memory))
    if report.backlog:
        console.print(_backlog_table(report.backlog))
    if report.storage:
        console.print(_storage_table(report.storage))
    if report.live:
        console.print(_live_table(report.live))
        console.print(_latency_table(report.live))


def _program_table(rows: list[Row]) -> Table:
    table = _table(
        "A capture file, whole programs, one core",
        "messages/s",
        "best",
        "to sngrep",
        "by CPU",
        "µs of CPU each",
        "peak MiB",
    )
    for row in rows:
        figures = (
            (row.to_sngrep, "{:.2f} ×"),
            (row.to_sngrep_cpu, "{:.2f} ×"),
            (row.cpu_us_a_message, "{:.1f}"),
            (row.peak_mib, "{:,.0f}"),
        )
        words = ("" if figure is None else form.format(figure) for figure, form in figures)
        table.add_row(row.stage, f"{row.median_rate:,.0f}", f"{row.best_rate:,.0f}", *words)
    return table


def _stage_table(rows: list[Row]) -> Table:
    table = _table("Our stages, each alone, one core", "messages/s", "best", "µs a message")
    for row in rows:
        table.add_row(row.stage, f"{row.median_rate:,.0f}", f"{row.best_rate:,.0f}", f"{1e6 / row.median_rate:.1f}")
    return table


def _memory_table(rows: list[Held]) -> Table:
    table = _table("Open dialogs in memory", "dialogs", "messages", "octets each", "process, MiB")
    for row in rows:
        figures = (f"{row.dialogs:,}", f"{row.messages:,}", f"{row.octets_a_dialog:,.0f}", f"{row.resident_mib:,.0f}")
        table.add_row(f"over {row.hops} hop{'s' if row.hops > 1 else ''}", *figures)
    return table


def _backlog_table(rows: list[Cleared]) -> Table:
    table = _table("Clearing a backlog: streams → correlator → database", "messages/s", "stored", "µs of CPU each")
    for row in rows:
        stored = f"{row.stored:,} of {row.messages:,}"
        table.add_row(row.database, f"{row.rate:,.0f}", stored, f"{row.cpu_us_a_message:.1f}")
    return table


def _storage_table(rows: list[Kept]) -> Table:
    table = _table("On disk", "octets", "a message", "a call")
    for row in rows:
        lasting = sum(octets for name, octets in row.octets.items() if name != GOING_ON)
        for name, octets in {"all that lasts": lasting, **row.octets}.items():
            a_call = f"{octets / max(1, row.calls):,.0f}"
            table.add_row(f"{row.database} {name}", f"{octets:,}", f"{octets / max(1, row.messages):.1f}", a_call)
    return table


def sentence(step: Step) -> str:
    """A step in a line, while others are to come."""
    latency = ", ".join(f"{each.of} {each.p50_ms:,.0f}/{each.p99_ms:,.0f} ms" for each in step.latencies)
    return (
        f"Live into {_where(step)}: {step.offered:,} messages/s, {step.lost:,} lost, lag {step.lag_s:.1f} s; {latency}"
    )


def _where(step: Step) -> str:
    return f"{step.database}, compiled" if step.compiled else step.database


def _live_table(steps: list[Step]) -> Table:
    table = _table(
        *("The live path: interface → collector → streams → ingest → database", "messages/s", "sent", "lost", "lag s"),
        *("sustained", "µs of CPU each"),
    )
    for step in steps:
        total = sum(step.cpu_us_a_message.values())
        cost = ", ".join(f"{name} {cost:.0f}" for name, cost in step.cpu_us_a_message.items())
        held = "yes" if step.sustained else "no"
        figures = (f"{step.offered:,}", f"{step.sent:,}", f"{step.lost:,}", f"{step.lag_s:.1f}", held)
        table.add_row(_where(step), *figures, f"{total:.0f}: {cost}")
    return table


def _latency_table(steps: list[Step]) -> Table:
    table = _table("From the truth of a finding to a frame", "messages/s", "faults", "unseen", "p50 ms", "p99 ms")
    for step in steps:
        for each in step.latencies:
            figures = (f"{each.seen}", f"{each.unseen}", f"{each.p50_ms:,.0f}", f"{each.p99_ms:,.0f}")
            table.add_row(f"{_where(step)}: {each.of}", f"{step.offered:,}", *figures)
    return table


def _table(title: str, *figures: str) -> Table:
    table = Table(title=title, title_justify="left")
    table.add_column("")
    for figure in figures:
        table.add_column(figure, justify="right")
    return table
