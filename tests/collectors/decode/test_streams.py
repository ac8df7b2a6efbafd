"""TCP connections: what they carry, whatever the ports; bounded, whatever comes."""

from collections.abc import Callable, Iterable
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collectors.decode import tcp as segments
from collectors.decode.datagram import Datagram, Skip
from collectors.decode.ip import Packet
from collectors.decode.streams import Limits, Streams
from collectors.wire.events import Loss
from tests.support.packets import SIP
from tests.support.streams import REQUEST_HEAD, RESPONSE_HEAD, frame, tcp

ALICE, BOB = b"\xc0\0\2\1", b"\xc0\0\2\2"
SYN, ACK, FIN, RST, PUSH = 0x02, 0x10, 0x11, 0x04, 0x18
SECOND = 1_000_000
RESPONSE = b"SIP/2.0 200 OK\r\nVia: SIP/2.0/TCP 192.0.2.1:5060;branch=z9hG4bKtable\r\nContent-Length: 0\r\n\r\n"


class Capture:
    """What an observer of alice, who connects to bob, has seen so far."""

    def __init__(self, limits: Limits | None = None, *, alices_port: int = 5062, bobs_port: int = 5060) -> None:
        self.streams = Streams("edge/eth0", limits)
        self.found: list[Datagram] = []
        self.ports = (alices_port, bobs_port)
        self.now_us = 0

    def alice(
        self, payload: bytes = b"", sequence: int = 1, flags: int = PUSH, *, acknowledgment: int = 0, cut: int = 0
    ) -> Skip | None:
        octets = tcp(payload, sequence, flags=flags, acknowledgment=acknowledgment, ports=self.ports)
        return self.see(Packet(ALICE, BOB, 6, octets, cut))

    def bob(
        self, payload: bytes = b"", sequence: int = 1, flags: int = PUSH, *, acknowledgment: int = 0
    ) -> Skip | None:
        octets = tcp(payload, sequence, flags=flags, acknowledgment=acknowledgment, ports=self.ports[::-1])
        return self.see(Packet(BOB, ALICE, 6, octets))

    def see(self, packet: Packet, network: bytes = b"") -> Skip | None:
        self.now_us += 1
        return self.streams.add(self.now_us, packet, self.found, network)

    def wait(self, seconds: int) -> int:
        self.now_us += seconds * SECOND
        return self.now_us

    @property
    def messages(self) -> list[bytes]:
        return [datagram.payload for datagram in self.found]


def test_a_message_has_the_ends_of_its_segment_and_the_time_of_its_last() -> None:
    seen = Capture()
    seen.alice(flags=SYN, sequence=0)
    assert seen.alice(SIP[:99]) is Skip.SEGMENT
    assert seen.alice(SIP[99:], 100) is None
    seen.bob(RESPONSE)
    assert seen.found == [
        Datagram(3, "192.0.2.1", 5062, "192.0.2.2", 5060, "tcp", "edge/eth0", SIP),
        Datagram(4, "192.0.2.2", 5060, "192.0.2.1", 5062, "tcp", "edge/eth0", RESPONSE),
    ]


def test_sip_over_ipv6_is_read_as_well() -> None:
    seen = Capture()
    seen.see(Packet(b"\x20" * 16, b"\x21" * 16, 6, tcp(SIP)))
    assert (seen.messages, seen.found[0].source) == ([SIP], "2020:2020:2020:2020:2020:2020:2020:2020")


@pytest.mark.parametrize("port", [80, 443, 5060, 6060, 15_060])
def test_sip_is_recognised_on_any_port(port: int) -> None:
    seen = Capture(bobs_port=port)
    seen.alice(b"\r\n\r\n")
    seen.alice(SIP[:7], 5)
    seen.alice(SIP[7:], 12)
    assert seen.messages == [SIP]


def test_a_retransmission_is_no_second_message() -> None:
    seen = Capture()
    assert [seen.alice(SIP), seen.alice(SIP), seen.alice(SIP + SIP)] == [None, Skip.RETRANSMISSION, None]
    assert seen.messages == [SIP, SIP]


def test_a_connection_joined_within_a_message_is_read_from_the_next_one_on() -> None:
    seen = Capture()
    seen.alice(SIP[150:] + SIP)
    seen.bob(b"v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\n")
    seen.bob(RESPONSE, 32)
    assert seen.messages == [SIP, RESPONSE]


def test_a_message_of_which_one_direction_had_begun_before_the_other_was_recognised_is_whole() -> None:
    seen = Capture()
    seen.bob(RESPONSE[:5])
    seen.alice(SIP)
    seen.bob(RESPONSE[5:], 6)
    assert seen.messages == [SIP, RESPONSE]


