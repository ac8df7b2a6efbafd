"""The processes of one machine: who runs, in what order, with what command."""

import asyncio
import contextlib
from pathlib import Path

from monitor.conf import Config
from monitor.up import store
from monitor.up.programs import WRONG_USAGE, Program, python
from monitor.up.state import StateError
from monitor.up.traffic import Kind, Traffic

# Exit codes of the collector that a restart does not change.
NO_PERMISSION, NO_TSHARK = 4, 5
STORE, SERVER, EDGE = range(3)  # stages: each needs the one before
# Longer than SQLite waits for a lock (20 s): a program that waits for another is not frozen.
WATCHDOG_S = 30.0


def plan(config: Config, traffic: Traffic | None) -> list[Program]:
    """All programs; without a collector when `traffic` is None."""
    programs = [
        *_store(config),
        _server(config, "ingest", "monitor.cli", "correlate", watchdog_s=WATCHDOG_S),
        _server(config, "overview", "monitor.cli", "watch", watchdog_s=WATCHDOG_S),
        _server(config, "web", "monitor.cli", "web"),
        _server(
            config, "worker", *CELERY, "worker", *WORKER_OPTIONS, "--loglevel", config.log_level, watchdog_s=WATCHDOG_S
        ),
        _server(config, "beat", *CELERY, "beat", "--loglevel", config.log_level, watchdog_s=WATCHDOG_S),
    ]
    return [*programs, _collector(config, traffic)] if traffic else programs


CELERY = ("celery", "--app", "monitor", "--quiet")
# Threads, since tasks wait for mail servers; without the chatter of workers that look for one another.
WORKER_OPTIONS = ("--pool", "threads", "--concurrency", "4", "--without-gossip", "--without-mingle")
# Who runs all this as root was told what capturing needs; Celery need not say it at each start.
QUIET = {"PYTHONWARNINGS": "ignore:You're running the worker with superuser privileges"}


def _server(config: Config, name: str, *arguments: str, watchdog_s: float | None = None) -> Program:
    return Program(
        name=name,
        command=python(*arguments),
        environment={"OFFHOOK_STATE_DIR": str(config.state_dir), **QUIET},
        stage=SERVER,
        watchdog_s=watchdog_s,
    )


def _collector(config: Config, traffic: Traffic) -> Program:
    return Program(
        name="collector",
        command=python("collectors.cli", "run", *_receiver(traffic)),
        # By the environment and not as an argument: it may hold a password.
        environment={"OFFHOOK_STATE_DIR": str(config.state_dir), "OFFHOOK_STREAM_URL": config.stream_url},
        stage=EDGE,
        ends=traffic.kind is Kind.FILE,
        hopeless=frozenset({WRONG_USAGE, NO_PERMISSION, NO_TSHARK}),
    )


def _receiver(traffic: Traffic) -> tuple[str, ...]:
    match traffic.kind:
        case Kind.SAMPLE:
            return ("--receiver", "scenario")
        case Kind.HEP:
            return ("--receiver", "hep")
        case Kind.FILE:
            return ("--receiver", "file", "--file", traffic.name)
        case Kind.INTERFACE:
            # With libpcap, unless OFFHOOK_COLLECTOR_RECEIVER says tshark.
            return ("--interface", traffic.name)


def _store(config: Config) -> list[Program]:
    socket = config.state_dir / "valkey.sock"
    if f"unix://{socket}" not in (config.stream_url, config.bus_url):
        return []
    server = store.binary()
    if server is None:
        raise StateError(
            "no Valkey or Redis server on this machine: install one (apt-get install -y redis-server), "
            "or name one in OFFHOOK_STREAM_URL"
        )
    data = config.state_dir / "valkey"
    data.mkdir(mode=0o700, exist_ok=True)

    async def ready() -> bool:
        return await answers(socket)

    return [
        Program(
            name="valkey",
            command=tuple(store.arguments(server, socket=socket, data=data)),
            stage=STORE,
            ready=ready,
            hush=store.HUSH,
        )
    ]


async def answers(unix_socket: Path) -> bool:
    """Whether a store says PONG there: not so while it still reads its data from disk."""
    with contextlib.suppress(OSError, TimeoutError):
        async with asyncio.timeout(1):
            reader, writer = await asyncio.open_unix_connection(unix_socket)
            writer.write(b"PING\r\n")
            answer = await reader.readline()
            writer.close()
            await writer.wait_closed()
            return answer.startswith(b"+PONG")
    return False
