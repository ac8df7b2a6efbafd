"""What receivers of files have in common, and each its own: the same messages, whoever reads the file."""

import gzip
import os
import shutil
import subprocess
import threading
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from zstandard import ZstdCompressor

from collectors.decode.datagram import Datagram
from collectors.receivers.base import Receiver, ReceiverError
from collectors.receivers.pace import Pacer
from collectors.receivers.pcap_file import FileReceiver, read_events
from collectors.receivers.tshark import TsharkReceiver
from collectors.scenario.encapsulation import WRAPPINGS, wrapped
from collectors.wire.events import Loss, SideEvent
from tests.support.packets import (
    SIP,
    block,
    cooked,
    cooked_v2,
    enhanced,
    ethernet,
    extension,
    interface,
    ipv4,
    ipv6,
    option,
    pcap,
    pieces_v4,
    pieces_v6,
    section,
    udp,
)
from tests.support.streams import REQUEST_HEAD, RESPONSE_HEAD, frame, tcp

NOON_US = 1_700_000_000_000_000
zstd = ZstdCompressor()
V4, V6 = ipv4(udp()), ipv6(udp())
LONG = SIP.replace(b"Content-Length: 0\r\n\r\n", b"Content-Length: 3000\r\n\r\n" + b"x" * 3000)
QUOTED = ipv4(b"\3\3" + bytes(6) + V4, protocol=1)


def numbered(*frames: bytes, step_us: int = 1000) -> list[tuple[int, bytes]]:
    return [(NOON_US + step_us * number, frame) for number, frame in enumerate(frames)]


def segments(*payloads: bytes, answer: bytes = b"", port: int = 5060) -> list[bytes]:
    """Frames of a TCP connection that sends these one after the other, and gets this answer to the first."""
    sequence, frames = 1, [ethernet(ipv4(tcp(flags=2, ports=(5062, port)), protocol=6))]
    for payload in payloads:
        frames.append(ethernet(ipv4(tcp(payload, sequence, acknowledgment=1, ports=(5062, port)), protocol=6)))
        sequence += len(payload)
        if answer:
            segment = tcp(answer, 1, acknowledgment=sequence, ports=(port, 5062))
            frames.append(ethernet(ipv4(segment, "192.0.2.2", "192.0.2.1", 6)))
            answer = b""
    return frames


def mixed() -> bytes:
    """A pcapng file of interfaces with other link types and clocks."""
    file = (
        section()
        + interface(1, options=option(2, b"eth0"))
        + interface(113)
        + interface(276, options=option(9, b"\x09"))
    )
    file += enhanced(ethernet(V4), NOON_US, 0) + enhanced(cooked(V4), NOON_US + 10, 1)
    return file + enhanced(cooked_v2(V6, 0x86DD), (NOON_US + 20) * 1000 + 999, 2)


FILES = {
    "Ethernet": pcap(numbered(ethernet(V4), ethernet(V6), ethernet(bytes(28), kind=0x0806))),
    "QinQ": pcap(numbered(ethernet(V4, tags=((0x88A8, 1), (0x8100, 2))), ethernet(V6, tags=((0x8100, 5),)))),
    "any": pcap(numbered(cooked(V4), cooked(V6, 0x86DD)), 113),
    "any, second version": pcap(numbered(cooked_v2(V4), cooked_v2(V6, 0x86DD)), 276),
    "loopback": pcap(numbered(b"\2\0\0\0" + V4, b"\x1e\0\0\0" + V6), 0),
    "raw IP": pcap(numbered(V4, V6), 101),
    "nanoseconds": pcap(numbered(ethernet(V4)), nanoseconds=True),
    "big-endian": pcap(numbered(ethernet(V4)), order=">"),
    "Kuznetzov": pcap(numbered(ethernet(V4)), magic=0xA1B2CD34),
    "fragments": pcap(numbered(*map(ethernet, [*pieces_v4(udp(LONG), 1480), *reversed(pieces_v6(udp(LONG), 1448))]))),
    "TCP": pcap(numbered(*segments(SIP + SIP[:50], SIP[50:], b"\r\n\r\n", LONG[:1400], LONG[1400:] + SIP))),
    "TCP over IPv6": pcap(numbered(ethernet(ipv6(tcp(SIP), header=6)))),
    "WebSocket": pcap(
        numbered(
            *segments(
                REQUEST_HEAD,
                frame(SIP, mask=b"mask"),
                frame(b"", 9, mask=b"ping"),
                frame(LONG, mask=b"long"),
                answer=RESPONSE_HEAD + frame(SIP, 2),
                port=80,
            )
        )
    ),
    "extension headers": pcap(numbered(ethernet(ipv6(extension(60) + extension(17) + udp(), header=0)))),
    "SIP quoted by ICMP": pcap(numbered(ethernet(V4), ethernet(QUOTED))),
    "mixed pcapng": mixed(),
    "pcapng, big-endian": section(">") + interface(1, ">") + enhanced(ethernet(V4), NOON_US, order=">"),
    "cut within a packet": pcap(numbered(ethernet(V4), ethernet(V6)))[:-20],
    "empty": pcap([]),
}
EXPECTED = {
    "TCP": 4,
    "WebSocket": 3,
    "SCTP": 2,
    "Ethernet": 2,
    "QinQ": 2,
    "mixed pcapng": 3,
    "fragments": 2,
    "SIP quoted by ICMP": 1,
    "empty": 0,
}


