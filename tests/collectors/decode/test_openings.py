"""Connections that do not come about: what the segments of their attempts tell."""

import ssl
from pathlib import Path

import pytest

from collectors.decode.frames import Decoder
from collectors.decode.openings import _MOST_PENDING, _MOST_SERVERS
from collectors.wire.events import SideEvent
from tests.collectors.decode.test_streams import ACK, RST, SYN, Capture
from tests.support.packets import SIP
from tests.support.tls import CLIENT, SERVER, V12, V13, frames, handshake, make_certificate

SYN_ACK = SYN | ACK


def alert(description: int, level: int = 2, version: int = 3) -> bytes:
    return bytes((0x15, 3, version, 0, 2, level, description))


def told(seen: Capture) -> list[tuple[str, str, str]]:
    return [(side.text, side.transport, side.hop) for side in seen.streams.side]


WAY = "192.0.2.1:5062>192.0.2.2:5060"


def test_a_reset_in_answer_to_a_syn_refuses_the_connection() -> None:
    seen = Capture()
    seen.alice(flags=SYN, sequence=7)
    seen.bob(flags=RST | ACK, acknowledgment=8)
    (side,) = seen.streams.side
    assert side == SideEvent(
        2, 2, "192.0.2.2", 5060, "192.0.2.1", 5062, "tcp", "edge/eth0", "tcp", text="connection refused", hop=WAY
    )


def test_a_syn_that_is_sent_three_times_is_unanswered_and_told_of_once() -> None:
    seen = Capture()
    for pause in (0, 1, 2, 4):
        seen.wait(pause)
        seen.alice(flags=SYN, sequence=7)
        if pause == 1:
            assert told(seen) == []
    assert told(seen) == [("connection unanswered", "tcp", WAY)]


def test_copies_of_a_syn_are_not_sent_again() -> None:
    seen = Capture()
    for _ in range(9):
        seen.alice(flags=SYN, sequence=7)
    assert told(seen) == []


def test_one_that_is_answered_in_the_end_is_open() -> None:
    seen = Capture()
    for pause in (0, 1):
        seen.wait(pause)
        seen.alice(flags=SYN, sequence=7)
    seen.bob(flags=SYN_ACK, sequence=1, acknowledgment=8)
    seen.wait(2)
    seen.bob(flags=RST)
    assert told(seen) == []


def test_the_client_gives_up_its_own_attempt_and_refuses_nothing() -> None:
    seen = Capture()
    seen.alice(flags=SYN, sequence=7)
    seen.alice(flags=RST, sequence=8)
    assert told(seen) == []


def test_what_goes_to_other_ports_concerns_nobody() -> None:
    seen = Capture(bobs_port=443)
    for pause in (0, 1, 2, 4):
        seen.wait(pause)
        seen.alice(flags=SYN, sequence=7)
    seen.bob(flags=RST | ACK, acknowledgment=8)
    seen.bob(alert(48), 1)
    assert told(seen) == []


def test_a_port_that_spoke_sip_is_one_of_sip() -> None:
    seen = Capture(bobs_port=15_060)
    seen.alice(SIP)
    seen.ports = (7000, 15_060)
    seen.alice(flags=SYN)
    seen.bob(flags=RST | ACK)
    assert told(seen) == [("connection refused", "tcp", "192.0.2.1:7000>192.0.2.2:15060")]


def test_what_sends_responses_is_no_server_by_that() -> None:
    seen = Capture(alices_port=6060, bobs_port=15_060)
    seen.bob(b"SIP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n")
    seen.ports = (6060, 7000)
    seen.bob(flags=SYN)
    seen.alice(flags=RST | ACK)
    assert told(seen) == []


@pytest.mark.parametrize("by_client", [True, False], ids=["by the client", "by the server"])
def test_a_tls_alert_in_the_clear_ends_a_connection_that_was_no_connection_yet(*, by_client: bool) -> None:
    seen = Capture(bobs_port=5061)
    hello = b"\x16\x03\x01\0\x05hello"
    seen.alice(hello)
    speak, at = (seen.alice, 1 + len(hello)) if by_client else (seen.bob, 1)
    speak(alert(48), at)
    (side,) = seen.streams.side
    assert (side.text, side.transport, side.values) == ("TLS alert", "tls", {"alert": 48.0})
    assert side.source == ("192.0.2.1" if by_client else "192.0.2.2")
    assert side.hop == "192.0.2.1:5062>192.0.2.2:5061"


@pytest.mark.parametrize(
    "record",
    [alert(0), alert(0, 1), alert(90), alert(48, 1), alert(48)[:6], alert(48) + b"\0", b"\x15\x03\x03\0\x1aencrypted"],
    ids=["close", "close, a warning", "canceled", "a warning", "cut", "more", "encrypted"],
)
def test_alerts_that_do_no_harm_or_can_t_be_read_tell_nothing(record: bytes) -> None:
    seen = Capture(bobs_port=5061)
    seen.bob(record)
    assert told(seen) == []


def test_what_is_kept_is_bounded() -> None:
    seen = Capture(bobs_port=5060)
    for port in range(1, _MOST_PENDING + 2):
        seen.ports = (port, 5060)
        seen.alice(flags=SYN, sequence=7)
    seen.ports = (1, 5060)
    seen.bob(flags=RST | ACK)  # of the first, which is forgotten
    seen.ports = (2, 5060)
    seen.bob(flags=RST | ACK)
    assert told(seen) == [("connection refused", "tcp", "192.0.2.1:2>192.0.2.2:5060")]
    openings = seen.streams._openings
    for port in range(_MOST_SERVERS + 1):
        openings.serves("192.0.2.9", port)
    assert len(openings._servers) == 1


REFUSALS = {
    "the client does not know the authority": (V12, V12, None, 48, True),
    "the server speaks no version so old": (V12, V13, "certificate", 70, False),
}


@pytest.mark.parametrize(("client", "server", "trusted", "description", "by_client"), REFUSALS.values(), ids=REFUSALS)
def test_real_handshakes_that_fail_end_with_an_alert_that_is_read(
    tmp_path: Path,
    client: ssl.TLSVersion,
    server: ssl.TLSVersion,
    trusted: str | None,
    description: int,
    *,
    by_client: bool,
) -> None:
    make_certificate(tmp_path)
    asking = ssl.create_default_context(cafile=str(tmp_path / trusted) if trusted else None)
    asking.maximum_version = client
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(tmp_path / "certificate", tmp_path / "key")
    serving.minimum_version = server
    decoder = Decoder()
    decoder.add_interface(1, "edge/eth0")
    decoder.datagrams([(0, 0, frame) for frame in frames(handshake(asking, serving), 5061)])
    (side,) = decoder.take_side()
    assert (side.text, side.values["alert"]) == ("TLS alert", description)
    assert side.source == (CLIENT if by_client else SERVER)
    assert side.hop.startswith(f"{CLIENT}:")
    assert side.hop.endswith(f">{SERVER}:5061")
