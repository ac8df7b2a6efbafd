"""HEP, the Homer encapsulation: what a SIP server or an agent saw, sent to a collector. Versions 1, 2 and 3.

A frame holds one payload with the addresses that it went between, and the time at which that was seen. Decoding
is total: a frame that can't be read is a `Refusal`, and one that ends too early is read as far as it goes.
"""

import struct
import zlib
from enum import StrEnum
from ipaddress import ip_address
from typing import Final

import msgspec

from collectors.decode import ip

PORT: Final = 9060  # by custom
MAGIC: Final = b"HEP3"
HEADER: Final = 6  # octets: magic, length
MAX_FRAME: Final = 65_535
MAX_UNPACKED: Final = 256 * 1024  # octets of a payload that came compressed

# Protocol types.
SIP: Final = 1
RTCP: Final = 5  # as JSON
LOG: Final = 100

# A chunk is known by vendor and type; these are of vendor 0.
_FAMILY: Final = 0x01
_PROTOCOL: Final = 0x02
_SOURCES: Final = (0x03, 0x05)
_DESTINATIONS: Final = (0x04, 0x06)
_SOURCE_PORT: Final = 0x07
_DESTINATION_PORT: Final = 0x08
_SECONDS: Final = 0x09
_MICROSECONDS: Final = 0x0A
_TYPE: Final = 0x0B
_AGENT: Final = 0x0C
_KEY: Final = 0x0E
_PAYLOAD: Final = 0x0F
_COMPRESSED: Final = 0x10
_CORRELATION: Final = 0x11
_AGENT_NAME: Final = 0x13
# → name, octets, and how much of it is 1.
_MEASURES: Final = {0x20: ("mos", 2, 100), 0x21: ("r_factor", 2, 1), 0x23: ("jitter", 4, 1)}

_CHUNK: Final = struct.Struct("!HHH")
_HEAD: Final = _CHUNK.size  # octets
_MOST_TEXT: Final = 512  # octets of a name, a correlation id; a longer one is none
_MAPPED: Final = bytes(10) + b"\xff\xff"  # an IPv4 address written as one of IPv6 (RFC 4291 §2.5.5.2)
_SECOND: Final = 1_000_000

# By IP protocol; 22 stands for TLS where Kamailio sends it.
_TRANSPORTS: Final = {6: "tcp", 17: "udp", 22: "tls", 132: "sctp"}
_FAMILIES: Final = (b"\x02", b"\x0a")  # IPv4, IPv6
_PROTOCOLS: Final = {"udp": 17, "sctp": 132}  # all else goes over TCP
_TCP: Final = 6

# Of versions 1 and 2: version, length of all that follows up to the addresses' end, family, protocol, ports.
_OLD: Final = struct.Struct("!BBBBHH")
_OLD_LENGTHS: Final = {_OLD.size + 8: 4, _OLD.size + 32: 16}  # → octets of an address
_OLD_TIME: Final = 12  # octets: seconds, microseconds, agent id, and two that only fill up
_OLD_ORDERS: Final = (struct.Struct("!IIH"), struct.Struct("<IIH"))
_PLAUSIBLE_S: Final = 1_000_000_000  # nothing is older than that


class Refusal(StrEnum):
    """Why octets are no frame, or a frame that says nothing. The values are names of counters `hep_<value>`."""

    NOT_HEP = "not_hep"
    NO_ADDRESS = "no_address"  # it does not say who sent it to whom
    NO_PAYLOAD = "no_payload"  # a keep-alive, or cut before it
    BAD_COMPRESSION = "bad_compression"  # it can't be unpacked, or would become too large


