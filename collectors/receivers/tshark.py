"""SIP as tshark dissects it: TLS and WebSocket over TLS with a key log, odd encapsulations; live or from files.

For these only: it costs some 500 µs a message, where our own decoding costs 2.
"""

import asyncio
import logging
import queue
import shutil
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

from pyshark.capture.capture import TSharkCrashException
from pyshark.packet.packet import Packet

from collectors.decode.datagram import Datagram
from collectors.receivers.base import WRONG_USAGE, ReceiverError
from collectors.receivers.dissector import Dissector, datagrams
from collectors.receivers.interface import names, unknown
from collectors.receivers.pace import DISORDER_US, Pacer
from collectors.wire.events import Loss, SideEvent

log = logging.getLogger(__name__)

_MAX_QUEUED: Final = 10_000  # messages between tshark's thread and the agent's
_AT_ONCE: Final = 1_000
_USUAL_LAG_US: Final = 1_000_000  # from the wire through dumpcap and tshark
_START_S: Final = 10.0
# What is in TLS is looked at first: HTTP, which WebSocket begins with, is known by that. All else may be SIP.
_ANY_TLS_PORT: Final = {"tls.port==1-65535": "sip"}
# Out of order, TLS can't be decrypted. What is missing is waited for then, for ever; in TLS that costs nothing more.
_IN_ORDER: Final = {"tcp.reassemble_out_of_order": "TRUE"}
_STOP_S: Final = 5.0
INSTALL: Final = (
    "tshark is not installed: sudo apt-get install --no-install-recommends tshark "
    "(or use the receiver libpcap, which needs nothing)"
)
_PERMIT: Final = (
    "run as root, or let dumpcap capture for a group: "
    "sudo dpkg-reconfigure wireshark-common && sudo usermod -aG wireshark $USER, and log in again"
)


