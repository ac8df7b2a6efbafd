"""`offhook analyze FILE`: what a capture file tells, as a report or as JSON.

Exit codes: 0 the file was read; 1 it was, and holds a confirmed finding that `--fail-on` names; 2 it
can't be read, is no capture, the output can't be written, or the arguments are wrong; 130 interrupted.

What draws for a terminal is imported where it is needed: JSON, read by other programs, does without.
"""

import argparse
import gc
import os
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from collectors.receivers.base import ReceiverError
from collectors.receivers.capture_file import holds_secrets
from monitor.analyze.arguments import DESCRIPTION, EPILOG, add_arguments
from monitor.analyze.frames import CrewError
from monitor.analyze.jobs import jobs_for, reader
from monitor.analyze.result import Result
from monitor.analyze.step import Progress as Advance
from monitor.analyze.step import ProgressCallback
from monitor.analyze.summary import reaches
from monitor.conf import ConfigError, thresholds
from monitor.core.updates import Severity

if TYPE_CHECKING:
    from rich.console import Console

FOUND: Final = 1
UNREADABLE: Final = 2
INTERRUPTED: Final = 130
# Where there is no terminal to ask.
_PLAIN_WIDTH: Final = 140


def main(argv: Sequence[str] | None = None) -> int:
    """Run with these arguments; returns the exit code."""
    parser = argparse.ArgumentParser(prog="offhook analyze", description=DESCRIPTION, epilog=EPILOG)
    add_arguments(parser)
    return execute(parser.parse_args(argv))


def execute(arguments: argparse.Namespace, leave: Callable[[int], int] = int) -> int:
    """Do what the parsed arguments ask for; returns the exit code.

    `leave` takes it while all that the file told is still held: who ends the process there need not wait for a
    million objects to be freed one by one. All is written by then.
    """
    # Nearly all that is made here stays to the end: looking for garbage costs a tenth, and once more at the exit.
    gc.disable()
    try:
        return _analyze(arguments, leave)
    except (ReceiverError, CrewError) as error:
        print(f"offhook analyze: {error}", file=sys.stderr)
        return UNREADABLE
    except ConfigError as error:
        print(error, file=sys.stderr)
        return UNREADABLE
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        _abandon_output()  # whoever read it has seen enough
        return 0
    except OSError as error:
        _abandon_output()
        print(f"offhook analyze: the output can't be written: {error.strerror}", file=sys.stderr)
        return UNREADABLE
    finally:
        gc.freeze()
        gc.enable()


def _abandon_output() -> None:
    """What waits to be written goes nowhere, so that the interpreter does not fail on it again at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _analyze(arguments: argparse.Namespace, leave: Callable[[int], int]) -> int:
    key_log = arguments.keylog or _own_secrets(arguments.file)
    if arguments.message is not None:
        return _show(arguments.file, arguments.message, key_log)
    jobs = jobs_for(arguments.file, arguments.jobs, key_log)
    if jobs.why_one and arguments.jobs:
        print(f"offhook analyze: by one process: {jobs.why_one}", file=sys.stderr)
    settings = replace(thresholds(), linger_us=None)
    with reader(arguments.file, settings, jobs.number, key_log, written=arguments.json) as read:
        with _progress() as progress:
            told = read(progress)
        if arguments.json:
            sys.stdout.buffer.writelines(told.document)
    if not arguments.json and not _print(told.result, arguments):
        print(f"offhook analyze: no message in {arguments.file} has the Call-ID {arguments.ladder}", file=sys.stderr)
        return UNREADABLE
    sys.stdout.flush()
    failed = arguments.fail_on is not None and reaches(told.severities, Severity(arguments.fail_on))
    return leave(FOUND if failed else 0)


def _own_secrets(file: str) -> str:
    """The file itself where it holds TLS secrets with which tshark can read it; else ""."""
    own = Path(file).is_file() and holds_secrets(file) and shutil.which("tshark")
    return file if own else ""


def _show(file: str, number: int, key_log: str) -> int:
    from monitor.analyze.message import find, lines

    event = find(file, number, key_log)
    if event is None:
        print(f"offhook analyze: there is no message {number} in {file}", file=sys.stderr)
        return UNREADABLE
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")
    print("\n".join(lines(number, event)), flush=True)
    return 0


def _print(result: Result, arguments: argparse.Namespace) -> bool:
    from rich.console import Console

    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a terminal that can't show an arrow still gets the report
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


def _write(result: Result, arguments: argparse.Namespace, console: "Console") -> bool:
    from monitor.analyze.report import Options, print_ladders, print_report

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
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

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
