"""Real TLS 1.2 and 1.3, and WebSocket in it, read with the secrets that one end wrote down."""

import json
import shutil
import ssl
import struct
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from collectors.decode.datagram import Datagram
from collectors.receivers.base import Receiver, ReceiverError
from collectors.receivers.capture_file import holds_secrets
from collectors.receivers.pcap_file import FileReceiver, read_events
from collectors.receivers.tshark import TsharkReceiver
from monitor.analyze.cli import main
from monitor.analyze.document import build
from monitor.analyze.ladders import Ladders
from monitor.analyze.run import run
from tests.support.packets import SIP, block, enhanced, ethernet, interface, ipv4, option, pcap, section, udp
from tests.support.streams import REQUEST_HEAD, RESPONSE_HEAD, frame
from tests.support.tls import V12, V13, Said, conversation, frames, make_certificate

pytestmark = pytest.mark.skipif(
    not (shutil.which("tshark") and shutil.which("openssl")), reason="needs tshark, and openssl for a certificate"
)

NOON_US = 1_700_000_000_000_000
LONG = SIP.replace(b"Content-Length: 0\r\n\r\n", b"Content-Length: 3000\r\n\r\n" + b"x" * 3000)
PLAIN: Sequence[Said] = ((True, SIP), (False, LONG), (True, SIP + SIP))
WEBSOCKET: Sequence[Said] = (
    (True, REQUEST_HEAD),
    (False, RESPONSE_HEAD + frame(SIP)),
    (True, frame(LONG, mask=b"mask")),
    (True, frame(SIP, mask=b"mask") + frame(SIP, mask=b"mask")),
)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("certificate")
    make_certificate(folder)
    return folder


def numbered(octets: Sequence[bytes], step_us: int = 1000) -> list[tuple[int, bytes]]:
    return [(NOON_US + step_us * number, each) for number, each in enumerate(octets)]


def everything(receiver: Receiver, seconds: float = 15) -> list[Datagram]:
    receiver.start()
    found: list[Datagram] = []
    until = time.monotonic() + seconds
    while not receiver.finished and time.monotonic() < until:
        found += receiver.read(0.1)
    assert receiver.finished
    receiver.stop()
    return found


@pytest.mark.parametrize(
    ("version", "said", "port", "transport"),
    [
        (V12, PLAIN, 5061, "tls"),
        (V13, PLAIN, 5063, "tls"),
        (V13, PLAIN, 443, "tls"),
        (V12, WEBSOCKET, 8089, "wss"),
        (V13, WEBSOCKET, 443, "wss"),
        (V13, WEBSOCKET, 5061, "wss"),
    ],
    ids=["TLS 1.2", "TLS 1.3", "TLS on 443", "WebSocket, TLS 1.2", "WebSocket, TLS 1.3", "WebSocket on 5061"],
)
def test_what_is_in_tls_is_read_on_any_port(
    certificate: Path, tmp_path: Path, version: ssl.TLSVersion, said: Sequence[Said], port: int, transport: str
) -> None:
    secrets, path = tmp_path / "secrets", tmp_path / "tls.pcap"
    path.write_bytes(pcap(numbered(frames(conversation(certificate, version, said, secrets), port))))
    expected = [(transport, message) for message in (SIP, LONG, SIP, SIP)]
    if transport == "tls":
        expected[0:2] = [("tls", SIP), ("tls", LONG)]
    dissected = everything(TsharkReceiver("edge", path=str(path), real_time=False, key_log=str(secrets)))
    assert [(datagram.transport, datagram.payload) for datagram in dissected] == expected
    own = everything(FileReceiver(path, "edge", real_time=False, key_log=str(secrets)))
    assert own == dissected
    assert everything(FileReceiver(path, "edge", real_time=False)) == []


def test_what_is_in_tls_comes_in_order_of_time_with_all_else(
    certificate: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("collectors.receivers.octets._CHUNK", 1500)
    secrets, path = tmp_path / "secrets", tmp_path / "mixed.pcapng"
    wire = frames(conversation(certificate, V13, PLAIN, secrets), 5061)
    file = section() + interface(options=option(2, b"eth0"))
    for number, octets in enumerate(wire):
        file += enhanced(octets, NOON_US + 1000 * number) + enhanced(
            ethernet(ipv4(udp())), NOON_US + 1000 * number + 500
        )
    path.write_bytes(file)
    reading = read_events(path, "edge", key_log=str(secrets))
    events = [event for batch in reading.batches() for event in batch]
    assert [event.captured_us for event in events] == sorted(event.captured_us for event in events)
    assert [event.transport for event in events].count("tls") == 4
    assert len(events) == 4 + len(wire)
    assert {event.observer for event in events} == {"edge/eth0"}


def test_tls_of_which_segments_were_captured_out_of_order_is_read(certificate: Path, tmp_path: Path) -> None:
    secrets, path = tmp_path / "secrets", tmp_path / "disordered.pcap"
    wire = frames(conversation(certificate, V13, PLAIN, secrets), 5061)
    longest = max(range(len(wire) - 1), key=lambda at: min(len(wire[at]), len(wire[at + 1])))
    wire[longest], wire[longest + 1] = wire[longest + 1], wire[longest]
    path.write_bytes(pcap(numbered(wire)))
    assert [event.raw for event in read_events(path, key_log=str(secrets), redacted=False)] == [SIP, LONG, SIP, SIP]


def test_analyze_reads_tls_with_its_ladders(certificate: Path, tmp_path: Path) -> None:
    secrets, path = tmp_path / "secrets", tmp_path / "tls.pcap"
    path.write_bytes(pcap(numbered(frames(conversation(certificate, V12, PLAIN, secrets), 5061))))
    result = run(path, key_log=str(secrets))
    assert build(result)["messages"] == 4
    record = result.transactions[0]
    ladder = Ladders(result, [record.key]).of(record)
    assert ladder is not None
    assert run(path).messages == 0


def test_a_capture_that_holds_its_secrets_is_read_by_analyze_without_more(
    certificate: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    secrets, path = tmp_path / "secrets", tmp_path / "own.pcapng"
    wire = frames(conversation(certificate, V13, PLAIN, secrets), 5063)
    packets = b"".join(enhanced(octets, NOON_US + 1000 * number) for number, octets in enumerate(wire))
    log = secrets.read_bytes()
    for inside in (b"", block(10, struct.pack("<II", 0x544C534B, len(log)) + log), block(10, b"")):
        path.write_bytes(section() + inside + interface() + packets)
        assert holds_secrets(str(path)) == (len(inside) > 12)
        assert main([str(path), "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["messages"] == (4 if len(inside) > 12 else 0)
    assert not holds_secrets(str(secrets))
    assert not holds_secrets(str(tmp_path / "no-such-file"))


def test_a_key_log_wants_a_file_that_is_there(tmp_path: Path) -> None:
    path = tmp_path / "empty.pcap"
    path.write_bytes(pcap([]))
    with pytest.raises(ReceiverError, match="no-such-keys: with a key log, only a file"):
        read_events(path, key_log=str(tmp_path / "no-such-keys"))
    with pytest.raises(ReceiverError, match="-: with a key log, only a file"):
        read_events("-", key_log=str(path))
