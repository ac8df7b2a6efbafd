"""Connections to SIP servers that do not come about: refused, unanswered, or ended by a TLS alert in the clear.

Nothing of SIP is ever sent in these, so that they are looked at only where they go to a port of SIP, or to an endpoint
that was seen to speak it.
"""

from collections import OrderedDict
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, TypeAlias

from collectors.decode import ip, tcp
from collectors.wire.events import TCP, SideEvent
from collectors.wire.trouble import Connection

SIP_PORTS: Final = frozenset({5060, 5061})
# A TLS record (RFC 8446 §5.1) that holds an alert which is not encrypted: two octets, level and description.
ALERT: Final = b"\x15\x03"
_ALERT_SIZE: Final = 7
_FATAL: Final = b"\0\2\2"  # two octets long, of which the first says that it is fatal
# How connections end, or what does no harm: close_notify, user_canceled, no_renegotiation.
_HARMLESS: Final = frozenset({0, 90, 100})
_MOST_PENDING: Final = 4_096
_MOST_SERVERS: Final = 4_096
_SUSPECT_SENDS: Final = 3  # of a SYN: after 1 s and 3 s
# Nobody repeats a SYN sooner (RFC 6298 §2: 1 s): what comes at once is a copy.
_APART_US: Final = 500_000


class _Pending:
    """A SYN that has no answer yet."""

    __slots__ = ("last_us", "sends")

    def __init__(self, at_us: int) -> None:
        self.last_us = at_us
        self.sends = 1


# Address and port.
_Place: TypeAlias = tuple[str, int]


class Openings:
    """Follows the attempts that one observer sees; bounded."""

    def __init__(self, observer: str) -> None:
        self._observer = observer
        self._pending: OrderedDict[bytes, _Pending] = OrderedDict()
        self._servers: dict[_Place, None] = {}  # endpoints that speak SIP

    def serves(self, address: str, port: int) -> None:
        """SIP was sent to this address and port."""
        if len(self._servers) >= _MOST_SERVERS:
            self._servers.clear()
        self._servers[address, port] = None

    def see(self, key: bytes, packet: ip.Packet, segment: tcp.Segment, at_us: int) -> SideEvent | None:
        """A segment that opens, refuses, or carries an alert: what that tells of a connection that failed.

        `key` names the connection, the same both ways.
        """
        source = (ip.address(packet.source), segment.source_port)
        destination = (ip.address(packet.destination), segment.destination_port)
        if segment.flags & tcp.SYN:
            return self._opened(key, source, destination, segment.flags, at_us)
        if segment.flags & tcp.RST:
            pending = self._pending.pop(key, None)
            refused = pending is not None and self._listens(source)
            return self._failed(source, destination, at_us, Connection.REFUSED) if refused else None
        return self._alerted(source, destination, segment.payload, at_us)

    def _opened(self, key: bytes, source: _Place, destination: _Place, flags: int, at_us: int) -> SideEvent | None:
        if flags & tcp.ACK:
            self._pending.pop(key, None)
            return None
        if not self._listens(destination):
            return None
        pending = self._pending.get(key)
        if pending is None:
            if len(self._pending) >= _MOST_PENDING:
                self._pending.popitem(last=False)
            self._pending[key] = _Pending(at_us)
            return None
        if at_us - pending.last_us < _APART_US:
            return None
        pending.sends += 1
        pending.last_us = at_us
        if pending.sends != _SUSPECT_SENDS:
            return None
        return self._failed(source, destination, at_us, Connection.UNANSWERED)

    def _alerted(self, source: _Place, destination: _Place, record: bytes, at_us: int) -> SideEvent | None:
        if len(record) != _ALERT_SIZE or record[3:6] != _FATAL or record[6] in _HARMLESS:
            return None
        if not (self._listens(source) or self._listens(destination)):
            return None
        return self._failed(source, destination, at_us, Connection.ALERT, {"alert": float(record[6])})

    def _listens(self, place: _Place) -> bool:
        return place[1] in SIP_PORTS or place in self._servers

    def _failed(
        self,
        source: _Place,
        destination: _Place,
        at_us: int,
        trouble: Connection,
        values: Mapping[str, float] = MappingProxyType({}),
    ) -> SideEvent:
        """Of the two ends, that which listens for SIP is the server."""
        back = trouble is Connection.REFUSED or not self._listens(destination)
        client, server = (destination, source) if back else (source, destination)
        return SideEvent(
            at_us,
            at_us,
            *source,
            *destination,
            "tls" if values else "tcp",
            self._observer,
            TCP,
            text=str(trouble),
            values=dict(values),
            hop=f"{endpoint(*client)}>{endpoint(*server)}",
        )


def endpoint(address: str, port: int) -> str:
    """An address and port as one text, IPv6 in brackets (RFC 3986 §3.2.2)."""
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
