"""SIP in a stream of octets: framed by Content-Length, in step again after whatever was no SIP."""

import re
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collectors.decode.framing import MAX_BODY, MAX_HEAD, Framed, SipFramer, find_message
from tests.support.streams import cuts

HEAD = b"INVITE sip:bob@192.0.2.2 SIP/2.0\r\nVia: SIP/2.0/TCP 192.0.2.1;branch=z9hG4bK1\r\nCall-ID: framed\r\n"
SDP = b"v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\n"
BARE = HEAD + b"Content-Length: 0\r\n\r\n"
WITH_BODY = HEAD + b"Content-Type: application/sdp\r\nContent-Length: %d\r\n\r\n" % len(SDP) + SDP
RESPONSE = b"SIP/2.0 180 Ringing\r\nVia: SIP/2.0/TCP 192.0.2.1;branch=z9hG4bK1\r\nl: 0\r\n\r\n"


def framed(*pieces: bytes, framer: SipFramer | None = None) -> list[Framed]:
    made = framer or SipFramer()
    return [each for piece in pieces for each in made.feed(piece)]


def whole(*messages: bytes) -> list[Framed]:
    return [(message, 0) for message in messages]


@pytest.mark.parametrize(
    "field",
    [
        b"Content-Length: 7",
        b"CONTENT-LENGTH:7",
        b"l: 7",
        b"L \t : 7",
        b"content-length:\r\n  7",
        b"Content-Length: 7  ",
    ],
)
def test_a_body_is_as_long_as_content_length_says_however_it_is_written(field: bytes) -> None:
    message = HEAD + field + b"\r\n\r\nv=0\r\n\r\n"
    assert framed(message + BARE) == whole(message, BARE)


def test_a_line_that_continues_another_is_no_content_length() -> None:
    message = HEAD + b"Subject: a\r\n Content-Length: 99\r\nContent-Length: 0\r\n\r\n"
    assert framed(message + BARE) == whole(message, BARE)


@pytest.mark.parametrize("end", [b"\n", b"\r"])
def test_lines_may_end_with_one_octet(end: bytes) -> None:
    message = WITH_BODY.replace(b"\r\n", end).replace(b"%d" % len(SDP), b"%d" % len(SDP.replace(b"\r\n", end)))
    assert framed(message + BARE) == whole(message, BARE)


def test_several_messages_in_one_segment_are_several_messages() -> None:
    assert framed(BARE + WITH_BODY + RESPONSE) == whole(BARE, WITH_BODY, RESPONSE)


@pytest.mark.parametrize("keep_alive", [b"\r\n", b"\r\n\r\n", b"\r\n\r\n\r\n\r\n"])
def test_keep_alives_between_messages_are_passed_over(keep_alive: bytes) -> None:
    framer = SipFramer()
    assert framed(keep_alive, BARE, keep_alive, keep_alive + WITH_BODY, keep_alive, framer=framer) == whole(
        BARE, WITH_BODY
    )
    assert (framer.held, framer.garbage) == (0, 0)


@pytest.mark.parametrize("place", range(1, len(WITH_BODY)))
def test_a_message_may_be_cut_anywhere(place: int) -> None:
    assert framed(*cuts(WITH_BODY + BARE, place)) == whole(WITH_BODY, BARE)


def test_a_message_may_come_octet_by_octet() -> None:
    framer = SipFramer()
    stream = b"\r\n\r\n" + WITH_BODY + b"\r\n" + RESPONSE
    assert framed(*[bytes((octet,)) for octet in stream], framer=framer) == whole(WITH_BODY, RESPONSE)
    assert (framer.held, framer.garbage) == (0, 0)


def test_an_unknown_method_is_a_message_like_any_other() -> None:
    message = BARE.replace(b"INVITE", b"FROBNICATE")
    assert framed(message + BARE) == whole(message, BARE)


