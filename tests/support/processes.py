"""Starting real servers, and waiting for what they do."""

import os
import shutil
import socket
import struct
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, TypeVar

T = TypeVar("T")


def spawn(command: list[str], **options: Any) -> subprocess.Popen[bytes]:
    """A child that dies with the test run, even when that is killed."""
    setpriv = shutil.which("setpriv")
    prefix = [setpriv, "--pdeathsig", "KILL", "--"] if setpriv else []
    return subprocess.Popen([*prefix, *command], stdin=options.pop("stdin", subprocess.DEVNULL), **options)


def stop(process: subprocess.Popen[bytes], seconds: float = 5) -> None:
    """Ask it to end, and end it when it does not."""
    process.terminate()
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def wait_for(
    condition: Callable[[], T | Literal[False] | None], seconds: float = 10, *, every: float = 0.02, what: str = ""
) -> T:
    """The first truthy value of `condition`; fails the test when none comes in time."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s: {what or condition}")
        time.sleep(every)


def is_bound(port: int, address: str = "127.0.0.1", kind: socket.SocketKind = socket.SOCK_STREAM) -> bool:
    """Whether some process has this port."""
    table = Path("/proc/net/tcp" if kind == socket.SOCK_STREAM else "/proc/net/udp").read_text()
    (number,) = struct.unpack("=I", socket.inet_aton(address))  # written as the machine's own
    return f": {number:08X}:{port:04X} " in table  # with ": " begins the local end


def free_port(kind: socket.SocketKind = socket.SOCK_STREAM) -> int:
    """A port of 127.0.0.1 that was free a moment ago."""
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def alive(pid: int) -> bool:
    """Whether a process with this id runs (a zombie does not, unless threads of it are still ending)."""
    try:
        os.kill(pid, 0)
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        threads = sum(1 for _ in Path(f"/proc/{pid}/task").iterdir())
    except (ProcessLookupError, FileNotFoundError):
        return False
    return state != "Z" or threads > 1
