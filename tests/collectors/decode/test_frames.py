"""Frames → datagrams: what every link layer carries, and why other frames carry none."""

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collectors.decode.datagram import Datagram, Skip
from collectors.decode.fragments import Limits
from collectors.decode.frames import Decoder
from collectors.decode.pcap import reader_for
from tests.support.packets import (
    SIP,
    cooked,
    cooked_v2,
    ethernet,
    extension,
    ipv4,
    ipv6,
    pcap,
    pieces_v4,
    pieces_v6,
    udp,
)
from tests.support.streams import data_chunk, frame, sctp, tcp

V4, V6 = ipv4(udp()), ipv6(udp())
LONG = SIP + b"x" * 3000


def decoder(link_type: int = 1, limits: Limits | None = None) -> Decoder:
    made = Decoder(limits)
    made.add_interface(link_type, "edge/eth0")
    return made


def decode(*frames: bytes, link_type: int = 1) -> tuple[list[Datagram], dict[Skip, int]]:
    made = decoder(link_type)
    return made.datagrams([(1000 + number, 0, frame) for number, frame in enumerate(frames)]), dict(made.skipped)


@pytest.mark.parametrize(
    ("link_type", "frame"),
    [
        (1, ethernet(V4)),
        (1, ethernet(V4 + b"\0" * 18)),
        (1, ethernet(V4, tags=((0x88A8, 1), (0x8100, 2)))),
        (1, ethernet(ipv4(udp(), options=b"\1\1\1\0"))),
        (113, cooked(V4)),
        (276, cooked_v2(V4)),
        (0, b"\2\0\0\0" + V4),
        (101, V4),
    ],
    ids=["Ethernet", "padded", "QinQ", "IP options", "any", "any, second version", "loopback", "raw"],
)
def test_sip_over_ipv4_is_a_datagram(link_type: int, frame: bytes) -> None:
    found, skipped = decode(frame, link_type=link_type)
    assert found == [Datagram(1000, "192.0.2.1", 5062, "192.0.2.2", 5060, "udp", "edge/eth0", SIP)]
    assert not skipped


def test_sip_over_ipv6_is_a_datagram() -> None:
    found, _ = decode(ethernet(V6), ethernet(ipv6(extension(17) + udp(), header=0)))
    expected = ("2001:db8::1", 5062, "2001:db8::2", 5060, "udp", "edge/eth0", SIP)
    assert found == [Datagram(1000, *expected), Datagram(1001, *expected)]


@pytest.mark.parametrize("cut", [pieces_v4, pieces_v6], ids=["IPv4", "IPv6"])
def test_a_fragmented_message_is_one_datagram_at_the_time_of_its_last_piece(
    cut: Callable[[bytes, int], list[bytes]],
) -> None:
    found, skipped = decode(*[ethernet(piece) for piece in reversed(cut(udp(LONG), 1480))])
    assert [(datagram.captured_us, datagram.payload) for datagram in found] == [(1002, LONG)]
    assert skipped == {Skip.FRAGMENT: 2}


def test_fragments_of_one_interface_are_not_mixed_with_those_of_another() -> None:
    made = decoder()
    made.add_interface(1, "edge/eth1")
    one, two = (ethernet(piece) for piece in pieces_v4(udp(LONG), 1800))
    assert made.datagrams([(1, 0, one), (2, 1, two)]) == []
    assert made.interfaces == 2


