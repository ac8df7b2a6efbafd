"""What the filters let through: offline by table, and live, by the kernel, in a network namespace."""

import json
import struct
from typing import Any

import pytest

from collectors.decode import tunnel
from collectors.receivers.bpf import FrameFilter, sip_filter
from collectors.receivers.carriers import PORTS, TUNNELS
from collectors.scenario.encapsulation import WRAPPINGS, wrapped
from tests.support.namespace import run_isolated
from tests.support.packets import SIP, ethernet, extension, ipv4, ipv6, pieces_v4, pieces_v6, udp
from tests.support.streams import tcp

V4, V6 = ipv4(udp()), ipv6(udp())
RTP4, RTP6 = ipv4(udp(SIP, 4000, 4002)), ipv6(udp(SIP, 4000, 4002))
OF_SIP = ((5060, 5061), (5080, 5080))

# The tunnel by whose name each wrapping is let through.
NAMES = {
    "vlan": "vlan",
    "service-vlan": "vlan",
    "backbone": "vlan",
    "mpls": "mpls",
    "pseudowire": "mpls",
    "pseudowire-control": "mpls",
    "pppoe": "pppoe",
    "ip": "ip",
    "ip-in-ipv6": "ip",
    "etherip": "etherip",
    "vxlan": "vxlan",
    "geneve": "geneve",
    "tzsp": "tzsp",
    "gtp": "gtp",
    "gtp-session": "gtp",
    "l2tp": "l2tp",
}


def error(kind: int, about: bytes) -> bytes:
    payload = struct.pack("!BBHI", kind, 3, 0, 0) + about
    return ipv4(payload, protocol=1) if about[0] >> 4 == 4 else ipv6(payload, header=58)


@pytest.mark.parametrize("packet", [V4, V6, ipv4(udp(SIP, 40_000, 5080)), ipv4(udp(SIP, 5061, 40_000))])
def test_sip_is_let_through_by_its_ports(packet: bytes) -> None:
    assert FrameFilter(sip_filter(OF_SIP))(1, ethernet(packet))


@pytest.mark.parametrize("flags", [0x02, 0x12, 0x14, 0x18], ids=["SYN", "SYN-ACK", "RST", "data"])
@pytest.mark.parametrize("port", [5060, 5061])
def test_connections_that_do_not_come_about_are_let_through(port: int, flags: int) -> None:
    wanted = FrameFilter(sip_filter(OF_SIP))
    for ports in ((40_000, port), (port, 40_000)):
        segment = tcp(flags=flags, ports=ports)
        assert wanted(1, ethernet(ipv4(segment, protocol=6)))
        assert wanted(1, ethernet(ipv6(segment, header=6)))
        assert not wanted(1, ethernet(ipv4(tcp(flags=flags, ports=(40_000, 443)), protocol=6)))


def test_all_fragments_are_let_through() -> None:
    wanted = FrameFilter(sip_filter(OF_SIP))
    pieces = pieces_v4(udp(SIP + bytes(4000)), 1480) + pieces_v6(udp(SIP + bytes(4000)), 1448)
    assert all(wanted(1, ethernet(piece)) for piece in pieces)


@pytest.mark.parametrize("packet", [error(3, V4), error(11, V4), error(12, V4), error(1, V6), error(4, V6)])
def test_icmp_errors_are_let_through_that_quote_sip(packet: bytes) -> None:
    assert FrameFilter(sip_filter(OF_SIP))(1, ethernet(packet))


@pytest.mark.parametrize(
    "packet",
    [
        RTP4,
        RTP6,
        error(3, RTP4),
        error(1, RTP6),
        error(8, V4),
        error(128, V6),
        ipv4(V4, protocol=50),
        ipv6(extension(59), header=60),
    ],
    ids=["RTP", "RTP, IPv6", "error about RTP", "the same, IPv6", "echo", "echo, IPv6", "IPsec", "nothing"],
)
def test_anything_else_is_left_out(packet: bytes) -> None:
    assert not FrameFilter(sip_filter(OF_SIP, TUNNELS))(1, ethernet(packet))


@pytest.mark.parametrize("name", WRAPPINGS)
def test_a_tunnel_is_let_through_by_its_name_alone(name: str) -> None:
    ((kind, octets, _),) = wrapped(RTP4, (name,), 1, 1500)
    own = NAMES.get(name, "gre")
    frame = ethernet(octets, kind=kind)
    assert FrameFilter(sip_filter(OF_SIP, (own,)))(1, frame)
    others = tuple(other for other in TUNNELS if other != own)
    assert not FrameFilter(sip_filter(OF_SIP, others))(1, frame)


