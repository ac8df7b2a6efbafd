"""The sockets of the HEP receiver: UDP, TCP and TLS, each kind read by a thread of its own.

What comes faster than it is read is dropped where it comes by UDP, and waits with its sender where it
comes over a connection.
"""

import logging
import selectors
import socket
import ssl
import sys
import threading
import time
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from typing import Final

from collectors.decode import hep
from collectors.receivers.base import ReceiverError
from collectors.receivers.inbox import Inbox
from collectors.receivers.listen import AllowList, Place

log = logging.getLogger(__name__)

_BUFFER: Final = 32 * 1024 * 1024  # octets; the kernel gives as much as net.core.rmem_max allows
_LOOK_S: Final = 0.1  # how soon a stop is noticed
_AT_ONCE: Final = 256  # datagrams of one socket before others have their turn
_READ: Final = 64 * 1024
MOST_CONNECTIONS: Final = 256  # a process may usually open 1,024 files
_HANDSHAKE_S: Final = 10.0
# What is counted.
COUNTERS: Final = ("hep_refused_address", "hep_connections", "hep_connections_evicted", "hep_tls_failed", "hep_garbage")
# Linux: with each datagram comes how many were dropped before it.
_DROPS_OPTION: Final = getattr(socket, "SO_RXQ_OVFL", 40)


def open_all(places: Iterable[Place]) -> list[tuple[Place, socket.socket]]:
    """A socket that listens, and doesn't block, for each place. Raises `ReceiverError`."""
    opened: list[tuple[Place, socket.socket]] = []
    for place in places:
        try:
            opened.append((place, _open(place)))
        except ReceiverError:
            for _, each in opened:
                each.close()
            raise
    return opened


def _open(place: Place) -> socket.socket:
    kind = socket.SOCK_DGRAM if place.transport == "udp" else socket.SOCK_STREAM
    opened = socket.socket(place.family, kind)
    try:
        opened.settimeout(0)
        if place.transport == "udp":
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)
            with suppress(OSError):  # another system
                opened.setsockopt(socket.SOL_SOCKET, _DROPS_OPTION, 1)
        else:
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        opened.bind((place.host, place.port))
        if place.transport != "udp":
            opened.listen(128)
    except OSError as error:
        opened.close()
        raise ReceiverError(f"{place} can't be listened on: {error.strerror}") from error
    return opened


class Reader(threading.Thread, ABC):
    """Reads some sockets into the inbox until it is stopped."""

    def __init__(self, name: str, inbox: Inbox, allowed: AllowList) -> None:
        super().__init__(name=name, daemon=True)
        self.counters: Counter[str] = Counter()
        self.failure = ""
        self._inbox = inbox
        self._allowed = allowed
        self._selector = selectors.DefaultSelector()
        self._stopping = threading.Event()

    def run(self) -> None:
        """Read until `stop`."""
        try:
            while not self._stopping.is_set():
                self._turn()
        except Exception as error:  # the agent must hear of any defect, or nothing would be heard any more
            log.exception("listening for HEP failed")
            self.failure = repr(error)
        finally:
            for key in list(self._selector.get_map().values()):
                self._close(key.fileobj)
            self._selector.close()

    def stop(self) -> None:
        """End soon."""
        self._stopping.set()

    @abstractmethod
    def _turn(self) -> None:
        """Read what is there, or wait a moment for it."""

    def _close(self, opened: object) -> None:
        if isinstance(opened, socket.socket):
            self._selector.unregister(opened)
            opened.close()


class DatagramReader(Reader):
    """Reads UDP: a frame a datagram."""

    def __init__(self, sockets: Iterable[socket.socket], inbox: Inbox, allowed: AllowList) -> None:
        super().__init__("hep-udp", inbox, allowed)
        self._drops: dict[int, int] = {}  # of the kernel, by socket
        self._quiet_us = time.time_ns() // 1000  # nothing was lost up to then
        for each in sockets:
            self._selector.register(each, selectors.EVENT_READ)

    def _turn(self) -> None:
        for key, _ in self._selector.select(_LOOK_S):
            if isinstance(key.fileobj, socket.socket):
                self._read(key.fileobj)

    def _read(self, opened: socket.socket) -> None:
        for _ in range(_AT_ONCE):
            try:
                octets, extras, _, sender = opened.recvmsg(hep.MAX_FRAME, 64)
            except OSError:
                return  # nothing more, or an ICMP error about something that was sent
            for level, kind, data in extras:
                if (level, kind) == (socket.SOL_SOCKET, _DROPS_OPTION):
                    self._note_drops(opened.fileno(), int.from_bytes(data[:4], sys.byteorder))
            if self._allowed.admits(sender[0]):
                self._inbox.put(octets)
            else:
                self.counters["hep_refused_address"] += 1
        self._quiet_us = time.time_ns() // 1000

    def _note_drops(self, number: int, drops: int) -> None:
        new = drops - self._drops.get(number, 0)
        self._drops[number] = drops
        if new > 0:
            self._inbox.lost("kernel", self._quiet_us, new)


