"""The live path end to end: frames on an interface → collector → Valkey → ingest → database.

In a network namespace of its own, where the loopback interface carries nothing else. The rate rises
step by step, each step on a fresh installation, until messages are lost or ingest falls behind.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from bench.capture import ROOT
from bench.installation import Database, Installation, installation
from bench.report import Step
from tests.support.processes import spawn, stop

RATES: Final = (1500, 3000, 4500, 6000, 8000, 10_000, 12_500, 15_000)  # frames/s
SECONDS: Final = 20.0
_INTERFACE: Final = "lo"
_LAG_S: Final = 1.0  # further behind than this when the last message was sent: not sustained
_PATIENCE_S: Final = 30.0  # without progress, before what is missing counts as lost
_POLL_S: Final = 0.1
_READY_S: Final = 30.0


class NoNamespaceError(Exception):
    """No network namespace can be made here, so nothing can be put on a wire."""


@contextmanager
def namespace() -> Iterator[tuple[str, ...]]:
    """A network namespace with a loopback interface; gives the words that run a command in it.

    Raises `NoNamespaceError` when that is not allowed.
    """
    root = os.geteuid() == 0
    holder = spawn(["unshare", *([] if root else ["--map-root-user"]), "--net", "sleep", "infinity"])
    try:
        own = Path("/proc/self/ns/net").readlink()
        theirs = Path(f"/proc/{holder.pid}/ns/net")
        _until(lambda: holder.poll() is not None or theirs.readlink() != own, 5)
        if holder.poll() is not None:
            raise NoNamespaceError("needs root, or user namespaces for everybody")
        user = () if root else ("--user", "--preserve-credentials")
        prefix = ("nsenter", "--target", str(holder.pid), *user, "--net", "--")
        subprocess.run([*prefix, "ip", "link", "set", "dev", _INTERFACE, "up"], check=True)
        yield prefix
    finally:
        stop(holder)


def climb(file: Path, database: Database, rates: tuple[int, ...] = RATES, seconds: float = SECONDS) -> Iterator[Step]:
    """Step after step, up to the first that is not sustained."""
    for rate in rates:
        step = measure(file, database, rate, seconds)
        yield step
        if not step.sustained:
            return


def measure(file: Path, database: Database, rate: int, seconds: float = SECONDS) -> Step:
    """One rate, on a fresh installation. Raises `RuntimeError` when a process ends."""
    with namespace() as inside, installation(database) as system:
        system.run("ingest", "monitor.cli", "correlate")
        system.run("overview", "monitor.cli", "watch")
        system.run(
            "collector", "collectors.cli", "run", "--receiver", "libpcap", "--interface", _INTERFACE, prefix=inside
        )
        if not _until(system.heard_of_collector, _READY_S):
            system.check()
            raise RuntimeError(f"no heartbeat of the collector within {_READY_S:.0f} s")
        before = system.cpu_seconds()
        command = [*inside, sys.executable, "-m", "bench.replay", str(file), _INTERFACE, str(rate), str(seconds)]
        replayed = json.loads(subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE).stdout)
        ended = time.monotonic()
        stored, lag_s = _drain(system, replayed["sent"], ended)
        after = system.cpu_seconds()
        counters = system.collector_counters()
    sent = replayed["sent"]
    return Step(
        database=database,
        offered=round(sent / replayed["seconds"]),
        sent=sent,
        stored=stored,
        lost=sent - stored,
        lag_s=lag_s,
        sustained=sent == stored and lag_s <= _LAG_S,
        cpu_us_a_message={name: 1e6 * (after[name] - before[name]) / sent for name in after},
        counters=counters,
    )


def _drain(system: Installation, sent: int, ended: float) -> tuple[int, float]:
    """Until all is stored, or nothing more comes; how many, and how long after the last was sent."""
    stored, changed = 0, time.monotonic()
    while stored < sent and time.monotonic() - changed < _PATIENCE_S:
        system.check()
        now_stored = system.stored()
        if now_stored != stored:
            stored, changed = now_stored, time.monotonic()
        time.sleep(_POLL_S)
    return stored, max(0.0, changed - ended)


def _until(condition: Callable[[], bool], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(_POLL_S)
    return True
