"""Sender reports, receiver reports, VoIP metrics; and what is none of these."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectors.decode.rtcp import looks_like_rtcp, reports


def packet(kind: int, body: bytes, count: int = 0) -> bytes:
    return struct.pack("!BBH", 0x80 | count, kind, len(body) // 4) + body


def block(source: int = 7, fraction: int = 64, lost: int = 50, jitter: int = 160, of: int = 0, held: int = 0) -> bytes:
    return struct.pack("!IB3sIIII", source, fraction, lost.to_bytes(3, "big", signed=True), 1000, jitter, of, held)


SENT = struct.pack("!IIIIII", 1, 0x1234_5678, 0x9ABC_0000, 0, 500, 80_000)
VOIP = struct.pack(
    "!BBHIBBBBHHHHbbBBBBBBBxHHH",
    *(7, 0, 8, 7, 26, 13, 128, 1, 400, 900, 120, 80, -20, -60, 50, 16, 82, 127, 41, 39, 0, 60, 100, 200),
)


def test_a_sender_report_tells_of_what_it_sends_and_what_it_gets() -> None:
    (report,) = reports(packet(200, SENT + block(of=0x11112222, held=32_768), 1) + packet(202, b"\0" * 4, 1))
    assert (report.kind, report.ssrc, report.source) == ("sender report", 1, 7)
    assert report.values == {
        "packets": 500,
        "octets": 80_000,
        "sent": 0x56789ABC,
        "lost_pct": 25,
        "lost": 50,
        "highest": 1000,
        "jitter": 160,
        "of": 0x11112222,
        "held_ms": 500,
    }


def test_a_sender_that_gets_nothing_tells_of_itself_alone() -> None:
    (report,) = reports(packet(200, SENT))
    assert (report.source, report.values["packets"]) == (None, 500)


def test_a_receiver_report_has_a_report_a_stream_and_no_more_than_it_says() -> None:
    two = reports(packet(201, b"\0\0\0\2" + block(7) + block(8, lost=-3), 2))
    assert [(each.kind, each.ssrc, each.source, each.values["lost"]) for each in two] == [
        ("receiver report", 2, 7, 50),
        ("receiver report", 2, 8, -3),
    ]
    assert len(reports(packet(201, b"\0\0\0\2" + block(7) + block(8), 1))) == 1
    assert len(reports(packet(201, b"\0\0\0\2" + block(7), 31))) == 1
    assert "of" not in two[0].values


def test_voip_metrics_are_read_and_what_is_not_available_is_left_out() -> None:
    (report,) = reports(packet(207, b"\0\0\0\3" + b"\1\0\0\1\0\0\0\0" + VOIP))
    assert (report.kind, report.ssrc, report.source) == ("VoIP metrics", 3, 7)
    assert report.values == {
        "lost_pct": 26 * 100 / 256,
        "discarded_pct": 13 * 100 / 256,
        "burst_pct": 50,
        "burst_ms": 400,
        "round_trip_ms": 120,
        "end_delay_ms": 80,
        "buffer_ms": 60,
        "r_factor": 82,
        "mos_lq": 4.1,
        "mos_cq": 3.9,
    }
    unknown = bytearray(VOIP)
    unknown[16:18] = b"\0\0"  # round trip
    unknown[24] = unknown[26] = unknown[27] = 127  # R factor, both MOS
    (report,) = reports(packet(207, b"\0\0\0\3" + bytes(unknown)))
    assert {"round_trip_ms", "r_factor", "mos_lq", "mos_cq"}.isdisjoint(report.values)


def test_a_block_that_is_cut_or_of_another_length_is_left_out() -> None:
    assert reports(packet(207, b"\0\0\0\3" + VOIP[:-4])) == []
    assert reports(packet(207, b"\0\0\0\3" + b"\7\0\0\2" + b"\0" * 8)) == []
    assert reports(packet(200, SENT[:8]) + packet(201, b"") + packet(207, b"")) == []


def test_a_packet_of_many_reports_is_bounded() -> None:
    assert len(reports(packet(201, b"\0\0\0\2" + block() * 31, 31) * 3)) == 32


@pytest.mark.parametrize(
    ("payload", "looks"),
    [
        (packet(200, SENT), True),
        (packet(207, b"\0\0\0\3"), True),
        (packet(208, SENT), False),
        (packet(199, SENT), False),
        (b"\x00" + packet(200, SENT)[1:], False),
        (packet(200, SENT)[:-4], False),
        (b"\x80\xc8\0\0", False),
        (b"", False),
    ],
)
def test_rtcp_is_known_by_version_type_and_length(payload: bytes, looks: bool) -> None:
    assert looks_like_rtcp(payload) is looks


def test_what_follows_that_is_no_rtcp_ends_the_reading() -> None:
    assert len(reports(packet(200, SENT) + b"\0\0\0\0" + packet(200, SENT))) == 1


@given(st.binary(), st.integers(200, 207))
def test_nothing_raises(octets: bytes, kind: int) -> None:
    octets = octets[: len(octets) // 4 * 4]
    assert len(reports(packet(kind, octets, len(octets) % 32))) <= 32
    reports(octets)
