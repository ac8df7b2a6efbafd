"""SIP in every wrapping that packets come in, alone and one in the other."""

import struct
from itertools import pairwise

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from collectors.decode import link, tunnel
from collectors.decode.datagram import Datagram, Skip
from collectors.decode.frames import Decoder
from collectors.decode.tunnel import Inner
from collectors.scenario import library
from collectors.scenario.cast import Cast
from collectors.scenario.encapsulation import WRAPPINGS, wrapped
from collectors.scenario.packets import packets
from tests.support.packets import SIP, ethernet, ipv4, ipv6, pieces_v4, udp
from tests.support.streams import REQUEST_HEAD, RESPONSE_HEAD, frame, tcp

CALL = library.play("good", "tunnels").play()
V4, V6 = ipv4(udp()), ipv6(udp())
ANSWER = SIP.replace(b"OPTIONS sip:bob@192.0.2.2 SIP/2.0", b"SIP/2.0 200 OK")
LONG = SIP + b"x" * 3000
# What may stand before tags, labels and frames, and what carries only IP: the numbers of PPP and of IP say no other.
SHIMS = {"vlan", "service-vlan", "backbone", "mpls", "pseudowire", "pseudowire-control", "pppoe"}
IP_ONLY = {"mpls", "pppoe", "ip", "ip-in-ipv6", "gre-ppp", "pptp", "l2tp", "gtp", "gtp-session"}


def decode(*frames: bytes) -> tuple[list[Datagram], dict[Skip, int]]:
    decoder = Decoder()
    decoder.add_interface(1, "edge/eth0")
    return decoder.datagrams([(1000 + number, 0, frame) for number, frame in enumerate(frames)]), dict(decoder.skipped)


def in_ethernet(packet: bytes, *names: str, number: int = 1, mtu: int = 65_535) -> list[bytes]:
    """An IP packet in these wrappings, from the outside in, in Ethernet."""
    return [ethernet(octets, kind=kind) for kind, octets, _ in wrapped(packet, names, number, mtu)]


def heard(found: list[Datagram]) -> list[tuple[str, int, str, int, bytes]]:
    return [(each.source, each.source_port, each.destination, each.destination_port, each.payload) for each in found]


PLAIN = heard(decode(*[octets for _, octets in packets(CALL)])[0])


@pytest.mark.parametrize("mtu", [1500, 600], ids=["whole", "in fragments"])
@pytest.mark.parametrize("name", WRAPPINGS)
def test_the_same_call_in_each_wrapping_gives_the_same_messages(name: str, mtu: int) -> None:
    found, skipped = decode(*[octets for _, octets in packets(CALL, within=(name,), mtu=mtu)])
    assert heard(found) == PLAIN
    assert set(skipped) <= {Skip.FRAGMENT}


@pytest.mark.parametrize("transport", ["tcp", "ws", "sctp"])
@pytest.mark.parametrize("name", WRAPPINGS)
def test_the_same_call_over_streams_in_each_wrapping_gives_the_same_messages(name: str, transport: str) -> None:
    call = library.play("good", "tunnels", Cast(transport=transport)).play()
    decoder = Decoder()
    decoder.add_interface(1, "edge/eth0")
    frames = [(at_us, 0, octets) for at_us, octets in packets(call, within=(name,), mtu=600)]
    found = decoder.datagrams(frames) + decoder.flush()
    assert [(each.transport, each.payload) for each in found] == [(transport, sent.raw) for sent in call if sent.seen]


@pytest.mark.parametrize("name", WRAPPINGS)
def test_ipv6_is_found_in_each_wrapping(name: str) -> None:
    (found,), _ = decode(*in_ethernet(V6, name))
    assert (found.source, found.payload) == ("2001:db8::1", SIP)