@pytest.mark.parametrize(
    "first",
    [
        b"\x16\x03\x01\x02\x00\x01",
        b"\x17\x03\x03\x00\x20 more of it",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"HTTP/1.1 200 OK\r\n\r\n" + SIP,
        b"POST /log HTTP/1.1\r\n\r\n" + b"x" * 20_000,
        b"GET / HTTP/1.1\r\n\r\n",
        b"a" * 17_000,
    ],
)
def test_a_connection_that_is_plainly_no_sip_costs_nothing_after_that(first: bytes) -> None:
    seen = Capture()
    assert seen.alice(first[:17_000]) is Skip.TCP
    assert seen.alice(SIP, 1 + len(first)) is Skip.TCP
    assert seen.bob(SIP) is Skip.TCP
    assert not seen.streams._connections
    seen.alice(sequence=90_000, flags=SYN)
    seen.alice(SIP, 90_001)
    assert seen.messages == [SIP]


def test_of_connections_that_carry_no_sip_so_many_are_remembered() -> None:
    seen = Capture(Limits(others=2))
    for port in (1, 2, 3):
        seen.ports = (port, 22)
        assert seen.alice(b"SSH-2.0") is Skip.TCP
    assert len(seen.streams._others) == 2


def test_a_connection_without_anything_to_be_recognised_by_is_given_up_in_the_end() -> None:
    seen = Capture()
    reasons = [seen.alice(b"\0" * 1000, 1 + 1000 * number) for number in range(20)]
    assert reasons == [Skip.SEGMENT] * 16 + [Skip.TCP] * 4


def test_a_hole_before_anything_was_recognised_begins_the_search_anew() -> None:
    seen = Capture()
    seen.alice(b"v=0\r\n", cut=50)
    seen.alice(SIP[150:] + SIP, 56)
    assert seen.messages == [SIP]
    assert seen.streams.holes == 0


def test_the_upgrade_to_websocket_is_recognised() -> None:
    seen = Capture(bobs_port=8088)
    seen.alice(REQUEST_HEAD[:60])
    seen.alice(REQUEST_HEAD[60:], 61)
    seen.bob(RESPONSE_HEAD + frame(RESPONSE))
    seen.alice(frame(SIP, mask=b"abcd"), 1 + len(REQUEST_HEAD))
    assert [(datagram.transport, datagram.payload) for datagram in seen.found] == [("ws", RESPONSE), ("ws", SIP)]


def test_websocket_is_joined_where_a_frame_certainly_begins_a_message() -> None:
    seen = Capture(bobs_port=8088)
    seen.alice(b"\x8a\x80abcd")
    seen.bob(frame(b"", 10) + frame(RESPONSE))
    seen.alice(frame(SIP, mask=b"abcd"), 7)
    seen.bob(frame(RESPONSE), 300)
    assert seen.messages == [SIP]
    seen.bob(frame(RESPONSE), 1 + len(frame(b"", 10) + frame(RESPONSE)))
    assert seen.messages == [SIP, RESPONSE]


def test_the_same_addresses_in_two_networks_are_two_connections() -> None:
    seen = Capture()
    packet = Packet(ALICE, BOB, 6, tcp(SIP))
    assert [seen.see(packet), seen.see(packet, b"vpn"), seen.see(packet, b"vpn")] == [None, None, Skip.RETRANSMISSION]


def test_a_port_used_again_is_another_connection() -> None:
    seen = Capture()
    seen.alice(sequence=0, flags=SYN)
    seen.alice(SIP)
    seen.alice(sequence=0, flags=SYN)
    seen.alice(SIP)
    assert len(seen.messages) == 1
    seen.alice(sequence=70_000, flags=SYN)
    seen.alice(SIP, 70_001)
    assert len(seen.messages) == 2


def test_what_waits_is_given_by_time_and_nothing_captured_before_it_is_promised() -> None:
    seen = Capture()
    seen.alice(SIP)
    assert seen.streams.held_us() is None
    seen.alice(SIP, 1 + 2 * len(SIP))
    assert (seen.streams.held_us(), len(seen.messages)) == (2, 1)
    seen.streams.advance(SECOND, seen.found)
    assert len(seen.messages) == 1
    seen.streams.advance(2 * SECOND + 2, seen.found)
    assert [datagram.captured_us for datagram in seen.found] == [1, 2]
    assert (seen.streams.held_us(), seen.streams.holes) == (None, 1)


def test_the_next_segment_of_any_connection_gives_what_is_due() -> None:
    seen = Capture()
    for ports in ((1, 5060), (2, 5060)):
        seen.ports = ports
        seen.alice(SIP)
        seen.alice(SIP, 900)
    seen.now_us = 3 * SECOND
    assert seen.bob() is None
    assert [datagram.captured_us for datagram in seen.found] == [1, 3, 2, 4]


