"""A world of real processes: collectors before a made-up wire, the stream store behind links that fail,
ingest workers, a database.

Whoever needs more of the product starts it with `run`, and hurts it with faults of its own.
"""

import os
import secrets
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, Self

import msgspec
import redis

from collectors.sip.timers import SECOND
from collectors.wire.codec import stream
from monitor.models import Collector
from tests.faults.disk import Disk
from tests.faults.link import Link
from tests.faults.player import Told
from tests.faults.wire import Split, Wire
from tests.support.nursery import Nursery
from tests.support.processes import alive, wait_for
from tests.support.valkey import Valkey

PARTITIONS: Final = 4
SPOOL_OCTETS: Final = 4 * 1024 * 1024
DISK_OCTETS: Final = 32 * 1024 * 1024
_SETTLED_S: Final = 60.0  # a loaded machine has this long to come to rest
PRELOADED: Final = ("monitor.cli", "monitor.ingest.shell", "tests.faults.player", "tests.faults.defective")


class Setting(msgspec.Struct, frozen=True, kw_only=True):
    """What kind of world it is."""

    seed: str
    seconds: float = 8.0
    collectors: tuple[str, ...] = ("east", "west")
    offsets_us: tuple[int, ...] = (0, 0)  # of the collectors' clocks
    split: Split = Split.CALLS
    workers: int = 2
    defective: bool = False  # the workers have a bug
    spool_octets: int = SPOOL_OCTETS
    speed: float = 5.0
    calls_per_second: float = 2.0  # of wire time


class Process:
    """One of a world's processes. `start` is how it is started: it gives the process id."""

    def __init__(self, name: str, start: Callable[[], int]) -> None:
        self.name = name
        self.starts = 0
        self.wanted = False  # whether it should be running
        self._start = start
        self.pid = 0

    @property
    def running(self) -> bool:
        """Whether it is there, be it frozen."""
        return self.pid > 0 and alive(self.pid)

    def start(self) -> None:
        """Start it, unless it runs."""
        if not self.running:
            self.pid, self.wanted = self._start(), True
            self.starts += 1

    def signal(self, number: signal.Signals) -> None:
        """Send a signal, if it is there."""
        if self.running:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """SIGKILL, and wait until it is gone."""
        self.wanted = False
        self.signal(signal.SIGKILL)
        wait_for(lambda: not self.running, 10, what=f"{self.name} is gone")

    def end(self, seconds: float = _SETTLED_S) -> None:
        """Ask it to end, and wait for that."""
        self.wanted = False
        self.signal(signal.SIGCONT)
        self.signal(signal.SIGTERM)
        wait_for(lambda: not self.running, seconds, what=f"{self.name} ends")


class Edge(Process):
    """A collector with its spool on a disk of its own, and its link to the store."""

    def __init__(self, name: str, start: Callable[[], int], disk: Disk, link: Link) -> None:
        super().__init__(name, start)
        self.disk = disk
        self.link = link

    @property
    def spool(self) -> Path:
        """The folder of its spool."""
        return self.disk.folder / "spool"

    @property
    def holds(self) -> bool:
        """Whether anything waits in the spool."""
        return self.spooled > 0

    @property
    def spooled(self) -> int:
        """Octets in its spool."""
        return sum(path.stat().st_size for path in self.spool.glob("*.spool"))