class TsharkReceiver:
    """Runs tshark in a thread of its own, and gives what it finds."""

    kind = "tshark"

    def __init__(
        self,
        collector: str,
        *,
        interfaces: list[str] | None = None,
        bpf: str = "",
        path: str = "",
        real_time: bool = True,
        key_log: str = "",
        decode_as: dict[str, str] | None = None,
        promiscuous: bool = False,
        only_tls: bool = False,
    ) -> None:
        """Captures on `interfaces` what passes `bpf`; or reads the file `path`, at its pace when `real_time`.

        `key_log` is a file of TLS secrets (SSLKEYLOGFILE); `decode_as` maps tshark's selectors to protocols; with
        `only_tls` other messages are left out.
        """
        self.interfaces = interfaces or [path]
        self.live = not path
        self._path = path
        self._observers = [f"{collector}/{name}" for name in interfaces or ()]
        self._collector = collector
        self._pacer: Pacer[Datagram] | None = Pacer() if path and real_time else None
        self._queue: queue.Queue[Datagram] = queue.Queue(_MAX_QUEUED)
        options = [] if promiscuous else ["-p"]
        for name in interfaces or ():
            options += ["-i", name, "-f", bpf]
        self._dumpcap = None if path else options
        self._decode_as = (_ANY_TLS_PORT if key_log or only_tls else {}) | (decode_as or {})
        self._preferences = (_IN_ORDER if only_tls else {}) | ({"tls.keylog_file": key_log} if key_log else {})
        self._only_tls = only_tls
        self._loop: asyncio.AbstractEventLoop | None = None
        self._dissector: Dissector | None = None
        self._task: asyncio.Task[None] | None = None
        self._thread = threading.Thread(target=self._run, name="tshark", daemon=True)
        self._stopping = threading.Event()
        self._ended = threading.Event()
        self._failure = ""
        self._latest_us = 0  # given
        # Written by tshark's thread.
        self._received = 0
        self._unreadable = 0
        self._lag_us = 0
        self._lock = threading.Lock()
        self._lost = Loss("", 0, 0, "queue", 0)  # for want of room, not told yet
        self._lost_ever = 0

    @property
    def finished(self) -> bool:
        """All of the file has been given."""
        return self._ended.is_set() and self._queue.empty() and (self._pacer is None or self._pacer.empty)

    def start(self) -> None:
        """Start tshark, and wait until the capture has begun. Raises `ReceiverError`."""
        if not shutil.which("tshark") or (self.live and not shutil.which("dumpcap")):
            raise ReceiverError(INSTALL, 5)
        if self.live and (missing := [name for name in self.interfaces if name not in names()]):
            raise unknown(missing[0])
        if self._path and not Path(self._path).is_file():
            raise ReceiverError(f"{self._path} can't be read: there is no such file", WRONG_USAGE)
        self._loop = asyncio.new_event_loop()
        self._dissector = Dissector(
            self._loop,
            path=self._path or "-",
            dumpcap=self._dumpcap,
            decode_as=self._decode_as,
            preferences=self._preferences,
            only_tls=self._only_tls,
        )
        self._thread.start()
        until_s = time.monotonic() + _START_S
        while self.live and not self._dissector.capturing.wait(0.02) and time.monotonic() < until_s:
            if self._ended.is_set():
                raise self._error()

    def stop(self) -> None:
        """End tshark."""
        self._stopping.set()
        if self._loop and self._thread.is_alive():
            with suppress(RuntimeError):  # it ended in this moment
                self._loop.call_soon_threadsafe(self._cancel)
            self._thread.join(_STOP_S)

    def read(self, timeout_s: float) -> list[Datagram]:
        """What tshark has found. Raises `ReceiverError` when it ended though it should not have."""
        if self._pacer and not self._pacer.empty:
            return self._noted(self._pacer.take(timeout_s))
        given: list[Datagram] = []
        try:
            given.append(self._queue.get(timeout=timeout_s))
            while len(given) < _AT_ONCE:
                given.append(self._queue.get_nowait())
        except queue.Empty:
            pass
        if not given and self._ended.is_set() and self._failure and not self._stopping.is_set():
            raise self._error()
        if self._pacer:
            self._pacer.put(given)
            given = self._pacer.take(0.0)
        return self._noted(given)

    def side(self) -> list[SideEvent]:
        """Nothing: tshark is asked for messages only."""
        return []

    def low_water_us(self, now_us: int) -> int:
        """As far back as dissection has been behind of late; of a file as far as it has been given."""
        if self.live:
            return now_us - _USUAL_LAG_US - 2 * self._lag_us
        return max(0, (self._pacer.clear_us if self._pacer else self._latest_us) - DISORDER_US)

    def counters(self) -> dict[str, int]:
        """ "received" (messages), "unreadable" (packets), "dropped_dissected" (messages)."""
        return {"received": self._received, "unreadable": self._unreadable, "dropped_dissected": self._lost_ever}

    def losses(self, now_us: int) -> list[Loss]:
        """Messages for which there was no room."""
        with self._lock:
            lost, self._lost = self._lost, Loss("", 0, 0, "queue", 0)
        return [Loss(f"{self._collector}/*", lost.from_us, lost.to_us, "queue", lost.count)] if lost.count else []

    def _noted(self, given: list[Datagram]) -> list[Datagram]:
        self._latest_us = max([self._latest_us, *(datagram.captured_us for datagram in given)])
        return given

    def _error(self) -> ReceiverError:
        if "permission" in self._failure.lower():
            return ReceiverError(f"tshark may not capture: {_PERMIT}", 4)
        return ReceiverError(f"tshark ended: {self._failure}")

    # What follows runs in tshark's thread.

    def _run(self) -> None:
        loop, dissector = self._loop, self._dissector
        if loop is None or dissector is None:
            return
        asyncio.set_event_loop(loop)
        try:
            self._task = loop.create_task(dissector.run(self._take))
            loop.run_until_complete(self._task)
            self._failure = (dissector.complaint or "it did not say why") if self.live else ""
        except asyncio.CancelledError:
            pass
        except (TSharkCrashException, TimeoutError, OSError) as error:
            self._fail(dissector.complaint or str(error))
        finally:
            loop.close()
            self._ended.set()

    def _fail(self, complaint: str) -> None:
        """A file that ends within a packet is read as far as that; anything else has failed."""
        if self.live or not self._received:
            self._failure = complaint
        else:
            log.warning("tshark: %s", complaint)

    def _cancel(self) -> None:
        if self._task:
            self._task.cancel()

    def _take(self, packet: Packet) -> None:
        try:
            found = list(datagrams(packet, self._observer))
        except (LookupError, ValueError, AttributeError):
            self._unreadable += 1
            return
        if self.live and found:
            lag_us = time.time_ns() // 1000 - found[-1].captured_us
            self._lag_us = max(lag_us, self._lag_us - self._lag_us // 16, 0)
        for datagram in found:
            self._received += 1
            self._put(datagram)

    def _observer(self, number: int) -> str:
        """The observer of a capture's interface: by name when it is one of ours, else by number."""
        return self._observers[number] if number < len(self._observers) else f"{self._collector}/{number}"

    def _put(self, datagram: Datagram) -> None:
        while not self._stopping.is_set():
            try:
                self._queue.put(datagram, timeout=0 if self.live else 0.1)
            except queue.Full:
                if self.live:
                    self._lose(datagram.captured_us)
                    return
            else:
                return

    def _lose(self, captured_us: int) -> None:
        with self._lock:
            lost = self._lost
            from_us = min(lost.from_us, captured_us) if lost.count else captured_us
            self._lost = Loss("", from_us, max(lost.to_us, captured_us), "queue", lost.count + 1)
            self._lost_ever += 1