# tshark has to be told what a pseudowire carries.
WRAPPINGS_OF_TSHARK = [name for name in WRAPPINGS if not name.startswith("pseudowire")]


@pytest.fixture
def write(tmp_path: Path) -> Callable[[bytes], Path]:
    def write_file(content: bytes) -> Path:
        path = tmp_path / "capture"
        path.write_bytes(content)
        return path

    return write_file


def everything(receiver: Receiver, seconds: float = 10) -> list[Datagram]:
    receiver.start()
    found: list[Datagram] = []
    until = time.monotonic() + seconds
    while not receiver.finished and time.monotonic() < until:
        found += receiver.read(0.1)
    assert receiver.finished
    receiver.stop()
    receiver.stop()
    return found


def ends(found: list[Datagram]) -> list[tuple[Any, ...]]:
    return [
        (d.captured_us, d.source, d.source_port, d.destination, d.destination_port, d.transport, d.payload)
        for d in found
    ]


@pytest.mark.parametrize("name", FILES)
def test_our_own_reader_and_tshark_find_the_same_messages(name: str, write: Callable[[bytes], Path]) -> None:
    path = write(FILES[name])
    own = everything(FileReceiver(path, "edge", real_time=False))
    dissected = everything(TsharkReceiver("edge", path=str(path), real_time=False))
    assert ends(own) == ends(dissected)
    if name in EXPECTED:
        assert len(own) == EXPECTED[name]


def test_our_own_reader_and_tshark_find_the_same_messages_in_every_wrapping(write: Callable[[bytes], Path]) -> None:
    frames = [
        ethernet(octets, kind=kind)
        for number, name in enumerate(WRAPPINGS_OF_TSHARK)
        for packet in (V4, ipv4(udp(LONG)), V6)
        for kind, octets, _ in wrapped(packet, (name,), number, 1500)
    ]
    path = write(pcap(numbered(*frames)))
    own = everything(FileReceiver(path, "edge", real_time=False))
    dissected = everything(TsharkReceiver("edge", path=str(path), real_time=False))
    assert ends(own) == ends(dissected)
    assert len(own) == 3 * len(WRAPPINGS_OF_TSHARK)


def test_messages_that_wireshark_exported_are_those_of_the_packets(
    write: Callable[[bytes], Path], tmp_path: Path
) -> None:
    path = write(FILES["Ethernet"])
    exported = tmp_path / "exported.pcapng"
    command = ["tshark", "-r", str(path), "-U", "OSI layer 7", "-Y", "sip", "-w", str(exported)]
    subprocess.run(command, check=True, capture_output=True)
    own, told = (everything(FileReceiver(each, "edge", real_time=False)) for each in (path, exported))
    assert ends(told) == ends(own)


def test_an_observer_is_an_interface_of_the_file(write: Callable[[bytes], Path]) -> None:
    file = section() + interface(options=option(2, b"eth0")) + interface() + interface(options=option(2, b"eth0"))
    file += b"".join(enhanced(ethernet(V4), NOON_US, number) for number in range(3))
    path = write(file)
    assert [event.observer for event in read_events(path, "edge")] == ["edge/eth0", "edge/1", "edge/eth0#2"]


