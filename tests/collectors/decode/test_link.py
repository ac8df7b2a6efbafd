"""Where IP begins in a frame, link layer by link layer."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectors.decode.link import LAYERS, NOT_IP
from tests.support.packets import cooked, cooked_v2, ethernet, ipv4, ipv6, udp

V4 = ipv4(udp())
V6 = ipv6(udp())
ARP = 0x0806
PPPOE = bytes.fromhex("11000001") + struct.pack("!H", len(V4) + 2)

FRAMES = [
    ("Ethernet with IPv4", 1, ethernet(V4), 14),
    ("Ethernet with IPv6", 1, ethernet(V6), 14),
    ("a VLAN", 1, ethernet(V4, tags=((0x8100, 5),)), 18),
    ("QinQ by 802.1ad", 1, ethernet(V6, tags=((0x88A8, 5), (0x8100, 6))), 22),
    ("QinQ as it was before", 1, ethernet(V4, tags=((0x9100, 5), (0x8100, 6))), 22),
    ("more VLAN tags than anybody has", 1, ethernet(V4, tags=((0x8100, 5),) * 9), NOT_IP),
    ("PPPoE", 1, ethernet(PPPOE + b"\x00\x21" + V4, kind=0x8864), 22),
    ("PPPoE with something other than IP", 1, ethernet(PPPOE + b"\xc0\x21" + V4, kind=0x8864), NOT_IP),
    ("ARP", 1, ethernet(b"\0" * 28, kind=ARP), NOT_IP),
    ("an Ethernet frame without a type", 1, b"\0" * 12, NOT_IP),
    ("a VLAN tag at the end", 1, ethernet(b"", kind=0x8100), NOT_IP),
    ("the interface any", 113, cooked(V4), 16),
    ("the interface any with a VLAN", 113, cooked(b"\0\5\x08\0" + V4, 0x8100), 20),
    ("the interface any with ARP", 113, cooked(b"\0" * 28, ARP), NOT_IP),
    ("any, second version", 276, cooked_v2(V6, 0x86DD), 20),
    ("any, second version, with a VLAN", 276, cooked_v2(b"\0\5\x08\0" + V4, 0x8100), 24),
    ("any, second version, with ARP", 276, cooked_v2(b"\0" * 28, ARP), NOT_IP),
    ("loopback of a little-endian machine", 0, b"\2\0\0\0" + V4, 4),
    ("loopback of a big-endian machine", 0, b"\0\0\0\2" + V4, 4),
    ("loopback of OpenBSD", 108, b"\0\0\0\x18" + V6, 4),
    ("loopback of macOS with IPv6", 0, b"\x1e\0\0\0" + V6, 4),
    ("loopback with AppleTalk", 0, b"\x10\0\0\0" + V4, NOT_IP),
    ("loopback, cut", 0, b"", NOT_IP),
    ("raw IP", 101, V4, 0),
    ("raw IP by the number of Linux", 12, V6, 0),
    ("raw IPv4", 228, V4, 0),
]


@pytest.mark.parametrize(("link_type", "frame", "offset"), [row[1:] for row in FRAMES], ids=[row[0] for row in FRAMES])
def test_ip_is_found(link_type: int, frame: bytes, offset: int) -> None:
    assert LAYERS[link_type](frame) == offset


@given(link_type=st.sampled_from(sorted(LAYERS)), frame=st.binary(max_size=64))
def test_any_octets_have_an_answer(link_type: int, frame: bytes) -> None:
    assert NOT_IP <= LAYERS[link_type](frame) <= 64
