"""Messages as packets: link layer, tunnels, IPv4 or IPv6 (in fragments where they must be), any transport but TLS."""

import heapq
import struct
from collections.abc import Iterable, Iterator
from enum import IntEnum
from itertools import count
from typing import Final, TypeAlias
from zlib import crc32

from collectors.scenario.encapsulation import IPV4, IPV6, wrapped
from collectors.scenario.message import Endpoint
from collectors.scenario.network import ip_packets, octets_of, pseudo_checksum
from collectors.scenario.stage import Sent
from collectors.scenario.streams import CALM, Parcel, Streams, Weather

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
    weather: Weather = CALM,
) -> Iterator[Packet]:
    """What a capture at the sender sees of these messages; those that it missed (`seen`) are left out.

    `vlans` (Ethernet only) are the tags from the outside in, and so are the names of other wrappings in
    `within` (`collectors.scenario.encapsulation`); `weather` befalls segments of TCP, WebSocket and SCTP. Raises
    `ValueError` for another transport than these and UDP.
    """
    for number, parcel in enumerate(_in_order(messages, Streams(weather)), 1):
        source, destination = octets_of(parcel.source), octets_of(parcel.destination)
        for packet in ip_packets(parcel.protocol, source, destination, parcel.payload, number, mtu):
            for kind, octets, _ in wrapped(packet, within, number, mtu):
                yield parcel.at_us, _link_header(link, parcel, kind, vlans) + octets


def _in_order(messages: Iterable[Sent], streams: Streams) -> Iterator[Parcel]:
    """The parcels of all messages, those that are sent again in their place."""
    later: list[tuple[int, int, Parcel]] = []
    order = count()
    for sent in messages:
        while later and later[0][0] <= sent.sent_us:
            yield heapq.heappop(later)[2]
        for parcel in _parcels(sent, streams):
            if parcel.at_us > sent.sent_us:
                heapq.heappush(later, (parcel.at_us, next(order), parcel))
            else:
                yield parcel
    yield from (parcel for _, _, parcel in sorted(later))


def _parcels(sent: Sent, streams: Streams) -> Iterable[Parcel]:
    if sent.transport == "udp":
        return [_udp(sent)] if sent.seen else []
    if sent.transport not in ("tcp", "ws", "sctp"):
        raise ValueError(f"no packets for {sent.transport}")
    return streams.parcels(sent)


def _udp(sent: Sent) -> Parcel:
    length = 8 + len(sent.raw)
    header = struct.pack("!HHHH", sent.source.port, sent.destination.port, length, 0)
    pseudo = pseudo_checksum(_UDP, octets_of(sent.source), octets_of(sent.destination), header + sent.raw)
    payload = header[:6] + struct.pack("!H", pseudo or 0xFFFF) + sent.raw
    return Parcel(sent.sent_us, sent.source, sent.destination, _UDP, payload)


def _link_header(link: Link, parcel: Parcel, kind: int, vlans: tuple[int, ...]) -> bytes:
    match link:
        case Link.NULL:
            return struct.pack("=I", {IPV4: 2, IPV6: 30}[kind])
        case Link.RAW:
            return b""
        case Link.SLL:
            return struct.pack("!HHH8sH", 0, _ARPHRD_ETHER, 6, _mac(parcel.source), kind)
        case Link.SLL2:
            return struct.pack("!HHIHBB8s", kind, 0, 1, _ARPHRD_ETHER, 0, 6, _mac(parcel.source))
        case Link.ETHERNET:
            tags = b"".join(struct.pack("!HH", _VLAN, vlan) for vlan in vlans)
            return _mac(parcel.destination) + _mac(parcel.source) + tags + struct.pack("!H", kind)


def _mac(endpoint: Endpoint) -> bytes:
    """A locally administered address for a host."""
    return b"\x02\x00" + crc32(endpoint.address.encode()).to_bytes(4, "big")
