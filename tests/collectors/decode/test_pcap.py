"""Capture files of both formats: every variant, cut anywhere, damaged, and what is none."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectors.decode.pcap import NotACaptureError, reader_for
from collectors.decode.pcapng import PcapngReader
from collectors.decode.reader import Frame
from tests.support.packets import block, enhanced, ethernet, interface, ipv4, option, pcap, section, udp

NOON_US = 1_700_000_000_123_456
FRAMES = [(NOON_US + 1_500_000 * number, ethernet(ipv4(udp(b"x" * number)))) for number in range(4)]
EXPECTED = [(time_us, 0, frame) for time_us, frame in FRAMES]


def read(file: bytes, size: int = 1 << 20) -> tuple[list[Frame], str]:
    """All frames of a file that comes in chunks of `size` octets, and what is wrong with it."""
    reader = reader_for(file[:64])
    frames = [frame for at in range(0, len(file), size) for frame in reader.feed(file[at : at + size])]
    return frames, reader.fault()


def pcapng(order: str = "<", frames: list[tuple[int, bytes]] = FRAMES) -> bytes:
    return section(order) + interface(1, order) + b"".join(enhanced(frame, us, 0, order) for us, frame in frames)


VARIANTS = {
    "little-endian": pcap(FRAMES),
    "big-endian": pcap(FRAMES, order=">"),
    "nanoseconds": pcap(FRAMES, nanoseconds=True),
    "nanoseconds, big-endian": pcap(FRAMES, nanoseconds=True, order=">"),
    "Kuznetzov": pcap(FRAMES, magic=0xA1B2CD34),
    "IXIA by software": pcap(FRAMES, magic=0x1C0001AB),
    "IXIA by hardware": pcap(FRAMES, magic=0x1C0001AC, order=">"),
    "pcapng, little-endian": pcapng("<"),
    "pcapng, big-endian": pcapng(">"),
}


@pytest.mark.parametrize("file", VARIANTS.values(), ids=VARIANTS)
def test_every_variant_gives_the_same_frames(file: bytes) -> None:
    assert read(file) == (EXPECTED, "")


@pytest.mark.parametrize("size", [1, 7, 100])
@pytest.mark.parametrize("file", VARIANTS.values(), ids=VARIANTS)
def test_a_file_may_come_in_chunks_of_any_size(file: bytes, size: int) -> None:
    assert read(file, size) == (EXPECTED, "")


@pytest.mark.parametrize("file", [VARIANTS["little-endian"], VARIANTS["pcapng, little-endian"]], ids=["pcap", "pcapng"])
def test_a_file_cut_anywhere_gives_every_whole_packet_before(file: bytes) -> None:
    for size in range(16, len(file)):
        frames, fault = read(file[:size])
        ends = [file.find(frame) + len(frame) for _, frame in FRAMES]
        whole = sum(end <= size for end in ends)
        # A block of pcapng ends with its length, a little after the packet in it.
        assert len(frames) == whole or (len(frames) == whole - 1 and size < ends[whole - 1] + 8)
        assert frames == EXPECTED[: len(frames)]
        assert fault.startswith("cut within") or size in {at for at, _ in boundaries(file)}


def boundaries(file: bytes) -> list[tuple[int, int]]:
    """Where packets or blocks begin: there a cut can't be noticed."""
    if file[:4] == b"\x0a\x0d\x0d\x0a":
        found, at = [], 0
        while at < len(file):
            found.append((at, 0))
            at += struct.unpack_from("<I", file, at + 4)[0]
        return found
    return [(file.find(frame) - 16, 0) for _, frame in FRAMES]


def test_the_link_type_is_read_without_the_bits_about_the_checksum() -> None:
    reader = reader_for(pcap([]))
    reader.feed(pcap([], 0xF400_0071))
    assert reader.interfaces == [(0x71, "")]
    assert reader.dropped == 0  # which this format can't say


def test_a_damaged_packet_length_ends_the_reading() -> None:
    file = pcap(FRAMES[:2]) + struct.pack("<IIII", 1, 2, 0x7FFFFFFF, 60) + pcap(FRAMES)[24:]
    assert read(file, 100) == (EXPECTED[:2], "damaged: a packet of 2147483647 octets")


