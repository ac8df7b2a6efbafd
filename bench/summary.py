"""All that was measured in one table: stage, rate, ratio to the peer beside it in the same run, memory."""

from collections.abc import Iterator
from itertools import groupby

import msgspec
from rich.table import Table

from bench.programs import SNGREP
from bench.report import Report, Step


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the table. The rate is in messages a second."""

    stage: str
    rate: float
    peer: str = ""  # what the ratio is to; "" where there is none
    to_peer: float | None = None
    mib: float | None = None  # of memory, at the peak or under this load


def lines(report: Report) -> list[Line]:
    """What a report holds, line by line."""
    return [*_programs(report), *_stages(report), *_backlog(report), *_live(report), *_memory(report)]


def table(found: list[Line]) -> Table:
    """The same for people."""
    shown = Table(title="In one table", title_justify="left")
    for name in ("stage", "messages/s", "to its peer", "peer", "MiB"):
        shown.add_column(name, justify="left" if name in ("stage", "peer") else "right")
    for line in found:
        ratio = "" if line.to_peer is None else f"{line.to_peer:.2f} ×"
        mib = "" if line.mib is None else f"{line.mib:,.0f}"
        rate = f"{line.rate:,.0f}" if line.rate else ""
        shown.add_row(line.stage, rate, ratio, line.peer, mib)
    return shown


def _programs(report: Report) -> Iterator[Line]:
    for row in report.programs:
        ours = row.stage != row.beside
        yield Line(
            stage=row.stage,
            rate=row.median_rate,
            peer=row.beside if ours and row.to_sngrep is not None else "",
            to_peer=row.to_sngrep if ours else None,
            mib=row.peak_mib,
        )


def _stages(report: Report) -> Iterator[Line]:
    """Our stages; their peer is all of sngrep, on the same core in the same session."""
    beside = next((row.median_rate for row in report.programs if row.stage == SNGREP.name), None)
    for row in report.stages:
        yield Line(
            stage=row.stage,
            rate=row.median_rate,
            peer=SNGREP.name if beside else "",
            to_peer=row.median_rate / beside if beside else None,
            mib=row.peak_mib,
        )


def _backlog(report: Report) -> Iterator[Line]:
    """Clearing a backlog; the peer of PostgreSQL is SQLite."""
    first = report.backlog[0] if report.backlog else None
    for each in report.backlog:
        peer = first if first and each is not first else None
        yield Line(
            stage=f"streams → correlator → {each.database}",
            rate=each.rate,
            peer=peer.database if peer else "",
            to_peer=each.rate / peer.rate if peer else None,
        )


def _live(report: Report) -> Iterator[Line]:
    """Of each database and source the highest rate that was sustained; the peer of the compiled is the written."""
    best: dict[tuple[str, bool], Step] = {}
    for name, steps in groupby(report.live, key=lambda step: (step.database, step.compiled)):
        sustained = [step for step in steps if step.sustained]
        if sustained:
            best[name] = max(sustained, key=lambda step: step.offered)
    for (database, compiled), step in best.items():
        written = best.get((database, False)) if compiled else None
        yield Line(
            stage=f"live into {database}{', compiled' if compiled else ''}, sustained",
            rate=step.offered,
            peer="as written" if written else "",
            to_peer=step.offered / written.offered if written else None,
            mib=sum(step.resident_mib.values()),
        )


def _memory(report: Report) -> Iterator[Line]:
    for held in report.memory:
        hops = f"over {held.hops} hop{'s' if held.hops > 1 else ''}"
        yield Line(stage=f"{held.dialogs:,} open dialogs {hops}", rate=0.0, mib=held.resident_mib)