class World:
    """Use as a context manager: it begins with `begin`, and everything in it ends at the exit."""

    def __init__(
        self, setting: Setting, folder: Path, environment: dict[str, str], preloaded: tuple[str, ...] = PRELOADED
    ) -> None:
        self.setting = setting
        self.folder = folder
        self.notes: list[str] = []  # what was done to it
        self.database_disk: Disk | None = None  # where SQLite's files lie
        self.wiped = False  # the store's data were taken away
        self.log = folder / "log"
        self.store_disk = Disk(folder / "store", DISK_OCTETS)
        self.store = Valkey(self.store_disk.folder)
        self.ingest_link = Link(self.store.socket)
        self.environment = (
            {"OFFHOOK_BUS_URL": self.store.url} | environment | {"OFFHOOK_STREAM_URL": self.ingest_link.url}
        )
        self._nursery = Nursery(self.environment, *preloaded)
        self.wire: Wire
        self.edges = [self._edge(number, name) for number, name in enumerate(setting.collectors)]
        correlate = "tests.faults.defective:main" if setting.defective else "monitor.cli:main"
        self.workers = [self.run(f"worker {n}", correlate, ["correlate"]) for n in range(setting.workers)]
        self.others: list[Process] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._nursery.close()
        for link in (self.ingest_link, *(edge.link for edge in self.edges)):
            link.close()
        self.store.kill()
        for disk in (self.store_disk, *(edge.disk for edge in self.edges)):
            disk.close()

    @property
    def processes(self) -> list[Process]:
        """All that a fault may strike, but the store."""
        return [*self.edges, *self.workers, *self.others]

    def run(self, name: str, call: str, *arguments: object) -> Process:
        """A process of the product that runs "module:function", not started yet."""
        return Process(name, lambda: self._nursery.start(call, *arguments, log=self.log))

    def note(self, text: str) -> None:
        """Write down what is done to the world."""
        self.notes.append(f"{self.elapsed_s:6.2f} s  {text}")

    @property
    def elapsed_s(self) -> float:
        """How old it is."""
        return time.monotonic() - self.wire.began_s if hasattr(self, "wire") else 0.0

    def begin(self) -> None:
        """Start everything; time begins."""
        for worker in self.workers:
            worker.start()
        length_s = self.setting.seconds
        # Wire time catches up with the clock at its end: no collector is ever ahead of it.
        begin_us = time.time_ns() // 1000 - int((self.setting.speed - 1) * length_s * SECOND)
        self.wire = Wire(
            seed=self.setting.seed,
            collectors=self.setting.collectors,
            split=self.setting.split,
            begin_us=begin_us,
            began_s=time.monotonic(),
            length_us=int(self.setting.speed * length_s * SECOND),
            speed=self.setting.speed,
            calls_per_second=self.setting.calls_per_second,
        )
        for edge in self.edges:
            edge.start()
        # What a collector loses that was never heard, nobody can know of.
        wait_for(lambda: Collector.objects.count() == len(self.edges), _SETTLED_S, what="all collectors are heard")

    def crashed(self) -> list[str]:
        """Processes that ended and should not have."""
        over = self.elapsed_s >= self.setting.seconds
        return [
            process.name
            for process in self.processes
            if process.wanted and not process.running and not (over and isinstance(process, Edge))
        ]

    def settle(self) -> None:
        """When the wire has fallen silent and nothing is done to the world any more: until it is at rest."""
        for edge in self.edges:
            self._empty(edge)
        wait_for(self._drained, _SETTLED_S, what="all that was sent is committed")

    def end(self) -> None:
        """End the workers in good order."""
        for process in (*self.others, *self.workers):
            process.end()

    def wipe_store(self) -> None:
        """Take away the data of the store, which must not run."""
        self.wiped = True
        shutil.rmtree(self.store_disk.folder / "appendonlydir")

    def _empty(self, edge: Edge) -> None:
        """Let it send what it holds, started again as often as it must."""
        deadline = time.monotonic() + _SETTLED_S
        wait_for(lambda: not edge.running, _SETTLED_S, what=f"{edge.name} ends with its wire")
        while edge.holds and time.monotonic() < deadline:
            edge.start()
            wait_for(lambda: not edge.running, _SETTLED_S, what=f"{edge.name} has sent its spool")
        assert not edge.holds, f"{edge.name} could not send its spool"

    def _drained(self) -> bool:
        try:
            with self.store.client() as client:
                return not any(client.xlen(stream(number)) for number in range(PARTITIONS))
        except redis.RedisError:
            return False

    def _edge(self, number: int, name: str) -> Edge:
        disk = Disk(self.folder / f"disk-{name}", DISK_OCTETS)
        link = Link(self.store.socket)

        def start() -> int:
            told = Told(
                name=name,
                wire=self.wire,
                url=link.url,
                partitions=PARTITIONS,
                spool=str(edge.spool),
                spool_size=self.setting.spool_octets,
                offset_us=self.setting.offsets_us[number],
            )
            boot = f"{edge.starts:03d}-{secrets.token_hex(3)}"
            first = edge.starts == 0
            return self._nursery.start("tests.faults.player:main", msgspec.to_builtins(told), boot, first, log=self.log)

        edge = Edge(name, start, disk, link)
        return edge
