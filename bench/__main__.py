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

from bench import (
    backlog,
    capture,
    compare,
    compiled,
    limit,
    live,
    memory,
    programs,
    report,
    scaling,
    search,
    soak,
    storage,
    summary,
)
from bench.choice import one_of
from bench.installation import DATABASES, Database
from bench.live import Plan
from bench.programs import PROGRAMS, Program, Run, RunError

STAGES = {
    "collector": "a collector alone: read, redact, parse, batch, encode",
    "read": "read a file and decode its packets",
    "parse": "parse",
    "correlate": "correlate and diagnose",
    "encode": "encode batches",
    "decode": "decode batches",
}
SOURCES = ("written", "compiled", "both")
PARTS = ("programs", "stages", "memory", "backlog", "storage", "live")
SOAK = "soak"  # an hour, by itself
# With arguments of their own: `python -m bench search --help`.
APART = {"search": search.main, "limit": limit.main, "scaling": scaling.main}


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, print, and write JSON; returns the exit code."""
    console = Console(width=None if sys.stdout.isatty() else 120)
    words = sys.argv[1:] if argv is None else list(argv)
    if words[:1] == ["compare"] and len(words) == 3:
        return compare.main(Path(words[1]), Path(words[2]), console)
    if words and words[0] in APART:
        return APART[words[0]](words[1:])
    arguments = _parser().parse_args(words)
    if SOAK in arguments.parts:
        return _soak(arguments, console)
    core = min(os.sched_getaffinity(0)) if arguments.core is None else arguments.core
    console.print("Making the capture, unless it is there …")
    file = capture.cached(arguments.messages, arguments.out)
    found = report.Report(messages=arguments.messages, rounds=arguments.rounds, core=core, machine=report.machine())
    try:
        _measure(found, file, arguments, console)
    except RunError as error:
        console.print(f"bench: {error}", style="red")
        return 1
    report.show(found, console)
    if lines := summary.lines(found):
        console.print(summary.table(lines))
    _write(found, arguments.out / "bench.json", console)
    return 0


def _measure(found: report.Report, file: Path, arguments: argparse.Namespace, console: Console) -> None:
    """The parts that are asked for, one after the other."""
    if "programs" in arguments.parts:
        _programs(found, file, [*PROGRAMS, *_compiled(file, arguments.out, console)], console)
    if "stages" in arguments.parts:
        for source in _sources(arguments, console):
            measured = _stages(file, arguments.rounds, found.core, source)
            found.stages += report.stage_rows(measured, STAGES, "" if source == capture.ROOT else " (compiled)")
    if "memory" in arguments.parts:
        found.memory = [_memory(arguments.dialogs, hops, console) for hops in (1, 2)]
    if "backlog" in arguments.parts:
        found.backlog = [_backlog(file, database, console) for database in DATABASES]
    if "storage" in arguments.parts:
        found.storage = [_storage(file, database, console) for database in DATABASES]
    if "live" in arguments.parts:
        found.live = list(_live(file, arguments, console))


def _write(found: msgspec.Struct, path: Path, console: Console) -> None:
    """As JSON; what the last run wrote stays beside it."""
    if path.exists():
        path.replace(path.with_stem(f"{path.stem}-before"))
    report.write(found, path)
    console.print(f"The same as JSON: {os.path.relpath(path)}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m bench", description=__doc__, epilog="Also: compare OLD NEW, two results (JSON) side by side."
    )
    parser.add_argument(
        "parts",
        nargs="*",
        type=one_of((*PARTS, SOAK)),
        default=PARTS,
        metavar="PART",
        help=f"what to measure: {', '.join(PARTS)} (these), {SOAK}",
    )
    parser.add_argument("--messages", type=int, default=capture.MESSAGES, help="SIP messages in the capture")
    parser.add_argument("--dialogs", type=int, default=memory.DIALOGS, help="open dialogs whose memory is measured")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--core", type=int, help="the core to run on (the first that may be used)")
    parser.add_argument(
        "--databases", nargs="+", choices=DATABASES, default=DATABASES, help="of the live path (%(default)s)"
    )
    parser.add_argument("--rates", nargs="+", type=int, default=live.RATES, help="of the live path, frames/s")
    parser.add_argument(
        "--seconds", type=float, help=f"at each rate ({live.SECONDS:.0f}), or of the soak ({soak.SECONDS:.0f})"
    )
    parser.add_argument("--workers", type=int, default=0, help="ingest processes (1, and 2 on PostgreSQL)")
    parser.add_argument(
        "--source",
        choices=SOURCES,
        default="both",
        help="of stages and the live path: packages as written, compiled, or both",
    )
    parser.add_argument("--out", type=Path, default=capture.OUT, help="where captures and results go")
    return parser


def _compiled(file: Path, out: Path, console: Console) -> list[Program]:
    """Ours once more, on one core and on two, where it can be compiled."""
    console.print("Compiling the hot path, unless that was done …")
    try:
        return compiled.programs(compiled.installed(out), file)
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
    found.programs = report.program_rows(runs, found.messages, {each.name: each.beside for each in present})


def _stages(file: Path, rounds: int, core: int | None, source: Path) -> dict[str, Any]:
    command = programs.pinned([sys.executable, "-m", "bench.stages", str(file), str(rounds)], core)
    # Our packages are found in the working folder first, and this one behind it.
    environment = os.environ | {"PYTHONPATH": str(capture.ROOT)}
    output = subprocess.run(command, check=True, cwd=source, env=environment, stdout=subprocess.PIPE).stdout
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
            plan = Plan(
                database=database, rate=0, seconds=arguments.seconds or live.SECONDS, source=source, browser=True
            )
            try:
                for step in live.climb(file, plan, tuple(arguments.rates)):
                    console.print(report.sentence(step))
                    yield step
            except live.NoNamespaceError as error:
                console.print(f"The live path is left out: {error}")
                return


def _soak(arguments: argparse.Namespace, console: Console) -> int:
    """Overload for long; 1 when memory grew without bound, or a loss was not told."""
    file = capture.cached(arguments.messages, arguments.out)
    plan = Plan(
        database=arguments.databases[-1],
        rate=arguments.rates[-1] if arguments.rates != live.RATES else soak.RATE,
        seconds=arguments.seconds or soak.SECONDS,
        source=_sources(arguments, console)[-1],
        workers=arguments.workers,
    )
    try:
        found = soak.run(file, plan, console)
    except live.NoNamespaceError as error:
        console.print(f"No soak: {error}")
        return 1
    console.print(soak.table(found))
    console.print(soak.sentence(found.verdict))
    _write(found, arguments.out / "soak.json", console)
    return 0 if found.verdict.passed else 1


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
