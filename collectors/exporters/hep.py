"""A mirror: what a collector sends to its server goes to Homer, or whoever takes HEP, as well.

It never holds up the exporter that it stands beside: what can't be sent at once waits within bounds, and what
finds no room is counted. It is a copy; nobody spools it, and nothing is sent twice.
"""

import logging
import socket
import threading
from collections import Counter, deque
from collections.abc import Sequence
from typing import Final, NamedTuple
from zlib import crc32

from collectors.decode import hep
from collectors.exporters.base import Exporter
from collectors.wire.events import LOG, RTCP, Heartbeat, Loss, Observation, SipEvent

log = logging.getLogger(__name__)

_MOST_WAITING: Final = 20_000  # events
_AT_ONCE: Final = 200
_CONNECT_S: Final = 2.0
_RETRY_S: Final = 2.0
_STOP_S: Final = 2.0
_SCHEMES: Final = {"hep": socket.SOCK_DGRAM, "hep+tcp": socket.SOCK_STREAM}
_TYPES: Final = {RTCP: hep.RTCP, LOG: hep.LOG}


class Target(NamedTuple):
    """Where the mirror sends."""

    kind: socket.SocketKind
    host: str
    port: int


def target(text: str) -> Target:
    """ "hep:192.0.2.1:9060" (UDP) or "hep+tcp:homer.example.com:9060" → Target. Raises ValueError."""
    scheme, _, rest = text.partition(":")
    host, _, port = rest.rpartition(":")
    if scheme not in _SCHEMES or not host or not (port.isascii() and port.isdecimal() and 0 < int(port) < 65_536):
        raise ValueError(f"{text!r} is no mirror like hep:192.0.2.1:9060 or hep+tcp:homer.example.com:9060")
    return Target(_SCHEMES[scheme], host.strip("[]"), int(port))


class HepMirror:
    """Sends frames of HEP 3 from a thread of its own."""

    def __init__(self, to: Target, collector: str, key: str = "") -> None:
        """Agents are known by number and name: those of this one are the CRC-32 of the collector's id, and the id."""
        self._to = to
        self._agent = crc32(collector.encode())
        self._name = collector
        self._key = key.encode()
        self._counters = Counter[str]()
        self._waiting: deque[Observation] = deque()
        self._changed = threading.Condition()
        self._stopping = False
        self._socket: socket.socket | None = None
        self._complaint = ""
        self._thread = threading.Thread(target=self._run, name="hep-mirror", daemon=True)

    def start(self) -> None:
        """Begin to send."""
        self._thread.start()

    def offer(self, events: Sequence[Observation]) -> None:
        """Send these, or count them where too many wait."""
        with self._changed:
            room = max(0, _MOST_WAITING - len(self._waiting))
            self._waiting.extend(events[:room])
            self._counters["mirror_dropped"] += max(0, len(events) - room)
            self._changed.notify()

    def stop(self) -> None:
        """Send what waits, for two seconds at most."""
        with self._changed:
            self._stopping = True
            self._changed.notify()
        if self._thread.is_alive():
            self._thread.join(_STOP_S)

    def counters(self) -> dict[str, int]:
        """ "mirror_sent", "mirror_dropped" (no room), "mirror_failed" (not taken), "mirror_skipped" (no frame)."""
        return {"mirror_sent": 0, "mirror_dropped": 0, "mirror_failed": 0, "mirror_skipped": 0} | dict(self._counters)

    # What follows runs in the mirror's thread.

    def _run(self) -> None:
        while events := self._next():
            for event in events:
                self._send(event)
        if self._socket:
            self._socket.close()

    def _next(self) -> list[Observation]:
        """The next that wait; none at the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._stopping)
            return [self._waiting.popleft() for _ in range(min(_AT_ONCE, len(self._waiting)))]

    def _send(self, event: Observation) -> None:
        frame = self._frame(event)
        octets = hep.encode(frame) if frame else None
        if octets is None:
            self._counters["mirror_skipped"] += 1
            return
        try:
            if self._socket is None:
                self._socket = self._connect()
            self._socket.sendall(octets)
        except OSError as error:
            self._fail(error)
        else:
            self._counters["mirror_sent"] += 1
            self._complaint = ""

    def _frame(self, event: Observation) -> hep.Frame | None:
        if isinstance(event, SipEvent):
            kind, payload = hep.SIP, event.raw
        else:
            kind, payload = _TYPES.get(event.kind, 0), event.raw or event.text.encode("utf-8", "replace")
        if not kind or not payload:
            return None
        return hep.Frame(
            captured_us=event.captured_us,
            source=event.source,
            source_port=event.source_port,
            destination=event.destination,
            destination_port=event.destination_port,
            transport=event.transport,
            type=kind,
            payload=payload,
            agent=self._agent,
            agent_name=self._name,
            key=self._key,
            correlation=event.call_id,
        )

    def _connect(self) -> socket.socket:
        reasons: list[OSError] = []
        for family, kind, _, _, address in socket.getaddrinfo(self._to.host, self._to.port, type=self._to.kind):
            opened = socket.socket(family, kind)
            opened.settimeout(_CONNECT_S)
            try:
                opened.connect(address)
            except OSError as error:
                opened.close()
                reasons.append(error)
            else:
                return opened
        raise reasons[0]

    def _fail(self, error: OSError) -> None:
        self._counters["mirror_failed"] += 1
        if str(error) != self._complaint:
            self._complaint = str(error)
            log.warning("the mirror %s:%d does not take what it is sent: %s", self._to.host, self._to.port, error)
        if self._socket and self._to.kind == socket.SOCK_DGRAM:
            return  # what an ICMP error said of an earlier datagram, or one that is too long
        if self._socket:
            self._socket.close()
            self._socket = None
        with self._changed:
            self._changed.wait_for(lambda: self._stopping, _RETRY_S)


class MirroredExporter:
    """An exporter, and a mirror beside it."""

    def __init__(self, exporter: Exporter, mirror: HepMirror) -> None:
        self._exporter = exporter
        self._mirror = mirror

    @property
    def backlog(self) -> int:
        """That of the exporter: nobody waits for the mirror."""
        return self._exporter.backlog

    @property
    def has_room(self) -> bool:
        """As the exporter says."""
        return self._exporter.has_room

    def start(self) -> None:
        """Start both. Raises `ExporterError`."""
        self._exporter.start()
        self._mirror.start()

    def export(self, events: Sequence[Observation]) -> None:
        """Take these, and mirror them."""
        self._exporter.export(events)
        if events:
            self._mirror.offer(events)

    def heartbeat(self, heartbeat: Heartbeat) -> None:
        """The mirror is told of calls only."""
        self._exporter.heartbeat(heartbeat)

    def stop(self, final: Heartbeat) -> None:
        """End both, the exporter first: the mirror goes on meanwhile."""
        self._exporter.stop(final)
        self._mirror.stop()

    def counters(self) -> dict[str, int]:
        """Those of both."""
        return self._exporter.counters() | self._mirror.counters()

    def losses(self) -> list[Loss]:
        """Those of the exporter."""
        return self._exporter.losses()
