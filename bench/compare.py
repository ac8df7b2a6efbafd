"""Two runs beside each other: `python -m bench compare OLD NEW`, both JSON that the bench wrote.

Rates of two sessions differ with the machine's mood. Ratios to a peer that was measured beside them hold: look
at these first.
"""

from pathlib import Path

import msgspec
from rich.console import Console
from rich.table import Table

from bench import summary
from bench.report import Report
from bench.summary import Line


def read(path: Path) -> Report:
    """What the bench wrote. Raises `ValueError`, with what is wrong with it."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Report)
    except (OSError, msgspec.MsgspecError) as error:
        raise ValueError(f"{path}: {error}") from error


def table(old: Report, new: Report) -> Table:
    """Stage by stage: what was, what is, and how many times as much that is."""
    before = {line.stage: line for line in summary.lines(old)}
    after = {line.stage: line for line in summary.lines(new)}
    shown = Table(title="Old and new", title_justify="left")
    shown.add_column("stage")
    for name in ("messages/s", "now", "rate", "to its peer", "now", "MiB", "now"):
        shown.add_column(name, justify="right")
    for stage in dict.fromkeys((*before, *after)):
        shown.add_row(stage, *_cells(before.get(stage), after.get(stage)))
    return shown


def main(old: Path, new: Path, console: Console) -> int:
    """Print it; returns the exit code."""
    try:
        console.print(table(read(old), read(new)))
    except ValueError as error:
        console.print(f"bench compare: {error}", style="red")
        return 2
    return 0


def _cells(old: Line | None, new: Line | None) -> tuple[str, ...]:
    rates = old.rate if old else 0.0, new.rate if new else 0.0
    times = f"{rates[1] / rates[0]:.2f} ×" if all(rates) else ""
    return (
        *(f"{rate:,.0f}" if rate else "" for rate in rates),
        times,
        *(f"{each.to_peer:.2f} ×" if each and each.to_peer is not None else "" for each in (old, new)),
        *(f"{each.mib:,.0f}" if each and each.mib is not None else "" for each in (old, new)),
    )
