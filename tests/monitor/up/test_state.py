"""One start at a time on one state and one port."""

import os
import socket
from pathlib import Path

import pytest

from monitor.up.state import StateError, StateLock, require_free, require_room_for_sockets


def test_a_second_start_on_the_same_state_is_refused_and_names_the_first(tmp_path: Path) -> None:
    with (
        StateLock(tmp_path),
        pytest.raises(StateError, match=f"process {os.getpid()} already runs"),
        StateLock(tmp_path),
    ):
        pass


def test_the_state_is_free_again_after_the_end(tmp_path: Path) -> None:
    with StateLock(tmp_path):
        pass
    with StateLock(tmp_path):
        assert (tmp_path / "lock").read_text() == f"{os.getpid()}\n"


def test_a_state_directory_that_can_not_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StateError, match="can't write to the state directory"), StateLock(tmp_path / "file" / "var"):
        pass


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_a_busy_port_is_named_with_what_to_do(host: str) -> None:
    with socket.create_server((host, 0), family=socket.AF_INET6 if ":" in host else socket.AF_INET) as server:
        port = server.getsockname()[1]
        with pytest.raises(StateError, match=f"can't listen on {host} port {port}: .*OFFHOOK_PORT="):
            require_free(host, port)
    require_free(host, port)


def test_a_state_directory_too_deep_for_sockets_is_said() -> None:
    require_room_for_sockets(Path("/" + "x" * 86))
    with pytest.raises(StateError, match="set OFFHOOK_STATE_DIR to a shorter one"):
        require_room_for_sockets(Path("/" + "x" * 87))
