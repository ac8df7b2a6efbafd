"""What agents tell becomes datagrams and side events, whoever they are and however SIP was cut."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectors.decode import hep_reader
from collectors.decode.datagram import Datagram, Skip
from collectors.decode.frames import Decoder
from collectors.decode.hep_reader import CLOCK_US, HepReader
from collectors.receivers.pcap_file import read_events
from collectors.wire.events import LOG, RTCP, Loss, SideEvent
from tests.support.hep import VECTOR, chunk, told
from tests.support.packets import SIP, ethernet, ipv4, udp
from tests.support.streams import tcp as tcp_segment

NOON_US = 1_700_000_000_000_000
BODY = b"v=0\r\n" * 4
INVITE = SIP.replace(b"OPTIONS", b"INVITE").replace(b"Content-Length: 0", b"Content-Length: %d" % len(BODY)) + BODY
CALL_ID = chunk(0x11, b"call-1")
REPORT = {
    "sender_information": {"packets": 106, "octets": 16960, "ntp_timestamp_sec": 3650797214},
    "ssrc": 451916597,
    "type": 200,
    "report_blocks": [
        {"source_ssrc": 898343773, "fraction_lost": 64, "packets_lost": 12, "ia_jitter": 160, "lsr": -1, "dlsr": 32768},
        {"source_ssrc": 5, "fraction_lost": True, "packets_lost": "many", "ia_jitter": 10**40},
        "no block",
    ],
}


def tcp(payload: bytes, at_us: int = NOON_US, agent: int = 1) -> bytes:
    return told(payload, at_us, protocol=6, agent=agent)


def payloads(reader: HepReader, *frames: bytes, at_us: int = NOON_US) -> list[bytes]:
    return [datagram.payload for frame in frames for datagram in reader.read(frame, at_us)]


def only(side: list[SideEvent]) -> SideEvent:
    (one,) = side
    return one


def test_sip_is_a_datagram_as_the_agent_saw_it() -> None:
    reader = HepReader("edge")
    assert reader.read(told(SIP, NOON_US + 7), NOON_US + 900) == [
        Datagram(NOON_US + 7, "192.0.2.1", 5060, "192.0.2.2", 5060, "udp", "edge/hep:2001", SIP)
    ]
    assert reader.take_side() == []
    assert reader.counters == {"hep_frames": 1}


@pytest.mark.parametrize(
    ("name", "observer"),
    [(b"sbc-1.example", "edge/hep:sbc-1.example"), (b"a/b c\n", "edge/hep:a_b_c_"), (b"", "edge/hep:2001")],
)
def test_an_observer_is_named_for_its_agent(name: bytes, observer: str) -> None:
    reader = HepReader("edge")
    (datagram,) = reader.read(told(SIP, NOON_US, chunk(0x13, name)), NOON_US)
    assert datagram.observer == observer
    assert [*reader.agents] == [observer.partition("hep:")[2]]


def test_agents_are_remembered_within_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hep_reader, "MOST_AGENTS", 3)
    reader = HepReader("edge")
    for agent in range(9):
        reader.read(told(SIP, 1_000_000, agent=agent), NOON_US)
    assert [*reader.agents] == ["0", "1", "2"]
    losses = {loss.observer: loss.count for loss in reader.losses()}
    assert losses == {"edge/hep:0": 1, "edge/hep:1": 1, "edge/hep:2": 1, "edge/hep:others": 6}
    assert reader.counters["hep_clock"] == 9


def test_a_clock_that_is_off_by_more_than_five_seconds_is_not_believed_and_told() -> None:
    reader = HepReader("edge")
    for offset_us in (-CLOCK_US, CLOCK_US, 0):
        (datagram,) = reader.read(told(SIP, NOON_US + offset_us), NOON_US)
        assert datagram.captured_us == NOON_US + offset_us
    assert reader.losses() == []
    for second in range(3):
        (datagram,) = reader.read(told(SIP, NOON_US - 3600_000_000), NOON_US + second)
        assert datagram.captured_us == NOON_US + second
    assert reader.losses() == [Loss("edge/hep:2001", NOON_US, NOON_US + 2, "clock", 3)]
    assert reader.losses() == []
    assert reader.counters["hep_clock"] == 3


def test_a_frame_without_time_has_that_of_its_arrival() -> None:
    (datagram,) = HepReader("edge").read(b"\1\x10\2\x11\x13\xc4\x13\xc4\x7f\0\0\1\x7f\0\0\2" + SIP, NOON_US)
    assert (datagram.captured_us, datagram.observer) == (NOON_US, "edge/hep:0")


def test_what_may_not_be_told_or_can_not_be_read_is_counted() -> None:
    reader = HepReader("edge", admit=lambda frame: frame.key == b"secret")
    assert payloads(reader, told(SIP, NOON_US), b"nonsense", told(SIP, NOON_US, chunk(0x0E, b"secret"))) == [SIP]
    assert reader.counters == {"hep_frames": 3, "hep_refused_key": 1, "hep_not_hep": 1}


def test_a_log_line_is_kept_with_its_call() -> None:
    reader = HepReader("edge")
    assert payloads(reader, told("Grüße \xff\0".encode(), NOON_US, CALL_ID, kind=100)) == []
    line = only(reader.take_side())
    assert (line.kind, line.call_id, line.method, line.text) == (LOG, "call-1", "", "Grüße ÿ")
    assert (line.captured_us, line.observer) == (NOON_US, "edge/hep:2001")


def test_rtcp_is_kept_with_its_call_an_event_a_report() -> None:
    reader = HepReader("edge")
    payload = json.dumps(REPORT).encode()
    assert payloads(reader, told(payload, NOON_US, CALL_ID, chunk(0x20, b"\x01\xa4"), kind=5)) == []
    first, second, third = reader.take_side()
    common = {"ssrc": 451916597.0, "packets": 106.0, "octets": 16960.0, "mos": 4.2}
    assert (first.kind, first.call_id, first.method) == (RTCP, "call-1", "INVITE")
    assert (first.text, first.raw) == ("sender report", payload)
    ours = {"source_ssrc": 898343773.0, "lost": 12.0, "jitter": 160.0, "lost_pct": 25.0}
    assert first.values == common | ours | {"of": 2.0**32 - 1, "held_ms": 500.0}
    assert second.values == common | {"source_ssrc": 5.0}
    assert third.values == common


@pytest.mark.parametrize("name", ["call-id", "call_id", "callid", "correlation_id"])
def test_rtcp_says_in_itself_of_which_call_it_is(name: str) -> None:
    reader = HepReader("edge")
    reader.read(told(json.dumps({name: "call-2", "type": 201, "report_blocks": []}).encode(), NOON_US, kind=5), NOON_US)
    report = only(reader.take_side())
    assert (report.call_id, report.text, report.values) == ("call-2", "receiver report", {})


@pytest.mark.parametrize(
    ("payload", "kind", "counter"),
    [
        (b"{", 5, "hep_lonely_rtcp"),
        (b"[" * 60_000, 5, "hep_lonely_rtcp"),
        (b"\xff", 5, "hep_lonely_rtcp"),
        (b"7", 5, "hep_lonely_rtcp"),
        (b'{"type": [], "callid": 7}', 5, "hep_lonely_rtcp"),
        (b"a line", 100, "hep_lonely_log"),
        (b"{}", 34, "hep_type_34"),
    ],
)
def test_what_belongs_to_no_call_or_is_of_no_use_is_counted(payload: bytes, kind: int, counter: str) -> None:
    reader = HepReader("edge")
    assert payloads(reader, told(payload, NOON_US, kind=kind)) == []
    assert reader.take_side() == []
    assert reader.counters == {"hep_frames": 1, counter: 1}


# --- SIP over a stream


@pytest.mark.parametrize(
    ("segments", "expected"),
    [
        ([INVITE], [INVITE]),
        ([b"\r\n\r\n" + INVITE], [INVITE]),
        ([INVITE + SIP], [INVITE, SIP]),
        ([INVITE[:100], INVITE[100:]], [INVITE]),
        ([INVITE[:-9], INVITE[-9:] + SIP[:50], SIP[50:]], [INVITE, SIP]),
        ([b"\r\n\r\n"], [b"\r\n\r\n"]),
        ([b"of a body"], [b"of a body"]),
        ([INVITE[:-9], SIP], [INVITE[:-9], SIP]),
    ],
)
def test_messages_in_a_stream_come_out_whole(segments: list[bytes], expected: list[bytes]) -> None:
    assert payloads(HepReader("edge"), *map(tcp, segments)) == expected


def test_parts_of_two_agents_are_not_joined() -> None:
    reader = HepReader("edge")
    halves = [tcp(INVITE[:100], agent=1), tcp(SIP[:100], agent=2), tcp(SIP[100:], agent=2), tcp(INVITE[100:], agent=1)]
    assert payloads(reader, *halves) == [SIP, INVITE]
    assert "hep_incomplete" not in reader.counters


def test_a_part_that_waits_too_long_is_given_as_it_is() -> None:
    reader = HepReader("edge")
    slow = tcp(INVITE[:-9], NOON_US - 4_900_000)  # a clock that is a little behind
    assert payloads(reader, slow) == []
    assert payloads(reader, told(SIP, NOON_US), at_us=NOON_US + 4_000_000) == [SIP]
    later_us = NOON_US + 6_000_000
    assert payloads(reader, told(SIP, later_us), at_us=later_us) == [INVITE[:-9], SIP]
    assert reader.counters["hep_incomplete"] == 1


def test_parts_in_a_capture_wait_no_longer_than_it_goes_on() -> None:
    capture = decoder()
    assert capture.datagrams([captured(tcp(INVITE[:-9])), captured(tcp(SIP[:-9], agent=2))]) == []
    assert capture.advance(NOON_US + 1) == []
    assert [each.payload for each in capture.flush()] == [INVITE[:-9], SIP[:-9]]
    assert capture.flush() == []
    assert capture.datagrams([captured(tcp(INVITE[:-9]))]) == []
    assert [each.payload for each in capture.advance(NOON_US + 6_000_000)] == [INVITE[:-9]]


@pytest.mark.parametrize(("limit", "value"), [("_MOST_PARTS", 3), ("_MOST_HELD", 900)])
def test_parts_wait_within_bounds(limit: str, value: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hep_reader, limit, value)
    reader = HepReader("edge")
    found = payloads(reader, *(tcp(INVITE[:-9], agent=agent) for agent in range(20)))
    assert found == [INVITE[:-9]] * len(found)
    assert len(found) >= 15


def test_a_segment_that_was_cut_is_given_as_it_is() -> None:
    (datagram,) = HepReader("edge").read(tcp(INVITE)[:-20], NOON_US)
    assert (datagram.payload, datagram.cut) == (INVITE[:-20], 20)


@given(st.lists(st.binary(max_size=400), max_size=12), st.integers(0, 255), st.sampled_from([6, 17, 22]))
def test_any_payload_is_read_without_growth(pieces: list[bytes], kind: int, protocol: int) -> None:
    reader = HepReader("edge")
    for piece in pieces:
        for payload in (piece, INVITE[:90] + piece):
            reader.read(told(payload, NOON_US, CALL_ID, kind=kind, protocol=protocol), NOON_US)
    assert reader.counters["hep_frames"] == 2 * len(pieces)


# --- in captures


def captured(payload: bytes, port: int = 9060) -> tuple[int, int, bytes]:
    return NOON_US, 0, ethernet(ipv4(udp(payload, 40_000, port)))


def decoder() -> Decoder:
    made = Decoder()
    made.add_interface(1, "edge/eth0")
    return made


@pytest.mark.parametrize("port", [9060, 9063])
def test_hep_in_a_capture_is_read_as_if_it_had_been_received(port: int) -> None:
    capture = decoder()
    found = capture.datagrams([captured(frame, port) for frame in (told(SIP, NOON_US), told(SIP, NOON_US + 1))])
    assert [(each.captured_us, each.observer) for each in found] == [
        (NOON_US, "edge/hep:2001"),
        (NOON_US + 1, "edge/hep:2001"),
    ]
    assert capture.counters()["hep_frames"] == 2


def test_what_hep_in_a_capture_tells_beside_is_kept_and_what_is_of_no_use_counted() -> None:
    capture = decoder()
    frames = [
        told(b"line", NOON_US, CALL_ID, kind=100),
        told(b"{}", NOON_US, kind=34),
        b"HEP3",
        b"\1\x10\2\x11" + b"x" * 9,
    ]
    assert capture.datagrams([captured(each) for each in frames]) == []
    assert only(capture.take_side()).text == "line"
    assert capture.skipped == {Skip.HEP: 3}


def segment(octets: bytes, at: int = 0, port: int = 9_063, flags: int = 0x18) -> tuple[int, int, bytes]:
    return NOON_US, 0, ethernet(ipv4(tcp_segment(octets, 1 + at, ports=(40_000, port), flags=flags), protocol=6))


def test_hep_over_tcp_in_a_capture_is_read_from_wherever_it_begins_and_behind_every_hole() -> None:
    frames = [told(SIP.replace(b"table@", b"%d@" % number), NOON_US + number) for number in range(8)]
    log = told(b"line", NOON_US, CALL_ID, kind=100)
    stream = b"".join([frames[0][50:], *frames[1:3], log, *frames[3:]])
    capture, found = decoder(), list[Datagram]()
    hole = range(stream.find(frames[4]) + 10, stream.find(frames[5]) - 50)
    for at in range(0, len(stream), 50):
        if at not in hole:
            found += capture.datagrams([segment(stream[at : at + 50], at)])
    found += capture.advance(NOON_US + 60_000_000)
    numbers = [int(each.payload.partition(b"Call-ID: ")[2].partition(b"@")[0]) for each in found]
    assert numbers == [1, 2, 3, 5, 6, 7]
    assert {each.observer for each in found} == {"edge/hep:2001"}
    assert only(capture.take_side()).text == "line"
    assert capture.counters()["stream_holes"] == 1
    assert capture.flush() == []


def test_sip_and_hep_that_wait_for_missing_segments_come_out_together() -> None:
    capture = decoder()
    frame = told(SIP, NOON_US)
    for octets, port in ((SIP, 5060), (frame, 9_063)):
        assert len(capture.datagrams([segment(octets, 0, port)])) == 1
        assert capture.datagrams([segment(octets, len(octets) + 90, port)]) == []
    found = capture.flush()
    assert sorted((each.payload, each.transport) for each in found) == [(SIP, "tcp"), (SIP, "udp")]


def test_a_frame_that_its_connection_leaves_unfinished_is_none() -> None:
    capture = decoder()
    frame = told(SIP, NOON_US)
    assert len(capture.datagrams([segment(frame + frame[:40])])) == 1
    assert capture.datagrams([segment(b"", len(frame) + 40, flags=0x11)]) == []
    assert capture.flush() == []


def test_sip_on_the_port_of_hep_is_sip() -> None:
    (datagram,) = decoder().datagrams([captured(SIP)])
    assert (datagram.payload, datagram.destination_port) == (SIP, 9060)


def test_a_frame_of_the_specification_is_read_in_a_capture() -> None:
    (datagram,) = decoder().datagrams([captured(VECTOR)])
    assert (datagram.source, datagram.captured_us) == ("212.202.0.1", NOON_US)


def test_the_capture_of_others_is_read_as_they_say(corpus: Path) -> None:
    reading = read_events(corpus / "hep/001-hep.pcap")
    (events,) = filter(None, reading.batches())
    side = reading.side()
    assert [event.method or event.status for event in events] == ["INVITE", 100, 407, "OPTIONS", 200, "PUBLISH"]
    assert {event.observer for event in events} == {"file/hep:2001"}
    assert {event.call_id for event in events} == {each.call_id for each in side} == {"qgf3dm9rudi@127.0.0.1"}
    assert [(each.kind, each.text) for each in side] == [
        (LOG, "SYSLOG: Processing OPTIONS request from nodejs using Call-Id: qgf3dm9rudi@127.0.0.1"),
        (RTCP, "sender report"),
    ]