@pytest.mark.parametrize(
    ("frame", "reason"),
    [
        (ethernet(bytes(28), kind=0x0806), Skip.NOT_IP),
        (ethernet(b"", kind=0x0800), Skip.BAD_IP),
        (ethernet(V4)[:40], Skip.BAD_UDP),
        (ethernet(V4)[:30], Skip.BAD_IP),
        (ethernet(ipv4(udp()[:7])), Skip.BAD_UDP),
        (ethernet(ipv4(bytes(20), protocol=6)), Skip.BAD_TCP),
        (ethernet(ipv4(tcp(b"SSH-2.0"), protocol=6)), Skip.TCP),
        (ethernet(ipv6(tcp(), header=6)), Skip.SEGMENT),
        (ethernet(ipv6(bytes(20), header=132)), Skip.SCTP),
        (ethernet(ipv4(V4, protocol=50)), Skip.OTHER_PROTOCOL),
        (ethernet(ipv4(b"\x03\3" + bytes(26), protocol=1)), Skip.ICMP_ERROR),
        (ethernet(ipv6(b"\x80\0" + bytes(6), header=58)), Skip.OTHER_PROTOCOL),
        (ethernet(pieces_v4(udp(LONG), 1480)[0]), Skip.FRAGMENT),
        (ethernet(ipv4(b"odd", more=True)), Skip.BAD_FRAGMENT),
    ],
)
def test_a_frame_without_a_datagram_is_counted_by_reason(frame: bytes, reason: Skip) -> None:
    assert decode(frame) == ([], {reason: 1})


def test_an_unknown_link_type_is_counted() -> None:
    assert decode(b"\0" * 60, link_type=147) == ([], {Skip.UNKNOWN_LINK: 1})


def test_a_datagram_cut_by_the_capture_says_by_how_much() -> None:
    made = decoder()
    (found,) = made.datagrams([(1, 0, ethernet(V4)[:-7])])
    assert (found.payload, found.cut) == (SIP[:-7], 7)
    assert made.cut == 1


def test_fragments_given_up_are_counted() -> None:
    made = decoder(limits=Limits(packets=1))
    first, second, third = (ethernet(pieces_v4(udp(LONG), 1480, number)[0]) for number in range(3))
    made.datagrams([(0, 0, first), (1, 0, second), (60_000_000, 0, third)])
    assert made.counters() == {
        "received": 3,
        "cut": 0,
        "fragments_evicted": 1,
        "fragments_timed_out": 1,
        "stream_garbage": 0,
        "stream_holes": 0,
        "streams_evicted": 0,
        "skipped_fragment": 3,
    }


def test_every_transport_gives_messages() -> None:
    frames = (
        ethernet(ipv4(tcp(SIP), protocol=6)),
        ethernet(ipv6(tcp(SIP), header=6)),
        *map(ethernet, pieces_v4(tcp(LONG), 1480, protocol=6)),
        ethernet(ipv4(sctp(data_chunk(SIP, 1)), protocol=132)),
        ethernet(ipv4(tcp(frame(SIP), 900, ports=(1, 2)), protocol=6)),
        ethernet(ipv4(tcp(SIP + SIP, ports=(3, 4)), protocol=6)),
    )
    found, _ = decode(*frames)
    assert [datagram.transport for datagram in found] == ["tcp", "tcp", "sctp", "ws", "tcp", "tcp"]
    assert {datagram.payload for datagram in found} == {SIP}


def test_what_waits_in_a_stream_is_given_in_time_or_at_the_end() -> None:
    made = decoder()
    frames = [ethernet(ipv4(tcp(SIP, sequence), protocol=6)) for sequence in (1, 1000, 5000)]
    assert len(made.datagrams([(10, 0, frames[0]), (20, 0, frames[1])])) == 1
    assert (made.held_us(), made.advance(30)) == (20, [])
    assert [datagram.captured_us for datagram in made.advance(2_000_020)] == [20]
    assert made.held_us() is None
    made.datagrams([(3_000_000, 0, frames[2])])
    assert [datagram.captured_us for datagram in made.flush()] == [3_000_000]
    assert (made.holes, made.counters()["stream_holes"], len(made.losses())) == (2, 2, 2)


def test_a_message_cut_within_a_stream_is_counted_with_the_others() -> None:
    made = decoder()
    (found,) = made.datagrams([(1, 0, ethernet(ipv4(tcp(SIP), protocol=6))[:-7])])
    assert (found.payload, found.cut, made.counters()["cut"]) == (SIP[:-7], 7, 1)


