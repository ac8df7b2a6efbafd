"""`offhook up`, as a person starts it."""

import asyncio
import http.client
import io
import os
import signal
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import psutil
import pytest

from monitor.conf import load
from monitor.up import command
from monitor.up.console import Console
from tests.support.environment import ROOT
from tests.support.processes import free_port, wait_for

COMMAND = [sys.executable, "-m", "monitor.cli", "up"]


class Installation:
    """A state directory and a port, and the start that runs on them."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self._state = folder / "var"
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("OFFHOOK_")},
            "OFFHOOK_STATE_DIR": str(self._state),
            "OFFHOOK_PORT": str(self.port),
        }
        self._log = folder / "output"

    def run(self, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Start it, for a start that ends by itself."""
        return subprocess.run(
            [*COMMAND, *arguments],
            env={**self.environment, **variables},
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )

    @contextmanager
    def up(self, until: str = "Offhook is at") -> Iterator[psutil.Popen]:
        """A start that has said `until`; nothing of it is left afterwards."""
        with (
            self._log.open("w") as log,
            psutil.Popen([*COMMAND, "sample"], env=self.environment, cwd=ROOT, stdout=log, stderr=log) as process,
        ):
            try:
                wait_for(lambda: until in self.output, 60, what=f"{until} in the output")
                yield process
            finally:
                process.send_signal(signal.SIGTERM)
                process.wait(20)

    @property
    def output(self) -> str:
        return self._log.read_text()

    def get(self, path: str) -> tuple[int, str | None]:
        """Status of a page, and where it sends."""
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)) as connection:
            connection.request("GET", path)
            response = connection.getresponse()
            return response.status, response.getheader("Location")

    def calls(self) -> int:
        """How many calls the database holds."""
        with closing(sqlite3.connect(self._state / "offhook.sqlite3", timeout=10)) as database:
            count: int = database.execute("SELECT count(*) FROM monitor_call").fetchone()[0]
            return count


@pytest.fixture
def installation(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    return Installation(tmp_path_factory.mktemp("up"))


def named(process: psutil.Popen, *words: str) -> psutil.Process | None:
    """The child whose command line has these words."""
    for child in process.children():
        with suppress(psutil.NoSuchProcess):  # ended meanwhile
            if set(words) <= set(child.cmdline()):
                return child
    return None


@pytest.mark.timeout(120)
def test_everything_starts_is_kept_running_stops_and_starts_again(installation: Installation) -> None:
    with installation.up() as process:
        assert "with password" in installation.output
        assert installation.get("/") == (302, "/login?next=/")
        assert installation.get("/login")[0] == 200
        wait_for(installation.calls, 20, what="a call in the database")

        again = installation.run("sample")
        assert again.returncode == 1
        assert f"process {process.pid} already runs on" in again.stderr

        web = wait_for(lambda: named(process, "monitor.cli", "web"), 5)
        web.kill()
        wait_for(lambda: (other := named(process, "monitor.cli", "web")) and other.pid != web.pid, 10)
        assert "web       │ ended with signal SIGKILL; starting it again in 0.5 s" in installation.output

        family = process.children(recursive=True)
        assert len(family) == len(("valkey", "ingest", "overview", "web", "worker", "beat", "collector"))
    assert process.returncode == 0
    assert not [member for member in family if member.is_running() and member.status() != psutil.STATUS_ZOMBIE]

    with installation.up():
        assert "with password" not in installation.output


def test_whoever_stops_the_first_start_at_once_still_gets_the_password_and_once(installation: Installation) -> None:
    with installation.up("│"):
        pass
    assert installation.output.count("with password") == 1


def test_whoever_waits_for_a_slow_start_is_told_that_it_goes_on(
    monkeypatch: pytest.MonkeyPatch, installation: Installation
) -> None:
    monkeypatch.setattr(command, "PATIENCE_S", 0.05)
    stream = io.StringIO()
    greeting = command.Greeting(
        Console(["web"], stream=stream), load({"OFFHOOK_PORT": str(installation.port)}), "pass-word", notes=[]
    )

    async def story() -> None:
        waiting = asyncio.create_task(greeting.when_ready())
        await asyncio.to_thread(wait_for, lambda: "web │ is starting" in stream.getvalue(), 10)
        assert "with password" not in stream.getvalue()
        async with await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", installation.port):
            await waiting

    asyncio.run(story())
    assert f"Offhook is at  http://127.0.0.1:{installation.port}" in stream.getvalue()
    assert "with password  pass-word" in stream.getvalue()


def test_a_busy_port_is_named_before_anything_starts(installation: Installation) -> None:
    with socket.create_server(("127.0.0.1", installation.port)):
        ended = installation.run("sample")
    assert ended.returncode == 1
    assert f"can't listen on 127.0.0.1 port {installation.port}" in ended.stderr
    assert f"OFFHOOK_PORT={installation.port + 1}" in ended.stderr


def test_a_wrong_configuration_is_said_whole_and_ends_with_2(installation: Installation) -> None:
    ended = installation.run("sample", OFFHOOK_PORT="http", OFFHOOK_PARTITIONS="0")
    assert ended.returncode == 2
    assert ended.stderr.splitlines() == [
        "offhook: OFFHOOK_PORT: 'http' is no number from 1 to 65535",
        "offhook: OFFHOOK_PARTITIONS: '0' is no number from 1 to 64",
    ]


def test_a_database_that_is_away_is_said(installation: Installation, tmp_path: Path) -> None:
    ended = installation.run("sample", OFFHOOK_DATABASE_URL=f"postgresql://postgres@/offhook?host={tmp_path}")
    assert ended.returncode == 1
    assert "offhook: the database can't be used: " in ended.stderr
    assert "Traceback" not in ended.stderr
