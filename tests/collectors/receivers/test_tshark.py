"""tshark live on loopback in a network namespace: promptly, over streams and TLS; and how it ends."""

import json
import shutil
from typing import Any

import pytest

from collectors.decode.datagram import Datagram
from collectors.receivers.base import ReceiverError
from collectors.receivers.dissector import _microseconds
from collectors.receivers.tshark import TsharkReceiver
from tests.support.namespace import run_isolated
from tests.support.packets import SIP

PRELUDE = """
import json, os, signal, socket, ssl, subprocess, sys, tempfile, threading, time
from collectors.receivers.base import ReceiverError
from collectors.receivers.bpf import sip_filter
from collectors.receivers.tshark import TsharkReceiver
from tests.support.packets import SIP

BPF = sip_filter(((5060, 5061),))

def gather(receiver, wanted, seconds=6.0):
    found, until = [], time.monotonic() + seconds
    while time.monotonic() < until and len(found) < wanted:
        found += receiver.read(0.05)
    return found

def shown(found):
    return [[d.source, d.destination_port, d.transport, d.observer, d.payload.decode()] for d in found]

def listen(port):
    server = socket.create_server(("127.0.0.1", port))
    return server

def children():
    pgrep = subprocess.run(["pgrep", "-P", str(os.getpid())], capture_output=True, text=True)
    return pgrep.stdout.split()
"""


def live(program: str) -> Any:
    return json.loads(run_isolated(PRELUDE + program, seconds=30))


def test_a_single_message_is_given_promptly_though_none_follows() -> None:
    found, delay_s, mark_ok, left = live("""
receiver = TsharkReceiver("edge", interfaces=["lo"], bpf=BPF)
receiver.start()
sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
begin = time.monotonic()
sender.sendto(SIP, ("127.0.0.1", 5060))
found = gather(receiver, 1)
delay = time.monotonic() - begin
now = time.time_ns() // 1000
mark_ok = receiver.low_water_us(now) < found[0].captured_us
receiver.stop()
time.sleep(0.1)
print(json.dumps([shown(found), delay, mark_ok, children()]))
""")
    assert found == [["127.0.0.1", 5060, "udp", "edge/lo", SIP.decode()]]
    assert delay_s < 1.5
    assert mark_ok
    assert left == []


def test_messages_in_a_stream_come_whole_however_it_was_cut() -> None:
    found = live("""
server = listen(5060)
receiver = TsharkReceiver("edge", interfaces=["lo"], bpf=BPF)
receiver.start()
client = socket.create_connection(("127.0.0.1", 5060))
client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
for part in (SIP[:100], SIP[100:] + SIP + SIP[:50], SIP[50:]):
    client.sendall(part)
    time.sleep(0.1)
found = gather(receiver, 3)
receiver.stop()
print(json.dumps(shown(found)))
""")
    assert found == [["127.0.0.1", 5060, "tcp", "edge/lo", SIP.decode()]] * 3


@pytest.mark.skipif(not shutil.which("openssl"), reason="no openssl to make a certificate with")
def test_tls_is_read_with_the_secrets_of_its_connections() -> None:
    found = live("""
folder = tempfile.mkdtemp()
make = "openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=sip.example.com -days 2 -keyout key -out certificate"
subprocess.run(make.split(), cwd=folder, check=True, capture_output=True)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(f"{folder}/certificate", f"{folder}/key")
context.keylog_filename = f"{folder}/secrets"
server = listen(5061)
def serve():
    with context.wrap_socket(server.accept()[0], server_side=True) as connection:
        connection.recv(65536)
        time.sleep(3)
threading.Thread(target=serve, daemon=True).start()
receiver = TsharkReceiver("edge", interfaces=["lo"], bpf=BPF, key_log=f"{folder}/secrets")
receiver.start()
trusting = ssl.create_default_context(cafile=f"{folder}/certificate")
with trusting.wrap_socket(socket.create_connection(("127.0.0.1", 5061)), server_hostname="sip.example.com") as client:
    client.sendall(SIP)
    found = gather(receiver, 1)
receiver.stop()
print(json.dumps(shown(found)))
""")
    assert found == [["127.0.0.1", 5061, "tls", "edge/lo", SIP.decode()]]


def test_tshark_that_is_killed_is_an_error_and_not_silence() -> None:
    text = live("""
receiver = TsharkReceiver("edge", interfaces=["lo"], bpf=BPF)
receiver.start()
assert len(children()) == 2
for pid in children():
    os.kill(int(pid), signal.SIGKILL)
try:
    gather(receiver, 1)
    text = "nothing"
except ReceiverError as error:
    text = str(error)
receiver.stop()
print(json.dumps(text))
""")
    assert text.startswith("tshark ended")


def test_a_filter_that_is_none_ends_the_start() -> None:
    text = live("""
receiver = TsharkReceiver("edge", interfaces=["lo"], bpf="udp porto")
try:
    receiver.start()
    text = "started"
except ReceiverError as error:
    text = str(error)
receiver.stop()
print(json.dumps(text))
""")
    assert "syntax error" in text


def test_a_user_who_may_not_capture_is_told_what_to_do() -> None:
    text = live("""
import ctypes, struct
# capset(2), version 3: no capability, as a plain user has none; nor may any program that is started gain one.
libc = ctypes.CDLL(None)
assert libc.prctl(38, 1, 0, 0, 0) == 0
for capability in range(41):
    libc.prctl(24, capability, 0, 0, 0)
assert libc.capset(struct.pack("<II", 0x20080522, 0), bytes(24)) == 0
receiver = TsharkReceiver("edge", interfaces=["lo"], bpf=BPF)
try:
    receiver.start()
    text = "started"
except ReceiverError as error:
    text = f"{error.code} {error}"
receiver.stop()
print(json.dumps(text))
""")
    assert text.startswith("4 ")
    assert "dpkg-reconfigure wireshark-common" in text


def test_an_interface_that_is_not_there_is_named_with_those_that_are() -> None:
    with pytest.raises(ReceiverError, match="no interface nosuch0; there are any, lo"):
        TsharkReceiver("edge", interfaces=["nosuch0"]).start()


def test_messages_for_which_there_is_no_room_are_counted_with_their_times(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("collectors.receivers.tshark._MAX_QUEUED", 2)
    receiver = TsharkReceiver("edge", interfaces=["lo"])
    for time_us in (1, 2, 30, 20, 40):
        receiver._put(Datagram(time_us, "192.0.2.1", 1, "192.0.2.2", 2, "udp", "edge/lo", SIP))
    (loss,) = receiver.losses(0)
    assert (loss.observer, loss.from_us, loss.to_us, loss.reason, loss.count) == ("edge/*", 20, 40, "queue", 3)
    assert receiver.losses(0) == []
    assert receiver.counters()["dropped_dissected"] == 3
    assert [datagram.captured_us for datagram in receiver.read(0.1)] == [1, 2]


@pytest.mark.parametrize(
    "text",
    ["1795328313.073767000", "2026-11-22T06:18:33.073767000Z", "1795328313.073767", "2026-11-22T06:18:33.073767Z"],
)
def test_times_are_read_as_every_version_writes_them(text: str) -> None:
    assert _microseconds(text) == 1_795_328_313_073_767