def test_what_the_other_end_has_acknowledged_is_not_waited_for() -> None:
    seen = Capture()
    seen.alice(SIP)
    seen.alice(SIP, 1 + 2 * len(SIP))
    seen.bob(acknowledgment=1 + 3 * len(SIP), flags=ACK)
    seen.streams.advance(60_000, seen.found)
    assert len(seen.messages) == 2


def test_at_the_end_of_a_capture_nothing_waits() -> None:
    seen = Capture()
    seen.alice(SIP)
    seen.alice(SIP, 2000)
    seen.alice(SIP, 4000)
    seen.streams.flush(seen.found)
    assert [datagram.captured_us for datagram in seen.found] == [1, 2, 3]


@pytest.mark.parametrize("flags", [FIN, RST])
def test_a_message_that_a_closed_connection_left_unfinished_is_given(flags: int) -> None:
    seen = Capture()
    seen.alice(SIP[:200])
    seen.alice(sequence=201, flags=flags)
    assert seen.found == [Datagram(2, "192.0.2.1", 5062, "192.0.2.2", 5060, "tcp", "edge/eth0", SIP[:200])]
    seen.alice(sequence=201, flags=flags)
    assert len(seen.found) == 1


def test_a_fin_behind_a_hole_ends_the_stream_when_the_hole_is_given_up() -> None:
    seen = Capture()
    seen.alice(SIP)
    seen.alice(SIP[:100], 900, FIN)
    assert len(seen.found) == 1
    seen.streams.advance(2 * SECOND + 2, seen.found)
    assert seen.messages == [SIP, SIP[:100]]


def test_a_reset_ends_all_waiting() -> None:
    seen = Capture()
    seen.alice(SIP)
    seen.bob(RESPONSE)
    seen.alice(SIP, 2000)
    seen.bob(sequence=1, flags=RST)
    assert seen.messages == [SIP, RESPONSE, SIP]
    assert seen.streams.held_us() is None


def test_a_message_with_a_hole_is_cut() -> None:
    seen = Capture()
    seen.alice(SIP[:200], cut=50)
    seen.alice(b"\xff" + SIP, 251)
    assert [(datagram.payload, datagram.cut) for datagram in seen.found] == [(SIP[:200], 50)]
    seen.alice(SIP, 252 + len(SIP))
    assert (seen.streams.cut, seen.streams.holes, seen.streams.garbage) == (1, 1, 1 + len(SIP))
    assert seen.messages[1:] == [SIP]


def test_a_packet_that_is_no_segment_is_a_bad_one() -> None:
    assert Capture().see(Packet(ALICE, BOB, 6, b"short")) is Skip.BAD_TCP


def test_connections_that_are_idle_or_too_many_are_forgotten() -> None:
    seen = Capture(Limits(connections=2, idle_us=100))
    for port in (1, 2, 1, 3):
        seen.ports = (port, 5060)
        seen.alice(SIP)
        seen.alice(SIP[:9], 900)
    assert (len(seen.streams._connections), seen.streams.evicted, len(seen.streams._waiting)) == (2, 1, 2)
    seen.now_us = 200
    seen.ports = (4, 5060)
    seen.alice(SIP)
    assert (len(seen.streams._connections), seen.streams.evicted) == (1, 1)


def test_what_waits_in_all_connections_together_is_bounded() -> None:
    seen = Capture(Limits(octets=1000))
    for port in range(1, 9):
        seen.ports = (port, 5060)
        seen.alice(SIP[:225])
    assert (len(seen.streams._connections), seen.streams.evicted, seen.streams._held) == (4, 4, 900)


def parts_of(stream: bytes, places: Iterable[int]) -> list[tuple[int, bytes]]:
    """(sequence number, octets) of the segments of a stream that is cut at these places."""
    ends = sorted({0, *places, len(stream)})
    return [(1 + begin, stream[begin:end]) for begin, end in pairwise(ends)]


@settings(max_examples=150)
@given(st.data())
def test_any_segmentation_reordering_and_duplication_gives_the_same_messages(data: st.DataObject) -> None:
    websocket = data.draw(st.booleans())
    stream = REQUEST_HEAD + frame(SIP, mask=b"1234") * 2 + frame(SIP) if websocket else SIP + b"\r\n\r\n" + SIP * 2
    places = data.draw(st.lists(st.integers(0, len(stream)), max_size=12))
    sent = parts_of(stream, places)
    sent += data.draw(st.lists(st.sampled_from(sent), max_size=4))
    seen = Capture()
    seen.alice(sequence=0, flags=SYN)
    for sequence, octets in data.draw(st.permutations(sent)):
        seen.alice(octets, sequence)
    assert seen.messages == [SIP] * 3