@settings(max_examples=200)
@given(st.lists(st.sampled_from(sorted(WRAPPINGS)), min_size=2, max_size=5), st.sampled_from([600, 65_535]))
def test_wrappings_stand_in_one_another(names: list[str], mtu: int) -> None:
    assume(not any(outer in IP_ONLY and inner in SHIMS for outer, inner in pairwise(names)))
    found, skipped = decode(*in_ethernet(V4, *names, mtu=mtu))
    assert [each.payload for each in found] == [SIP]
    assert set(skipped) <= {Skip.FRAGMENT}


def test_more_tunnels_than_anybody_builds_are_counted() -> None:
    assert len(decode(*in_ethernet(V4, *["ip"] * 8))[0]) == 1
    assert decode(*in_ethernet(V4, *["ip"] * 9)) == ([], {Skip.TOO_DEEP: 1})


def test_fragments_in_a_tunnel_are_joined_in_any_order() -> None:
    frames = [frame for piece in reversed(pieces_v4(udp(LONG), 1480)) for frame in in_ethernet(piece, "gre")]
    found, skipped = decode(*frames)
    assert [each.payload for each in found] == [LONG]
    assert skipped == {Skip.FRAGMENT: 2}


def test_fragments_in_fragments_are_joined() -> None:
    frames = [
        frame
        for number, piece in enumerate(pieces_v4(udp(LONG), 1480))
        for frame in in_ethernet(piece, "vxlan", number=number, mtu=1400)
    ]
    found, _ = decode(*frames)
    assert [each.payload for each in found] == [LONG]


def test_fragments_of_equal_addresses_in_two_tunnels_are_not_mixed() -> None:
    """Two customers have the same private addresses, and their packets the same number at the same time."""
    one, other = LONG.replace(b"x", b"1"), LONG.replace(b"x", b"2")
    mine, theirs = (pieces_v4(udp(text), 1800) for text in (one, other))
    in_tunnel = [vxlan(piece, b"\0\0\1") for piece in mine]
    in_other = [vxlan(piece, b"\0\0\2") for piece in theirs]
    found, _ = decode(in_tunnel[0], in_other[0], in_other[1], in_tunnel[1])
    assert [each.payload for each in found] == [other, one]


def vxlan(packet: bytes, network: bytes) -> bytes:
    return ethernet(ipv4(udp(b"\x08\0\0\0" + network + b"\0" + ethernet(packet), 50_000, 4789)))


def connection() -> list[bytes]:
    """A WebSocket, both ways; without the handshake nobody knows that the server's ping holds no SIP."""
    ask, answer = (5062, 80), (80, 5062)
    sent = [
        (tcp(flags=2, ports=ask, sequence=99), True),
        (tcp(flags=0x12, ports=answer, sequence=499), False),
        (tcp(REQUEST_HEAD, 100, ports=ask), True),
        (tcp(RESPONSE_HEAD, 500, ports=answer), False),
        (tcp(frame(SIP, mask=b"mask"), 100 + len(REQUEST_HEAD), ports=ask), True),
        (tcp(frame(ANSWER), 500 + len(RESPONSE_HEAD), ports=answer), False),
    ]
    ends = ("192.0.2.1", "192.0.2.2")
    return [ipv4(segment, *(ends if there else ends[::-1]), 6) for segment, there in sent]


@pytest.mark.parametrize("name", WRAPPINGS)
def test_both_ways_of_a_connection_are_read_through_each_wrapping(name: str) -> None:
    """The ends of the tunnel change places, and call it differently."""
    decoder = Decoder()
    decoder.add_interface(1, "edge/eth0")
    frames = [framed for packet in connection() for framed in in_ethernet(packet, name)]
    found = decoder.datagrams([(number, 0, octets) for number, octets in enumerate(frames)]) + decoder.flush()
    assert [(each.transport, each.source_port, each.payload) for each in found] == [
        ("ws", 5062, SIP),
        ("ws", 80, ANSWER),
    ]
    assert len(decoder._streams[0]._connections) == 1


