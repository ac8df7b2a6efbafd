"""Messages over TCP, WebSocket and SCTP: connections with what befalls their segments on the way.

A connection is opened by whoever sends first, and stays. Its segments may be cut small, overtake one another, come
twice, get lost (then they are sent again), or be missed by the capture alone.
"""

import struct
from collections.abc import Iterator
from typing import Final, NamedTuple, TypeAlias

from collectors.scenario.dice import Dice
from collectors.scenario.message import Endpoint
from collectors.scenario.network import octets_of, pseudo_checksum
from collectors.scenario.stage import Sent
from collectors.sip.timers import MILLISECOND

TCP: Final = 6
SCTP: Final = 132

_SYN, _ACK, _PUSH = 0x02, 0x10, 0x08
_SEQUENCES: Final = 1 << 32
_WINDOW: Final = 64_240
_RETRANSMISSION_US: Final = 200 * MILLISECOND  # the least that Linux waits
_BEGIN, _END = 2, 1
_TEXT: Final = 0x81
_MASKED: Final = 0x80
_REQUEST: Final = (
    "GET / HTTP/1.1\r\nHost: {}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: {}==\r\n"
    "Sec-WebSocket-Protocol: sip\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
_RESPONSE: Final = (
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Accept: {}=\r\nSec-WebSocket-Protocol: sip\r\n\r\n"
)


class Weather(NamedTuple):
    """What befalls segments of streams; probabilities from 0 to 1."""

    segment: int = 1_400  # octets of one, at most; of SCTP, of a chunk
    small: float = 0.0  # it is cut anywhere
    reordered: float = 0.0  # the next one overtakes it
    repeated: float = 0.0  # it is sent twice, though it arrived
    lost: float = 0.0  # before the capture, and sent again
    missed: float = 0.0  # by the capture alone
    seed: str = "weather"


CALM: Final = Weather()


class Parcel(NamedTuple):
    """The payload of one IP packet."""

    at_us: int  # since the scenario's start
    source: Endpoint
    destination: Endpoint
    protocol: int
    payload: bytes


# From one end to the other.
_Way: TypeAlias = tuple[Endpoint, Endpoint]


class _Direction:
    """What one end has sent to the other, which the other acknowledges as it arrives."""

    def __init__(self, dice: Dice, *, masks: bool = False) -> None:
        self.next = dice.below(_SEQUENCES)  # sequence number of the octet or chunk to come
        self.tag = dice.below(_SEQUENCES)  # of SCTP
        self.masks = masks  # a client of WebSocket
        self._arrivals: list[tuple[int, int]] = []  # from when on, what is acknowledged

    def take(self, count: int) -> int:
        """The sequence number of so many octets or chunks to be sent."""
        number = self.next
        self.next = (number + count) % _SEQUENCES
        return number

    def arrive(self, at_us: int) -> int:
        """All that was sent so far arrives at this time, or later, when what is before it does."""
        at_us = max([at_us, *(earlier_us for earlier_us, _ in self._arrivals[-1:])])
        self._arrivals.append((at_us, self.next))
        return at_us

    def acknowledged(self, at_us: int) -> int:
        """What the other end acknowledges at this time."""
        return next(number for arrived_us, number in reversed(self._arrivals) if arrived_us <= at_us)


class Streams:
    """All connections of a scenario."""

    def __init__(self, weather: Weather = CALM) -> None:
        self._weather = weather
        self._dice = Dice(weather.seed)
        self._directions: dict[_Way, _Direction] = {}

    def parcels(self, sent: Sent) -> Iterator[Parcel]:
        """What a capture at the sender sees of a message, and before it of the connection that it opens."""
        if sent.transport == "sctp":
            return self._sctp(sent)
        return self._tcp(sent)

    def _tcp(self, sent: Sent) -> Iterator[Parcel]:
        way = (sent.source, sent.destination)
        if way not in self._directions:
            yield from self._open(sent)
        octets = self._framed(self._directions[way], sent.raw) if sent.transport == "ws" else sent.raw
        yield from self._send(sent, octets)

    def _open(self, sent: Sent) -> Iterator[Parcel]:
        way, back = (sent.source, sent.destination), (sent.destination, sent.source)
        websocket = sent.transport == "ws"
        client = self._directions[way] = _Direction(self._dice, masks=websocket)
        server = self._directions[back] = _Direction(self._dice)
        at_us = sent.sent_us
        yield self._segment(at_us, way, client.take(1), b"", _SYN)
        client.arrive(at_us)
        yield self._segment(at_us, back, server.take(1), b"", _SYN | _ACK)
        server.arrive(at_us)
        yield self._segment(at_us, way, client.next, b"", _ACK)
        if websocket:
            opening = sent._replace(arrived_us=at_us, seen=True)
            yield from self._send(opening, _REQUEST.format(sent.destination, self._dice.text(22)).encode())
            answer = opening._replace(source=sent.destination, destination=sent.source)
            yield from self._send(answer, _RESPONSE.format(self._dice.text(27)).encode())

    def _send(self, sent: Sent, octets: bytes) -> Iterator[Parcel]:
        """The segments of these octets, as a capture at the sender sees them, and their acknowledgment."""
        way, back = (sent.source, sent.destination), (sent.destination, sent.source)
        direction = self._directions[way]
        segments: list[Parcel] = []
        at = 0
        while at < len(octets):
            size = self._weather.segment
            if self._dice.chance(self._weather.small):
                size = 1 + self._dice.below(size)
            payload = octets[at : at + size]
            segments.append(self._segment(sent.sent_us, way, direction.take(len(payload)), payload, _PUSH | _ACK))
            at += size
        captured = list(self._befallen(segments)) if sent.seen else []
        yield from captured
        if sent.arrived_us is not None:
            at_us = direction.arrive(max([sent.sent_us, *(parcel.at_us for parcel in captured)]))
            yield self._segment(at_us, back, self._directions[back].next, b"", _ACK)

    def _befallen(self, parcels: list[Parcel]) -> Iterator[Parcel]:
        """The parcels after what the weather does to them, in the order in which they are captured."""
        weather, dice = self._weather, self._dice
        at = 0
        while at < len(parcels):
            if at + 1 < len(parcels) and dice.chance(weather.reordered):
                parcels[at], parcels[at + 1] = parcels[at + 1], parcels[at]
            parcel = parcels[at]
            at += 1
            if dice.chance(weather.lost):
                parcel = parcel._replace(at_us=parcel.at_us + _RETRANSMISSION_US)
            if dice.chance(weather.missed):
                continue
            yield parcel
            if dice.chance(weather.repeated):
                yield parcel

    def _segment(self, at_us: int, way: _Way, sequence: int, payload: bytes, flags: int) -> Parcel:
        source, destination = way
        acknowledged = self._directions[destination, source].acknowledged(at_us) if flags & _ACK else 0
        header = struct.pack(
            "!HHIIBBHHH", source.port, destination.port, sequence, acknowledged, 5 << 4, flags, _WINDOW, 0, 0
        )
        checksum = pseudo_checksum(TCP, octets_of(source), octets_of(destination), header + payload)
        segment = header[:16] + struct.pack("!H", checksum) + header[18:] + payload
        return Parcel(at_us, source, destination, TCP, segment)

    def _framed(self, direction: _Direction, message: bytes) -> bytes:
        """A WebSocket text frame (RFC 6455 §5.2), masked when a client sends it."""
        masked = _MASKED if direction.masks else 0
        head = struct.pack("!BBH", _TEXT, masked | 126, len(message))
        if not masked:
            return head + message
        mask = bytes.fromhex(self._dice.hex(8))
        return head + mask + bytes(octet ^ mask[at % 4] for at, octet in enumerate(message))

    def _sctp(self, sent: Sent) -> Iterator[Parcel]:
        """DATA chunks (RFC 9260 §3.3.1), each in a packet of its own. The checksum is left to the network card."""
        way = (sent.source, sent.destination)
        direction = self._directions.setdefault(way, _Direction(self._dice))
        size = self._weather.segment
        parcels = []
        for at in range(0, len(sent.raw), size):
            part = sent.raw[at : at + size]
            bits = (0 if at else _BEGIN) | (_END if at + size >= len(sent.raw) else 0)
            chunk = struct.pack("!BBHIHHI", 0, bits, 16 + len(part), direction.take(1), 0, 0, 0) + part
            header = struct.pack("!HHII", sent.source.port, sent.destination.port, direction.tag, 0)
            payload = header + chunk + bytes(-len(chunk) % 4)
            parcels.append(Parcel(sent.sent_us, sent.source, sent.destination, SCTP, payload))
        return self._befallen(parcels if sent.seen else [])
