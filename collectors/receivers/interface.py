"""One network interface, captured by libpcap: opening it, its packets, its drops, its errors in words."""

import os
import socket
import struct
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

import pcapy

from collectors.decode.reader import Frame
from collectors.receivers.base import ReceiverError
from collectors.wire.events import Loss

ANY: Final = "any"  # all interfaces in one handle; which of them a packet passed is not known

_SNAPLEN: Final = 65_535
_BUFFER: Final = 32 * 1024 * 1024  # octets: a stall of a second at 40,000 packets/s
_GATHER_MS: Final = 10  # how long the kernel gathers packets before it hands them over
_BATCH: Final = 1024  # packets of one call
_BATCHES: Final = 8  # before other interfaces have their turn
# When a packet has certainly been handed over: some times the above, for a busy machine.
_LAG_US: Final = 100_000

# Of pcap_activate(3PCAP).
_NO_SUCH_DEVICE: Final = -5
_DENIED: Final = frozenset((-8, -11))
_NOT_UP: Final = -9

_LOOPBACK: Final = 8  # IFF_LOOPBACK of netdevice(7)
_SOL_PACKET: Final = 263  # of packet(7)
_PACKET_IGNORE_OUTGOING: Final = 23

_meta = struct.Struct("=IIII").iter_unpack  # seconds, microseconds, offset, length


class Interface:
    """A handle on one interface, which doesn't block."""

    def __init__(self, name: str, observer: str, bpf: str, *, promiscuous: bool) -> None:
        self.name = name
        self.observer = observer
        self.clear_us = 0  # all that was captured before this has been read
        self._bpf = bpf
        self._promiscuous = promiscuous
        self._capture: pcapy.Reader | None = None
        self._drops_before = 0  # of captures that have been closed
        self._drops_now = 0
        self._told_drops = 0
        self._told_us = 0

    @property
    def is_open(self) -> bool:
        """Whether it captures."""
        return self._capture is not None

    def open(self) -> tuple[int, int]:
        """Begin to capture; (file descriptor, link type). Raises `ReceiverError`."""
        try:
            capture = pcapy.create(self.name)
            capture.set_snaplen(_SNAPLEN)
            capture.set_promisc(int(self._promiscuous))
            capture.set_timeout(_GATHER_MS)
            capture.set_buffer_size(_BUFFER)
            code = capture.activate()
            if code < 0:
                raise _refusal(self.name, code)
            capture.setnonblock(1)
            if _is_loopback(self.name):
                _take_once(int(capture.getfd()))
        except pcapy.PcapError as error:
            raise ReceiverError(f"{self.name} can't be captured: {error}") from error
        try:
            capture.setfilter(self._bpf)
        except pcapy.PcapError as error:
            raise ReceiverError(f"the filter {self._bpf!r} can't be used on {self.name}: {error}", 2) from error
        self._capture = capture
        self.clear_us = self._told_us = self._told_us or _now_us()
        return int(capture.getfd()), int(capture.datalink())

    def close(self) -> None:
        """End the capture; what it dropped stays known."""
        if self._capture:
            self._drops_before = self.drops()
            self._drops_now = 0
            self._capture.close()
            self._capture = None

    def read(self, number: int) -> list[Frame]:
        """The packets that are there, as frames of interface `number`. Raises `ReceiverError` when it is gone."""
        frames: list[Frame] = []
        try:
            for _ in range(_BATCHES):
                before_us = _now_us()
                packets, meta = self._capture.next_batch(_BATCH) if self._capture else (b"", b"")
                if not meta:
                    self.clear_us = before_us - _LAG_US
                    break
                frames += [
                    (seconds * 1_000_000 + us, number, packets[at : at + length])
                    for seconds, us, at, length in _meta(meta)
                ]
                self.clear_us = frames[-1][0]
        except pcapy.PcapError as error:
            if not frames:  # else it fails again at the next time
                raise ReceiverError(f"{self.name} can't be captured any more: {error}") from error
        return frames

    def quiet(self, now_us: int) -> None:
        """Nothing was there to be read."""
        self.clear_us = now_us - _LAG_US

    def drops(self) -> int:
        """Packets that the kernel had no room for, since the first start."""
        if self._capture:
            with suppress(pcapy.PcapError):  # the interface has just gone: what was known counts
                self._drops_now = self._capture.stats()[1]
        return self._drops_before + self._drops_now

    def losses(self, now_us: int) -> list[Loss]:
        """What was lost since this was last asked: drops of the kernel, or all while it is not open."""
        from_us, self._told_us = self._told_us - _LAG_US, now_us
        drops = self.drops()
        new_drops, self._told_drops = drops - self._told_drops, drops
        if not self.is_open:
            return [Loss(self.observer, from_us, now_us, "interface", new_drops)]
        return [Loss(self.observer, from_us, now_us, "kernel", new_drops)] if new_drops else []


def names() -> list[str]:
    """The interfaces of this machine that can be captured by name, `any` first."""
    return [ANY, *(name for _, name in socket.if_nameindex())]


def may_capture() -> bool:
    """Whether this process may open a packet socket."""
    try:
        socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0).close()
    except OSError:
        return False
    return True


def how_to_be_allowed() -> str:
    """What makes a capture possible for a user who is not root: a line to paste."""
    # Capabilities belong to the file, which an interpreter in a virtual environment is only a link to.
    python = Path(sys.executable).resolve()
    return (
        f"run as root, or let this Python capture:\n"
        f"    sudo setcap cap_net_raw=eip {python}\n"
        f"(every program of this Python may capture then; a service needs only AmbientCapabilities=CAP_NET_RAW)"
    )


def _take_once(fd: int) -> None:
    """The loopback interface gives each packet twice, as it leaves and as it arrives. libpcap drops the first, but
    not before that has taken room in the ring, or was counted as a drop.
    """
    with suppress(OSError), socket.socket(fileno=os.dup(fd)) as same:  # Linux 4.20 knows the option
        same.setsockopt(_SOL_PACKET, _PACKET_IGNORE_OUTGOING, 1)


def _is_loopback(name: str) -> bool:
    with suppress(OSError, ValueError):
        return bool(int(Path(f"/sys/class/net/{name}/flags").read_text(), 16) & _LOOPBACK)
    return False


def unknown(name: str) -> ReceiverError:
    """There is no such interface, but these."""
    return ReceiverError(f"there is no interface {name}; there are {', '.join(names())}", 3)


def _refusal(name: str, code: int) -> ReceiverError:
    if code == _NO_SUCH_DEVICE:
        return unknown(name)
    if code in _DENIED:
        return ReceiverError(f"this user may not capture: {how_to_be_allowed()}", 4)
    if code == _NOT_UP:
        return ReceiverError(f"the interface {name} is down: sudo ip link set dev {name} up", 3)
    return ReceiverError(f"{name} can't be captured: libpcap says {code}", 3)


def _now_us() -> int:
    return time.time_ns() // 1000
