"""`python -m bench search --calls 10000000`: how long a search takes in many calls, on PostgreSQL.

A fresh database is filled with calls of thirty days (`bench.many_calls`), the queries of the pages run in it with
other values each time, and it is removed. What counts is the time of a page's queries, not of its HTML.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec
from rich.console import Console
from rich.table import Table

from bench.capture import OUT
from bench.installation import installation

CALLS: Final = 10_000_000
ROUNDS: Final = 60
BUDGET_MS: Final = 200.0  # at the 95th percentile, where there is an index


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """One kind of search."""

    kind: str
    indexed: bool
    median_ms: float
    p95_ms: float
    rows: float  # of a page, on average


class Searched(msgspec.Struct, frozen=True, kw_only=True):
    """All kinds, and what they were measured on."""

    calls: int
    filled_s: float
    octets: int  # tables and indexes
    terms_octets: int  # of which the index of terms
    kinds: list[Found]

    @property
    def slow(self) -> list[str]:
        """The kinds by index that take longer than they may."""
        return [each.kind for each in self.kinds if each.indexed and each.p95_ms >= BUDGET_MS]


def main(argv: Sequence[str]) -> int:
    """Measure, print, and write JSON; 1 where a search takes too long."""
    parser = argparse.ArgumentParser(prog="python -m bench search", description=__doc__)
    parser.add_argument(
        "--calls", type=int, default=CALLS, help="how many (%(default)s); each takes about 1 KB of disk"
    )
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="searches of each kind (%(default)s)")
    parser.add_argument("--out", type=Path, default=OUT, help="where search.json goes")
    arguments = parser.parse_args(argv)
    found = measure(arguments.calls, arguments.rounds)
    show(found, Console(width=None if sys.stdout.isatty() else 100))
    arguments.out.mkdir(parents=True, exist_ok=True)
    (arguments.out / "search.json").write_bytes(msgspec.json.format(msgspec.json.encode(found)))
    return 1 if found.slow else 0


def measure(calls: int, rounds: int) -> Searched:
    """What searches among so many calls take."""
    with installation("PostgreSQL") as system:
        return msgspec.json.decode(system.finish("bench.searching", str(calls), str(rounds)), type=Searched)


def show(found: Searched, console: Console) -> None:
    """The table."""
    a_call = (
        f"{found.octets / found.calls:.0f} octets a call, {found.terms_octets / found.calls:.0f} of them for search"
    )
    table = Table(title=f"Search in {found.calls:,} calls ({a_call}; filled in {found.filled_s:.0f} s)")
    table.add_column("search")
    for heading in ("median ms", "p95 ms", "rows"):
        table.add_column(heading, justify="right")
    for each in found.kinds:
        name = each.kind if each.indexed else f"{each.kind} (no index)"
        style = "red" if each.kind in found.slow else None
        table.add_row(name, f"{each.median_ms:.1f}", f"{each.p95_ms:.1f}", f"{each.rows:.0f}", style=style)
    console.print(table)
