"""A sign of life from a program to who supervises it, in systemd's protocol (sd_notify, WATCHDOG=1).

So it works under `offhook up` and under a systemd unit with WatchdogSec= alike.
"""

import contextlib
import os
import socket
import time

ALIVE = b"WATCHDOG=1"


class Watchdog:
    """What a long-running loop calls `alive()` on; does nothing where nobody watches."""

    def __init__(self) -> None:
        self._address = os.environ.get("NOTIFY_SOCKET", "")
        self._every_s = int(os.environ.get("WATCHDOG_USEC") or 0) / 1e6 / 4
        self._next_s = 0.0

    def alive(self) -> None:
        """Say so, four times in the period that the supervisor allows. Never blocks, never raises."""
        now = time.monotonic()
        if not self._address or now < self._next_s:
            return
        self._next_s = now + self._every_s
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.settimeout(0)
            # An address that begins with @ is in the abstract namespace.
            sender.sendto(ALIVE, self._address.replace("@", "\0", 1))
