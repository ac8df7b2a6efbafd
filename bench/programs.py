"""Programs beside each other on one capture: pinned to one core, one after the other, round by round."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO, NamedTuple

from bench.capture import ROOT

_POLL_S = 0.02


class Program(NamedTuple):
    """Something that reads a capture file."""

    name: str
    binary: str
    command: Callable[[Path], list[str]]
    version: tuple[str, ...] = ()
    # Whether its output proves that it did the work, given the number of messages.
    proof: Callable[[bytes, int], bool] = lambda _output, _messages: True
    folder: Path = ROOT  # where it runs, and Python looks for its modules
    cores: int = 1  # that it is bound to
    beside: str = "sngrep -N -q"  # the program to which it is compared, bound to as many


class Run(NamedTuple):
    """One program's one reading of the capture."""

    seconds: float
    cpu_seconds: float
    peak_mib: float


class RunError(Exception):
    """A program ended with an error or read something else than it was given."""


def _analyzed(output: bytes, messages: int) -> bool:
    return bool(json.loads(output)["messages"] == messages)


def _counted(output: bytes, messages: int) -> bool:
    return f"Number of SIP messages: {messages}\n".encode() in output


ANALYZE = Program(
    "offhook analyze --json",
    sys.executable,
    lambda file: [sys.executable, "-m", "monitor.cli", "analyze", "--json", str(file)],
    proof=_analyzed,
)
SNGREP = Program("sngrep -N -q", "sngrep", lambda file: ["sngrep", "-N", "-q", "-I", str(file)], ("sngrep", "-V"))
TSHARK = Program(
    "tshark -n -q -z sip,stat",
    "tshark",
    lambda file: ["tshark", "-n", "-q", "-z", "sip,stat", "-r", str(file)],
    ("tshark", "--version"),
    _counted,
)
SIPGREP = Program("sipgrep (prints only)", "sipgrep", lambda file: ["sipgrep", "-I", str(file)], ("sipgrep", "-V"))
ANALYZE_TWICE = ANALYZE._replace(
    name="offhook analyze --json --jobs 2",
    command=lambda file: [*ANALYZE.command(file), "--jobs", "2"],
    cores=2,
    beside="sngrep -N -q (two cores)",
)
SNGREP_TWICE = SNGREP._replace(name=ANALYZE_TWICE.beside, cores=2, beside=ANALYZE_TWICE.beside)
PROGRAMS = (ANALYZE, SNGREP, TSHARK, SIPGREP, ANALYZE_TWICE, SNGREP_TWICE)


def installed(program: Program) -> bool:
    """Whether it can be measured: it is there, and so are the cores that it is bound to."""
    return shutil.which(program.binary) is not None and len(os.sched_getaffinity(0)) >= program.cores


def version(program: Program) -> str:
    """The first line of what it says of itself."""
    if not program.version:
        return ""
    said = subprocess.run(program.version, capture_output=True, text=True, check=False)
    return (said.stdout + said.stderr).strip().partition("\n")[0]


def run(program: Program, file: Path, messages: int, core: int | None) -> Run:
    """Run it once on a core, or on so many as it wants. Raises `RunError`."""
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        command = bound(program, file, core)
        before = os.times()
        started = time.perf_counter()
        process = subprocess.Popen(command, cwd=program.folder, stdin=subprocess.DEVNULL, stdout=output, stderr=errors)
        peak_mib = _watch(process)
        seconds = time.perf_counter() - started
        after = os.times()
        if process.returncode:
            raise RunError(f"{program.name}: exit code {process.returncode}: {_tail(errors)}")
        output.seek(0)
        if not program.proof(output.read(), messages):
            raise RunError(f"{program.name} did not read the {messages:,} messages that the capture holds")
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return Run(seconds, cpu, peak_mib)


def bound(program: Program, file: Path, core: int | None) -> list[str]:
    """Its command, bound to this core, and where it wants more, to the first others that may be used."""
    if core is None or program.cores == 1:
        return pinned(program.command(file), core)
    others = sorted(os.sched_getaffinity(0) - {core})
    return pinned(program.command(file), core, *others[: program.cores - 1])


def pinned(command: list[str], core: int | None, *more: int) -> list[str]:
    """The command, bound to cores where `taskset` can do that."""
    if core is None or not shutil.which("taskset"):
        return command
    return ["taskset", "-c", ",".join(map(str, (core, *more))), *command]


def _watch(process: "subprocess.Popen[bytes]") -> float:
    """Wait for its end; its peak of resident memory, and that of each process which it made, in MiB.

    From /proc and not from getrusage, which counts what the parent held when it forked.
    """
    peaks_kib: dict[str, int] = {}
    while process.poll() is None:
        for pid in (str(process.pid), *_read(Path(f"/proc/{process.pid}/task/{process.pid}/children")).split()):
            peaks_kib[pid] = max(peaks_kib.get(pid, 0), _high_water_kib(pid))
        time.sleep(_POLL_S)
    return sum(peaks_kib.values()) / 1024


def _high_water_kib(pid: str) -> int:
    lines = _read(Path(f"/proc/{pid}/status")).splitlines()
    return next((int(line.split()[1]) for line in lines if line.startswith("VmHWM:")), 0)


def _read(file: Path) -> str:
    try:
        return file.read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def _tail(errors: IO[bytes]) -> str:
    errors.seek(0)
    return errors.read().decode(errors="replace")[-500:].strip()