@pytest.mark.parametrize("port", sorted(tunnel.PORTS))
def test_sip_on_the_port_of_a_tunnel_is_still_sip(port: int) -> None:
    found, _ = decode(ethernet(ipv4(udp(SIP, 5060, port))), ethernet(ipv4(udp(b"\r\n\r\n", 5060, port))))
    assert [each.payload for each in found] == [SIP, b"\r\n\r\n"]


@pytest.mark.parametrize("port", sorted(tunnel.PORTS))
def test_from_the_port_of_a_tunnel_everything_is_plain(port: int) -> None:
    (found,), _ = decode(ethernet(ipv4(udp(SIP, port, 5060))))
    assert found.source_port == port


def gtp(flags: int, rest: bytes, kind: int = 255) -> bytes:
    return struct.pack("!BBHI", flags, kind, len(rest), 7) + rest


def l2tp(flags: int, rest: bytes) -> bytes:
    return struct.pack("!H", flags) + rest


PPP_V4 = b"\x21" + V4  # the protocol in one octet
ETHER = ethernet(V4)
WIFI = b"\x08\x01" + bytes(22) + b"\xaa\xaa\x03\0\0\0\x08\0" + V4

SHAPES = [
    ("VXLAN with a group policy", 4789, b"\x88\0\0\5\0\0\1\0" + ETHER, Inner(22, b"\0\0\1")),
    ("VXLAN with IPv4 by its generic extension", 4790, b"\x0c\0\0\1\0\0\1\0" + V4, Inner(8, b"\0\0\1")),
    ("VXLAN with something else", 4790, b"\x0c\0\0\4\0\0\1\0" + V4, Inner(link.NOT_IP, b"\0\0\1")),
    ("VXLAN with ARP", 4789, b"\x08\0\0\0\0\0\1\0" + ethernet(bytes(28), kind=0x806), Inner(link.NOT_IP, b"\0\0\1")),
    ("VXLAN, cut", 4789, b"\x08\0\0\0", None),
    ("VXLAN without the bit that says so", 4789, bytes(8) + ETHER, None),
    ("text to the port of VXLAN", 4789, b"Hello!!\0" + ETHER, None),
    ("VXLAN with a reserved octet", 4789, b"\x08\0\0\0\0\0\1\1" + ETHER, None),
    ("GENEVE with IPv4", 6081, b"\0\0\x08\0\0\0\1\0" + V4, Inner(8, b"\0\0\1")),
    ("GENEVE of another version", 6081, b"\x40\0\x08\0\0\0\1\0" + V4, None),
    ("GENEVE with reserved bits", 6081, b"\0\x0d\x08\0\0\0\1\0" + V4, None),
    ("GENEVE, cut", 6081, b"\0\0\x08", None),
    ("TZSP with a radio frame", 37008, b"\x01\0\0\x12\x01" + WIFI, Inner(37)),
    ("TZSP with something else", 37008, b"\x01\1\0\x07\x01" + V4, Inner(link.NOT_IP)),
    ("TZSP that keeps a path open", 37008, b"\x01\4\0\0\x01", None),
    ("TZSP, cut within its tags", 37008, b"\x01\0\0\x01\x0a\x02", None),
    ("GTP with a number", 2152, gtp(0x32, b"\0\1\0\0" + V4), Inner(12)),
    ("GTP with two extension headers", 2152, gtp(0x34, b"\0\0\0\x40\1\0\0\x85\1\0\0\0" + V4), Inner(20)),
    ("GTP with endless extension headers", 2152, gtp(0x34, b"\0\0\0\x40" + b"\1\0\0\x40" * 9 + V4), None),
    ("GTP with an extension header of no length", 2152, gtp(0x34, b"\0\0\0\x40" + bytes(9)), None),
    ("GTP with a frame", 2152, gtp(0x30, ETHER), Inner(22)),
    ("GTP's echo", 2152, gtp(0x32, b"\0\1\0\0", 1), None),
    ("GTP's control", 2152, gtp(0x48, bytes(8), 32), None),
    ("GTP, cut", 2152, b"\x30\xff", None),
    ("L2TP without options", 1701, l2tp(2, b"\0\3\0\4" + PPP_V4), Inner(7)),
    ("L2TP with an offset", 1701, l2tp(0x4202, b"\0\0\0\3\0\4\0\2\0\0" + PPP_V4), Inner(13)),
    ("L2TP's control", 1701, l2tp(0xC802, bytes(12)), None),
    ("L2TP of another version", 1701, l2tp(3, bytes(12)), None),
    ("L2TP, cut", 1701, b"\0\2", None),
]


