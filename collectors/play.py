"""A scenario on the wire: its messages sent over real UDP sockets, from their sources, when they are due.

Who captures on the loopback interface sees it as any other traffic. The parties must have addresses of
this machine: `LOOPBACK` is a cast that has them.
"""

import socket
import time
from collections.abc import Iterable
from typing import Final

from collectors.scenario.cast import Cast, Role
from collectors.scenario.message import Endpoint
from collectors.scenario.stage import Sent

LOOPBACK: Final = Cast(
    caller=Role("alice@127.0.0.11:5060"), callee=Role("bob@127.0.0.12:5060"), proxies=(Role("127.0.0.13:5060"),)
)


class PlayError(Exception):
    """A party's address can't be had here: not this machine's, or in use."""


class Wire:
    """The sockets of the parties; use as a context manager."""

    def __init__(self) -> None:
        self._sockets: dict[Endpoint, socket.socket] = {}

    def __enter__(self) -> "Wire":
        return self

    def __exit__(self, *_: object) -> None:
        for opened in self._sockets.values():
            opened.close()

    def play(self, messages: Iterable[Sent], *, speed: float = 1.0) -> int:
        """Send them all, `speed` times as fast as they were meant; how many went out.

        Raises `PlayError`, before anything is sent when the messages are a list.
        """
        if isinstance(messages, list):
            for sent in messages:
                self._socket(sent.source)
                self._socket(sent.destination)
        began = time.monotonic()
        count = 0
        for sent in messages:
            due = began + sent.sent_us / 1e6 / speed
            time.sleep(max(0.0, due - time.monotonic()))
            self._socket(sent.destination)
            self._socket(sent.source).sendto(sent.raw, tuple(sent.destination))
            count += 1
        return count

    def heard(self, endpoint: Endpoint) -> list[tuple[bytes, Endpoint]]:
        """What has arrived at a party, and from where, as far as its socket could hold it."""
        found: list[tuple[bytes, Endpoint]] = []
        while True:
            try:
                data, source = self._socket(endpoint).recvfrom(65_535, socket.MSG_DONTWAIT)
            except BlockingIOError:
                return found
            found.append((data, Endpoint(*source[:2])))

    def _socket(self, endpoint: Endpoint) -> socket.socket:
        """A party's socket: those that only listen need one too, or the kernel would answer for them."""
        if endpoint not in self._sockets:
            family = socket.AF_INET6 if ":" in endpoint.address else socket.AF_INET
            opened = socket.socket(family, socket.SOCK_DGRAM)
            try:
                opened.bind(tuple(endpoint))
            except OSError as error:
                opened.close()
                raise PlayError(f"{endpoint} can't be used here: {error.strerror}") from error
            self._sockets[endpoint] = opened
        return self._sockets[endpoint]
