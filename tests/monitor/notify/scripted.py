"""A mail server that answers as it is told, down to hanging up in the middle."""

import socket
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from io import BufferedReader

HANG_UP = ""
DRIP = "250-"  # one octet now and then, and never the end of the line
_DEFAULT = {
    "EHLO": "250-mail.test\r\n250 AUTH PLAIN LOGIN",
    "AUTH": "235 2.7.0 welcome",
    "MAIL": "250 2.1.0 ok",
    "RCPT": "250 2.1.5 ok",
    "DATA": "354 go on",
    ".": "250 2.0.0 taken",
    "QUIT": "221 bye",
}


@contextmanager
def scripted(pauses: Mapping[str, float] | None = None, /, **answers: str) -> Iterator[int]:
    """Serves one connection on 127.0.0.1; yields the port. `END` answers the mail itself, `GREETING` the connection.

    `pauses`: seconds before an answer.
    """
    waits = {("." if name == "END" else name): seconds for name, seconds in (pauses or {}).items()}
    script = _DEFAULT | {("." if name == "END" else name): answer for name, answer in answers.items()}
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(5)
        thread = threading.Thread(target=_serve, args=(listener, script, waits))
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            thread.join(5)


def _serve(listener: socket.socket, script: dict[str, str], waits: dict[str, float]) -> None:
    connection, _ = listener.accept()
    connection.settimeout(5)
    # A client that speaks TLS, or gave up, is no concern of this server's.
    with suppress(OSError), connection, connection.makefile("rb") as lines:
        for answer in _answers(lines, script, waits):
            if answer == DRIP:
                _drip(connection)
            connection.sendall(f"{answer}\r\n".encode())


def _drip(connection: socket.socket) -> None:
    """Until the client has had enough."""
    connection.settimeout(0.05)
    connection.sendall(DRIP.encode())
    for _ in range(400):
        connection.sendall(b".")
        with suppress(TimeoutError):
            if not connection.recv(1):
                return


def _answers(lines: BufferedReader, script: dict[str, str], waits: dict[str, float]) -> Iterator[str]:
    """What is said, until it is time to hang up."""
    answer = script.get("GREETING", "220 mail.test")
    in_mail = False
    while answer != HANG_UP:
        yield answer
        while in_mail and (line := lines.readline()) and line != b".\r\n":
            pass
        command = "." if in_mail else lines.readline().decode("latin-1").split(" ")[0].strip().upper()
        time.sleep(waits.get(command, 0))
        answer = script.get(command, "500 what?") if command else HANG_UP
        in_mail = command == "DATA" and answer.startswith("354")
