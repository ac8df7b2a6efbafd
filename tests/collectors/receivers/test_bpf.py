"""The capture filter lets through what carries SIP, and what may be the rest of it."""

import pytest

from collectors.config import load
from collectors.receivers.bpf import FrameFilter, sip_filter, with_media
from tests.support.packets import SIP, ethernet, ipv4, ipv6, pieces_v4, pieces_v6, udp
from tests.support.streams import data_chunk, sctp, tcp

LONG = SIP + b"x" * 3000
WANTED = FrameFilter(sip_filter(load({}, {}).ports))


@pytest.mark.parametrize("port", [5060, 5061, 5066, 7443, 8088, 8089])
@pytest.mark.parametrize("back", [True, False])
def test_sip_over_every_transport_passes_in_both_directions(port: int, back: bool) -> None:
    ports = (port, 40_000) if back else (40_000, port)
    for octets, protocol in (
        (udp(SIP, *ports), 17),
        (tcp(SIP, ports=ports), 6),
        (sctp(data_chunk(SIP, 1), ports=ports), 132),
    ):
        assert WANTED(1, ethernet(ipv4(octets, protocol=protocol)))
        assert WANTED(1, ethernet(ipv6(octets, header=protocol)))


def test_other_ports_do_not_pass() -> None:
    for octets, protocol in ((udp(SIP, 9, 53), 17), (tcp(SIP, ports=(9, 443)), 6), (sctp(ports=(9, 3868)), 132)):
        assert not WANTED(1, ethernet(ipv4(octets, protocol=protocol)))
        assert not WANTED(1, ethernet(ipv6(octets, header=protocol)))


@pytest.mark.parametrize(
    ("octets", "protocol"),
    [(udp(LONG), 17), (tcp(LONG), 6), (sctp(data_chunk(LONG, 1)), 132)],
    ids=["UDP", "TCP", "SCTP"],
)
def test_every_fragment_passes(octets: bytes, protocol: int) -> None:
    for piece in (*pieces_v4(octets, 1480, protocol=protocol), *pieces_v6(octets, 1448, following=protocol)):
        assert WANTED(1, ethernet(piece))


# --- media

RTCP = b"\x80\xc8\x00\x06" + bytes(24)
RTP = b"\x80\x00\x12\x40" + bytes(168)


@pytest.mark.parametrize(
    ("payload", "media"),
    [
        (RTCP, {"rtcp", "presence"}),
        (RTP, {"presence"}),
        (b"\x80\x80\x12\x60" + bytes(168), {"presence"}),
        (b"\x80\x00\x12\x41" + bytes(168), set()),  # not the 32nd
        (b"\x00\x01\x00\x00" + bytes(20), set()),  # STUN
        (b"\x80\xc0\x12\x40" + bytes(20), set()),  # types that RTCP keeps
    ],
)
@pytest.mark.parametrize("wanted", ["off", "rtcp", "presence"])
def test_media_passes_as_far_as_it_is_wanted(payload: bytes, media: set[str], wanted: str) -> None:
    passes = FrameFilter(with_media(sip_filter(((5060, 5061),)), wanted))
    for packet in (ipv4(udp(payload, 40_000, 30_000)), ipv6(udp(payload, 40_000, 30_000))):
        assert passes(1, ethernet(packet)) is (wanted in media)
    assert passes(1, ethernet(ipv4(udp(SIP, 40_000, 5060))))


def test_names_that_are_looked_up_are_no_media() -> None:
    passes = FrameFilter(with_media("udp port 5060", "presence"))
    for payload in (RTCP, RTP):
        assert not passes(1, ethernet(ipv4(udp(payload, 40_000, 53))))