def test_without_content_length_there_is_no_body_unless_there_is_a_type_of_it() -> None:
    bare, typed = HEAD + b"\r\n", HEAD + b"c: application/sdp\r\n\r\n" + SDP
    assert framed(bare + typed, bare + RESPONSE) == whole(bare, typed, bare, RESPONSE)
    assert framed(typed + RESPONSE) == whole(typed, RESPONSE)
    assert framed(HEAD + b"Content-Length: many\r\n\r\n" + BARE) == whole(HEAD + b"Content-Length: many\r\n\r\n", BARE)


@pytest.mark.parametrize(
    "junk",
    [
        b"v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\n",
        b"\x00\x01\x02 no SIP at all",
        b"it was SIP/2.0 200 OK\r\nVia: x\r\n",
        b"see SIP/2.0\r\nnothing\r\n",
        b"z" * 20_000,
        b"X" * 5_000 + b"SIP/2.0\r\n",
    ],
)
def test_after_what_is_no_sip_the_next_start_line_is_found(junk: bytes) -> None:
    framer = SipFramer()
    assert framed(junk, b"\r\n" + BARE + RESPONSE, framer=framer) == whole(BARE, RESPONSE)
    assert framer.garbage == len(junk) + 2


def test_a_body_longer_than_it_says_costs_no_other_message() -> None:
    framer = SipFramer()
    assert framed(BARE + SDP + RESPONSE, framer=framer) == whole(BARE, RESPONSE)
    assert framer.garbage == len(SDP)


def test_a_start_line_without_a_header_behind_it_is_not_where_messages_begin_again() -> None:
    fragment = b"junk\r\nSIP/2.0 200 OK\r\n\r\nBYE sip:a@b SIP/2.0\r\n\r\n"
    assert framed(fragment + RESPONSE) == whole(RESPONSE)


@pytest.mark.parametrize(
    ("octets", "at"),
    [
        (BARE, 0),
        (b"x\r\n" + BARE, 3),
        (b"x\n" + RESPONSE, 2),
        (b"x" + RESPONSE, -1),
        (b"INVITE sip:bob SIP/2.0\r\n", -1),
        (b"INVITE  SIP/2.0\r\nVia: x", -1),
        (b"Via: SIP/2.0/TCP x\r\n", -1),
        (b"y" * 5_000 + b" sip:b SIP/2.0\r\nVia: x", -1),
        (b"", -1),
    ],
)
def test_a_message_begins_with_a_start_line_and_a_header(octets: bytes, at: int) -> None:
    assert find_message(octets) == at


@pytest.mark.parametrize("missing", [1, 10, 14])
def test_a_hole_within_a_body_costs_that_message_its_end_only(missing: int) -> None:
    """What the hole was part of goes on as far as it came; the octets behind the hole are known to be its body."""
    framer = SipFramer()
    body = len(WITH_BODY) - len(SDP)
    begun, rest = WITH_BODY[: body + 10], SDP[10 + missing :]
    assert framed(begun, framer=framer) == []
    assert framer.skip(missing) == [(begun, len(SDP) - 10)]
    assert framed(rest[:3], rest[3:] + RESPONSE, framer=framer) == whole(RESPONSE)
    assert framer.garbage == 0


def test_a_hole_as_long_as_the_rest_of_a_body_leaves_the_stream_in_step() -> None:
    framer = SipFramer()
    framed(WITH_BODY[:-5], framer=framer)
    framer.skip(5)
    assert framed(RESPONSE[:9], RESPONSE[9:], framer=framer) == whole(RESPONSE)


def test_a_hole_beyond_a_body_loses_what_is_in_it() -> None:
    framer = SipFramer()
    framed(WITH_BODY[:-5], framer=framer)
    assert framer.skip(50) == [(WITH_BODY[:-5], 5)]
    assert framed(BARE[45:] + RESPONSE, framer=framer) == whole(RESPONSE)


