"""Where IP begins in a frame, link layer by link layer."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectors.decode.link import EXPORTED, LAYERS, NOT_IP
from collectors.scenario.network import checksum
from tests.support.packets import cooked, cooked_v2, ethernet, ipv4, ipv6, udp

V4 = ipv4(udp())
V6 = ipv6(udp())
ARP = 0x0806
PPPOE = bytes.fromhex("11000001") + struct.pack("!H", len(V4) + 2)
SNAP = b"\xaa\xaa\x03\0\0\0"
LABEL = b"\0\x01\x01\x40"  # the last of its stack
RADIO = b"\x08\x01" + bytes(22) + SNAP + b"\x08\0" + V4
MAC_45 = b"\x45\0\0\x20" + ethernet(V4)[4:]
MAC_68 = b"\x68\0\0\x20" + ethernet(V6, tags=((0x88A8, 5), (0x8100, 6)))[4:]


def summed(packet: bytes) -> bytes:
    """An IPv4 packet with its checksum."""
    return packet[:10] + checksum(packet[:20]).to_bytes(2, "big") + packet[12:]


SUMMED = summed(V4)
LOOKS_FRAMED = summed(ipv4(udp(), source="8.0.69.0"))

FRAMES = [
    ("Ethernet with IPv4", 1, ethernet(V4), 14),
    ("Ethernet with IPv6", 1, ethernet(V6), 14),
    ("a VLAN", 1, ethernet(V4, tags=((0x8100, 5),)), 18),
    ("QinQ by 802.1ad", 1, ethernet(V6, tags=((0x88A8, 5), (0x8100, 6))), 22),
    ("QinQ as it was before", 1, ethernet(V4, tags=((0x9100, 5), (0x8100, 6))), 22),
    ("more VLAN tags than anybody has", 1, ethernet(V4, tags=((0x8100, 5),) * 16), NOT_IP),
    ("PPPoE", 1, ethernet(PPPOE + b"\x00\x21" + V4, kind=0x8864), 22),
    ("PPPoE with something other than IP", 1, ethernet(PPPOE + b"\xc0\x21" + V4, kind=0x8864), NOT_IP),
    ("a length instead of a type", 1, ethernet(SNAP + b"\x08\0" + V4, kind=200), 22),
    ("a length, and no type after it", 1, ethernet(b"\x42\x42\x03" + V4, kind=200), NOT_IP),
    ("MPLS with IPv4", 1, ethernet(LABEL + SUMMED, kind=0x8847), 18),
    ("MPLS with IPv4 whose checksum is not filled in", 1, ethernet(LABEL + V4, kind=0x8847), 18),
    ("MPLS with IPv4 from 8.0.69.0, which looks like a frame", 1, ethernet(LABEL + LOOKS_FRAMED, kind=0x8847), 18),
    ("MPLS with IPv6", 1, ethernet(b"\0\0\0\x40" + LABEL + V6, kind=0x8848), 22),
    ("a pseudowire", 1, ethernet(LABEL + ethernet(V4), kind=0x8847), 32),
    ("a pseudowire with a VLAN", 1, ethernet(LABEL + ethernet(V6, tags=((0x8100, 5),)), kind=0x8847), 36),
    ("a pseudowire of a host whose address begins as IPv4 does", 1, ethernet(LABEL + MAC_45, kind=0x8847), 32),
    ("a pseudowire of such a host with QinQ", 1, ethernet(LABEL + MAC_68, kind=0x8847), 40),
    ("a pseudowire with a control word", 1, ethernet(LABEL + bytes(4) + ethernet(V6), kind=0x8847), 36),
    ("a pseudowire with ARP", 1, ethernet(LABEL + ethernet(bytes(28), kind=ARP), kind=0x8847), NOT_IP),
    ("MPLS with something else", 1, ethernet(LABEL + b"\x10" + bytes(40), kind=0x8847), NOT_IP),
    ("MPLS, cut after the label", 1, ethernet(LABEL, kind=0x8847), NOT_IP),
    ("more labels than anybody has", 1, ethernet(bytes(80), kind=0x8847), NOT_IP),
    ("from the first label on", 219, LABEL + V4, 4),
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
    ("PPP", 9, b"\x00\x21" + V4, 2),
    ("PPP with its address", 50, b"\xff\x03\x00\x57" + V6, 4),
    ("PPP with MPLS", 50, b"\xff\x03\x02\x81" + LABEL + V6, 8),
    ("PPP with a compressed protocol number", 9, b"\x21" + V4, 1),
    ("PPP with the control of a link", 9, b"\xc0\x21" + V4, NOT_IP),
    ("PPP, cut", 9, b"", NOT_IP),
    ("HDLC by Cisco", 104, b"\x0f\0\x08\0" + V4, 4),
    ("HDLC by Cisco, called PPP", 50, b"\x8f\0\x86\xdd" + V6, 4),
    ("PPPoE without Ethernet", 51, PPPOE + b"\x00\x21" + V4, 8),
    ("a radio frame", 105, b"\x08\x01" + bytes(22) + SNAP + b"\x08\0" + V4, 32),
    ("a radio frame with quality of service", 105, b"\x88\x02" + bytes(24) + SNAP + b"\x86\xdd" + V6, 34),
    ("a radio frame with all there is", 105, b"\x88\x83" + bytes(34) + SNAP + b"\x08\0" + V4, 44),
    ("a radio frame behind its radio's report", 127, b"\0\0\x09\0" + bytes(5) + RADIO, 41),
    ("an encrypted radio frame", 105, b"\x08\x41" + bytes(22) + SNAP + b"\x08\0" + V4, NOT_IP),
    ("a beacon", 105, b"\x80\0" + bytes(80), NOT_IP),
    ("a radio frame, cut", 105, b"\x08\x01", NOT_IP),
    ("raw IP by the number of Linux", 12, V6, 0),
    ("raw IPv4", 228, V4, 0),
]


@pytest.mark.parametrize(("link_type", "frame", "offset"), [row[1:] for row in FRAMES], ids=[row[0] for row in FRAMES])
def test_ip_is_found(link_type: int, frame: bytes, offset: int) -> None:
    assert LAYERS[link_type](frame) == offset


@given(link_type=st.sampled_from(sorted(LAYERS)), frame=st.binary(max_size=64))
def test_any_octets_have_an_answer(link_type: int, frame: bytes) -> None:
    assert EXPORTED <= LAYERS[link_type](frame) <= 64 + 0xFFFF
