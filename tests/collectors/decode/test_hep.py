"""HEP of all versions: what the specification says, what implementations do, and whatever octets come."""

import gzip
import struct
import zlib
from ipaddress import IPv6Address, ip_address
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collectors.decode import hep
from collectors.decode.hep import Frame, Refusal, Splitter, decode, encode
from tests.support.hep import VECTOR, chunk, ends, hep3, told

NOON_US = 1_700_000_000_123_456
BOB = b"INVITE sip:bob"


def read(octets: bytes) -> Frame:
    frame = decode(octets)
    assert isinstance(frame, Frame), frame
    return frame


def test_the_test_vector_of_the_specification_is_read_and_written() -> None:
    frame = Frame(
        captured_us=1_313_440_459_120_000,
        source="212.202.0.1",
        source_port=12010,
        destination="82.116.0.211",
        destination_port=5060,
        transport="udp",
        type=hep.SIP,
        payload=BOB,
        agent=228,
    )
    assert decode(VECTOR) == frame
    assert encode(frame) == VECTOR


def test_a_chunk_of_a_vendor_does_not_take_the_place_of_a_generic_one() -> None:
    for vendor in (1, 2, 4, 0xFFFF):
        frame = read(told(BOB, NOON_US, chunk(0x0F, b"vendor", vendor), chunk(0x03, b"\0\0\0\0", vendor)))
        assert (frame.payload, frame.source) == (BOB, "192.0.2.1")


def test_everything_that_a_frame_may_tell_is_read() -> None:
    frame = read(
        told(
            BOB,
            NOON_US,
            chunk(0x0E, b"secret"),
            chunk(0x11, b"call-1@example.com\0"),
            chunk(0x13, "wörk".encode()),
            chunk(0x12, b"\0\x07"),  # a VLAN, which nobody asks for
            chunk(0x20, b"\x01\xa4"),
            chunk(0x21, b"\0\x5d"),
            chunk(0x23, b"\0\0\0\x14"),
            protocol=6,
        )
    )
    assert (frame.transport, frame.key, frame.correlation) == ("tcp", b"secret", "call-1@example.com")
    assert (frame.agent, frame.agent_name, frame.captured_us) == (2001, "wörk", NOON_US)
    assert frame.values == {"mos": 4.2, "r_factor": 93, "jitter": 20}


@pytest.mark.parametrize(("protocol", "transport"), [(6, "tcp"), (17, "udp"), (22, "tls"), (132, "sctp"), (50, "udp")])
def test_the_ip_protocol_names_the_transport(protocol: int, transport: str) -> None:
    assert read(told(BOB, NOON_US, protocol=protocol)).transport == transport


def test_addresses_are_read_by_their_length() -> None:
    v6 = hep3(chunk(5, bytes(15) + b"\1"), chunk(6, b"\x20\1\x0d\xb8" + bytes(12)), chunk(0x0F, BOB))
    assert (read(v6).source, read(v6).destination) == ("::1", "2001:db8::")
    mapped = bytes(10) + b"\xff\xff\xc0\0\x02\x07"
    assert read(hep3(chunk(3, mapped), chunk(4, b"\xc0\0\x02\x02"), chunk(0x0F, BOB))).source == "192.0.2.7"


@pytest.mark.parametrize("packed", [zlib.compress(BOB), gzip.compress(BOB)])
def test_a_compressed_payload_is_unpacked(packed: bytes) -> None:
    assert read(hep3(*ends(), chunk(0x10, packed))).payload == BOB


@pytest.mark.parametrize(
    "packed",
    [b"no zlib", zlib.compress(BOB)[:-6], zlib.compress(bytes(hep.MAX_UNPACKED + 1)), zlib.compress(bytes(50_000_000))],
)
def test_a_payload_that_can_not_be_unpacked_or_becomes_too_large_is_refused(packed: bytes) -> None:
    assert decode(hep3(*ends(), chunk(0x10, packed))) is Refusal.BAD_COMPRESSION


