"""An installation to measure: real Valkey, real database, our processes, in a folder that is thrown away."""

import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any, Final, Literal, LiteralString

import psutil
import psycopg

from bench.capture import ROOT
from bench.report import GOING_ON
from collectors.wire.codec import DEFAULT_PARTITIONS, stream
from tests.support.postgres import Postgres
from tests.support.processes import free_port, spawn, stop, wait_for
from tests.support.valkey import Valkey

Database = Literal["SQLite", "PostgreSQL"]
_WEIGHTY: Final = 300_000  # octets: what is less is the rest
DATABASES: Final[tuple[Database, ...]] = ("SQLite", "PostgreSQL")
_HEARTBEATS: Final = 4 * DEFAULT_PARTITIONS  # entries that may be in the streams when nothing happens
# Somebody who is logged in: prints the cookies.
_VISITOR: Final = """
import django
django.setup()
from django.contrib.auth.models import User
from django.test import Client
client = Client()
client.force_login(User.objects.create_user("visitor"))
print("; ".join(f"{name}={morsel.value}" for name, morsel in client.cookies.items()))
"""


class Installation:
    """The servers, and the processes that were started with `run`, by name."""

    def __init__(
        self,
        database: Database,
        folder: Path,
        valkey: Valkey,
        postgres: Postgres | None,
        source: Path = ROOT,
        settings: dict[str, str] | None = None,
    ) -> None:
        """`source` is where our packages lie: the source tree, or what was installed from a compiled wheel."""
        self.database = database
        self.folder = folder
        self.valkey = valkey
        self.source = source
        self.port = free_port()
        self._postgres = postgres
        self._url = postgres.url("offhook") if postgres else f"sqlite:///{folder}/offhook.sqlite3"
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        clean = {name: value for name, value in os.environ.items() if not name.startswith("OFFHOOK_")}
        self._environment = clean | {
            "OFFHOOK_STATE_DIR": str(folder),
            "OFFHOOK_STREAM_URL": valkey.url,
            "OFFHOOK_DATABASE_URL": self._url,
            "OFFHOOK_LOG_LEVEL": "WARNING",
            "OFFHOOK_PORT": str(self.port),
            **(settings or {}),
        }

    def migrate(self) -> None:
        """Make the tables."""
        if self._postgres:
            with psycopg.connect(self._postgres.url(), autocommit=True) as connection:
                connection.execute("CREATE DATABASE offhook")
        command = [sys.executable, "-m", "monitor.cli", "migrate"]
        subprocess.run(command, check=True, cwd=self.source, env=self._environment, stdout=subprocess.DEVNULL)

    def run(self, name: str, *command: str, prefix: tuple[str, ...] = ()) -> None:
        """Start a Python module as a process: run("ingest", "monitor.cli", "correlate")."""
        with (self.folder / f"{name}.log").open("wb") as log:
            self._processes[name] = spawn(
                [*prefix, sys.executable, "-m", *command],
                cwd=self.source,
                env=self._environment,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def finish(self, *command: str) -> str:
        """Run a Python module to its end; what it printed."""
        line = [sys.executable, "-m", *command]
        return subprocess.run(
            line, check=True, cwd=ROOT, env=self._environment, stdout=subprocess.PIPE, text=True
        ).stdout

    def visitor(self) -> str:
        """Somebody who is logged in, once the web server answers: the cookies."""
        environment = self._environment | {"DJANGO_SETTINGS_MODULE": "monitor.settings"}
        command = [sys.executable, "-c", _VISITOR]
        found = subprocess.run(
            command, check=True, cwd=self.source, env=environment, stdout=subprocess.PIPE, text=True
        ).stdout.strip()
        wait_for(self._serves, 30, every=0.2, what="the web server answers")
        return found

    def _serves(self) -> bool:
        self.check()
        connections = psutil.Process(self._processes["web"].pid).net_connections()
        return any(self.port in each.laddr[1:] for each in connections)

    def check(self) -> None:
        """Raises `RuntimeError`, with what it said, when a process has ended."""
        for name, process in self._processes.items():
            if process.poll() is not None:
                said = (self.folder / f"{name}.log").read_text(errors="replace")[-2000:]
                raise RuntimeError(f"{name} ended with exit code {process.returncode}:\n{said}")

    def stored(self) -> int:
        """Messages that the database holds."""
        return int(self.ask("SELECT coalesce(sum(count), 0) FROM monitor_messagechunk")[0][0])

    def calls(self) -> int:
        """Calls that the database holds."""
        return int(self.ask("SELECT count(*) FROM monitor_call")[0][0])

    def octets(self) -> dict[str, int]:
        """What lasts, by table, rows and indexes apart, and what goes on; of SQLite what of the file is in use."""
        if not self._postgres:
            ((size,),) = self.ask(
                "SELECT (page_count - freelist_count) * page_size "
                "FROM pragma_page_count, pragma_freelist_count, pragma_page_size"
            )
            return {"file": int(size)}
        sizes = self.ask(
            "SELECT coalesce(p.relname, c.relname), c.relname LIKE '%_open' OR c.relname = 'monitor_legmark', "
            "pg_table_size(c.oid), pg_indexes_size(c.oid), coalesce((SELECT sum(pg_relation_size(indexrelid)) "
            "FROM pg_index JOIN pg_class i ON i.oid = indexrelid "
            "WHERE indrelid = c.oid AND i.relname LIKE '%_terms'), 0) "
            "FROM pg_class c LEFT JOIN pg_inherits ON inhrelid = c.oid LEFT JOIN pg_class p ON p.oid = inhparent "
            "WHERE c.relkind = 'r' AND c.relname LIKE 'monitor%'"
        )
        found: dict[str, int] = defaultdict(int)
        for table, goes_on, rows, indexes, terms in sizes:
            name = table.removeprefix("monitor_")
            if goes_on:
                found[GOING_ON] += rows + indexes
            else:
                found[f"{name}, rows"] += rows
                found[f"{name}, indexes"] += indexes - int(terms)
                found["search"] += int(terms)
        weighty = {name: octets for name, octets in found.items() if octets > _WEIGHTY}
        rest = sum(found.values()) - sum(weighty.values())
        return dict(sorted(weighty.items(), key=lambda item: -item[1])) | {"the rest": rest}

    def heard_of_collector(self) -> bool:
        """Whether a heartbeat has come all the way."""
        return bool(self.ask("SELECT 1 FROM monitor_collector"))

    def workers(self) -> int:
        """How many ingest processes hold partitions."""
        return int(self.ask("SELECT count(DISTINCT owner) FROM monitor_partition WHERE owner <> ''")[0][0])

    def collector_counters(self) -> dict[str, int]:
        """What the collector last counted."""
        found = self.ask("SELECT counters FROM monitor_collector")
        counters: dict[str, int] = {}
        for (value,) in found:
            counters |= json.loads(value) if isinstance(value, str) else value
        return counters

    def told_losses(self) -> dict[str, int]:
        """Messages that the product itself says were lost, by reason; 0 where it can't know how many."""
        found = self.ask("SELECT reason, sum(count) FROM monitor_lossrange GROUP BY reason")
        return {reason: int(count) for reason, count in found}

    def alerts(self) -> set[str]:
        """The rules of which an alert was ever opened."""
        return {rule for (rule,) in self.ask("SELECT DISTINCT rule FROM monitor_alert")}

    def waiting_in_streams(self) -> int:
        """Octets that the stream store holds."""
        with self.valkey.client() as client:
            return int(client.info("memory")["used_memory"])

    def waiting(self) -> bool:
        """Whether more than heartbeats is on its way: at the collector, or in the streams."""
        with self.valkey.client() as client:
            entries = sum(client.xlen(stream(number)) for number in range(DEFAULT_PARTITIONS))
        found = self.ask("SELECT sum(backlog) FROM monitor_collector")
        return entries > _HEARTBEATS or int(found[0][0] or 0) > 0

    def ask(self, query: LiteralString) -> list[tuple[Any, ...]]:
        """The rows of a query."""
        if self._postgres:
            with psycopg.connect(self._url) as connection:
                return connection.execute(query).fetchall()
        with closing(sqlite3.connect(f"file:{self.folder}/offhook.sqlite3?mode=ro", uri=True)) as file:
            return file.execute(query).fetchall()

    def _pids(self) -> dict[str, int]:
        servers = {"Valkey": self.valkey.pid} | ({"PostgreSQL": self._postgres.pid} if self._postgres else {})
        return {name: process.pid for name, process in self._processes.items()} | servers

    def cpu_seconds(self) -> dict[str, float]:
        """Processor time that each process has used so far, its children's included; the servers', too."""
        return {name: sum(_cpu_seconds(each) for each in _family(pid)) for name, pid in self._pids().items()}

    def resident_mib(self) -> dict[str, float]:
        """Memory of each process, its children's included, without what PostgreSQL's processes share."""
        return {name: sum(_own_octets(each) for each in _family(pid)) / 2**20 for name, pid in self._pids().items()}

    def stop(self) -> None:
        """End all processes."""
        for process in reversed(self._processes.values()):
            stop(process)


@contextmanager
def installation(
    database: Database, source: Path = ROOT, settings: dict[str, str] | None = None, memory: str = ""
) -> Iterator[Installation]:
    """A fresh one, with empty tables; gone afterwards. `memory`: the most that the stream store may take ("64mb")."""
    # Short, under /tmp: a unix socket's path has room for 107 characters.
    folder = Path(tempfile.mkdtemp(prefix="offhook-bench-", dir="/tmp"))
    postgres = Postgres(durable=True) if database == "PostgreSQL" else None
    valkey = Valkey(folder / "valkey")
    made = Installation(database, folder, valkey, postgres, source, settings)
    try:
        if memory:
            with valkey.client() as client:
                client.config_set("maxmemory", memory)
        made.migrate()
        yield made
    finally:
        made.stop()
        valkey.stop()
        if postgres:
            postgres.stop()
        shutil.rmtree(folder, ignore_errors=True)


def _family(pid: int) -> list[psutil.Process]:
    with suppress(psutil.NoSuchProcess):
        root = psutil.Process(pid)
        return [root, *root.children(recursive=True)]
    return []


def _cpu_seconds(process: psutil.Process) -> float:
    with suppress(psutil.NoSuchProcess):
        times = process.cpu_times()
        return float(times.user + times.system)
    return 0.0


def _own_octets(process: psutil.Process) -> int:
    with suppress(psutil.NoSuchProcess):
        memory = process.memory_info()
        return int(memory.rss - memory.shared)
    return 0