class _Connection:
    """One agent's connection."""

    def __init__(self, opened: socket.socket) -> None:
        self.opened = opened
        self.splitter = hep.Splitter()
        self.heard_s = time.monotonic()
        self.shaking = isinstance(opened, ssl.SSLSocket)  # hands


class StreamReader(Reader):
    """Accepts connections, and reads frames that follow each other in them."""

    def __init__(
        self,
        sockets: Iterable[tuple[Place, socket.socket]],
        inbox: Inbox,
        allowed: AllowList,
        tls: ssl.SSLContext | None,
        most_connections: int = MOST_CONNECTIONS,
    ) -> None:
        super().__init__("hep-tcp", inbox, allowed)
        self._tls = tls
        self._most_connections = most_connections
        self._connections: dict[int, _Connection] = {}
        for place, each in sockets:
            self._selector.register(each, selectors.EVENT_READ, place)

    @property
    def connections(self) -> int:
        """How many are open."""
        return len(self._connections)

    def _turn(self) -> None:
        ready = [key for key, _ in self._selector.select(_LOOK_S)]
        for key in ready:
            if isinstance(key.data, _Connection):
                if key.events != selectors.EVENT_READ:
                    self._await(key.data, selectors.EVENT_READ)
                self._serve(key.data)
        # Who is let in may take the place of a connection: what that has told is heard by now.
        for key in ready:
            if isinstance(key.data, Place) and isinstance(key.fileobj, socket.socket):
                self._accept(key.fileobj, key.data)
        late_s = time.monotonic() - _HANDSHAKE_S
        for connection in [each for each in self._connections.values() if each.shaking and each.heard_s < late_s]:
            self._leave(connection, "hep_tls_failed")

    def _accept(self, listening: socket.socket, place: Place) -> None:
        try:
            opened, sender = listening.accept()
        except OSError:
            return  # it left before it was let in
        if not self._allowed.admits(sender[0]):
            self.counters["hep_refused_address"] += 1
            opened.close()
            return
        opened.settimeout(0)
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        if place.transport == "tls" and self._tls:
            try:
                opened = self._tls.wrap_socket(opened, server_side=True, do_handshake_on_connect=False)
            except OSError:
                return  # it is gone
        if len(self._connections) >= self._most_connections:
            longest = min(self._connections.values(), key=lambda each: each.heard_s)
            self._leave(longest, "hep_connections_evicted")
        connection = _Connection(opened)
        self._connections[opened.fileno()] = connection
        self.counters["hep_connections"] += 1
        self._selector.register(opened, selectors.EVENT_READ, connection)

    def _serve(self, connection: _Connection) -> None:
        opened = connection.opened
        try:
            if isinstance(opened, ssl.SSLSocket) and connection.shaking:
                opened.do_handshake()
                connection.shaking = False
            while self._inbox.wait_for_room(_LOOK_S):
                octets = opened.recv(_READ)
                if not octets:
                    self._leave(connection)
                    return
                self._take(connection, octets)
                if not (isinstance(opened, ssl.SSLSocket) and opened.pending()):
                    return
        except ssl.SSLWantWriteError:
            self._await(connection, selectors.EVENT_WRITE)
        except (ssl.SSLWantReadError, BlockingIOError):
            pass
        except OSError:
            self._leave(connection, "hep_tls_failed" if connection.shaking else "")

    def _await(self, connection: _Connection, event: int) -> None:
        self._selector.modify(connection.opened, event, connection)

    def _take(self, connection: _Connection, octets: bytes) -> None:
        connection.heard_s = time.monotonic()
        before = connection.splitter.garbage
        for frame in connection.splitter.feed(octets):
            self._inbox.put(frame, whatever=True)
        if connection.splitter.garbage > before:
            self.counters["hep_garbage"] += connection.splitter.garbage - before

    def _leave(self, connection: _Connection, reason: str = "") -> None:
        if reason:
            self.counters[reason] += 1
        if connection.splitter.held:  # of a frame that will not become whole
            self.counters["hep_garbage"] += connection.splitter.held
        self._connections.pop(connection.opened.fileno(), None)
        self._close(connection.opened)
