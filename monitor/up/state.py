"""The state directory belongs to one `offhook up` at a time; so does the port."""

import fcntl
import os
import socket
from pathlib import Path
from typing import Self


class StateError(RuntimeError):
    """This start can't go on; the message says why and what to do."""


# What the kernel takes for the path of a unix socket (sun_path), without the NUL at its end.
LONGEST_SOCKET = 107


def require_room_for_sockets(state_dir: Path) -> None:
    """Raises `StateError` when the directory's path is too long for the sockets that lie in it."""
    room = LONGEST_SOCKET - len("/alive-overview.sock")
    if len(os.fsencode(state_dir)) > room:
        raise StateError(
            f"the path of the state directory {state_dir} is longer than the {room} characters that sockets in it "
            "leave room for: set OFFHOOK_STATE_DIR to a shorter one"
        )


class StateLock:
    """Held for the life of a start. The file says who holds it; the lock goes with its process."""

    def __init__(self, state_dir: Path) -> None:
        self._path = state_dir / "lock"

    def __enter__(self) -> Self:
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._file = self._path.open("a+")
        except OSError as error:
            raise StateError(f"can't write to the state directory {self._path.parent}: {error.strerror}") from error
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._file.seek(0)
            holder = self._file.read().strip()
            self._file.close()
            raise StateError(
                f"process {holder} already runs on {self._path.parent}: stop it (kill {holder}), "
                "or set OFFHOOK_STATE_DIR and OFFHOOK_PORT to run a second one"
            ) from None
        self._file.truncate(0)
        self._file.write(f"{os.getpid()}\n")
        self._file.flush()
        return self

    def __exit__(self, *_error: object) -> None:
        self._file.close()


def require_free(host: str, port: int) -> None:
    """Raises `StateError` when nothing can listen there."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
    except OSError as error:
        raise StateError(
            f"can't listen on {host} port {port}: {error.strerror}. Choose another one, "
            f"like OFFHOOK_PORT={port + 1 if port < 65535 else 8600}"
        ) from error
