"""IP headers, table by table; and that no octets can upset them."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectors.decode import udp as udp_decoder
from collectors.decode.datagram import Skip
from collectors.decode.ip import Packet, address, parse, whole_udp
from tests.support.packets import SIP, ethernet, extension, fragment_header, ipv4, ipv6, udp

A4, B4 = b"\xc0\0\2\1", b"\xc0\0\2\2"
HOP_BY_HOP, ROUTING, FRAGMENT, ESP, AUTHENTICATION, OPTIONS = 0, 43, 44, 50, 51, 60
# RFC 4302: its length is in words of four octets, less two.
AH = bytes((17, 4)) + b"\0" * 22


@pytest.mark.parametrize(
    ("packet", "protocol", "payload"),
    [
        pytest.param(ipv4(b"abc"), 17, b"abc", id="IPv4"),
        pytest.param(ipv4(b"abc") + b"padding of Ethernet", 17, b"abc", id="IPv4 with padding"),
        pytest.param(ipv4(b"abc", options=b"\x94\4\0\0"), 17, b"abc", id="IPv4 with options"),
        pytest.param(ipv4(b"abc").replace(b"\0\x17", b"\0\0", 1), 17, b"abc", id="IPv4 before segmentation"),
        pytest.param(ipv6(b"abc"), 17, b"abc", id="IPv6"),
        pytest.param(ipv6(b"abc") + b"padding of Ethernet", 17, b"abc", id="IPv6 with padding"),
        pytest.param(ipv6(b"abc").replace(b"\0\3\x11", b"\0\0\x11", 1), 17, b"abc", id="IPv6 jumbogram"),
        pytest.param(ipv6(extension(17) + b"abc", header=HOP_BY_HOP), 17, b"abc", id="one extension header"),
        pytest.param(
            ipv6(extension(ROUTING) + extension(OPTIONS, length=2) + extension(6) + b"abc", header=HOP_BY_HOP),
            6,
            b"abc",
            id="three extension headers",
        ),
        pytest.param(ipv6(AH + b"abc", header=AUTHENTICATION), 17, b"abc", id="authentication header"),
        pytest.param(ipv6(b"sealed", header=ESP), ESP, b"sealed", id="encrypted"),
        pytest.param(ipv6(fragment_header(17) + b"abc", header=FRAGMENT), 17, b"abc", id="atomic fragment"),
    ],
)
def test_the_payload_of_a_packet_is_found(packet: bytes, protocol: int, payload: bytes) -> None:
    parsed = parse(b"link" + packet, 4)
    assert isinstance(parsed, Packet)
    assert (parsed.protocol, parsed.payload, parsed.cut, parsed.piece) == (protocol, payload, 0, None)


@pytest.mark.parametrize(
    "packet",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"\x50" + bytes(60), id="version 5"),
        pytest.param(ipv4(b"")[:19], id="cut IPv4 header"),
        pytest.param(ipv6(b"")[:39], id="cut IPv6 header"),
        pytest.param(b"\x44" + ipv4(b"abc")[1:], id="IPv4 header of 16 octets"),
        pytest.param(b"\x46" + ipv4(b"abc")[1:], id="IPv4 header longer than the packet"),
        pytest.param(ipv6(b"\x11\0", header=HOP_BY_HOP), id="cut extension header"),
        pytest.param(ipv6(b"\x11\0\0", header=FRAGMENT), id="cut fragment header"),
        pytest.param(ipv6(extension(0) * 20, header=HOP_BY_HOP), id="endless extension headers"),
    ],
)
def test_a_damaged_header_is_no_packet(packet: bytes) -> None:
    assert parse(packet, 0) is Skip.BAD_IP


@pytest.mark.parametrize("packet", [ipv4(udp()), ipv6(udp())], ids=["IPv4", "IPv6"])
def test_what_the_capture_cut_is_said(packet: bytes) -> None:
    parsed = parse(packet[:-10], 0)
    assert isinstance(parsed, Packet)
    assert (parsed.payload, parsed.cut) == (udp()[:-10], 10)


def test_a_fragment_says_where_it_belongs() -> None:
    first = parse(ipv4(b"abcdefgh", more=True, identification=9), 0)
    assert isinstance(first, Packet)
    assert first.piece == ((A4, B4, 9, 17), 0, True)
    last = parse(ipv6(fragment_header(17, identification=2**31, offset=1480) + b"xyz", header=FRAGMENT), 0)
    assert isinstance(last, Packet)
    assert last.piece is not None
    assert (last.piece.key[2:], last.piece.offset, last.piece.more) == ((2**31, -1), 1480, False)
    assert last.payload == b"xyz"


@pytest.mark.parametrize(
    ("octets", "text"),
    [(A4, "192.0.2.1"), (bytes(15) + b"\1", "::1"), (b"\x20\1\x0d\xb8" + bytes(11) + b"\1", "2001:db8::1")],
)
def test_an_address_is_text(octets: bytes, text: str) -> None:
    assert address(octets) == text


@pytest.mark.parametrize(
    ("packet", "cut", "result"),
    [
        (udp(b"abc"), 0, (5062, 5060, b"abc", 0)),
        (udp(b"abc") + b"padding", 0, (5062, 5060, b"abc", 0)),
        (udp(b""), 0, (5062, 5060, b"", 0)),
        (udp(b"abcdef")[:-2], 2, (5062, 5060, b"abcd", 2)),
        (struct.pack("!HHHH", 1, 2, 0, 0) + b"abc", 0, (1, 2, b"abc", 0)),
        (struct.pack("!HHHH", 1, 2, 7, 0) + b"abc", 0, Skip.BAD_UDP),
        (struct.pack("!HHHH", 1, 2, 12, 0) + b"abc", 0, Skip.BAD_UDP),
        (b"1234567", 5, Skip.BAD_UDP),
    ],
    ids=["plain", "padded", "empty", "cut", "before segmentation", "short length", "long length", "cut header"],
)
def test_a_udp_datagram_is_read(packet: bytes, cut: int, result: object) -> None:
    assert udp_decoder.parse(packet, cut) == result


@given(st.integers(0, 7), st.binary(max_size=120))
def test_any_octets_are_a_packet_or_a_reason(version: int, octets: bytes) -> None:
    frame = bytes((version << 4 | 5,)) + octets
    parsed = parse(frame, 0)
    assert isinstance(parsed, Skip) or len(parsed.payload) < len(frame)


@given(st.data())
def test_a_packet_cut_anywhere_is_read(data: st.DataObject) -> None:
    packet = data.draw(st.sampled_from([ipv4(udp(), options=b"\x94\4\0\0"), ipv6(extension(17) + udp(), header=0)]))
    size = data.draw(st.integers(0, len(packet)))
    parsed = parse(ethernet(packet)[: 14 + size], 14)
    if isinstance(parsed, Packet) and len(parsed.payload) >= 8:
        assert parsed.cut == len(packet) - size
        assert udp_decoder.parse(parsed.payload, parsed.cut) == (
            5062,
            5060,
            SIP[: len(parsed.payload) - 8],
            len(packet) - size,
        )


def test_a_packet_cut_within_its_extension_headers_says_how_much_of_the_rest_is_missing() -> None:
    packet = ipv6(extension(17, length=2) + b"abc", header=60)
    parsed = parse(packet[:50], 0)
    assert isinstance(parsed, Packet)
    assert (parsed.payload, parsed.cut) == (b"", 3)


@pytest.mark.parametrize(
    ("packet", "places"),
    [
        pytest.param(ipv4(udp(b"abc")), (16, 32, 35), id="IPv4"),
        pytest.param(ipv4(udp(b"abc")) + b"padding", (16, 32, 35), id="IPv4 with padding"),
        pytest.param(ipv4(udp(b"")), (16, 32, 32), id="nothing in it"),
        pytest.param(ipv6(udp(b"abc")), (12, 52, 55), id="IPv6"),
        pytest.param(ipv6(udp(b"abc")) + b"padding", (12, 52, 55), id="IPv6 with padding"),
        pytest.param(ipv4(udp(b"abc"), options=b"\1\1\1\0"), None, id="IPv4 with options"),
        pytest.param(ipv4(udp(b"abc"), more=True), None, id="first fragment"),
        pytest.param(ipv4(udp(b"abc"), offset=8), None, id="second fragment"),
        pytest.param(ipv4(udp(b"abc"), protocol=6), None, id="IPv4, no UDP"),
        pytest.param(ipv6(udp(b"abc"), header=6), None, id="IPv6, no UDP"),
        pytest.param(ipv4(udp(b"abc"))[:-1], None, id="IPv4, cut"),
        pytest.param(ipv6(udp(b"abc"))[:-1], None, id="IPv6, cut"),
        pytest.param(ipv6(b""), None, id="IPv6 without a payload"),
        pytest.param(ipv4(udp(b"abc")[:7]), None, id="less than a header"),
        pytest.param(ipv4(udp(b"abc") + b"more"), None, id="UDP is shorter than IP"),
        pytest.param(b"\x55" + ipv4(udp(b"abc"))[1:], None, id="no version of IP"),
    ],
)
def test_the_usual_packet_is_one_whole_datagram_of_udp(packet: bytes, places: tuple[int, int, int] | None) -> None:
    found = whole_udp(b"link" + packet, 4, 4 + len(packet))
    assert found == (places or (0, 0, 0))
    assert whole_udp(packet, -1, len(packet)) == (0, 0, 0)
