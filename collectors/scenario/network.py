"""IPv4 and IPv6 packets, in fragments where they must be."""

import struct
from ipaddress import ip_address
from typing import Final

from collectors.scenario.message import Endpoint

_FRAGMENT: Final = 44  # IPv6 next header
_HOPS: Final = 64


def ip_packets(
    protocol: int, source: bytes, destination: bytes, payload: bytes, number: int, mtu: int = 65_535
) -> list[bytes]:
    """The packets that carry `payload` between two addresses (4 or 16 octets); `number` identifies their pieces."""
    return (_ipv4 if len(source) == 4 else _ipv6)(protocol, source, destination, payload, number, mtu)


def octets_of(endpoint: Endpoint) -> bytes:
    """Its address as packets have it: 4 or 16 octets."""
    return ip_address(endpoint.address).packed


def checksum(data: bytes) -> int:
    """The Internet checksum (RFC 1071)."""
    if len(data) % 2:
        data += b"\0"
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def pseudo_checksum(protocol: int, source: bytes, destination: bytes, payload: bytes) -> int:
    """The checksum of UDP, TCP or ICMPv6: over the payload and a header made of the addresses."""
    return checksum(source + destination + struct.pack("!II", len(payload), protocol) + payload)


def _ipv4(protocol: int, source: bytes, destination: bytes, payload: bytes, number: int, mtu: int) -> list[bytes]:
    pieces = _pieces(payload, mtu - 20)
    found = []
    for offset, piece, more in pieces:
        fragment = offset // 8 | (0x2000 if more else 0)
        length = 20 + len(piece)
        header = struct.pack(
            "!BBHHHBBH4s4s", 0x45, 0, length, number & 0xFFFF, fragment, _HOPS, protocol, 0, source, destination
        )
        found.append(header[:10] + struct.pack("!H", checksum(header)) + header[12:] + piece)
    return found


def _ipv6(protocol: int, source: bytes, destination: bytes, payload: bytes, number: int, mtu: int) -> list[bytes]:
    def header(length: int, following: int) -> bytes:
        return struct.pack("!IHBB16s16s", 6 << 28, length, following, _HOPS, source, destination)

    if 40 + len(payload) <= mtu:
        return [header(len(payload), protocol) + payload]
    return [
        header(8 + len(piece), _FRAGMENT) + struct.pack("!BBHI", protocol, 0, offset | more, number) + piece
        for offset, piece, more in _pieces(payload, mtu - 48)
    ]


def _pieces(payload: bytes, room: int) -> list[tuple[int, bytes, bool]]:
    """(offset, octets, more follow), each but the last a multiple of 8 octets long."""
    if len(payload) <= room:
        return [(0, payload, False)]
    step = room // 8 * 8
    return [(at, payload[at : at + step], at + step < len(payload)) for at in range(0, len(payload), step)]
