"""The live path end to end: frames on an interface → collector → Valkey → ingest → database → overview → WebSocket.

In a network namespace of its own, where the loopback interface carries nothing else. The rate rises
step by step, each step on a fresh installation, until messages are lost or ingest falls behind. Faults are
planted among the load: how long each takes to be seen by a WebSocket client is the latency of alerts.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import msgspec

from bench import probes
from bench.capture import ROOT
from bench.installation import Database, Installation, installation
from bench.report import Latency, Step
from bench.spectators import Browser, Listener, delays_ms
from tests.support.processes import spawn, stop

RATES: Final = (3000, 6000, 10_000, 12_500, 15_000)  # frames/s
SECONDS: Final = 30.0
FAULTS: Final = 3.0  # planted each second, one of each kind
INTERFACE: Final = "lo"
_LAG_S: Final = 1.0  # further behind than this when the last message was sent: not sustained
_PATIENCE_S: Final = 10.0  # with nothing on its way, before what is missing counts as lost
_POLL_S: Final = 0.1
_READY_S: Final = 30.0
_SEEN_S: Final = 15.0  # for the last frames to be seen


class NoNamespaceError(Exception):
    """No network namespace can be made here, so nothing can be put on a wire."""


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What one step does."""

    database: Database
    rate: int  # frames/s
    seconds: float = SECONDS
    faults: float = FAULTS  # each second
    browser: bool = False  # a real one watches, too
    source: Path = ROOT  # of the packages: as written, or compiled
    workers: int = 0  # ingest processes; 0: two on PostgreSQL, where one works while the other waits for its commit

    @property
    def ingest(self) -> int:
        """How many ingest processes there are."""
        return self.workers or (2 if self.database == "PostgreSQL" else 1)

    @property
    def compiled(self) -> bool:
        """Whether the packages are those of a compiled wheel."""
        return self.source != ROOT


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
        until(lambda: holder.poll() is not None or theirs.readlink() != own, 5)
        if holder.poll() is not None:
            raise NoNamespaceError("needs root, or user namespaces for everybody")
        user = () if root else ("--user", "--preserve-credentials")
        prefix = ("nsenter", "--target", str(holder.pid), *user, "--net", "--")
        subprocess.run([*prefix, "ip", "link", "set", "dev", INTERFACE, "up"], check=True)
        yield prefix
    finally:
        stop(holder)


def climb(file: Path, plan: Plan, rates: tuple[int, ...] = RATES) -> Iterator[Step]:
    """Step after step, up to the first that is not sustained; a browser watches at the first alone."""
    for number, rate in enumerate(rates):
        step = measure(file, msgspec.structs.replace(plan, rate=rate, browser=plan.browser and number == 0))
        yield step
        if not step.sustained:
            return


def measure(file: Path, plan: Plan) -> Step:
    """One rate, on a fresh installation. Raises `RuntimeError` when a process ends."""
    with namespace() as inside, installation(plan.database, plan.source) as system:
        start(system, inside, plan.ingest)
        cookie = system.visitor()
        address = f"127.0.0.1:{system.port}"
        listener = Listener(address, cookie)
        browser = Browser(address, cookie) if plan.browser else None
        before = system.cpu_seconds()
        with replay(inside, file, plan.rate, plan.seconds, plan.faults) as sender:
            said, _ = sender.communicate()
        replayed = json.loads(said)
        ended = time.monotonic()
        stored, lag_s = drain(system, replayed["sent"], ended)
        after = system.cpu_seconds()
        memory = system.resident_mib()
        until(lambda: listener.has_seen(replayed["faults"]), _SEEN_S)
        latencies = [*_of_listener(listener, replayed["faults"]), *_of_browser(browser, replayed["faults"])]
        counters = system.collector_counters()
    sent = replayed["sent"]
    cost = {"sender": replayed["cpu_seconds"], **{name: after[name] - before[name] for name in after}}
    return Step(
        database=plan.database,
        compiled=plan.compiled,
        offered=round(sent / replayed["seconds"]),
        sent=sent,
        stored=stored,
        lost=sent - stored,
        lag_s=lag_s,
        sustained=sent == stored and lag_s <= _LAG_S,
        cpu_us_a_message={name: 1e6 * seconds / sent for name, seconds in cost.items()},
        resident_mib=memory,
        latencies=latencies,
        counters=counters,
    )


def start(system: Installation, inside: tuple[str, ...], workers: int = 1) -> None:
    """All processes of the live path; returns when they share the partitions, and the collector was heard of."""
    for number in range(workers):
        system.run(f"ingest {number + 1}" if number else "ingest", "monitor.cli", "correlate")
    system.run("overview", "monitor.cli", "watch")
    system.run("web", "monitor.cli", "web")
    system.run("collector", "collectors.cli", "run", "--receiver", "libpcap", "--interface", INTERFACE, prefix=inside)
    if not until(lambda: system.heard_of_collector() and system.workers() == workers, _READY_S):
        system.check()
        raise RuntimeError(f"no heartbeat of the collector, or not all at work, within {_READY_S:.0f} s")


@contextmanager
def replay(
    inside: tuple[str, ...], file: Path, rate: float, seconds: float, faults: float
) -> Iterator[subprocess.Popen[bytes]]:
    """The traffic source at work; what it prints at its end is JSON (`bench.replay`)."""
    words = (str(file), INTERFACE, str(rate), str(seconds), str(faults))
    sender = spawn([*inside, sys.executable, "-m", "bench.replay", *words], cwd=ROOT, stdout=subprocess.PIPE)
    try:
        yield sender
    finally:
        stop(sender)


def drain(system: Installation, sent: int, ended: float) -> tuple[int, float]:
    """Until all is stored, or nothing more comes; how many, and how long after the last was sent."""
    stored, changed = 0, time.monotonic()
    while stored < sent and time.monotonic() - changed < _PATIENCE_S:
        system.check()
        now_stored = system.stored()
        if now_stored != stored or system.waiting():
            stored, changed = now_stored, time.monotonic()
        time.sleep(_POLL_S)
    return stored, max(0.0, changed - ended)


def until(condition: Callable[[], bool], seconds: float) -> bool:
    """Wait for it; whether it came true in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(_POLL_S)
    return True


def _of_listener(listener: Listener, faults: list[dict[str, Any]]) -> list[Latency]:
    """By kind of fault: to the row of its record, and over all kinds that open one each, to its alert."""
    seen = listener.stop()
    found = [_latency(f"{kind} → row", _of_kind(faults, kind), seen, "name") for kind in probes.KINDS]
    return [*found, _latency("alert", _with_own_alert(faults, seen), seen, "place")]


def _of_browser(browser: Browser | None, faults: list[dict[str, Any]]) -> list[Latency]:
    if browser is None:
        return []
    seen = browser.stop()
    return [_latency("browser", _with_own_alert(faults, seen), seen, "place")]


def _of_kind(faults: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [fault for fault in faults if fault["kind"] == kind]


def _with_own_alert(faults: list[dict[str, Any]], seen: dict[str, int]) -> list[dict[str, Any]]:
    """Beyond its first places a rule has one alert for all, which names none."""
    return [fault for fault in faults if fault["place"] in seen]


def _latency(name: str, faults: list[dict[str, Any]], seen: dict[str, int], by: str) -> Latency:
    return Latency.of_delays(name, *delays_ms(faults, seen, by))