class Frame(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One frame."""

    captured_us: int = 0  # µs since the epoch; 0 where it does not say
    source: str
    source_port: int = 0
    destination: str
    destination_port: int = 0
    transport: str = "udp"  # "udp", "tcp", "tls", "sctp"
    type: int = SIP
    payload: bytes
    cut: int = 0  # octets at the end of the payload that are missing
    agent: int = 0  # its number
    agent_name: str = ""
    key: bytes = b""
    correlation: str = ""  # usually the Call-ID
    values: dict[str, float] = {}  # "mos", "r_factor", "jitter", where it tells them


def is_hep(octets: bytes) -> bool:
    """Whether octets begin like a frame of any version."""
    return octets[:4] == MAGIC or (
        len(octets) >= _OLD.size and octets[0] in (1, 2) and octets[1] in _OLD_LENGTHS and octets[3] in _TRANSPORTS
    )


def decode(octets: bytes) -> Frame | Refusal:
    """The frame that these octets are."""
    if octets[:4] == MAGIC:
        return _decode_3(octets)
    return _decode_old(octets) if is_hep(octets) else Refusal.NOT_HEP


def encode(frame: Frame) -> bytes | None:
    """A frame of version 3; None where it doesn't fit into one, or its addresses are none."""
    try:
        source, destination = ip_address(frame.source).packed, ip_address(frame.destination).packed
    except ValueError:
        return None
    version = 0 if len(source) == 4 else 1
    chunks = [
        (_FAMILY, _FAMILIES[version]),
        (_PROTOCOL, bytes((_PROTOCOLS.get(frame.transport, _TCP),))),
        (_SOURCES[version], source),
        (_DESTINATIONS[version], destination),
        (_SOURCE_PORT, frame.source_port.to_bytes(2, "big")),
        (_DESTINATION_PORT, frame.destination_port.to_bytes(2, "big")),
        (_SECONDS, (frame.captured_us // _SECOND & 0xFFFF_FFFF).to_bytes(4, "big")),
        (_MICROSECONDS, (frame.captured_us % _SECOND).to_bytes(4, "big")),
        (_TYPE, bytes((frame.type,))),
        (_AGENT, frame.agent.to_bytes(4, "big")),
        (_AGENT_NAME, _octets(frame.agent_name)),
        (_KEY, frame.key),
        (_CORRELATION, _octets(frame.correlation)),
        (_PAYLOAD, frame.payload),
    ]
    size = HEADER + sum(_HEAD + len(value) for _, value in chunks if value)
    if size > MAX_FRAME:
        return None
    body = b"".join(_CHUNK.pack(0, kind, _HEAD + len(value)) + value for kind, value in chunks if value)
    return MAGIC + size.to_bytes(2, "big") + body


class Splitter:
    """Frames of version 3 out of a stream of octets. What is none is passed over, and counted in `garbage`."""

    def __init__(self) -> None:
        self.garbage = 0  # octets
        self._octets = bytearray()

    @property
    def held(self) -> int:
        """Octets that wait for others."""
        return len(self._octets)

    def feed(self, octets: bytes) -> list[bytes]:
        """The frames that these octets complete."""
        self._octets += octets
        found: list[bytes] = []
        while len(self._octets) >= HEADER:
            length = int.from_bytes(self._octets[4:HEADER], "big")
            if self._octets[:4] != MAGIC or length < HEADER:
                self._search()
            elif len(self._octets) < length:
                break
            else:
                found.append(bytes(self._octets[:length]))
                del self._octets[:length]
        return found

    def clear(self) -> None:
        """What waits will not become whole."""
        self.garbage += len(self._octets)
        self._octets.clear()

    def _search(self) -> None:
        """Pass over what is before the next frame."""
        at = self._octets.find(MAGIC, 1)
        dropped = at if at >= 0 else len(self._octets) - len(MAGIC) + 1
        del self._octets[:dropped]
        self.garbage += dropped


class HepFramer:
    """The same for one direction of a captured stream, in which octets may be missing: a frame is whole, or lost."""

    def __init__(self) -> None:
        self._splitter = Splitter()

    @property
    def garbage(self) -> int:
        """Octets passed over."""
        return self._splitter.garbage

    @property
    def held(self) -> int:
        """Octets that wait for others."""
        return self._splitter.held

    def feed(self, octets: bytes) -> list[tuple[bytes, int]]:
        """The frames that these octets complete, none of which misses anything."""
        return [(frame, 0) for frame in self._splitter.feed(octets)]

    def skip(self, _missing: int) -> list[tuple[bytes, int]]:
        """Octets are missing here: what follows begins anew."""
        self._splitter.clear()
        return []

    def end(self) -> list[tuple[bytes, int]]:
        """Nothing more will come."""
        return self.skip(0)


def _decode_3(octets: bytes) -> Frame | Refusal:
    chunks, cut = _chunks(octets)
    source, destination = _address(chunks, _SOURCES), _address(chunks, _DESTINATIONS)
    if not source or not destination:
        return Refusal.NO_ADDRESS
    payload = chunks.get(_PAYLOAD, b"")
    if not payload and chunks.get(_COMPRESSED):
        payload = _unpacked(chunks[_COMPRESSED])
        if not payload:
            return Refusal.BAD_COMPRESSION
    if not payload:
        return Refusal.NO_PAYLOAD
    return Frame(
        captured_us=_time(_number(chunks, _SECONDS, 4), _number(chunks, _MICROSECONDS, 4)),
        source=source,
        source_port=_number(chunks, _SOURCE_PORT, 2),
        destination=destination,
        destination_port=_number(chunks, _DESTINATION_PORT, 2),
        transport=_TRANSPORTS.get(_number(chunks, _PROTOCOL, 1), "udp"),
        type=_number(chunks, _TYPE, 1) or SIP,
        payload=payload,
        cut=cut,
        agent=_number(chunks, _AGENT, 4),
        agent_name=_text(chunks, _AGENT_NAME),
        key=chunks.get(_KEY, b""),
        correlation=_text(chunks, _CORRELATION),
        values={
            name: _number(chunks, kind, size) / unit
            for kind, (name, size, unit) in _MEASURES.items()
            if len(chunks.get(kind, b"")) == size
        },
    )


def _chunks(octets: bytes) -> tuple[dict[int, bytes], int]:
    """The chunks that have no vendor, by type, the first of each; and the octets that a cut payload lacks."""
    end = min(len(octets), int.from_bytes(octets[4:HEADER], "big"))
    found: dict[int, bytes] = {}
    at = HEADER
    while at + _HEAD <= end:
        vendor, kind, length = _CHUNK.unpack_from(octets, at)
        if length < _HEAD:
            break  # where the next one begins is not known
        after = at + length
        if vendor == 0 and kind not in found:
            if after > end:
                found[kind] = octets[at + _HEAD : end]
                return found, after - end if kind == _PAYLOAD else 0
            found[kind] = octets[at + _HEAD : after]
        at = after
    return found, 0


def _number(chunks: dict[int, bytes], kind: int, size: int) -> int:
    """A number of so many octets; 0 where there is none."""
    octets = chunks.get(kind, b"")
    return int.from_bytes(octets, "big") if len(octets) == size else 0


def _text(chunks: dict[int, bytes], kind: int) -> str:
    octets = chunks.get(kind, b"")
    return octets.rstrip(b"\0").decode("utf-8", "replace") if len(octets) <= _MOST_TEXT else ""


def _octets(text: str) -> bytes:
    return text.encode("utf-8", "replace")


def _address(chunks: dict[int, bytes], kinds: tuple[int, int]) -> str:
    """By the length of what is there: an IPv6 address in the chunk of IPv4 has been seen."""
    octets = next((chunks[kind] for kind in kinds if len(chunks.get(kind, b"")) in (4, 16)), b"")
    return _shown(octets) if octets else ""


def _shown(octets: bytes) -> str:
    return ip.address(octets[12:] if octets.startswith(_MAPPED) and len(octets) == 16 else octets)


def _unpacked(octets: bytes) -> bytes:
    """What was compressed by zlib or gzip; nothing where it wasn't, or where it becomes too large."""
    unpacker = zlib.decompressobj(zlib.MAX_WBITS | 32)
    try:
        plain = unpacker.decompress(octets, MAX_UNPACKED)
    except zlib.error:
        return b""
    return plain if unpacker.eof else b""


def _time(seconds: int, microseconds: int) -> int:
    """µs since the epoch; 0 where the two are no time."""
    return seconds * _SECOND + microseconds if seconds and microseconds < _SECOND else 0


def _decode_old(octets: bytes) -> Frame | Refusal:
    version, length, _, protocol, source_port, destination_port = _OLD.unpack_from(octets)
    size = _OLD_LENGTHS[length]
    source, destination = octets[_OLD.size : _OLD.size + size], octets[_OLD.size + size : length]
    if len(destination) < size:
        return Refusal.NO_ADDRESS
    captured_us, agent, payload = 0, 0, octets[length:]
    if version == 2:
        captured_us, agent = _old_time(payload[:_OLD_TIME])
        payload = payload[_OLD_TIME if payload[_OLD_TIME - 2 : _OLD_TIME] == b"\0\0" else _OLD_TIME - 2 :]
    if not payload:
        return Refusal.NO_PAYLOAD
    return Frame(
        captured_us=captured_us,
        source=_shown(source),
        source_port=source_port,
        destination=_shown(destination),
        destination_port=destination_port,
        transport=_TRANSPORTS[protocol],
        payload=payload,
        agent=agent,
    )


def _old_time(octets: bytes) -> tuple[int, int]:
    """(time, agent) as version 2 has them: in the sender's byte order, whichever gives a time that can be."""
    for order in _OLD_ORDERS:
        if len(octets) == _OLD_TIME:
            seconds, microseconds, agent = order.unpack_from(octets)
            if seconds >= _PLAUSIBLE_S and microseconds < _SECOND:
                return _time(seconds, microseconds), agent
    return 0, 0
