"""Live capture of real packets on loopback, in a network namespace."""

import json
from typing import Any

import pytest

from collectors.receivers import interface
from collectors.receivers.base import ReceiverError
from collectors.receivers.bpf import check, sip_filter
from collectors.receivers.libpcap import LibpcapReceiver
from tests.support.namespace import run_isolated
from tests.support.packets import SIP

BPF = sip_filter(((5060, 5061),))

# Sends to loopback while a receiver captures there, and prints what the receiver gave.
PRELUDE = """
import json, socket, subprocess, sys, time
from collectors.receivers.base import ReceiverError
from collectors.receivers.bpf import sip_filter
from collectors.receivers.libpcap import LibpcapReceiver
from tests.support.packets import SIP

BPF = sip_filter(((5060, 5061),))

def send(payload, port=5060, host="127.0.0.1", source=0):
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as s:
        if source: s.bind((host, source))
        s.sendto(payload, (host, port))

def gather(receiver, wanted, seconds=3.0):
    found, until = [], time.monotonic() + seconds
    while time.monotonic() < until and len(found) < wanted:
        found += receiver.read(0.05)
    return found

def make_veth():
    \"\"\"A cable from va (10.9.0.1) to vb, to which packets for 10.9.0.2 go.\"\"\"
    subprocess.run(
        "set -e; ip link add dev va type veth peer name vb address 02:00:00:00:00:02;"
        "ip addr add 10.9.0.1/24 dev va; ip link set dev va up; ip link set dev vb up;"
        "ip neigh add 10.9.0.2 lladdr 02:00:00:00:00:02 dev va", shell=True, check=True)

def shown(datagrams):
    ends = lambda d: [d.source, d.source_port, d.destination, d.destination_port]
    return [[*ends(d), d.observer, len(d.payload), d.cut] for d in datagrams]
"""


def live(program: str) -> Any:
    return json.loads(run_isolated(PRELUDE + program))


def test_datagrams_of_both_ip_versions_are_captured_once_with_their_ends() -> None:
    assert live("""
receiver = LibpcapReceiver("edge", ["lo"], BPF)
receiver.start()
send(SIP, source=5070)
send(SIP, host="::1", source=5071)
send(b"x" * 20, port=9999)
found = gather(receiver, 3, 0.5)
receiver.stop()
receiver.stop()
print(json.dumps(shown(found)))
""") == [
        ["127.0.0.1", 5070, "127.0.0.1", 5060, "edge/lo", len(SIP), 0],
        ["::1", 5071, "::1", 5060, "edge/lo", len(SIP), 0],
    ]


def test_fragments_pass_the_filter_and_come_as_one_datagram() -> None:
    assert live("""
subprocess.run(["ip", "link", "set", "dev", "lo", "mtu", "1400"], check=True)
receiver = LibpcapReceiver("edge", ["lo", "any"], BPF)
receiver.start()
send(SIP + b"x" * 4000, source=5070)
send(SIP + b"x" * 4000, host="::1", source=5070)
found = gather(receiver, 4)
print(json.dumps([sorted(d[4:] for d in shown(found)), receiver.counters()["skipped_fragment"]]))
receiver.stop()
""") == [
        [[observer, 4000 + len(SIP), 0] for observer in ("edge/any", "edge/any", "edge/lo", "edge/lo")],
        12,
    ]


def test_the_low_water_mark_never_passes_a_packet_that_is_still_to_come() -> None:
    late, behind_s = live("""
receiver = LibpcapReceiver("edge", ["lo"], BPF)
receiver.start()
late, marks = 0, []
for number in range(40):
    send(SIP)
    mark = receiver.low_water_us(time.time_ns() // 1000)
    late += sum(d.captured_us < mark for d in receiver.read(0.02 if number % 3 else 0.0))
time.sleep(0.2)
receiver.read(0.0)
receiver.read(0.0)
now = time.time_ns() // 1000
print(json.dumps([late, (now - receiver.low_water_us(now)) / 1e6]))
receiver.stop()
""")
    assert late == 0
    assert behind_s < 1


def test_sip_over_tcp_is_captured_message_by_message() -> None:
    sent, found, skipped = live("""
receiver = LibpcapReceiver("edge", ["lo"], BPF)
receiver.start()
with socket.create_server(("127.0.0.1", 5060)) as server:
    client = socket.create_connection(("127.0.0.1", 5060))
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    peer, _ = server.accept()
    for part in (SIP[:60], SIP[60:] + SIP + SIP[:9], SIP[9:], b"\\r\\n\\r\\n"):
        client.sendall(part)
    peer.sendall(b"\\r\\n" + SIP)
    client.close()
    peer.close()
found = gather(receiver, 4)
counters = receiver.counters()
print(json.dumps([len(SIP), [[d.transport, len(d.payload)] for d in found], counters["stream_garbage"]]))
receiver.stop()
""")
    assert found == [["tcp", sent]] * 4
    assert skipped == 0