@pytest.mark.parametrize("file", VARIANTS.values(), ids=VARIANTS)
def test_a_file_cut_within_its_first_octets_says_so(file: bytes) -> None:
    for size in range(1, 12):
        frames, fault = read(file[:size])
        assert (frames, fault) in (([], "cut within its header"), ([], "cut within a block"))


def test_what_is_no_capture_is_named() -> None:
    for head, name in ((b"", "the file is empty"), (b"PK\x03\x04", "the file is a zip archive")):
        with pytest.raises(NotACaptureError, match=name):
            reader_for(head)


@pytest.mark.parametrize(
    ("resolution", "ticks", "time_us"),
    [
        (6, NOON_US, NOON_US),
        (9, NOON_US * 1000 + 999, NOON_US),
        (3, NOON_US // 1000, NOON_US // 1000 * 1000),
        (0, NOON_US // 1_000_000, NOON_US // 1_000_000 * 1_000_000),
        (0x80 | 10, 1024 * 1_700_000_000 + 512, 1_700_000_000_500_000),
        (0, 2**63, 253_402_300_799_000_000),
        (127, 2**63, 0),
    ],
    ids=["µs", "ns", "ms", "s", "1/1024 s", "beyond any date", "finer than light"],
)
def test_an_interface_has_a_resolution_of_its_own(resolution: int, ticks: int, time_us: int) -> None:
    file = section() + interface(options=option(9, bytes((resolution,)))) + enhanced(b"frame", ticks)
    assert read(file) == ([(time_us, 0, b"frame")], "")


def test_an_interface_has_a_clock_offset_of_its_own() -> None:
    ahead, behind = (option(14, struct.pack("<q", seconds)) for seconds in (1_700_000_000, -5))
    file = section() + interface(options=ahead) + interface(options=behind)
    file += enhanced(b"one", 7, 0) + enhanced(b"two", 3, 1)
    assert read(file) == ([(1_700_000_000_000_007, 0, b"one"), (0, 1, b"two")], "")


def test_interfaces_of_several_sections_are_numbered_on() -> None:
    named = interface(276, options=option(1, b"comment") + option(2, b"eth0\0") + option(0, b"") + option(2, b"no"))
    file = section() + named + interface(1) + enhanced(b"a", 1, 1)
    file += section(">") + interface(113, ">") + enhanced(b"b", 2, 0, ">")
    reader = reader_for(file)
    assert reader.feed(file) == [(1, 1, b"a"), (2, 2, b"b")]
    assert reader.interfaces == [(276, "eth0"), (1, ""), (113, "")]


def test_older_and_simpler_packet_blocks_are_read() -> None:
    obsolete = struct.pack("<HHIIII", 0, 3, NOON_US >> 32, NOON_US & 0xFFFFFFFF, 5, 5) + b"older"
    simple = struct.pack("<I", 6) + b"simple"
    file = section() + interface() + block(2, obsolete) + block(3, simple)
    assert read(file) == ([(NOON_US, 0, b"older"), (NOON_US, 0, b"simple")], "")


def test_a_simple_packet_is_no_longer_than_its_block() -> None:
    file = section() + interface() + block(3, struct.pack("<I", 9999) + b"abcd")
    assert read(file) == ([(0, 0, b"abcd")], "")


def test_other_blocks_are_passed_over() -> None:
    file = section() + interface() + block(4, b"names") + block(10, b"secrets") + block(0xBAD, b"") + enhanced(b"a", 1)
    assert read(file) == ([(1, 0, b"a")], "")


def test_a_length_that_was_not_rounded_up_is_forgiven() -> None:
    odd = struct.pack("<III", 0x0BAD, 13, 0) + struct.pack("<I", 13)
    assert read(section() + interface() + odd + enhanced(b"a", 1)) == ([(1, 0, b"a")], "")


@pytest.mark.parametrize(
    "stray",
    [
        enhanced(b"a", 1, number=5),
        block(6, struct.pack("<IIIII", 0, 0, 1, 400, 400) + b"abcd"),
        block(6, b"short"),
        block(2, struct.pack("<HHIIII", 5, 0, 0, 1, 4, 4) + b"abcd"),
        block(2, struct.pack("<HHIIII", 0, 0, 0, 1, 400, 400) + b"abcd"),
        block(2, b"short"),
        block(3, b""),
    ],
    ids=[
        *("of no interface", "longer than its block", "too short"),
        *("older, of no interface", "older, longer than its block", "older, too short"),
        "without a length",
    ],
)
def test_a_packet_that_contradicts_itself_is_counted_and_the_next_one_read(stray: bytes) -> None:
    file = section() + interface() + stray + enhanced(b"good", 1)
    reader = reader_for(file)
    assert reader.feed(file) == [(1, 0, b"good")]
    assert reader.stray == 1


def test_a_simple_packet_before_any_interface_is_stray() -> None:
    file = section() + block(3, struct.pack("<I", 4) + b"abcd")
    reader = reader_for(file)
    assert reader.feed(file) == []
    assert reader.stray == 1


def test_what_the_capture_itself_lost_is_known() -> None:
    def statistics(number: int, *options: bytes) -> bytes:
        return block(5, struct.pack("<III", number, 0, 0) + b"".join(options))

    file = section() + interface() + interface()
    file += statistics(0, option(4, struct.pack("<Q", 999)), option(5, struct.pack("<Q", 3)))
    file += statistics(0, option(5, struct.pack("<Q", 5)), option(7, struct.pack("<Q", 2)))  # replaces what was before
    file += statistics(1, option(7, struct.pack("<Q", 1))) + statistics(7, option(7, struct.pack("<Q", 100)))
    file += statistics(1, option(5, b"odd")) + block(5, b"short")
    reader = reader_for(file)
    reader.feed(file)
    assert reader.dropped == 8


@pytest.mark.parametrize(
    ("damage", "fault"),
    [
        (struct.pack("<II", 6, 8) + bytes(4), "a block of 8 octets"),
        (struct.pack("<II", 6, 2**31) + bytes(4), "a block of 2147483648 octets"),
        (b"\x0a\x0d\x0d\x0a" + bytes(24), "byte order"),
        (block(1, b"odd"), "interface"),
    ],
)
def test_damage_ends_the_reading_and_keeps_what_was_before(damage: bytes, fault: str) -> None:
    frames, reason = read(pcapng() + damage + pcapng(), 50)
    assert frames == EXPECTED
    assert reason.startswith("damaged")
    assert fault in reason


def test_a_file_of_endless_interfaces_is_refused() -> None:
    frames, reason = read(section() + interface() * 5000 + enhanced(b"a", 1))
    assert frames == []
    assert "too many" in reason


@given(st.binary(max_size=200), st.sampled_from(list(VARIANTS.values())), st.integers(0, 400), st.integers(1, 300))
def test_any_octets_after_any_beginning_are_read(octets: bytes, file: bytes, keep: int, size: int) -> None:
    frames, _ = read(file[: max(16, keep)] + octets, size)
    assert all(0 <= time_us < 2**63 and len(frame) <= len(file) + 200 for time_us, _, frame in frames)


@given(st.data())
def test_a_file_with_changed_octets_is_read(data: st.DataObject) -> None:
    file = bytearray(data.draw(st.sampled_from(list(VARIANTS.values()))))
    for _ in range(data.draw(st.integers(1, 5))):
        file[data.draw(st.integers(4, len(file) - 1))] = data.draw(st.integers(0, 255))
    frames, _ = read(bytes(file), 64)
    assert len(frames) <= 64


@pytest.mark.parametrize("order", ["<", ">"])
def test_a_file_says_whether_it_holds_secrets_of_tls(order: str) -> None:
    for content, expected in ((struct.pack(order + "II", 0x544C534B, 0), True), (b"\0" * 8, False), (b"", False)):
        reader = PcapngReader()
        reader.feed(section(order) + block(10, content, order))
        assert reader.secrets is expected
