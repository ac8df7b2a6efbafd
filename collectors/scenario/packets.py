"""Messages as packets: link layer, tunnels, IPv4 or IPv6 (in fragments where they must be), UDP."""

import struct
from collections.abc import Callable, Iterable, Iterator
from enum import IntEnum
from ipaddress import ip_address
from itertools import count
from typing import Final, TypeAlias
from zlib import crc32

from collectors.scenario.encapsulation import IPV4, IPV6, wrapped
from collectors.scenario.message import Endpoint
from collectors.scenario.network import ip_packets, pseudo_checksum
from collectors.scenario.stage import Sent

_UDP: Final = 17
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
    messages: Iterable[Sent],
    *,
    link: Link = Link.ETHERNET,
    vlans: tuple[int, ...] = (),
    within: tuple[str, ...] = (),
    mtu: int = 1500,
) -> Iterator[Packet]:
    """What a capture at the sender sees of these messages; those that it missed (`seen`) are left out.

    `vlans` (Ethernet only) are the tags from the outside in, and so are the names of other wrappings in
    `within` (`collectors.scenario.encapsulation`). Raises `ValueError` for a transport that can't be
    packed yet.
    """
    numbers = count(1)
    for sent in messages:
        if not sent.seen:
            continue
        pack = _TRANSPORTS.get(sent.transport)
        if pack is None:
            raise ValueError(f"no packets for {sent.transport} yet")
        number = next(numbers)
        for datagram in pack(sent, number, mtu):
            for kind, octets, _ in wrapped(datagram, within, number, mtu):
                yield sent.sent_us, _link_header(link, sent, kind, vlans) + octets


def _udp(sent: Sent, number: int, mtu: int) -> list[bytes]:
    """The IP packets of one datagram."""
    length = 8 + len(sent.raw)
    source, destination = _octets(sent.source), _octets(sent.destination)
    header = struct.pack("!HHHH", sent.source.port, sent.destination.port, length, 0)
    checksum = pseudo_checksum(_UDP, source, destination, header + sent.raw) or 0xFFFF
    payload = header[:6] + struct.pack("!H", checksum) + sent.raw
    return ip_packets(_UDP, source, destination, payload, number, mtu)


_TRANSPORTS: Final[dict[str, Callable[[Sent, int, int], list[bytes]]]] = {"udp": _udp}


def _link_header(link: Link, sent: Sent, kind: int, vlans: tuple[int, ...]) -> bytes:
    match link:
        case Link.NULL:
            return struct.pack("=I", {IPV4: 2, IPV6: 30}[kind])
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
