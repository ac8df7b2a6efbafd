"""Packets as the octets of a capture file: pcap or pcapng, chunk by chunk."""

import struct
from collections.abc import Iterable, Iterator
from typing import Final

from collectors.scenario.packets import Link, Packet
from collectors.scenario.scenario import START_US
from collectors.sip.timers import SECOND

_SNAP: Final = 262_144
_SECTION, _INTERFACE, _PACKET = 0x0A0D0D0A, 1, 6
_IF_NAME: Final = 2


def pcap(packets: Iterable[Packet], *, link: Link = Link.ETHERNET, start_us: int = START_US) -> Iterator[bytes]:
    """A pcap file with µs time stamps: its header, then each packet."""
    yield struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, _SNAP, link)
    for time_us, octets in packets:
        seconds, micro = divmod(start_us + time_us, SECOND)
        yield struct.pack("<IIII", seconds, micro, len(octets), len(octets)) + octets


def pcapng(
    packets: Iterable[Packet], *, link: Link = Link.ETHERNET, start_us: int = START_US, interface: str = "eth0"
) -> Iterator[bytes]:
    """A pcapng file of one interface, with µs time stamps (its default)."""
    yield _block(_SECTION, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1))
    yield _block(_INTERFACE, struct.pack("<HHI", link, 0, _SNAP) + _option(_IF_NAME, interface.encode()))
    for time_us, octets in packets:
        stamp = start_us + time_us
        head = struct.pack("<IIIII", 0, stamp >> 32, stamp & 0xFFFFFFFF, len(octets), len(octets))
        yield _block(_PACKET, head + _padded(octets))


def _block(kind: int, body: bytes) -> bytes:
    length = 12 + len(body)
    return struct.pack("<II", kind, length) + body + struct.pack("<I", length)


def _option(code: int, value: bytes) -> bytes:
    return struct.pack("<HH", code, len(value)) + _padded(value) + bytes(4)


def _padded(octets: bytes) -> bytes:
    return octets + bytes(-len(octets) % 4)