@pytest.mark.parametrize(
    ("octets", "refusal"),
    [
        (b"", Refusal.NOT_HEP),
        (b"HEP", Refusal.NOT_HEP),
        (b"HEP3", Refusal.NO_ADDRESS),
        (b"HEP3\0\0", Refusal.NO_ADDRESS),
        (hep3(*ends()), Refusal.NO_PAYLOAD),
        (hep3(*ends(), chunk(0x0F, b"")), Refusal.NO_PAYLOAD),
        (hep3(*ends(), chunk(0x10, b"")), Refusal.NO_PAYLOAD),
        (hep3(*ends(), chunk(0x0F, BOB, length=5)), Refusal.NO_PAYLOAD),  # shorter than its own head
        (hep3(*ends(), chunk(0x63, b"", length=0), chunk(0x0F, BOB)), Refusal.NO_PAYLOAD),
        (hep3(*ends(), chunk(0x63, b"", 9, length=4000), chunk(0x0F, BOB)), Refusal.NO_PAYLOAD),
        (hep3(*ends(), chunk(0x0D, b"", length=4000)), Refusal.NO_PAYLOAD),
        (hep3(chunk(3, b"\x7f\0\0\1"), chunk(0x0F, BOB)), Refusal.NO_ADDRESS),
        (hep3(*ends(b"\1\2", b"\3\4"), chunk(0x0F, BOB)), Refusal.NO_ADDRESS),
    ],
)
def test_a_frame_that_says_nothing_is_refused_with_its_reason(octets: bytes, refusal: Refusal) -> None:
    assert decode(octets) is refusal


def test_numbers_of_another_length_are_not_taken() -> None:
    frame = read(hep3(*ends(), chunk(0x09, b"\1"), chunk(0x0C, b"\1\2"), chunk(0x20, b"\1"), chunk(0x0F, BOB)))
    assert (frame.captured_us, frame.agent, frame.values, frame.type) == (0, 0, {}, hep.SIP)
    late = hep3(*ends(), chunk(0x09, b"\0\0\0\1"), chunk(0x0A, b"\xff\xff\xff\xff"), chunk(0x0F, BOB))
    assert read(late).captured_us == 0


def test_a_payload_of_which_the_end_is_missing_says_how_much() -> None:
    whole = told(BOB * 9, NOON_US)
    frame = read(whole[:-20])
    assert (frame.payload, frame.cut) == ((BOB * 9)[:-20], 20)
    assert read(whole + b"trailing").cut == 0
    # A frame that claims to be longer than it is, and lacks nothing.
    assert read(hep3(*ends(), chunk(0x0F, BOB), length=544)) == read(hep3(*ends(), chunk(0x0F, BOB)))


def test_a_text_that_is_too_long_is_none() -> None:
    assert read(told(BOB, NOON_US, chunk(0x11, b"x" * 513))).correlation == ""


def old(version: int, order: str = "<", padding: bytes = b"\0\0", microseconds: int = 44_436) -> bytes:
    head = struct.pack("!BBBBHH", version, 16, 2, 17, 5060, 5062) + b"\x0a\0\0\4\x0a\0\0\5"
    time = struct.pack(f"{order}IIH", 1_571_254_062, microseconds, 7) + padding if version == 2 else b""
    return head + time + BOB


def test_version_1_has_no_time_and_no_agent() -> None:
    frame = read(old(1))
    assert (frame.source, frame.source_port, frame.destination) == ("10.0.0.4", 5060, "10.0.0.5")
    assert (frame.captured_us, frame.agent, frame.payload) == (0, 0, BOB)


@pytest.mark.parametrize("octets", [old(2), old(2, "!"), old(2, padding=b""), old(2, "!", b"")])
def test_version_2_is_read_in_either_byte_order_with_or_without_what_fills_it_up(octets: bytes) -> None:
    frame = read(octets)
    assert (frame.captured_us, frame.agent, frame.payload) == (1_571_254_062_044_436, 7, BOB)


def test_version_2_without_a_time_that_can_be_has_none() -> None:
    assert read(old(2, microseconds=0xFFFFFFFF)).captured_us == 0


def test_version_1_of_ipv6() -> None:
    frame = read(struct.pack("!BBBBHH", 1, 40, 10, 6, 1, 2) + bytes(15) + b"\1" + bytes(15) + b"\2" + BOB)
    assert (frame.source, frame.destination, frame.transport) == ("::1", "::2", "tcp")


@pytest.mark.parametrize(
    ("octets", "refusal"),
    [
        (old(1)[:15], Refusal.NO_ADDRESS),
        (old(1)[:16], Refusal.NO_PAYLOAD),
        (old(2)[:16], Refusal.NO_PAYLOAD),
        (old(2)[:20], Refusal.NO_PAYLOAD),
        (b"\1\x11" + old(1)[2:], Refusal.NOT_HEP),
        (b"\3" + old(1)[1:], Refusal.NOT_HEP),
        (old(1)[:3] + b"\x63" + old(1)[4:], Refusal.NOT_HEP),
    ],
)
def test_old_frames_that_are_cut_or_none_are_refused(octets: bytes, refusal: Refusal) -> None:
    assert decode(octets) is refusal


