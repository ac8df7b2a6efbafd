"""Live capture with libpcap: one handle an interface, so that it is known who saw what.

Handles don't block and are waited for together, since a blocking read of libpcap can't be interrupted.
An interface that goes away while others capture is opened again when it is back.
"""

import logging
import selectors
import time
from typing import Final

from collectors.decode.datagram import Datagram
from collectors.decode.frames import Decoder
from collectors.decode.reader import Frame
from collectors.receivers.base import ReceiverError
from collectors.receivers.interface import Interface
from collectors.wire.events import Loss, SideEvent

log = logging.getLogger(__name__)

_REOPEN_S: Final = 2.0


class LibpcapReceiver:
    """Captures SIP on some interfaces."""

    kind = "libpcap"
    live = True
    finished = False

    def __init__(self, collector: str, interfaces: list[str], bpf: str, *, promiscuous: bool = False) -> None:
        self.interfaces = interfaces
        self._handles = [Interface(name, f"{collector}/{name}", bpf, promiscuous=promiscuous) for name in interfaces]
        self._selector = selectors.DefaultSelector()
        self._decoder = Decoder()
        self._reopen_at_s = 0.0

    def start(self) -> None:
        """Open every interface. Raises `ReceiverError`."""
        for handle in self._handles:
            self._open(handle)

    def stop(self) -> None:
        """Close every interface."""
        for handle in self._handles:
            handle.close()
        self._selector.close()

    def read(self, timeout_s: float) -> list[Datagram]:
        """What was captured since the last time."""
        self._reopen()
        ready = {key.data[0]: (key.fd, key.data[1]) for key, _ in self._selector.select(timeout_s)}
        now_us = time.time_ns() // 1000
        frames: list[Frame] = []
        for handle in self._handles:
            if handle in ready:
                frames += self._frames(handle, *ready[handle])
            elif handle.is_open:
                handle.quiet(now_us)
        found = self._decoder.datagrams(frames)
        return found + self._decoder.advance(self._clear_us(now_us))

    def side(self) -> list[SideEvent]:
        """What those packets told beside the messages."""
        return self._decoder.take_side()

    def low_water_us(self, now_us: int) -> int:
        """All that was captured before this has been read, and waits for nothing."""
        clear_us, held_us = self._clear_us(now_us), self._decoder.held_us()
        return clear_us if held_us is None else min(clear_us, held_us)

    def _clear_us(self, now_us: int) -> int:
        """All that was captured before this has been read, on every interface that is open."""
        return min((handle.clear_us for handle in self._handles if handle.is_open), default=now_us)

    def counters(self) -> dict[str, int]:
        """ "received" (frames that the filter let through), "kernel_drops", "skipped_<reason>", …"""
        return {**self._decoder.counters(), "kernel_drops": sum(handle.drops() for handle in self._handles)}

    def losses(self, now_us: int) -> list[Loss]:
        """What the kernel had no room for, when an interface was away, and holes in streams."""
        return [*(loss for handle in self._handles for loss in handle.losses(now_us)), *self._decoder.losses()]

    def _open(self, handle: Interface) -> None:
        fd, link_type = handle.open()
        number = self._decoder.interfaces
        self._decoder.add_interface(link_type, handle.observer)
        self._selector.register(fd, selectors.EVENT_READ, (handle, number))

    def _frames(self, handle: Interface, fd: int, number: int) -> list[Frame]:
        try:
            return handle.read(number)
        except ReceiverError as error:
            log.warning("%s; trying again until it can", error)
            self._selector.unregister(fd)
            handle.close()
            self._reopen_at_s = time.monotonic() + _REOPEN_S
            return []

    def _reopen(self) -> None:
        closed = [handle for handle in self._handles if not handle.is_open]
        if not closed or time.monotonic() < self._reopen_at_s:
            return
        self._reopen_at_s = time.monotonic() + _REOPEN_S
        for handle in closed:
            try:
                self._open(handle)
            except ReceiverError:
                continue
            log.info("%s is captured again", handle.name)