@pytest.mark.parametrize(("port", "payload", "inner"), [row[1:] for row in SHAPES], ids=[row[0] for row in SHAPES])
def test_a_tunnel_over_udp_is_known_by_its_shape(port: int, payload: bytes, inner: Inner | None) -> None:
    assert tunnel.in_udp(port, payload) == inner


GRE = [
    ("with a key", 47, b"\x20\0\x08\0" + b"key1" + V4, Inner(8, b"key1")),
    ("with a VLAN tag", 47, b"\0\0\x81\0" + b"\0\5\x08\0" + V4, Inner(8)),
    ("with source routing", 47, b"\x40\0\x08\0" + V4, None),
    ("of another version", 47, b"\0\2\x08\0" + V4, None),
    ("that keeps a path open", 47, b"\0\0\0\0", Inner(link.NOT_IP)),
    ("cut", 47, b"\0\0", None),
    ("PPTP without acknowledgment", 47, b"\x30\1\x88\x0b\0\1\0\7\0\0\0\1" + PPP_V4, Inner(13)),
    ("ERSPAN III with IPv4", 47, b"\x10\0\x22\xeb\0\0\0\1\x20" + bytes(9) + b"\x08\0" + V4, Inner(20)),
    ("ERSPAN III with IPv6", 47, b"\x10\0\x22\xeb\0\0\0\1\x20" + bytes(9) + b"\x08\0" + V6, Inner(20)),
    ("WCCP", 47, b"\0\0\x88\x3e" + V4, Inner(4)),
    ("WCCP, second version", 47, b"\0\0\x88\x3e\0\0\0\0" + V4, Inner(8)),
    ("EtherIP of another version", 97, b"\x40\0" + ETHER, None),
    ("MPLS", 137, b"\0\1\1\x40" + V4, Inner(4)),
    ("no tunnel", 6, V4, None),
]


@pytest.mark.parametrize(("protocol", "payload", "inner"), [row[1:] for row in GRE], ids=[row[0] for row in GRE])
def test_a_tunnel_over_ip_is_known_by_its_number(protocol: int, payload: bytes, inner: Inner | None) -> None:
    assert tunnel.in_ip(protocol, payload) == inner


@pytest.mark.parametrize("name", WRAPPINGS)
def test_a_tunnel_cut_at_any_octet_is_counted(name: str) -> None:
    (frame,) = in_ethernet(V4, name)
    for size in range(len(frame) - len(V4) + 28):
        found, skipped = decode(frame[:size])
        assert sum(skipped.values()) + len(found) == 1
        assert not any(SIP in each.payload for each in found)


@settings(max_examples=300)
@given(st.data())
def test_a_tunnel_with_changed_octets_is_a_datagram_or_counted(data: st.DataObject) -> None:
    (frame,) = in_ethernet(V4, data.draw(st.sampled_from(sorted(WRAPPINGS))))
    changed = bytearray(frame)
    for _ in range(data.draw(st.integers(1, 4))):
        changed[data.draw(st.integers(12, min(110, len(frame) - 1)))] = data.draw(st.integers(0, 255))
    found, skipped = decode(bytes(changed))
    assert len(found) + sum(skipped.values()) == 1
