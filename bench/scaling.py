"""`python -m bench scaling`: what a message costs, and how that grows with rate, open dialogs, stored calls, browsers.

Costs are processor time, which other work on the machine changes little; rates and milliseconds want a quiet one.
"""

import argparse
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from itertools import islice
from pathlib import Path
from typing import Final, TypeVar

import msgspec
from rich.console import Console
from rich.table import Table

from bench import capture, live, search, stages
from bench.choice import one_of
from bench.installation import installation
from bench.memory import dialogs
from bench.spectators import Listener
from collectors.sip.timers import SECOND
from monitor.core.correlator import Correlator
from monitor.core.settings import Settings

MESSAGES: Final = 20_000
OPEN_DIALOGS: Final = (1_000, 10_000, 40_000)
STORED_CALLS: Final = (3_000, 30_000, 300_000)
RATES: Final = (250, 1_000, 3_000)
BROWSERS: Final = (1, 10, 40)
_SECONDS: Final = 8.0
_BROWSED_RATE: Final = 500
_PROBES: Final = 200  # calls fed on top of the open ones
_SEARCHES: Final = 15


_T = TypeVar("_T")


class Point(msgspec.Struct, frozen=True, kw_only=True):
    """One figure: `value` of what, at what size of what it grows with."""

    curve: str
    at: int
    of: str
    value: float
    unit: str


class Curves(msgspec.Struct, frozen=True, kw_only=True):
    """All figures of a session."""

    points: list[Point]


def main(argv: Sequence[str]) -> int:
    """Measure, print, and write JSON."""
    parts = {"stages": of_stages, "dialogs": of_dialogs, "calls": of_calls, "rate": of_rate, "browsers": of_browsers}
    parser = argparse.ArgumentParser(prog="python -m bench scaling", description=__doc__)
    parser.add_argument(
        "curves", nargs="*", type=one_of(parts), default=list(parts), metavar="CURVE", help=f"{', '.join(parts)} (all)"
    )
    parser.add_argument("--messages", type=int, default=MESSAGES, help="in the capture (%(default)s)")
    parser.add_argument("--out", type=Path, default=capture.OUT, help="where scaling.json goes")
    arguments = parser.parse_args(argv)
    console = Console(width=None if sys.stdout.isatty() else 100)
    file = capture.cached(arguments.messages, arguments.out)
    points: list[Point] = []
    for name in arguments.curves:
        console.print(f"{name} …")
        points += parts[name](file)
    show(points, console)
    (arguments.out / "scaling.json").write_bytes(msgspec.json.format(msgspec.json.encode(Curves(points=points))))
    return 0


def of_stages(file: Path) -> Iterator[Point]:
    """Each stage alone, fed from memory."""
    datagrams, took = _timed(lambda: stages.read(file))
    count = len(datagrams)

    def point(name: str, seconds: float) -> Point:
        return Point(curve="stage", at=count, of=name, value=1e6 * seconds / count, unit="µs a message")

    yield point("read and decode packets", took)
    events, took = _timed(lambda: stages.parse(datagrams))
    yield point("parse", took)
    batches, took = _timed(lambda: stages.encode(events))
    yield point("encode batches", took)
    octets = sum(map(len, batches))
    yield Point(curve="stage", at=count, of="batches on the network", value=octets / count, unit="octets a message")
    _, took = _timed(lambda: stages.decode(batches))
    yield point("decode batches", took)
    _, took = _timed(lambda: stages.correlate(events))
    yield point("correlate and diagnose", took)


def of_dialogs(_file: Path) -> Iterator[Point]:
    """Calls that come while so many others are open."""
    for number in OPEN_DIALOGS:
        correlator = Correlator(Settings(max_records=number + _PROBES + 1))
        made = dialogs(number + _PROBES, 1)
        opened = [event for events in islice(made, number) for event in events]
        for event in opened:
            correlator.feed(event)
        correlator.advance(opened[-1].captured_us - 2 * SECOND)
        probes = [event for events in made for event in events]
        begun = time.process_time()
        for event in probes:
            correlator.feed(event)
            correlator.advance(event.captured_us - 2 * SECOND)
        took = time.process_time() - begun
        yield Point(
            curve="open dialogs", at=number, of="correlate", value=1e6 * took / len(probes), unit="µs a message"
        )


def of_calls(_file: Path) -> Iterator[Point]:
    """Pages and searches among so many stored calls."""
    for number in STORED_CALLS:
        found = search.measure(number, _SEARCHES)
        for each in found.kinds:
            if each.kind in ("newest", "Call-ID", "number", "peer: a trunk"):
                yield Point(curve="stored calls", at=found.calls, of=each.kind, value=each.median_ms, unit="ms a page")


def of_rate(file: Path) -> Iterator[Point]:
    """The whole way into PostgreSQL, at so many messages a second."""
    for rate in RATES:
        step = live.measure(file, live.Plan(database="PostgreSQL", rate=rate, seconds=_SECONDS))
        for process, microseconds in step.cpu_us_a_message.items():
            yield Point(curve="messages/s", at=step.offered, of=process, value=microseconds, unit="µs a message")
        yield Point(curve="messages/s", at=step.offered, of="lost", value=step.lost, unit="messages")


def of_browsers(file: Path) -> Iterator[Point]:
    """Live pages that are open while some traffic flows: what they cost the web server."""
    for number in BROWSERS:
        plan = live.Plan(database="PostgreSQL", rate=_BROWSED_RATE, seconds=_SECONDS)
        with live.namespace() as inside, installation("PostgreSQL") as system, ExitStack() as stack:
            live.start(system, inside)
            cookie = system.visitor()
            for listener in [Listener(f"127.0.0.1:{system.port}", cookie) for _ in range(number)]:
                stack.callback(listener.stop)
            before = system.cpu_seconds()["web"]
            with live.replay(inside, file, plan.rate, plan.seconds, plan.faults) as sender:
                sender.communicate()
            took = system.cpu_seconds()["web"] - before
        yield Point(curve="browsers", at=number, of="web server", value=100 * took / plan.seconds, unit="% of a core")


def show(points: Sequence[Point], console: Console) -> None:
    """The table."""
    table = Table(title="What it costs, and how that grows (processor time, but for ms)")
    for heading in ("grows with", "at", "cost of"):
        table.add_column(heading)
    table.add_column("cost", justify="right")
    for each in points:
        table.add_row(each.curve, f"{each.at:,}", each.of, f"{each.value:,.1f} {each.unit}")
    console.print(table)


def _timed(work: Callable[[], _T]) -> tuple[_T, float]:
    """What it gives, and the seconds of processor time that it takes."""
    begun = time.process_time()
    found = work()
    return found, time.process_time() - begun
