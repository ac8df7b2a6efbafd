"""The supervisor's end of `monitor.watchdog`."""

import asyncio
import socket
import time
from pathlib import Path

from monitor.watchdog import ALIVE


class Listener(asyncio.DatagramProtocol):
    """Listens on a socket, and knows when the program last spoke."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.last_s: float | None = None
        self._transport: asyncio.BaseTransport | None = None

    async def open(self) -> None:
        """Listen on the socket."""
        self.path.unlink(missing_ok=True)
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.create_datagram_endpoint(
            lambda: self, family=socket.AF_UNIX, local_addr=str(self.path)
        )

    def datagram_received(self, data: bytes, addr: object) -> None:
        """Any datagram with the sign of life counts."""
        if ALIVE in data:
            self.last_s = time.monotonic()

    def silent_s(self) -> float:
        """Seconds since the last sign of life; 0 before the first one."""
        return 0.0 if self.last_s is None else time.monotonic() - self.last_s

    def close(self) -> None:
        """Stop listening."""
        if self._transport:
            self._transport.close()
        self.path.unlink(missing_ok=True)
