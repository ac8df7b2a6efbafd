"""What decoding gives: a `Datagram`, or the reason for which a frame gave none. Pure."""

from enum import StrEnum


class Datagram:
    """One payload of a transport as one observer saw it: of UDP a datagram, of a stream one message. Never changed.

    No Struct: compiled, its fields are read by each stage at no cost.
    """

    __slots__ = (
        "captured_us",
        "cut",
        "destination",
        "destination_port",
        "observer",
        "payload",
        "source",
        "source_port",
        "transport",
    )

    def __init__(
        self,
        captured_us: int,
        source: str,
        source_port: int,
        destination: str,
        destination_port: int,
        transport: str,
        observer: str,
        payload: bytes,
        cut: int = 0,
    ) -> None:
        self.captured_us = captured_us  # wire time, µs since the epoch; of fragments: when it was complete
        self.source = source  # IP address as text, IPv6 without brackets
        self.source_port = source_port
        self.destination = destination
        self.destination_port = destination_port
        self.transport = transport  # "udp", "tcp", "tls", "ws", "wss", "sctp"
        self.observer = observer  # "collector/interface"
        self.payload = payload
        self.cut = cut  # octets at its end that the capture (its snap length) left out

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Datagram) and self._fields() == other._fields()

    def __repr__(self) -> str:
        return f"Datagram{self._fields()}"

    def at(self, captured_us: int) -> "Datagram":
        """The same at another time."""
        return self._with(captured_us, self.observer, self.payload, self.cut)

    def seen_by(self, observer: str) -> "Datagram":
        """The same under another name of its observer."""
        return self._with(self.captured_us, observer, self.payload, self.cut)

    def carrying(self, payload: bytes, cut: int = 0) -> "Datagram":
        """The same with another payload."""
        return self._with(self.captured_us, self.observer, payload, cut)

    def _with(self, captured_us: int, observer: str, payload: bytes, cut: int) -> "Datagram":
        ends = self.source, self.source_port, self.destination, self.destination_port
        return Datagram(captured_us, *ends, self.transport, observer, payload, cut)

    def _fields(self) -> tuple[int, str, int, str, int, str, str, bytes, int]:
        return (
            self.captured_us,
            self.source,
            self.source_port,
            self.destination,
            self.destination_port,
            self.transport,
            self.observer,
            self.payload,
            self.cut,
        )


class Skip(StrEnum):
    """Why a frame gave no datagram. The values are the names of the counters `skipped_<value>`."""

    UNKNOWN_LINK = "unknown_link"  # a link type that is none of ours
    NOT_IP = "not_ip"  # ARP, LLDP, spanning tree, …
    BAD_IP = "bad_ip"  # headers that contradict themselves, or are cut
    BAD_UDP = "bad_udp"
    BAD_TCP = "bad_tcp"
    BAD_SCTP = "bad_sctp"
    TCP = "tcp"  # of a connection that carries no SIP in clear
    SCTP = "sctp"  # carries no SIP
    SEGMENT = "segment"  # completes no message: part of one, or none of its octets are for the application
    RETRANSMISSION = "retransmission"  # of TCP or SCTP: nothing that was not seen before
    ICMP_ERROR = "icmp_error"  # which quotes no SIP message; others are side events
    HEP = "hep"  # a frame of HEP that holds neither SIP nor what is kept beside it
    OTHER_PROTOCOL = "other_protocol"
    TOO_DEEP = "too_deep"  # more tunnels, one in the other, than anybody builds
    FRAGMENT = "fragment"  # held until its datagram is whole: nothing is lost by that
    BAD_FRAGMENT = "bad_fragment"  # overlaps another one (RFC 5722), or reaches beyond 65,535 octets
