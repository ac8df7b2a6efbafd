"""TCP: octets in their order, whatever the capture saw of them."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collectors.decode import tcp
from collectors.decode.datagram import Skip
from collectors.decode.tcp import Limits, Piece, Segment, Stream
from tests.support.streams import SEQUENCES
from tests.support.streams import tcp as octets_of

LIMITS = Limits(segments=4, octets=100, wait_us=1000, acknowledged_us=100)


def segment(sequence: int, payload: bytes = b"", flags: int = 0, cut: int = 0) -> Segment:
    return Segment(5062, 5060, sequence % SEQUENCES, 0, flags, payload, cut)


def opened(start: int = 100, limits: Limits = LIMITS) -> Stream:
    """A stream whose first octet has this sequence number."""
    stream = Stream(limits)
    assert stream.add(segment(start - 1, flags=tcp.SYN), 0) == []
    return stream


def fed(stream: Stream, *parts: tuple[int, bytes]) -> list[Piece]:
    """The pieces that these segments give, captured at 1, 2, 3 µs …"""
    return [
        piece for us, (number, payload) in enumerate(parts, 1) for piece in stream.add(segment(number, payload), us)
    ]


def test_a_segment_is_read_behind_its_options() -> None:
    read = tcp.parse(octets_of(b"abc", 7, acknowledgment=9, flags=0x12, options=b"\1\1\1\1"), 2)
    assert read == Segment(5062, 5060, 7, 9, 0x12, b"abc", 2)


@pytest.mark.parametrize(
    "octets", [octets_of()[:19], octets_of()[:12] + b"\x40" + octets_of()[13:], octets_of(options=b"\0" * 8)[:24]]
)
def test_a_segment_without_a_whole_header_is_a_bad_one(octets: bytes) -> None:
    assert tcp.parse(octets, 0) is Skip.BAD_TCP


@pytest.mark.parametrize("start", [100, SEQUENCES - 2, SEQUENCES - 3])
def test_segments_in_any_order_give_the_octets_in_theirs(start: int) -> None:
    stream = opened(start)
    pieces = fed(stream, (start + 4, b"ef"), (start + 2, b"cd"), (start, b"ab"))
    assert pieces == [(3, 0, b"ab"), (3, 0, b"cd"), (3, 0, b"ef")]
    assert (stream.held, stream.deadline_us, stream.repeated) == (0, 0, 0)


def test_what_came_before_brings_nothing_and_is_counted() -> None:
    stream = opened()
    assert fed(stream, (100, b"abcd"), (100, b"abcd"), (102, b"cdef"), (103, b"")) == [(1, 0, b"abcd"), (3, 0, b"ef")]
    assert stream.repeated == 1


def test_of_segments_that_wait_the_longest_counts() -> None:
    stream = opened()
    pieces = fed(stream, (102, b"cd"), (102, b"cdef"), (102, b"c"), (103, b"d"), (100, b"ab"))
    assert pieces == [(5, 0, b"ab"), (5, 0, b"cdef")]
    assert stream.repeated == 1


def test_a_hole_is_given_up_after_the_time_of_a_retransmission() -> None:
    stream = opened()
    assert fed(stream, (100, b"ab"), (110, b"cd"), (120, b"ef")) == [(1, 0, b"ab")]
    assert (stream.held_us, stream.deadline_us) == (2, 1002)
    found: list[Piece] = []
    stream.give_up(found)
    assert found == [(2, 8, b""), (2, 0, b"cd")]
    assert (stream.held_us, stream.deadline_us) == (3, 1003)
    stream.give_up(found)
    assert found[2:] == [(3, 8, b""), (3, 0, b"ef")]
    assert (stream.holes, stream.lost, stream.deadline_us) == (2, 16, 0)
    stream.give_up(found)
    assert len(found) == 4


@pytest.mark.parametrize("acknowledged_first", [True, False])
def test_a_hole_that_the_receiver_has_acknowledged_is_given_up_at_once(acknowledged_first: bool) -> None:
    stream = opened()
    if acknowledged_first:
        stream.acknowledge(112, 1)
    stream.add(segment(110, b"cd"), 5)
    if not acknowledged_first:
        assert stream.deadline_us == 1005
        stream.acknowledge(112, 7)
    assert stream.deadline_us == (105 if acknowledged_first else 107)


def test_an_acknowledgment_of_what_has_come_changes_nothing() -> None:
    stream = opened()
    Stream(LIMITS).acknowledge(5, 0)
    stream.add(segment(110, b"cd"), 5)
    stream.acknowledge(100, 6)
    stream.acknowledge(101, 6)
    stream.acknowledge(100 + (1 << 21), 6)
    assert stream.deadline_us == 1005


def test_what_was_acknowledged_and_never_seen_is_a_hole_though_nothing_follows_it() -> None:
    stream = opened()
    fed(stream, (100, b"ab"))
    stream.acknowledge(110, 5)
    assert (stream.held_us, stream.deadline_us) == (5, 105)
    found: list[Piece] = []
    stream.give_up(found)
    assert found == [(5, 8, b"")]
    stream.acknowledge(112, 6)
    assert stream.add(segment(110, b"cd"), 7) == [(7, 0, b"cd")]
    assert (stream.holes, stream.deadline_us) == (1, 0)


@pytest.mark.parametrize("seen", [True, False])
def test_what_follows_a_fin_tells_of_no_hole(seen: bool) -> None:
    stream = opened()
    stream.add(segment(100, b"ab", tcp.FIN if seen else 0), 1)
    assert fed(stream, (103, b""), (103, b"")) == []
    assert stream.deadline_us == 0
    assert fed(stream, (200, b"")) == []
    assert (stream.deadline_us == 0) == seen


def test_the_acknowledgment_of_a_fin_is_no_hole() -> None:
    stream = opened()
    stream.add(segment(100, b"ab", tcp.FIN), 1)
    stream.acknowledge(103, 2)
    assert stream.deadline_us == 0


def test_a_segment_without_octets_tells_of_what_is_missing_before_it() -> None:
    stream = opened()
    assert fed(stream, (104, b""), (104, b"")) == []
    found: list[Piece] = []
    stream.give_up(found)
    assert found == [(1, 4, b"")]
    assert stream.repeated == 0


def test_too_much_that_waits_ends_the_waiting() -> None:
    stream = opened()
    parts = [(100 + 10 * number, b"ab") for number in range(1, 6)]
    assert fed(stream, *parts) == [(1, 10, b""), (1, 0, b"ab")]
    many = opened()
    assert fed(many, (200, b"x" * 60), (300, b"y" * 60)) == [(1, 100, b""), (1, 0, b"x" * 60)]
    assert many.held == 60


def test_octets_that_the_capture_cut_off_are_missing_at_once() -> None:
    stream = opened()
    assert stream.add(segment(100, b"ab", cut=3), 1) == [(1, 0, b"ab"), (1, 3, b"")]
    assert stream.add(segment(105, b"cd"), 2) == [(2, 0, b"cd")]
    assert stream.add(segment(100, b"", cut=3), 3) == []
    assert stream.repeated == 1


def test_a_stream_joined_in_its_middle_begins_there() -> None:
    stream = Stream(LIMITS)
    assert fed(stream, (4000, b"ab"), (4002, b"cd"), (3990, b"old")) == [(1, 0, b"ab"), (2, 0, b"cd")]


def test_a_jump_of_the_numbers_is_a_hole_of_unknown_size() -> None:
    stream = opened()
    fed(stream, (100, b"ab"), (110, b"cd"))
    pieces = stream.add(segment(1 << 30, b"xy"), 9)
    assert pieces[:2] == [(2, 8, b""), (2, 0, b"cd")]
    assert pieces[2][1] > 65_535
    assert pieces[3] == (9, 0, b"xy")
    assert (stream.holes, stream.lost) == (2, 8)


def test_a_syn_opens_another_connection_unless_it_is_the_same_again() -> None:
    stream = opened()
    assert not Stream(LIMITS).opens_anew(7)
    assert not stream.opens_anew(99)
    fed(stream, (100, b"abcdef"))
    assert not stream.opens_anew(99)
    assert stream.opens_anew(100_000)
    assert stream.opens_anew(100 - (1 << 21))


def test_octets_in_a_syn_come_first() -> None:
    stream = Stream(LIMITS)
    assert stream.add(segment(99, b"fast", tcp.SYN), 1) == [(1, 0, b"fast")]


@pytest.mark.parametrize("last", [b"cd", b""])
def test_a_stream_has_ended_when_all_before_its_fin_has_come(last: bytes) -> None:
    stream = opened()
    ended = []
    for us, part in enumerate((segment(102, last, tcp.FIN), segment(100, b"ab"), segment(100, b"ab"))):
        stream.add(part, us)
        ended.append(stream.ended)
    assert ended == [False, True, True]


TEXT = bytes(range(256)) * 4


@settings(max_examples=200)
@given(st.data())
def test_any_segmentation_reordering_and_duplication_gives_the_same_octets(data: st.DataObject) -> None:
    start = data.draw(st.sampled_from([1, 5_000, SEQUENCES - 300]))
    places = sorted(data.draw(st.lists(st.integers(0, len(TEXT)), max_size=12)))
    parts = [(begin, end) for begin, end in zip([0, *places], [*places, len(TEXT)], strict=True) if begin < end]
    overlap = data.draw(st.integers(0, 40))
    sent = [(start + begin, TEXT[begin : end + overlap]) for begin, end in parts]
    again = data.draw(st.lists(st.sampled_from(sent), max_size=4))
    stream = opened(start, Limits(segments=64, octets=1 << 20))
    pieces = fed(stream, *data.draw(st.permutations(sent + again)))
    assert b"".join(octets for _, _, octets in pieces) == TEXT
    assert not any(missing for _, missing, _ in pieces)
    assert stream.held == 0


@settings(max_examples=300)
@given(
    st.lists(
        st.tuples(
            st.one_of(st.integers(0, 300), st.integers(0, SEQUENCES - 1)),
            st.binary(max_size=30),
            st.sampled_from([0, tcp.FIN, tcp.SYN]),
            st.integers(0, 9),
        ),
        max_size=30,
    )
)
def test_any_segments_leave_a_bounded_state(parts: list[tuple[int, bytes, int, int]]) -> None:
    stream = Stream(LIMITS)
    for us, part in enumerate(parts):
        pieces = stream.add(segment(part[0], part[1], part[2], part[3]), us)
        stream.acknowledge(part[0], us)
        assert all(missing > 0 or octets for _, missing, octets in pieces)
        assert 0 <= stream.held <= LIMITS.octets
    found: list[Piece] = []
    while stream.deadline_us:
        stream.give_up(found)
    assert stream.held == 0
