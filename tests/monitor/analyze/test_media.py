"""The media of calls in a capture file: what flows, what is reported, and how analyze shows it."""

import struct
from pathlib import Path

from rich.console import Console

from collectors.scenario.pcap import pcap
from monitor.analyze.document import build
from monitor.analyze.report import print_ladders
from monitor.analyze.run import run
from tests.monitor.analyze.test_document import QUALITY
from tests.support.messages import request, response, us
from tests.support.packets import ethernet, ipv4, udp
from tests.support.sdp import PCMU, audio, sdp

ALICE, BOB = "10.0.0.1", "10.0.0.3"


def frame(payload: bytes, source: str, destination: str, port: int) -> bytes:
    return ethernet(ipv4(udp(payload, port, port), source=source, destination=destination))


def report(fraction: int, highest: int) -> bytes:
    body = struct.pack("!I", 1) + struct.pack("!IB3sIIII", 7, fraction, b"\0\0\x05", highest, 160, 0, 0)
    return struct.pack("!BBH", 0x81, 201, len(body) // 4) + body


def recorded(folder: Path) -> Path:
    """A call with RTP both ways, whose callee reports loss three times."""
    invite = request("INVITE", 0, body=sdp(audio(PCMU)))
    answer = response(200, 1, body=sdp(audio(PCMU), address="10.0.0.3"))
    ack = request("ACK", 1.1, to_tag="b")
    frames = [(us(0), frame(invite.raw, ALICE, BOB, 5060)), (us(1), frame(answer.raw, BOB, ALICE, 5060))]
    frames += [(us(1.1), frame(ack.raw, ALICE, BOB, 5060))]
    for number in range(100):
        payload = b"\x80\0" + number.to_bytes(2, "big") + bytes(168)
        frames.append((us(1.2 + number / 10), frame(payload, ALICE, BOB, 4000)))
        frames.append((us(1.25 + number / 10), frame(payload, BOB, ALICE, 4000)))
    frames += [(us(3 + number * 3), frame(report(64, number), BOB, ALICE, 4001)) for number in range(3)]
    path = folder / "media.pcap"
    path.write_bytes(b"".join(pcap(sorted(frames))))
    return path


def test_media_in_a_file_are_found_told_and_judged(tmp_path: Path) -> None:
    document = build(run(recorded(tmp_path)))
    (call,) = document["calls"]
    flows = [(side["source"], side["values"]["packets"]) for side in call["side"] if side["kind"] == "rtp"]
    assert flows == [("10.0.0.1:4000", 100), ("10.0.0.3:4000", 100)]
    (quality,) = call["quality"]
    assert quality.keys() == QUALITY
    assert (quality["source"], quality["reporter"], quality["reports"]) == ("RTCP", "10.0.0.3:4001", 3)
    assert (quality["loss_pct"], quality["jitter_ms"]) == (25, 20)
    assert [(finding["code"], finding["state"]) for finding in call["findings"]] == [("poor-quality", "confirmed")]


def test_the_tables_of_a_call_are_printed_with_its_ladder(tmp_path: Path) -> None:
    result = run(recorded(tmp_path))
    console = Console(width=160, highlight=False, markup=False, no_color=True)
    with console.capture() as captured:
        assert print_ladders(result, console, "call-1")
    text = captured.get()
    assert "Negotiation" in text
    assert "10.0.0.3:4001" in text.partition("Quality")[2]
    assert "25.0 %" in text