@pytest.mark.parametrize("link_type", [0, 1, 12, 101, 113, 276])
def test_the_filter_can_be_used_on_every_link_type_of_interfaces(link_type: int) -> None:
    FrameFilter(sip_filter(OF_SIP, TUNNELS))(link_type, bytes(100))


def test_every_port_of_a_tunnel_that_is_decoded_can_be_captured() -> None:
    assert sorted(tunnel.PORTS) == sorted(port for ports in PORTS.values() for port in ports)


# A cable from va to vb, on which any frame may be sent; what a receiver gave of it.
PRELUDE = """
import json, socket, subprocess, time
from collectors.receivers.bpf import sip_filter
from collectors.receivers.carriers import TUNNELS
from collectors.receivers.libpcap import LibpcapReceiver
from collectors.scenario.encapsulation import WRAPPINGS, wrapped
from tests.support.packets import *

LONG = SIP + b"x" * 4000
RTP = ipv4(udp(SIP, 4000, 4002))
subprocess.run("set -e; ip link add dev va type veth peer name vb; ip link set dev va up; ip link set dev vb up",
               shell=True, check=True)
wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
wire.bind(("va", 0))

def heard(receiver, frames, wanted, seconds=3.0):
    for frame in frames:
        wire.send(frame)
    found, until = [], time.monotonic() + seconds
    while time.monotonic() < until and len(found) < wanted:
        found += receiver.read(0.05)
    return found
"""


def live(program: str) -> Any:
    return json.loads(run_isolated(PRELUDE + program))


def test_long_messages_of_both_ip_versions_are_captured_on_a_trunk_too() -> None:
    assert live("""
receiver = LibpcapReceiver("edge", ["vb"], sip_filter(((5060, 5061),)))
receiver.start()
tag = ((0x8100, 5),)
pieces = [*pieces_v4(udp(LONG), 1480), *reversed(pieces_v6(udp(LONG), 1448))]
frames = [ethernet(each, tags=tags) for tags in ((), tag) for each in pieces]
found = heard(receiver, [*frames, ethernet(RTP), ethernet(RTP, tags=tag)], 4)
counters = receiver.counters()
receiver.stop()
print(json.dumps([[(each.source, len(each.payload)) for each in found], counters["received"]]))
""") == [[["192.0.2.1", 4000 + len(SIP)], ["2001:db8::1", 4000 + len(SIP)]] * 2, 12]


def test_what_is_in_tunnels_is_captured_where_the_operator_asks_for_it() -> None:
    found, unasked = live("""
frames = [ethernet(octets, kind=kind) for name in WRAPPINGS
          for kind, octets, _ in wrapped(ipv4(udp(SIP + name.encode())), ("vlan", name), 1, 1500)]
receivers = [LibpcapReceiver("edge", ["vb"], sip_filter(((5060, 5061),), tunnels)) for tunnels in (TUNNELS, ())]
for receiver in receivers:
    receiver.start()
found = heard(receivers[0], frames, len(frames))
print(json.dumps([[each.payload[len(SIP):].decode() for each in found],
                  [each.payload[len(SIP):].decode() for each in heard(receivers[1], [], 1, 0.3)]]))
for receiver in receivers:
    receiver.stop()
""")
    assert found == list(WRAPPINGS)
    assert unasked == []


def test_the_error_of_a_real_host_about_a_request_is_captured_with_it() -> None:
    seen = live("""
receiver = LibpcapReceiver("edge", ["lo"], sip_filter(((5060, 5061),)))
receiver.start()
side = []
for family, host in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
    with socket.socket(family, socket.SOCK_DGRAM) as client:
        client.bind((host, 5070))
        client.sendto(SIP, (host, 5060))
until = time.monotonic() + 3
while time.monotonic() < until and len(side) < 2:
    receiver.read(0.05)
    side += receiver.side()
receiver.stop()
print(json.dumps([[each.text, each.source, each.method, each.branch, each.hop] for each in side]))
""")
    assert seen == [
        ["port unreachable", "127.0.0.1", "OPTIONS", "z9hG4bKtable", "127.0.0.1:5070>127.0.0.1:5060"],
        ["port unreachable", "::1", "OPTIONS", "z9hG4bKtable", "[::1]:5070>[::1]:5060"],
    ]