def test_what_waits_for_a_missing_segment_is_given_in_time_though_nothing_more_comes() -> None:
    """Until then the low-water mark stays behind it."""
    first, behind, after = live("""
from tests.support.packets import ethernet, ipv4
from tests.support.streams import tcp
make_veth()
receiver = LibpcapReceiver("edge", ["vb"], BPF)
receiver.start()
with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as wire:
    wire.bind(("va", 0))
    for sequence in (1, 1000):
        wire.send(ethernet(ipv4(tcp(SIP, sequence), protocol=6)))
    ack = tcp(acknowledgment=1000 + len(SIP), flags=0x10, ports=(5060, 5062))
    wire.send(ethernet(ipv4(ack, "192.0.2.2", "192.0.2.1", 6)))
first = gather(receiver, 1)
mark = receiver.low_water_us(time.time_ns() // 1000)
time.sleep(0.2)
after = gather(receiver, 1)
print(json.dumps([len(first), mark <= after[0].captured_us, len(after)]))
receiver.stop()
""")
    assert (first, behind, after) == (1, True, 1)


def test_what_the_kernel_has_no_room_for_is_a_loss_of_that_observer() -> None:
    lost, drops, given, counted = live("""
import collectors.receivers.interface as interface
interface._BUFFER = 1 << 18
make_veth()
receiver = LibpcapReceiver("edge", ["vb"], BPF)
receiver.start()
begin = time.time_ns() // 1000
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
    for _ in range(4000):
        s.sendto(SIP * 4, ("10.9.0.2", 5060))
end = time.time_ns() // 1000
given = len(gather(receiver, 4000, 0.5))
losses = receiver.losses(time.time_ns() // 1000)
assert receiver.losses(time.time_ns() // 1000) == []
(loss,) = losses
assert loss.from_us <= begin <= end <= loss.to_us
print(json.dumps([[loss.observer, loss.reason, loss.count], receiver.counters()["kernel_drops"], given, 4000]))
receiver.stop()
""")
    assert lost == ["edge/vb", "kernel", drops]
    assert drops > 0
    assert given + drops == counted


def test_an_interface_that_went_away_is_a_loss_until_it_is_back() -> None:
    seen = live("""
import collectors.receivers.libpcap as libpcap
libpcap._REOPEN_S = 0.1
make_veth()
receiver = LibpcapReceiver("edge", ["vb", "lo"], BPF)
receiver.start()
seen = []
send(SIP, host="127.0.0.1")
seen.append(len(gather(receiver, 1)))
subprocess.run("ip link del dev va", shell=True, check=True)
gather(receiver, 1, 0.3)
send(SIP)
seen.append(len(gather(receiver, 1)))
seen.append([[loss.observer, loss.reason] for loss in receiver.losses(time.time_ns() // 1000)])
make_veth()
gather(receiver, 1, 0.5)
receiver.losses(time.time_ns() // 1000)
seen.append(receiver.losses(time.time_ns() // 1000))
print(json.dumps(seen))
receiver.stop()
""")
    assert seen == [1, 1, [["edge/vb", "interface"]], []]


def test_an_interface_that_is_not_there_is_named_with_those_that_are() -> None:
    receiver = LibpcapReceiver("edge", ["nosuch0"], BPF)
    with pytest.raises(ReceiverError, match=r"no interface nosuch0; there are any, lo"):
        receiver.start()
    receiver.stop()


def test_a_user_who_may_not_capture_is_told_the_line_to_paste() -> None:
    text = run_isolated("""
import ctypes, struct
from collectors.receivers import interface
from collectors.receivers.base import ReceiverError
from collectors.receivers.libpcap import LibpcapReceiver
# capset(2), version 3: no capability, as a plain user has none.
assert ctypes.CDLL(None).capset(struct.pack("<II", 0x20080522, 0), bytes(24)) == 0
assert not interface.may_capture()
try:
    LibpcapReceiver("edge", ["lo"], "udp").start()
except ReceiverError as error:
    print(error.code, error)
""")
    assert text.startswith("4 ")
    assert "sudo setcap cap_net_raw=eip /" in text


@pytest.mark.parametrize("expression", ["udp porto 5060", "port"])
def test_a_filter_that_is_none_is_refused(expression: str) -> None:
    with pytest.raises(ReceiverError, match="syntax error"):
        check(expression)


def test_the_interfaces_of_the_machine_are_listed() -> None:
    assert interface.names()[0] == "any"
    assert "lo" in interface.names()