def make_file(path: Path, **options: Any) -> Receiver:
    return FileReceiver(path, "edge", **options)


def make_tshark(path: Path, **options: Any) -> Receiver:
    return TsharkReceiver("edge", path=str(path), **options)


@pytest.mark.parametrize("make", [make_file, make_tshark])
def test_a_replay_keeps_the_distances_and_happens_now(
    make: Callable[..., Receiver], write: Callable[[bytes], Path]
) -> None:
    receiver = make(write(pcap(numbered(*[ethernet(V4)] * 4, step_us=150_000))))
    begin_us = time.time_ns() // 1000
    receiver.start()
    seen: list[tuple[int, int]] = []
    while not receiver.finished:
        seen += [(time.time_ns() // 1000, datagram.captured_us) for datagram in receiver.read(0.05)]
        now_us = time.time_ns() // 1000
        assert receiver.low_water_us(now_us) <= now_us
    receiver.stop()
    times = [captured_us for _, captured_us in seen]
    assert [later - earlier for earlier, later in pairwise(times)] == [150_000] * 3
    assert times[0] >= begin_us
    assert all(0 <= given_us - captured_us < 300_000 for given_us, captured_us in seen)


@pytest.mark.parametrize("real_time", [False, True])
def test_what_was_seen_beside_messages_is_replayed_with_them(
    write: Callable[[bytes], Path], *, real_time: bool
) -> None:
    frames = numbered(ethernet(V4), ethernet(QUOTED), ethernet(V4), ethernet(QUOTED), step_us=100_000)
    receiver = FileReceiver(write(pcap(frames)), "edge", real_time=real_time)
    begin_us = time.time_ns() // 1000 if real_time else NOON_US
    receiver.start()
    seen: list[tuple[int, Datagram | SideEvent]] = []
    while not receiver.finished:
        found: list[Datagram | SideEvent] = [*receiver.read(0.02), *receiver.side()]
        seen += [(time.time_ns() // 1000, each) for each in found]
    receiver.stop()
    kinds = [type(each) for _, each in seen]
    assert kinds == ([Datagram, SideEvent] * 2 if real_time else [Datagram] * 2 + [SideEvent] * 2)
    times = [each.captured_us for _, each in sorted(seen, key=lambda pair: pair[1].captured_us)]
    assert [at_us - times[0] for at_us in times] == [0, 100_000, 200_000, 300_000]
    assert times[0] >= begin_us
    assert not real_time or all(0 <= given_us - each.captured_us < 300_000 for given_us, each in seen)
    assert receiver.side() == []


def test_a_replay_that_was_held_up_does_not_claim_that_it_has_given_what_was_due() -> None:
    first, second = (Datagram(us, "192.0.2.1", 1, "192.0.2.2", 2, "udp", "edge/0", SIP) for us in (1_000, 51_000))
    pacer: Pacer[Datagram] = Pacer()
    pacer.put([first])
    (given,) = pacer.take(0.0)
    time.sleep(0.1)  # nobody reads
    pacer.put([second])
    assert pacer.clear_us == given.captured_us
    (late,) = pacer.take(0.0)
    assert late.captured_us == given.captured_us + 50_000


@pytest.mark.parametrize("make", [make_file, make_tshark])
def test_the_low_water_mark_of_a_file_stays_behind_its_messages(
    make: Callable[..., Receiver], write: Callable[[bytes], Path]
) -> None:
    receiver = make(write(FILES["Ethernet"]), real_time=False)
    assert receiver.low_water_us(NOON_US * 2) == 0
    assert everything(receiver)
    assert NOON_US - 2_000_000 < receiver.low_water_us(NOON_US * 2) < NOON_US
    assert not receiver.live


def test_a_filter_applies_to_files_of_every_link_type(write: Callable[[bytes], Path]) -> None:
    other = ipv4(udp(SIP, 5072, 5070))
    for frames, link_type in (
        ([ethernet(V4), ethernet(other)], 1),
        ([cooked(V4), cooked(other)], 113),
        ([V4, other], 101),
    ):
        found = everything(
            FileReceiver(write(pcap(numbered(*frames), link_type)), "edge", real_time=False, bpf="port 5060")
        )
        assert [datagram.destination_port for datagram in found] == [5060]


def test_what_the_capture_lost_is_a_loss_over_all_of_it(write: Callable[[bytes], Path]) -> None:
    import struct

    drops = block(5, struct.pack("<III", 0, 0, 0) + option(5, struct.pack("<Q", 9)))
    file = section() + interface() + enhanced(ethernet(V4), NOON_US) + enhanced(ethernet(V4), NOON_US + 500) + drops
    receiver = FileReceiver(write(file), "edge", real_time=False)
    everything(receiver)
    (loss,) = receiver.losses(0)
    assert (loss.observer, loss.from_us, loss.to_us, loss.reason, loss.count) == (
        "edge/*",
        NOON_US,
        NOON_US + 500,
        "capture",
        9,
    )
    assert receiver.losses(0) == []
    assert receiver.counters()["file_drops"] == 9


def test_reading_events_says_how_far_it_has_come(write: Callable[[bytes], Path]) -> None:
    path = write(pcap(numbered(ethernet(V4), ethernet(ipv4(udp(SIP.replace(b"CSeq", b"CSek")))), ethernet(QUOTED))))
    reading = read_events(path)
    events = list(reading)
    assert [event.fault for event in events] == ["", "no-cseq"]
    assert all(event.received_us == event.captured_us for event in events)
    file = reading.file
    assert (reading.messages, reading.malformed, file.packets, file.fault) == (2, 1, 3, "")
    assert (file.first_us, file.last_us) == (NOON_US, NOON_US + 2000)
    assert file.bytes_read == file.size == path.stat().st_size


def test_a_reading_leaves_secrets_out_unless_told_otherwise(write: Callable[[bytes], Path]) -> None:
    secret = SIP.replace(b"Max-", b"Authorization: Basic c2VjcmV0\r\nMax-")
    path = write(pcap(numbered(ethernet(ipv4(udp(secret))))))
    assert b"c2VjcmV0" not in next(iter(read_events(path))).raw
    assert next(iter(read_events(path, redacted=False))).raw == secret


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "the file is empty"),
        (b"\x1f\x8b\x08" + bytes(80), "is no capture: damaged: what gzip has packed can't be unpacked"),
        (gzip.compress(b"INVITE sip:bob@example.com SIP/2.0\r\n"), "the file is text"),
        (gzip.compress(b""), "the file is empty"),
        (gzip.compress(gzip.compress(b"")), "gzip archive in another one"),
        (zstd.compress(bytes(1000)), "begins with 00 00 00 00"),
        (b"INVITE sip:bob@example.com SIP/2.0\r\n" * 3, "the file is text"),
        (b"GMBU" + bytes(80), "editcap -F pcapng"),
    ],
)
def test_a_file_that_is_no_capture_is_named(write: Callable[[bytes], Path], content: bytes, message: str) -> None:
    with pytest.raises(ReceiverError, match=message):
        list(read_events(write(content)))


def test_a_directory_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(ReceiverError, match="Is a directory"):
        read_events(tmp_path)


@pytest.mark.parametrize("pack", [gzip.compress, zstd.compress], ids=["gzip", "zstd"])
@pytest.mark.parametrize("name", ["Ethernet", "mixed pcapng", "fragments"])
def test_a_compressed_file_gives_the_same_messages(
    name: str, pack: Callable[[bytes], bytes], write: Callable[[bytes], Path]
) -> None:
    plain = [event.raw for event in read_events(write(FILES[name]))]
    path = write(pack(FILES[name]))
    reading = read_events(path)
    assert [event.raw for event in reading] == plain
    assert (reading.file.fault, reading.file.bytes_read) == ("", path.stat().st_size)


def test_a_file_made_to_unpack_without_end_is_given_up(write: Callable[[bytes], Path]) -> None:
    packer = zstd.compressobj()
    packets = pcap([(0, bytes(100_000))] * 10)
    path = write(packer.compress(packets) + b"".join(packer.compress(packets[24:]) for _ in range(1_100)))
    assert path.stat().st_size < 200_000
    with pytest.raises(ReceiverError, match="unpacks to more than 500 times its size"):
        list(read_events(path))


@pytest.mark.parametrize("pack", [bytes, gzip.compress, zstd.compress], ids=["plain", "gzip", "zstd"])
@pytest.mark.parametrize("name", ["Ethernet", "mixed pcapng"])
def test_a_file_cut_at_any_octet_is_read_as_far_as_it_is_whole(
    name: str, pack: Callable[[bytes], bytes], write: Callable[[bytes], Path]
) -> None:
    whole = [event.raw for event in read_events(write(FILES[name]))]
    packed = pack(FILES[name])
    faultless = set()
    for size in range(4, len(packed)):
        reading = read_events(write(packed[:size]))
        found = [event.raw for event in reading]
        assert found == whole[: len(found)]
        if not reading.file.fault:
            faultless.add(size)
    # Where a packet or a block ends nobody can tell that there was more, unless it was compressed.
    assert len(faultless) <= (8 if pack is bytes else 0)


@pytest.mark.parametrize("pack", [bytes, gzip.compress, zstd.compress], ids=["plain", "gzip", "zstd"])
def test_a_pipe_is_read_as_it_comes(pack: Callable[[bytes], bytes], tmp_path: Path) -> None:
    path = tmp_path / "fifo"
    os.mkfifo(path)
    content = pack(FILES["fragments"])

    def feed() -> None:
        with path.open("wb", buffering=0) as pipe:
            for at in range(0, len(content), 700):
                pipe.write(content[at : at + 700])

    writer = threading.Thread(target=feed)
    writer.start()
    found = everything(FileReceiver(path, "edge", real_time=False))
    writer.join()
    assert [each.payload for each in found] == [LONG, LONG]


@pytest.mark.parametrize("make", [make_file, make_tshark])
def test_a_file_that_is_not_there_is_an_error_that_says_so(make: Callable[..., Receiver], tmp_path: Path) -> None:
    with pytest.raises(ReceiverError, match=r"missing\.pcap can't be read"):
        make(tmp_path / "missing.pcap").start()


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(ReceiverError, match="can't be read: Is a directory"):
        read_events(tmp_path)


def test_tshark_says_what_is_wrong_with_a_file_that_it_can_not_read(write: Callable[[bytes], Path]) -> None:
    receiver = TsharkReceiver("edge", path=str(write(b"neither this nor that" * 9)))
    with pytest.raises(ReceiverError, match="isn't a capture file"):
        everything(receiver)
    receiver.stop()


def test_a_machine_without_tshark_is_told_how_to_get_it(
    write: Callable[[bytes], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)
    with pytest.raises(ReceiverError, match="apt-get install --no-install-recommends tshark") as missing:
        TsharkReceiver("edge", path=str(write(FILES["empty"]))).start()
    assert missing.value.code == 5


def test_what_follows_a_hole_in_a_stream_comes_in_its_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two seconds pass before the hole is given up; what came meanwhile waits, from chunk to chunk."""
    monkeypatch.setattr("collectors.receivers.octets._CHUNK", 1000)
    path = tmp_path / "hole.pcap"
    frames = numbered(*[ethernet(V4)] * 100, step_us=100_000)
    late = [(NOON_US + 250_000, ethernet(ipv4(tcp(SIP, 1), protocol=6)))]
    late += [(NOON_US + 350_000, ethernet(ipv4(tcp(SIP, 1000), protocol=6)))]
    at_the_end = [(NOON_US + 9_850_000, ethernet(ipv4(tcp(SIP, 2000), protocol=6)))]
    path.write_bytes(pcap(sorted(frames + late + at_the_end)))
    reading = read_events(path)
    times = [event.captured_us for batch in reading.batches() for event in batch]
    assert times == sorted(times)
    assert (len(times), reading.file.decoder.holes) == (103, 2)


def test_of_a_file_replayed_late_messages_are_not_promised_away(tmp_path: Path) -> None:
    path = tmp_path / "hole.pcap"
    frames = numbered(ethernet(ipv4(tcp(SIP, 1), protocol=6)), ethernet(ipv4(tcp(SIP, 1000), protocol=6)))
    path.write_bytes(pcap([*frames, (NOON_US + 5_000_000, ethernet(V4))]))
    receiver = FileReceiver(path, "edge", real_time=False)
    receiver.start()
    low = 0
    while not receiver.finished:
        for datagram in receiver.read(0.1):
            assert datagram.captured_us >= low
        low = receiver.low_water_us(0)
    receiver.stop()
    assert low == NOON_US + 4_000_000
    assert receiver.losses(0) == [Loss("edge/0", NOON_US, NOON_US + 1000, "stream", 0)]
    assert receiver.losses(0) == []
