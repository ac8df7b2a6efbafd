"""IP packets: RFC 791, and RFC 8200 with its extension headers. Total: cut or damaged packets are a `Skip`."""

import struct
from functools import lru_cache
from ipaddress import IPv6Address
from typing import Final, NamedTuple, TypeAlias

from collectors.decode.datagram import Skip

ICMP: Final = 1
TCP: Final = 6
UDP: Final = 17
ICMPV6: Final = 58
SCTP: Final = 132

_V4: Final = struct.Struct("!BxHHHxB2x4s4s")
_V6: Final = struct.Struct("!4xHBx16s16s")
_V6_FRAGMENT: Final = struct.Struct("!BxHI")

_FRAGMENT_HEADER: Final = 44
# Hop-by-hop, routing, destination options, mobility, HIP, Shim6 count their length in units of eight octets
# (RFC 6564), authentication (RFC 4302) in units of four; eight octets come before what is counted.
_EXTENSION_UNITS: Final = {0: 8, 43: 8, 51: 4, 60: 8, 135: 8, 139: 8, 140: 8}
_MAX_EXTENSIONS: Final = 16
_UNUSUAL: Final = (0, 0, 0)

# What the pieces of a packet share: source, destination, identification, protocol (-1 with IPv6), and the
# names of the tunnels that it came through, as far as whoever joins them adds these.
FragmentKey: TypeAlias = tuple[bytes | int, ...]


class Piece(NamedTuple):
    """Where the payload of a fragment belongs: RFC 791 §3.1, RFC 8200 §4.5."""

    key: FragmentKey
    offset: int  # octets
    more: bool  # another piece follows


class Packet(NamedTuple):
    """An IP packet without its header."""

    source: bytes  # 4 or 16 octets
    destination: bytes
    protocol: int  # of the payload's first header
    payload: bytes
    cut: int = 0  # octets at the end that the capture left out
    piece: Piece | None = None  # of a fragment


@lru_cache(65_536)
def address(octets: bytes) -> str:
    """An address as text: 4 or 16 octets → "192.0.2.1", "2001:db8::1"."""
    if len(octets) == 4:
        return f"{octets[0]}.{octets[1]}.{octets[2]}.{octets[3]}"
    return str(IPv6Address(octets))


def whole_udp(frame: bytes, at: int, behind: int) -> tuple[int, int, int]:
    """The usual packet in `frame[at:behind]`, one datagram of UDP: where its addresses, payload, and the rest begin.

    The ports lie behind the addresses. (0, 0, 0) where it is not plain IPv4 or IPv6, or not whole, or `at` is none.
    """
    if at < 0 or behind < at + 28:
        return _UNUSUAL
    # Octet by octet: that is what a compiler makes most of.
    first = frame[at]
    if first == 0x45:
        if frame[at + 9] != UDP or frame[at + 6] & 0x3F or frame[at + 7]:
            return _UNUSUAL  # something else, or a fragment
        ends, begin, end = at + 12, at + 28, at + (frame[at + 2] << 8 | frame[at + 3])
    elif first >> 4 == 6 and behind >= at + 48 and frame[at + 6] == UDP:
        ends, begin, end = at + 8, at + 48, at + 40 + (frame[at + 4] << 8 | frame[at + 5])
    else:
        return _UNUSUAL
    whole = begin <= end <= behind and frame[begin - 4] << 8 | frame[begin - 3] == end - begin + 8
    return (ends, begin, end) if whole else _UNUSUAL


def parse(frame: bytes, at: int) -> Packet | Skip:
    """The IP packet that begins at `frame[at]`, or why there is none."""
    version = frame[at] >> 4 if at < len(frame) else 0
    if version == 4:
        return _parse_v4(frame, at)
    return _parse_v6(frame, at) if version == 6 else Skip.BAD_IP


def _parse_v4(frame: bytes, at: int) -> Packet | Skip:
    if len(frame) < at + 20:
        return Skip.BAD_IP
    first, length, identification, flags, protocol, source, destination = _V4.unpack_from(frame, at)
    header = (first & 15) * 4
    # A total length of 0 is what segmentation offload leaves: the packet fills the frame.
    length = length or len(frame) - at
    if header < 20 or length < header:
        return Skip.BAD_IP
    payload = frame[at + header : at + length]
    cut = length - header - len(payload)
    if not flags & 0x3FFF:
        return Packet(source, destination, protocol, payload, cut)
    key = (source, destination, identification, protocol)
    piece = Piece(key, (flags & 0x1FFF) * 8, bool(flags & 0x2000))
    return Packet(source, destination, protocol, payload, cut, piece)


def _parse_v6(frame: bytes, at: int) -> Packet | Skip:
    if len(frame) < at + 40:
        return Skip.BAD_IP
    length, protocol, source, destination = _V6.unpack_from(frame, at)
    # 0 is a jumbogram (RFC 2675) or segmentation offload: the packet fills the frame.
    end = at + 40 + length if length else len(frame)
    payload = frame[at + 40 : end]
    packet = Packet(source, destination, protocol, payload, end - at - 40 - len(payload))
    return packet if protocol in (UDP, TCP) else after_extensions(packet)


def after_extensions(packet: Packet) -> Packet | Skip:
    """An IPv6 packet without its extension headers, as far as its first piece's fragment header."""
    source, destination, protocol, payload, cut, _ = packet
    at = 0
    for _ in range(_MAX_EXTENSIONS):
        unit = _EXTENSION_UNITS.get(protocol)
        if unit is None and protocol != _FRAGMENT_HEADER:
            cut -= max(0, at - len(payload))
            return Packet(source, destination, protocol, payload[at:], cut) if cut >= 0 else Skip.BAD_IP
        if len(payload) < at + 8:
            return Skip.BAD_IP
        if unit is not None:
            protocol, at = payload[at], at + 8 + payload[at + 1] * unit
            continue
        protocol, place, identification = _V6_FRAGMENT.unpack_from(payload, at)
        at += 8
        if place & 0xFFF9:  # a fragment of its own, whole, is "atomic" (RFC 6946)
            key = (source, destination, identification, -1)
            return Packet(source, destination, protocol, payload[at:], cut, Piece(key, place & 0xFFF8, bool(place & 1)))
    return Skip.BAD_IP