ADDRESSES = st.ip_addresses().map(str)
FRAMES = st.builds(
    Frame,
    captured_us=st.integers(1_000_000, 4_000_000_000_000_000),
    source=ADDRESSES,
    source_port=st.integers(0, 65_535),
    destination=ADDRESSES,
    destination_port=st.integers(0, 65_535),
    transport=st.sampled_from(["udp", "tcp", "sctp"]),
    type=st.integers(1, 255),
    payload=st.binary(min_size=1, max_size=300),
    agent=st.integers(0, 2**32 - 1),
    agent_name=st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20),
    key=st.binary(max_size=20),
    correlation=st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20),
)


@given(FRAMES)
def test_what_is_written_is_read_again(frame: Frame) -> None:
    octets = encode(frame)
    assert octets is not None
    assert int.from_bytes(octets[4:6], "big") == len(octets)
    assert normal(read(octets)) == normal(frame)


def normal(frame: Frame) -> Frame:
    """IPv4 addresses that are written as IPv6 come back as what they are."""

    def plain(text: str) -> str:
        address = ip_address(text)
        return str(address.ipv4_mapped or address) if isinstance(address, IPv6Address) else text

    return msgspec.structs.replace(frame, source=plain(frame.source), destination=plain(frame.destination))


def test_a_frame_that_would_be_too_long_is_not_written() -> None:
    most = hep.MAX_FRAME - len(encode(Frame(source="::1", destination="::2", payload=b"x")) or b"") + 1
    octets = encode(Frame(source="::1", destination="::2", payload=b"x" * most))
    assert octets is not None
    assert len(octets) == hep.MAX_FRAME
    assert encode(Frame(source="::1", destination="::2", payload=b"x" * (most + 1))) is None


def test_a_frame_between_no_addresses_is_not_written() -> None:
    assert encode(Frame(source="nowhere", destination="::2", payload=b"x")) is None


@settings(max_examples=500)
@given(st.binary(max_size=120), st.sampled_from([b"", b"HEP3", b"\1\x10\2\x11", b"\2\x28\x0a\6"]))
def test_any_octets_are_a_frame_or_refused(octets: bytes, begin: bytes) -> None:
    assert isinstance(decode(begin + octets), Frame | Refusal)
    assert all(frame.startswith(b"HEP3") for frame in Splitter().feed(begin + octets))


@settings(max_examples=300)
@given(st.integers(0, 200), st.integers(0, 255))
def test_a_damaged_frame_is_a_frame_or_refused(place: int, octet: int) -> None:
    octets = bytearray(told(BOB, NOON_US, chunk(0x11, b"call"), chunk(0x10, zlib.compress(BOB))))
    octets[place % len(octets)] = octet
    assert isinstance(decode(bytes(octets)), Frame | Refusal)


@given(st.lists(st.binary(max_size=200), max_size=8), st.lists(st.integers(1, 60), max_size=40))
def test_frames_come_out_of_a_stream_whole_however_it_is_cut(payloads: list[bytes], cuts: list[int]) -> None:
    frames = [told(payload, NOON_US) for payload in payloads]
    stream, splitter = b"".join(frames), Splitter()
    found: list[bytes] = []
    for size in [*cuts, len(stream)]:
        found += splitter.feed(stream[:size])
        stream = stream[size:]
    assert found == frames
    assert splitter.garbage == 0


def test_what_is_no_frame_in_a_stream_is_passed_over() -> None:
    splitter, frame = Splitter(), told(BOB, NOON_US)
    assert splitter.feed(b"GET / HTTP/1.1\r\n\r\n" + frame + b"HEP3\0\1" + frame[:9]) == [frame]
    assert splitter.feed(frame[9:]) == [frame]
    assert splitter.garbage == 18 + 6


def test_frames_of_others_are_read_as_they_say(corpus: Path) -> None:
    folder = corpus / "messages/hep-packets"
    second = read((folder / "sip3-packet_1.bin").read_bytes())
    assert (second.captured_us, second.destination_port, second.payload) == (1_571_254_062_044_436, 5062, b"SIP/2.0")
    third = read((folder / "sip3-packet_2.bin").read_bytes())
    assert (third.source, third.key, third.payload) == ("79.142.86.118", b"myhep", b"NOTIFY")
