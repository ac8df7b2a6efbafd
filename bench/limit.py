"""`python -m bench limit --megabytes 200 --seconds 120`: whether a limit holds on disk while calls pour in.

One process writes calls as ingest does, as fast as it can or as it is told; another holds the limit as the background
job does. The disk is looked at five times a second.
"""

import argparse
import itertools
import os
import sys
import time
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any, Final

import msgspec
from msgspec.structs import replace
from rich.console import Console
from rich.table import Table

from bench.capture import OUT
from bench.installation import DATABASES, Database, Installation, installation
from collectors.scenario.library import play
from collectors.sip.timers import SECOND
from collectors.wire.events import SipEvent

SITUATIONS: Final = ("good", "early-media", "challenged", "busy", "forked", "hold-resume", "missing-ack", "no-answer")
COMMIT: Final = 100  # calls
_LOOK_S: Final = 0.2
_WARM_S: Final = 2.0


class Held(msgspec.Struct, frozen=True, kw_only=True):
    """How a limit was held."""

    database: Database
    limit: int  # octets
    highest: int  # on disk, of all that was seen
    written: int  # calls
    kept: int
    seconds: float
    longest_commit_ms: float  # of 100 calls, while the oldest are removed

    @property
    def holds(self) -> bool:
        """Whether it was never over."""
        return self.highest <= self.limit


def main(argv: Sequence[str]) -> int:
    """Measure, print, and write JSON; 1 where the limit did not hold."""
    parser = argparse.ArgumentParser(prog="python -m bench limit", description=__doc__)
    parser.add_argument("--megabytes", type=int, default=200, help="the limit over the whole database (%(default)s)")
    parser.add_argument("--seconds", type=float, default=120.0, help="how long calls pour in (%(default)s)")
    parser.add_argument("--rate", type=float, default=0.0, help="calls per second; as fast as it goes without it")
    parser.add_argument("--database", choices=DATABASES, action="append", help="both without it")
    parser.add_argument("--out", type=Path, default=OUT, help="where limit.json goes")
    arguments = parser.parse_args(argv)
    limit = arguments.megabytes * 10**6
    found = [measure(each, limit, arguments.seconds, arguments.rate) for each in arguments.database or DATABASES]
    show(found, Console(width=None if sys.stdout.isatty() else 110))
    arguments.out.mkdir(parents=True, exist_ok=True)
    (arguments.out / "limit.json").write_bytes(msgspec.json.format(msgspec.json.encode(found)))
    return 0 if all(held.holds for held in found) else 1


def measure(database: Database, limit: int, seconds: float, rate: float) -> Held:
    """Pour calls into a fresh database under a limit, and look at the disk meanwhile."""
    with installation(database, settings={"OFFHOOK_STORAGE_LIMIT": f"{limit // 10**6}MB"}) as system:
        system.run("keeper", "bench.limit", "keep")
        time.sleep(_WARM_S)
        log = system.folder / "pour.json"
        system.run("pour", "bench.limit", "pour", str(seconds), str(rate), str(log))
        highest, begun = 0, time.monotonic()
        while not log.exists():
            if time.monotonic() - begun > 2 * seconds + 60:
                raise RuntimeError("calls were still being written long after their time")
            highest = max(highest, on_disk(system))
            system.check()
            time.sleep(_LOOK_S)
        poured = msgspec.json.decode(log.read_bytes())
        return Held(database=database, limit=limit, highest=highest, kept=system.calls(), **poured)


def on_disk(system: Installation) -> int:
    """What the database takes now: PostgreSQL's files of it, or the file of SQLite with its log."""
    if system.database == "PostgreSQL":
        ((octets,),) = system.ask("SELECT pg_database_size(current_database())")
        return int(octets)
    return sum(path.stat().st_size for path in system.folder.glob("offhook.sqlite3*"))


def show(found: list[Held], console: Console) -> None:
    """One table."""
    table = Table(title="A limit over the whole database, while calls pour in")
    for name in ("database", "limit", "highest on disk", "calls/s", "written", "kept", "longest commit", "holds"):
        table.add_column(name, justify="left" if name == "database" else "right")
    for held in found:
        table.add_row(
            held.database,
            f"{held.limit / 1e6:.0f} MB",
            f"{held.highest / 1e6:.1f} MB",
            f"{held.written / held.seconds:,.0f}",
            f"{held.written:,}",
            f"{held.kept:,}",
            f"{held.longest_commit_ms:,.0f} ms",
            "yes" if held.holds else "NO",
        )
    console.print(table)


def _django() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "monitor.settings")
    import django

    django.setup()


def _keep() -> None:
    """Hold the limits every two seconds, and put away what is over every four, as the background jobs do."""
    _django()
    from monitor.tasks import prune, put_away

    for turn in itertools.count():
        prune()
        if turn % 2:
            put_away()
        time.sleep(2.0)


def _pour(seconds: float, rate: float, log: Path) -> None:
    """Write calls that ended just now, in commits of a hundred."""
    _django()
    from django.db import transaction

    from monitor.services.apply_updates import write_content

    numbers = itertools.count()
    begun = time.monotonic()
    written, longest = 0, 0.0
    while time.monotonic() - begun < seconds:
        some = [_content(number) for number in itertools.islice(numbers, COMMIT)]
        before = time.monotonic()
        with transaction.atomic():
            write_content([(content, 0, written) for content in some])
        longest = max(longest, time.monotonic() - before)
        written += len(some)
        if rate:
            time.sleep(max(0.0, begun + written / rate - time.monotonic()))
    lasted = time.monotonic() - begun
    draft = log.with_suffix(".draft")
    draft.write_bytes(msgspec.json.encode({"written": written, "seconds": lasted, "longest_commit_ms": longest * 1000}))
    draft.rename(log)


def _content(number: int) -> Any:
    """What is to be written of one more call, which ended some minutes ago: correlated as ingest does."""
    from monitor.core.correlator import Correlator
    from monitor.services.harvest import Harvest

    correlator = Correlator()
    harvest = Harvest(correlator)
    now_us = time.time_ns() // 1000
    for event in _events(number % len(SITUATIONS)):
        moved = replace(
            event, captured_us=event.captured_us + now_us - 900 * SECOND, call_id=f"{number:012x}@poured.example.com"
        )
        harvest.add(correlator.feed(moved), 0)
    harvest.add(correlator.advance(now_us), 0)
    return harvest.take()


@cache
def _events(situation: int) -> list[SipEvent]:
    return play(SITUATIONS[situation], "poured").events(start_us=0)


if __name__ == "__main__":
    if sys.argv[1] == "keep":
        _keep()
    else:
        _pour(float(sys.argv[2]), float(sys.argv[3]), Path(sys.argv[4]))