def test_two_holes_in_one_body_are_one() -> None:
    framer = SipFramer()
    framed(WITH_BODY[: -len(SDP)], framer=framer)
    assert len(framer.skip(10)) == 1
    framed(SDP[10:15], framer=framer)
    assert framer.skip(5) == []
    assert framed(SDP[20:] + BARE, framer=framer) == whole(BARE)


def test_a_hole_within_a_head_leaves_what_came_before_it() -> None:
    framer = SipFramer()
    framed(BARE[:50], framer=framer)
    assert framer.skip(20) == [(BARE[:50], 20)]
    assert framed(BARE[70:] + RESPONSE, framer=framer) == whole(RESPONSE)


def test_a_hole_between_messages_costs_none() -> None:
    framer = SipFramer()
    framed(BARE, b"\r\n", framer=framer)
    assert framer.skip(len(WITH_BODY)) == []
    assert framed(RESPONSE, framer=framer) == whole(RESPONSE)


def test_a_message_that_its_sender_never_finished_is_one_all_the_same() -> None:
    framer = SipFramer()
    framed(WITH_BODY[:-5], framer=framer)
    assert framer.end() == whole(WITH_BODY[:-5])
    assert framer.end() == []
    framed(b"INV", framer=framer)
    assert framer.end() == []
    assert framer.held == 0


def test_a_head_without_end_is_cut() -> None:
    framer = SipFramer()
    found = framed(*[HEAD + b"X: y\r\n" * 10] * (MAX_HEAD // 100), framer=framer)
    assert (len(found[0][0]), found[0][1]) == (MAX_HEAD, 1)
    assert framer.held <= MAX_HEAD


def test_a_body_that_is_too_long_is_cut_and_the_rest_of_it_passed_over() -> None:
    framer = SipFramer()
    message = HEAD + b"Content-Length: %d\r\n\r\n" % (MAX_BODY + 1000) + b"b" * (MAX_BODY + 1000)
    found = framed(message[:70_000], message[70_000:] + RESPONSE, framer=framer)
    assert found == [(message[:-1000], 1000), (RESPONSE, 0)]


MESSAGES = [BARE, WITH_BODY, RESPONSE, b"\r\n\r\n", HEAD + b"L:4\r\n\r\n\r\n\r\n", BARE.replace(b"INVITE", b"x-Y.z")]


@settings(max_examples=200)
@given(st.data())
def test_any_segmentation_gives_the_same_messages(data: st.DataObject) -> None:
    messages = data.draw(st.lists(st.sampled_from(MESSAGES), max_size=6))
    stream = b"".join(messages)
    places = data.draw(st.lists(st.integers(0, len(stream)), max_size=20))
    assert framed(*cuts(stream, *places)) == whole(*[message for message in messages if message.strip()])


@settings(max_examples=300)
@given(
    st.lists(
        st.one_of(
            st.binary(max_size=60),
            st.sampled_from([*MESSAGES, BARE[:40], WITH_BODY[:-9], b"SIP/2.0 ", b"\r", b"\n"]),
            st.integers(1, 200),
        ),
        max_size=20,
    )
)
def test_any_octets_and_holes_leave_a_bounded_state(parts: list[bytes | int]) -> None:
    framer = SipFramer()
    for part in parts:
        for message, cut in framer.feed(part) if isinstance(part, bytes) else framer.skip(part):
            assert message
            assert cut >= 0
        assert 0 <= framer.held <= MAX_HEAD + MAX_BODY
    framer.end()
    assert framer.held == 0


def test_a_head_ends_with_the_first_two_line_ends_of_whatever_kind() -> None:
    """Exhaustively: each way to write seven octets of line ends and others behind a head."""
    head = b"OPTIONS sip:b@h SIP/2.0\r\nl: 0\r\nx"
    blank = re.compile(rb"(?>\r\n|[\r\n]){2}")
    for octets in product(b"\r\nx", repeat=7):
        tail = bytes(octets) + b"x"
        first = blank.search(tail)
        found = SipFramer().feed(head + tail)
        assert [octets for octets, _ in found] == ([head + tail[: first.end()]] if first else [])