def test_more_flows_than_are_remembered_are_still_right(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("collectors.decode.frames._MAX_FLOWS", 3)
    ports = [1, 2, 3, 4, 5, 1, 2]
    found, _ = decode(*[ethernet(ipv4(udp(SIP, port))) for port in ports])
    assert [datagram.source_port for datagram in found] == ports


def mangled(data: st.DataObject) -> bytes:
    """A frame with some octets changed and an end cut off."""
    frame = bytearray(
        data.draw(st.sampled_from([ethernet(V4), ethernet(V6), *map(ethernet, pieces_v4(udp(LONG), 1480))]))
    )
    for _ in range(data.draw(st.integers(0, 3))):
        frame[data.draw(st.integers(0, min(60, len(frame) - 1)))] = data.draw(st.integers(0, 255))
    return bytes(frame[: data.draw(st.integers(0, len(frame)))])


@settings(max_examples=300)
@given(st.data())
def test_every_frame_is_a_datagram_or_counted_once(data: st.DataObject) -> None:
    made = decoder(data.draw(st.sampled_from([1, 0, 101, 113, 276, 999])), Limits(packets=4))
    frames = [mangled(data) for _ in range(8)]
    found = made.datagrams([(0, 0, frame) for frame in frames])
    assert len(found) + sum(made.skipped.values()) == made.frames == 8


@settings(max_examples=300)
@given(st.data())
def test_the_short_path_gives_what_the_general_one_does(data: st.DataObject) -> None:
    frame = mangled(data)
    made, general = decoder(), decoder()
    at = 14 if frame[12:14] in (b"\x08\0", b"\x86\xdd") else -1
    found = made.datagrams([(0, 0, frame)])
    expected: list[Datagram] = []
    if at > 0:
        general._general(0, 0, frame, at, expected)
        assert found == expected
        assert decoder()._plain(0, 0, frame, at, len(frame)) in (None, *expected)  # that of tunnels


def test_a_connection_that_is_reset_is_told_beside_the_messages_in_order_of_time() -> None:
    made = decoder()
    request = ethernet(ipv4(tcp(SIP), protocol=6))
    reset = ethernet(ipv4(tcp(flags=4, ports=(5060, 5062)), "192.0.2.2", "192.0.2.1", 6))
    unreachable = ethernet(ipv4(b"\3\3" + bytes(6) + V4, protocol=1))
    made.datagrams([(1, 0, request), (2, 0, unreachable), (3, 0, reset), (4, 0, unreachable)])
    assert [(side.captured_us, side.kind) for side in made.take_side()] == [(2, "icmp"), (3, "tcp"), (4, "icmp")]
    assert made.take_side() == []


def read(file: bytes, wanted: Callable[[int, bytes], bool] | None = None) -> tuple[Decoder, list[Datagram]]:
    made, reader = Decoder(), reader_for(file)

    def declare() -> None:
        while made.interfaces < len(reader.interfaces):
            made.add_interface(1, "edge/eth0")

    reader.put(file)
    return made, made.read(reader, declare, wanted)


@pytest.mark.parametrize("times", [(3, 1, 2, 5, 4), (7,), (4, 4)])
def test_frames_span_the_time_from_the_earliest_to_the_latest_in_whatever_order(times: tuple[int, ...]) -> None:
    made, found = read(pcap([(at_us, ethernet(V4)) for at_us in times]))
    assert (made.first_us, made.last_us) == (min(times), max(times))
    assert [each.captured_us for each in found] == list(times)


def test_frames_that_nobody_wants_are_passed_over_but_for_their_time() -> None:
    made, found = read(pcap([(1, ethernet(V4)), (2, ethernet(V6))]), lambda _, octets: octets == ethernet(V4))
    assert [each.captured_us for each in found] == [1]
    assert (made.frames, made.last_us) == (1, 2)
