"""`offhook analyze FILE`: what a capture file tells, as a report or as JSON.

Exit codes: 0 the file was read; 1 it was, and holds a confirmed finding that `--fail-on` names; 2 it
can't be read, is no capture, or the arguments are wrong; 130 interrupted.
"""

import argparse
import gc
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from collectors.receivers.base import ReceiverError
from monitor.analyze.document import build, encode
from monitor.analyze.replay import Progress as Advance
from monitor.analyze.replay import ProgressCallback
from monitor.analyze.report import Options, print_ladders, print_report
from monitor.analyze.run import Result, run
from monitor.analyze.summary import SEVERITIES, reaches
from monitor.core.updates import Severity

FOUND: Final = 1
UNREADABLE: Final = 2
INTERRUPTED: Final = 130
# Where there is no terminal to ask.
_PLAIN_WIDTH: Final = 140


def main(argv: Sequence[str] | None = None) -> int:
    """Run with these arguments; returns the exit code."""
    try:
        arguments = parser().parse_args(argv)
    except SystemExit as usage:
        return usage.code if isinstance(usage.code, int) else UNREADABLE
    # Nearly all that is made here stays to the end: looking for garbage in it again and again costs a tenth.
    gc.set_threshold(500_000, 20, 100)
    try:
        return _analyze(arguments)
    except ReceiverError as error:
        print(f"offhook analyze: {error}", file=sys.stderr)
        return UNREADABLE
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output has seen enough; the interpreter must not find the pipe broken again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def parser() -> argparse.ArgumentParser:
    """The arguments."""
    made = argparse.ArgumentParser(
        prog="offhook analyze",
        description="Reads a capture file (pcap, pcapng) and says what went wrong in it, why, and what to do.",
        epilog="Exit codes: 0 read, 1 a finding that --fail-on names, 2 unreadable file or wrong usage.",
    )
    made.add_argument("file", metavar="FILE", help="the capture file; - reads standard input")
    made.add_argument("--json", action="store_true", help="print JSON (documented in docs/analyze.md)")
    made.add_argument("--ladder", metavar="CALL-ID", help="print only the message ladder of this Call-ID")
    made.add_argument("--findings-only", action="store_true", help="leave out the tables and measures")
    made.add_argument("--limit", type=int, default=50, metavar="N", help="rows of a table (50; 0: all)")
    made.add_argument("--no-color", action="store_true", help="no colours")
    made.add_argument(
        "--fail-on",
        choices=[str(severity) for severity in SEVERITIES],
        metavar="SEVERITY",
        help="exit with 1 when a confirmed finding is this bad or worse: critical, major, minor, info",
    )
    return made


def _analyze(arguments: argparse.Namespace) -> int:
    with _progress() as progress:
        result = run(arguments.file, progress=progress)
    if arguments.json:
        sys.stdout.buffer.write(encode(build(result)))
        sys.stdout.flush()
    elif not _print(result, arguments):
        print(f"offhook analyze: no message in {arguments.file} has the Call-ID {arguments.ladder}", file=sys.stderr)
        return UNREADABLE
    failed = arguments.fail_on is not None and reaches(result, Severity(arguments.fail_on))
    return FOUND if failed else 0


def _print(result: Result, arguments: argparse.Namespace) -> bool:
    console = Console(
        no_color=arguments.no_color or None,
        highlight=False,
        markup=False,
        emoji=False,
        width=None if sys.stdout.isatty() or "COLUMNS" in os.environ else _PLAIN_WIDTH,
    )
    if console.is_terminal:
        return _write(result, arguments, console)
    # Blanks that fill a line are for terminals; what is mailed or compared is better without.
    with console.capture() as captured:
        found = _write(result, arguments, console)
    print("\n".join(line.rstrip() for line in captured.get().split("\n")), end="")
    return found


def _write(result: Result, arguments: argparse.Namespace, console: Console) -> bool:
    if arguments.ladder is not None:
        return print_ladders(result, console, arguments.ladder)
    print_report(result, console, Options(findings_only=arguments.findings_only, limit=max(0, arguments.limit)))
    return True


@contextmanager
def _progress() -> Iterator[ProgressCallback | None]:
    """A bar on standard error while it is a terminal; gone when the work is done."""
    if not sys.stderr.isatty():
        yield None
        return
    columns = (
        TextColumn("reading"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[messages]:,} messages"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("reading", total=None, messages=0)

        def advanced(now: Advance) -> None:
            bar.update(task, total=now.size or None, completed=now.bytes_read, messages=now.messages)

        yield advanced