LIMITS = Limits(3, 2, 2_000, 50, stream=segments.Limits(3, 600, 20, 5))
OCTETS = [SIP, SIP[:50], SIP[50:], b"", b"\r\n", b"\0" * 99, REQUEST_HEAD, frame(SIP), frame(SIP)[:70], b"SSH-2.0"]


@settings(max_examples=300)
@given(
    st.lists(
        st.tuples(
            st.booleans(),
            st.integers(1, 5),
            st.one_of(st.sampled_from(OCTETS), st.binary(max_size=40)),
            st.one_of(st.integers(0, 900), st.integers(0, (1 << 32) - 1)),
            st.integers(0, 63),
            st.integers(0, 30),
        ),
        max_size=40,
    )
)
def test_any_segments_leave_a_bounded_state(parts: list[tuple[bool, int, bytes, int, int, int]]) -> None:
    seen = Capture(LIMITS)
    for alice, port, octets, sequence, flags, later in parts:
        seen.ports = (port, 5060)
        seen.now_us += later
        if alice:
            seen.alice(octets, sequence, flags, cut=later % 3, acknowledgment=sequence)
        else:
            seen.bob(octets, sequence, flags, acknowledgment=later)
        streams = seen.streams
        assert streams._held == sum(each.held for each in streams._connections.values()) <= LIMITS.octets
        assert len(streams._connections) <= LIMITS.connections
        assert len(streams._others) <= LIMITS.others
        assert streams._waiting.keys() <= streams._connections.keys()
    seen.streams.flush(seen.found)
    assert seen.streams.held_us() is None


def test_a_hole_is_a_loss_from_what_was_read_last_to_what_was_read_next() -> None:
    seen = Capture()
    seen.alice(SIP)
    seen.alice(SIP, 1 + 2 * len(SIP))
    seen.now_us = 100 * SECOND
    seen.alice(SIP, 1 + 4 * len(SIP))
    seen.streams.flush(seen.found)
    assert seen.streams.losses() == [
        Loss("edge/eth0", 1, 2, "stream", 0),
        Loss("edge/eth0", 68 * SECOND + 1, 100 * SECOND + 1, "stream", 0),
    ]
    assert seen.streams.losses() == []


def test_more_holes_than_are_remembered_are_one() -> None:
    seen = Capture(Limits(gaps=2))
    for number in range(4):
        seen.alice(SIP, 1 + number * 1000)
        seen.streams.flush(seen.found)
    assert [(loss.from_us, loss.to_us) for loss in seen.streams.losses()] == [(1, 2), (2, 4)]


def test_a_connection_that_is_reset_after_a_request_is_evidence_of_it() -> None:
    seen = Capture()
    seen.alice(SIP)
    seen.bob(flags=RST)
    seen.bob(flags=RST)
    (side,) = seen.streams.side
    assert (side.kind, side.text, side.transport, side.captured_us) == ("tcp", "connection reset", "tcp", 2)
    assert (side.source, side.source_port, side.destination, side.destination_port) == (
        "192.0.2.2",
        5060,
        "192.0.2.1",
        5062,
    )
    assert (side.method, side.cseq, side.call_id, side.from_tag) == ("OPTIONS", 1, "table@192.0.2.1", "a1")
    assert (side.branch, side.hop) == ("z9hG4bKtable", "192.0.2.1:5062>192.0.2.2:5060")


def test_over_ipv6_a_reset_names_the_hop_as_requests_do() -> None:
    seen = Capture()
    alice, bob = b"\x20" * 16, b"\x21" * 16
    seen.see(Packet(alice, bob, 6, tcp(SIP)))
    seen.see(Packet(bob, alice, 6, tcp(flags=RST, ports=(5060, 5062))))
    assert seen.streams.side[0].hop.startswith("[2020:2020:")


@pytest.mark.parametrize(
    "story",
    [
        lambda seen: (seen.alice(SIP), seen.bob(RESPONSE), seen.bob(flags=RST)),
        lambda seen: (seen.alice(SIP), seen.alice(flags=RST)),
        lambda seen: (seen.alice(SIP), seen.bob(RESPONSE, 500), seen.bob(flags=RST)),
        lambda seen: (seen.alice(SIP.replace(b"OPTIONS", b"ACK")), seen.bob(flags=RST)),
        lambda seen: (seen.alice(RESPONSE), seen.bob(flags=RST)),
        lambda seen: (seen.alice(SIP), seen.wait(40), seen.bob(flags=RST)),
        lambda seen: seen.bob(flags=RST),
    ],
    ids=["answered", "by the client", "a response may be missing", "ACK", "a response", "long after", "nothing"],
)
def test_a_reset_that_cuts_no_request_short_is_no_evidence(story: Callable[[Capture], object]) -> None:
    seen = Capture()
    seen.bob()
    story(seen)
    assert seen.streams.side == []
