"""`python -m bench`: our `analyze` beside other programs, our stages, and the live path."""

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
from rich.console import Console

from bench import backlog, capture, compiled, live, memory, programs, report, storage
from bench.installation import DATABASES, Database
from bench.live import Plan
from bench.programs import PROGRAMS, SNGREP, Program, Run, RunError

STAGES = {
    "read": "read a file and decode its packets",
    "parse": "parse",
    "correlate": "correlate and diagnose",
    "encode": "encode batches",
    "decode": "decode batches",
}
SOURCES = ("written", "compiled", "both")
PARTS = ("programs", "stages", "memory", "backlog", "storage", "live")


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, print, and write JSON; returns the exit code."""
    arguments = _parser().parse_args(argv)
    console = Console(width=None if sys.stdout.isatty() else 120)
    core = min(os.sched_getaffinity(0)) if arguments.core is None else arguments.core
    console.print("Making the capture, unless it is there …")
    file = capture.cached(arguments.messages, arguments.out)
    found = report.Report(messages=arguments.messages, rounds=arguments.rounds, core=core, machine=report.machine())
    try:
        if "programs" in arguments.parts:
            _programs(found, file, [*PROGRAMS, *_compiled(file, arguments.out, console)], console)
        if "stages" in arguments.parts:
            measured = _stages(file, arguments.rounds, core)
            found.stages = report.stage_rows(measured, STAGES)
        if "memory" in arguments.parts:
            found.memory = [_memory(arguments.dialogs, hops, console) for hops in (1, 2)]
        if "backlog" in arguments.parts:
            found.backlog = [_backlog(file, database, console) for database in DATABASES]
        if "storage" in arguments.parts:
            found.storage = [_storage(file, database, console) for database in DATABASES]
        if "live" in arguments.parts:
            found.live = list(_live(file, arguments, console))
    except RunError as error:
        console.print(f"bench: {error}", style="red")
        return 1
    report.show(found, console)
    path = arguments.out / "bench.json"
    report.write(found, path)
    console.print(f"The same as JSON: {os.path.relpath(path)}")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("parts", nargs="*", choices=PARTS, default=PARTS, help="what to measure (all)")
    parser.add_argument("--messages", type=int, default=capture.MESSAGES, help="SIP messages in the capture")
    parser.add_argument("--dialogs", type=int, default=memory.DIALOGS, help="open dialogs whose memory is measured")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--core", type=int, help="the core to run on (the first that may be used)")
    parser.add_argument(
        "--databases", nargs="+", choices=DATABASES, default=DATABASES, help="of the live path (%(default)s)"
    )
    parser.add_argument("--rates", nargs="+", type=int, default=live.RATES, help="of the live path, frames/s")
    parser.add_argument("--seconds", type=float, default=live.SECONDS, help="at each rate")
    parser.add_argument(
        "--source", choices=SOURCES, default="both", help="of the live path: packages as written, compiled, or both"
    )
    parser.add_argument("--out", type=Path, default=capture.OUT, help="where captures and results go")
    return parser


def _compiled(file: Path, out: Path, console: Console) -> list[Program]:
    """Ours once more, where it can be compiled."""
    console.print("Compiling the hot path, unless that was done …")
    try:
        return [compiled.program(compiled.installed(out), file)]
    except compiled.BuildError as error:
        console.print(f"The compiled one is left out: {error}")
        return []


def _programs(found: report.Report, file: Path, wanted: Sequence[Program], console: Console) -> None:
    present = [program for program in wanted if programs.installed(program)]
    found.missing = [program.binary for program in wanted if program not in present]
    for program in present:
        if version := programs.version(program):
            found.machine[program.binary] = version
    runs: dict[str, list[Run]] = {program.name: [] for program in present}
    for number in range(found.rounds):
        console.print(f"Programs, round {number + 1} of {found.rounds} …")
        for program in present:
            runs[program.name].append(programs.run(program, file, found.messages, found.core))
    found.programs = report.program_rows(runs, found.messages, SNGREP.name)


def _stages(file: Path, rounds: int, core: int | None) -> dict[str, Any]:
    command = programs.pinned([sys.executable, "-m", "bench.stages", str(file), str(rounds)], core)
    output = subprocess.run(command, check=True, cwd=capture.ROOT, stdout=subprocess.PIPE).stdout
    measured: dict[str, Any] = json.loads(output)
    return measured


def _memory(dialogs: int, hops: int, console: Console) -> report.Held:
    console.print(f"Holding {dialogs:,} dialogs over {hops} hop{'s' if hops > 1 else ''} …")
    command = [sys.executable, "-m", "bench.memory", str(dialogs), str(hops)]
    output = subprocess.run(command, check=True, cwd=capture.ROOT, stdout=subprocess.PIPE).stdout
    return msgspec.json.decode(output, type=report.Held)


def _backlog(file: Path, database: Database, console: Console) -> report.Cleared:
    console.print(f"Clearing a backlog into {database} …")
    return backlog.measure(file, database)


def _storage(file: Path, database: Database, console: Console) -> report.Kept:
    console.print(f"Storing into {database} …")
    return storage.measure(file, database)


def _live(file: Path, arguments: argparse.Namespace, console: Console) -> Iterator[report.Step]:
    """Every database with every source, step by step; a real browser watches at the first rate."""
    for source in _sources(arguments, console):
        for database in arguments.databases:
            plan = Plan(database=database, rate=0, seconds=arguments.seconds, source=source, browser=True)
            try:
                for step in live.climb(file, plan, tuple(arguments.rates)):
                    console.print(report.sentence(step))
                    yield step
            except live.NoNamespaceError as error:
                console.print(f"The live path is left out: {error}")
                return


def _sources(arguments: argparse.Namespace, console: Console) -> list[Path]:
    """Where the packages of the live path lie: as written, compiled, or both."""
    found = [capture.ROOT] if arguments.source != "compiled" else []
    if arguments.source != "written":
        try:
            found.append(compiled.installed(arguments.out))
        except compiled.BuildError as error:
            console.print(f"The compiled one is left out: {error}")
    return found


if __name__ == "__main__":
    sys.exit(main())
