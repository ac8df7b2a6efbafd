"""SIP over SCTP: chunks, fragments, retransmissions, and what is no SIP."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collectors.decode.datagram import Datagram, Skip
from collectors.decode.ip import Packet
from collectors.decode.sctp import Associations, Limits
from tests.support.packets import SIP
from tests.support.streams import data_chunk, i_data_chunk, sctp

OTHER = SIP.replace(b"OPTIONS", b"MESSAGE")
SOURCE, DESTINATION = b"\xc0\0\2\1", b"\xc0\0\2\2"
WHOLE, BEGIN, END, MIDDLE = 3, 2, 1, 0


def packet(payload: bytes, cut: int = 0) -> Packet:
    return Packet(SOURCE, DESTINATION, 132, payload, cut)


def taken(*payloads: bytes, limits: Limits | None = None, made: Associations | None = None) -> list[bytes]:
    """The messages in these packets."""
    associations = made or Associations("edge/eth0", limits)
    found: list[Datagram] = []
    for payload in payloads:
        associations.add(1, packet(payload), found)
    return [datagram.payload for datagram in found]


def reason(payload: bytes, made: Associations | None = None) -> Skip | None:
    return (made or Associations("edge/eth0")).add(1, packet(payload), [])


def test_a_chunk_is_a_message_with_the_ends_of_its_packet() -> None:
    found: list[Datagram] = []
    assert Associations("edge/eth0").add(5, packet(sctp(data_chunk(SIP, 1))), found) is None
    assert found == [Datagram(5, "192.0.2.1", 5062, "192.0.2.2", 5060, "sctp", "edge/eth0", SIP)]


def test_several_chunks_in_one_packet_are_several_messages() -> None:
    sack = b"\x03\0\0\x10" + bytes(12)
    assert taken(sctp(sack, data_chunk(SIP, 1), i_data_chunk(OTHER, 2, 7))) == [SIP, OTHER]


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
@pytest.mark.parametrize("first", [10, 2**32 - 1])
def test_fragments_in_any_order_are_one_message(order: tuple[int, ...], first: int) -> None:
    parts = ((SIP[:90], BEGIN), (SIP[90:180], MIDDLE), (SIP[180:], END))
    chunks = [data_chunk(octets, first + at, bits) for at, (octets, bits) in enumerate(parts)]
    assert taken(*(sctp(chunks[at]) for at in order)) == [SIP]


def test_messages_of_which_the_fragments_are_interleaved_are_told_apart() -> None:
    chunks = (
        i_data_chunk(SIP[:90], 1, BEGIN, message=1),
        i_data_chunk(OTHER[:90], 2, BEGIN, message=2),
        i_data_chunk(SIP[90:], 3, END, message=1, place=1),
        i_data_chunk(OTHER[90:], 4, END, message=2, place=1),
    )
    assert taken(sctp(*chunks)) == [SIP, OTHER]


def test_a_retransmission_gives_no_second_message() -> None:
    made = Associations("edge/eth0")
    assert taken(sctp(data_chunk(SIP, 1)), sctp(data_chunk(SIP, 1)), made=made) == [SIP]
    assert reason(sctp(data_chunk(SIP, 1)), made) is Skip.RETRANSMISSION
    assert taken(sctp(data_chunk(SIP, 1), tag=2), made=made) == [SIP]


def test_only_so_many_numbers_are_remembered() -> None:
    payloads = [sctp(data_chunk(SIP, number)) for number in (1, 2, 3, 1)]
    assert len(taken(*payloads, limits=Limits(recent=2))) == 4


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        (b"\0" * 11, Skip.BAD_SCTP),
        (sctp(), Skip.SCTP),
        (sctp(data_chunk(b"\1\0\0\x14 diameter", 1)), Skip.SCTP),
        (sctp(data_chunk(b"a first part", 1, BEGIN)), Skip.SCTP),
        (sctp(data_chunk(SIP[:90], 1, BEGIN)), Skip.SEGMENT),
        (sctp(data_chunk(SIP, 1)[:-4]), Skip.SCTP),
        (sctp(b"\0\3\0\x10" + bytes(12)), Skip.SCTP),
        (sctp(b"\0\3\0\x20\0\0"), Skip.SCTP),
        (sctp(b"\0\3\0\0"), Skip.SCTP),
    ],
)
def test_a_packet_without_a_message_is_counted_by_reason(payload: bytes, expected: Skip) -> None:
    assert reason(payload) is expected


def test_a_message_cut_by_the_capture_says_by_how_much() -> None:
    made = Associations("edge/eth0")
    found: list[Datagram] = []
    made.add(1, packet(sctp(data_chunk(SIP, 1))[:-30], 30), found)
    assert [(datagram.payload, datagram.cut) for datagram in found] == [
        (SIP[: -30 + -len(SIP) % 4], 30 - -len(SIP) % 4)
    ]
    assert made.cut == 1


def test_what_waits_is_bounded() -> None:
    made = Associations("edge/eth0", Limits(directions=2, octets=1000, fragments=3, message=600))
    for number in range(1, 9, 2):
        taken(sctp(data_chunk(b"x" * 190, number, MIDDLE)), made=made)
    assert made.evicted == 0
    for tag in range(9):
        taken(sctp(data_chunk(SIP[:200], 1, BEGIN), data_chunk(b"y" * 350, 2, MIDDLE), tag=tag), made=made)
    assert made.evicted == 8 + 1
    assert made._held <= 1000


@settings(max_examples=300)
@given(
    st.lists(
        st.one_of(
            st.binary(max_size=60).map(lambda octets: sctp(octets)),
            st.builds(data_chunk, st.sampled_from([SIP, SIP[:80], b"x"]), st.integers(0, 5), st.integers(0, 7)).map(
                sctp
            ),
            st.builds(i_data_chunk, st.sampled_from([SIP, SIP[:80]]), st.integers(0, 5), st.integers(0, 3)).map(sctp),
        ),
        max_size=20,
    ),
    st.integers(0, 40),
)
def test_any_packets_leave_a_bounded_state(payloads: list[bytes], cut: int) -> None:
    made = Associations("edge/eth0", Limits(directions=2, octets=500, fragments=3, message=300))
    for payload in payloads:
        made.add(1, packet(payload[: len(payload) - cut], cut), [])
    assert made._held == sum(direction.held for direction in made._directions.values()) <= 500
