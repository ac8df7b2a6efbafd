"""Messages as packets: link layer, IPv4 or IPv6 (in fragments where they must be), UDP."""

import struct
from collections.abc import Callable, Iterable, Iterator
from enum import IntEnum
from ipaddress import ip_address
from itertools import count
from typing import Final, TypeAlias
from zlib import crc32

from collectors.scenario.message import Endpoint
from collectors.scenario.stage import Sent

_UDP: Final = 17
_FRAGMENT: Final = 44  # IPv6 next header
_HOPS: Final = 64
_ETHERTYPE: Final = {4: 0x0800, 6: 0x86DD}
_VLAN: Final = 0x8100
_ARPHRD_ETHER: Final = 1

# µs since the scenario's start, octets from the link header on
Packet: TypeAlias = tuple[int, bytes]


class Link(IntEnum):
    """Link types as capture files number them (https://www.tcpdump.org/linktypes.html)."""

    NULL = 0  # an address family, then IP
    ETHERNET = 1
    RAW = 101  # IP and nothing before it
    SLL = 113  # Linux cooked, v1: what the interface "any" gives
    SLL2 = 276


def packets(
    messages: Iterable[Sent], *, link: Link = Link.ETHERNET, vlans: tuple[int, ...] = (), mtu: int = 1500
) -> Iterator[Packet]:
    """What a capture at the sender sees of these messages; those that it missed (`seen`) are left out.

    `vlans` (Ethernet only) are the tags from the outside in. Raises `ValueError` for a transport that
    can't be packed yet.
    """
    numbers = count(1)
    for sent in messages:
        if not sent.seen:
            continue
        pack = _TRANSPORTS.get(sent.transport)
        if pack is None:
            raise ValueError(f"no packets for {sent.transport} yet")
        for datagram in pack(sent, next(numbers), mtu):
            yield sent.sent_us, _link_header(link, sent, datagram[0] >> 4, vlans) + datagram


def _udp(sent: Sent, number: int, mtu: int) -> list[bytes]:
    """The IP packets of one datagram."""
    length = 8 + len(sent.raw)
    source, destination = _octets(sent.source), _octets(sent.destination)
    header = struct.pack("!HHHH", sent.source.port, sent.destination.port, length, 0)
    pseudo = source + destination + struct.pack("!II", length, _UDP)
    checksum = _checksum(pseudo + header + sent.raw) or 0xFFFF
    payload = header[:6] + struct.pack("!H", checksum) + sent.raw
    return (_ipv4 if len(source) == 4 else _ipv6)(source, destination, payload, number, mtu)


_TRANSPORTS: Final[dict[str, Callable[[Sent, int, int], list[bytes]]]] = {"udp": _udp}


def _ipv4(source: bytes, destination: bytes, payload: bytes, number: int, mtu: int) -> list[bytes]:
    pieces = _pieces(payload, mtu - 20)
    found = []
    for offset, piece, more in pieces:
        fragment = offset // 8 | (0x2000 if more else 0)
        header = struct.pack(
            "!BBHHHBBH4s4s", 0x45, 0, 20 + len(piece), number & 0xFFFF, fragment, _HOPS, _UDP, 0, source, destination
        )
        found.append(header[:10] + struct.pack("!H", _checksum(header)) + header[12:] + piece)
    return found


def _ipv6(source: bytes, destination: bytes, payload: bytes, number: int, mtu: int) -> list[bytes]:
    def header(length: int, following: int) -> bytes:
        return struct.pack("!IHBB16s16s", 6 << 28, length, following, _HOPS, source, destination)

    if 40 + len(payload) <= mtu:
        return [header(len(payload), _UDP) + payload]
    return [
        header(8 + len(piece), _FRAGMENT) + struct.pack("!BBHI", _UDP, 0, offset | more, number) + piece
        for offset, piece, more in _pieces(payload, mtu - 48)
    ]


def _pieces(payload: bytes, room: int) -> list[tuple[int, bytes, bool]]:
    """(offset, octets, more follow), each but the last a multiple of 8 octets long."""
    if len(payload) <= room:
        return [(0, payload, False)]
    step = room // 8 * 8
    return [(at, payload[at : at + step], at + step < len(payload)) for at in range(0, len(payload), step)]


def _link_header(link: Link, sent: Sent, version: int, vlans: tuple[int, ...]) -> bytes:
    kind = _ETHERTYPE[version]
    match link:
        case Link.NULL:
            return struct.pack("=I", {4: 2, 6: 30}[version])
        case Link.RAW:
            return b""
        case Link.SLL:
            return struct.pack("!HHH8sH", 0, _ARPHRD_ETHER, 6, _mac(sent.source), kind)
        case Link.SLL2:
            return struct.pack("!HHIHBB8s", kind, 0, 1, _ARPHRD_ETHER, 0, 6, _mac(sent.source))
        case Link.ETHERNET:
            tags = b"".join(struct.pack("!HH", _VLAN, vlan) for vlan in vlans)
            return _mac(sent.destination) + _mac(sent.source) + tags + struct.pack("!H", kind)


def _mac(endpoint: Endpoint) -> bytes:
    """A locally administered address for a host."""
    return b"\x02\x00" + crc32(endpoint.address.encode()).to_bytes(4, "big")


def _octets(endpoint: Endpoint) -> bytes:
    return ip_address(endpoint.address).packed


def _checksum(data: bytes) -> int:
    """The Internet checksum (RFC 1071)."""
    if len(data) % 2:
        data += b"\0"
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF
