"""SIP over WebSocket: frames of every kind, whole or in pieces, compressed, joined in the middle, damaged."""

import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collectors.decode.framing import Framed
from collectors.decode.websocket import MAX_MESSAGE, WebSocketFramer, is_sip_frame, is_upgrade
from tests.support.packets import SIP
from tests.support.streams import REQUEST_HEAD, RESPONSE_HEAD, cuts, deflated, frame

OTHER = SIP.replace(b"OPTIONS", b"MESSAGE")
MASK = b"\x01\x80\xff\x10"
TEXT, BINARY, CONTINUATION, CLOSE, PING, PONG = 1, 2, 0, 8, 9, 10


def framed(*pieces: bytes, framer: WebSocketFramer | None = None) -> list[Framed]:
    made = framer or WebSocketFramer()
    return [each for piece in pieces for each in made.feed(piece)]


def opened() -> WebSocketFramer:
    """A direction behind its handshake."""
    framer = WebSocketFramer()
    assert framer.feed(RESPONSE_HEAD) == []
    return framer


def whole(*messages: bytes) -> list[Framed]:
    return [(message, 0) for message in messages]


@pytest.mark.parametrize("opcode", [TEXT, BINARY])
@pytest.mark.parametrize("mask", [b"", MASK])
@pytest.mark.parametrize("size", [len(SIP), 400, 70_000])
def test_a_frame_of_any_length_is_a_message(opcode: int, mask: bytes, size: int) -> None:
    message = SIP.ljust(size, b"x")
    assert framed(RESPONSE_HEAD, frame(message, opcode, mask=mask)) == whole(message)


def test_two_frames_in_one_segment_behind_the_handshake_are_two_messages() -> None:
    assert framed(REQUEST_HEAD + frame(SIP, mask=MASK) + frame(OTHER, mask=MASK)) == whole(SIP, OTHER)


@pytest.mark.parametrize("stream", [frame(SIP) + frame(OTHER), frame(SIP, mask=MASK) + frame(OTHER, mask=MASK)])
def test_frames_may_come_octet_by_octet(stream: bytes) -> None:
    assert framed(*[bytes((octet,)) for octet in stream], framer=opened()) == whole(SIP, OTHER)


def test_a_handshake_may_come_octet_by_octet() -> None:
    framer = WebSocketFramer()
    framed(REQUEST_HEAD[:10], *[bytes((octet,)) for octet in REQUEST_HEAD[10:]], framer=framer)
    assert framed(frame(SIP), framer=framer) == whole(SIP)


def test_fragments_are_one_message_whatever_control_frames_come_between() -> None:
    parts = (
        frame(SIP[:10], TEXT, fin=False, mask=MASK),
        frame(b"are you there?", PING, mask=MASK),
        frame(SIP[10:20], CONTINUATION, fin=False, mask=b"\0\1\2\3"),
        frame(b"", PONG, mask=MASK),
        frame(SIP[20:], CONTINUATION, mask=MASK),
        frame(OTHER, mask=MASK),
    )
    assert framed(*parts, framer=opened()) == whole(SIP, OTHER)
    assert framed(b"".join(parts), framer=opened()) == whole(SIP, OTHER)


@pytest.mark.parametrize("keep_alive", [frame(b"\r\n\r\n"), frame(b""), frame(b"", PING), frame(b"\x03\xe8", CLOSE)])
def test_keep_alives_and_control_frames_are_no_messages(keep_alive: bytes) -> None:
    framer = opened()
    assert framed(keep_alive + frame(SIP), framer=framer) == whole(SIP)
    assert framer.garbage == 0


@pytest.mark.parametrize("takeover", [True, False])
def test_compressed_messages_are_read(takeover: bool) -> None:
    packed = deflated([SIP, OTHER, SIP], takeover=takeover)
    framer = opened()
    parts = [frame(octets, reserved=4, mask=MASK) for octets in packed]
    assert framed(*parts, frame(OTHER), framer=framer) == whole(SIP, OTHER, SIP, OTHER)
    assert (framer.garbage, framer.held > 0) == (0, True)


def test_a_compressed_message_may_come_in_fragments() -> None:
    (packed,) = deflated([SIP])
    parts = (frame(packed[:9], fin=False, reserved=4), frame(packed[9:], CONTINUATION))
    assert framed(*parts, framer=opened()) == whole(SIP)


def test_a_compressed_message_with_a_final_block_ends_its_dictionary() -> None:
    deflater = zlib.compressobj(wbits=-15)
    final = deflater.compress(SIP) + deflater.flush() + b"\0"  # RFC 7692 §7.2.3.4
    framer = opened()
    assert framed(frame(final, reserved=4), framer=framer) == whole(SIP)
    assert framer.held == 0
    assert framed(frame(deflated([OTHER])[0], reserved=4), framer=framer) == whole(OTHER)


def test_a_message_that_refers_to_one_that_was_missed_is_counted() -> None:
    first, second = deflated([SIP, SIP])
    framer = opened()
    assert framed(frame(second, reserved=4), framer=framer) == []
    assert framer.garbage == len(second)
    assert framed(frame(first, reserved=4), framer=framer) == whole(SIP)
    assert framed(frame(b"not deflated", reserved=4), framer=framer) == []


def test_a_bomb_is_counted_and_not_unpacked() -> None:
    (packed,) = deflated([b"x" * (MAX_MESSAGE * 50)])
    framer = opened()
    assert framed(frame(packed, reserved=4), framer=framer) == []
    assert (framer.garbage, framer.held) == (len(packed), 0)


@pytest.mark.parametrize("mask", [b"", MASK])
@pytest.mark.parametrize("compressed", [True, False])
def test_a_stream_is_joined_where_a_frame_certainly_begins_a_message(mask: bytes, compressed: bool) -> None:
    payload = deflated([SIP])[0] if compressed else SIP
    begun = frame(payload, mask=mask, reserved=4 if compressed else 0)
    assert is_sip_frame(begun)
    framer = WebSocketFramer()
    assert framed(b"the end of a frame", begun + frame(OTHER), framer=framer) == whole(SIP, OTHER)
    assert framer.garbage == 18


@pytest.mark.parametrize(
    "octets",
    [
        b"",
        b"\x81",
        SIP,
        frame(b"{}"),
        frame(SIP, CONTINUATION),
        frame(SIP, PING),
        frame(b"\xff" * 40, reserved=4),
        b"\x83" + frame(SIP)[1:],
    ],
)
def test_what_does_not_certainly_begin_a_message_joins_no_stream(octets: bytes) -> None:
    assert not is_sip_frame(octets)


@pytest.mark.parametrize(
    "bad",
    [
        b"\x83\x00",  # an opcode that is none
        frame(b"x", reserved=1),
        frame(b"x", PING, fin=False),
        frame(b"x", PING, reserved=4),
        frame(b"x" * 126, PING),
        frame(b"x", CONTINUATION, reserved=4),
    ],
)
def test_a_frame_that_may_not_be_sent_is_followed_by_one_that_begins_a_message(bad: bytes) -> None:
    framer = opened()
    assert framed(bad, frame(SIP), framer=framer) == whole(SIP)
    assert framer.garbage == len(bad)


def test_a_message_that_never_ended_is_dropped_with_its_fragments() -> None:
    framer = opened()
    parts = (frame(b"x" * 30, CONTINUATION), frame(SIP[:9], fin=False), frame(OTHER))
    assert framed(*parts, framer=framer) == whole(OTHER)
    assert framer.garbage == 39
    framed(frame(SIP, fin=False), framer=framer)
    assert framer.end() == []
    assert framer.held == 0


def test_what_is_too_long_is_passed_over() -> None:
    framer = opened()
    long = b"x" * (MAX_MESSAGE + 1)
    assert framed(frame(long, mask=MASK)[:90_000], frame(long, mask=MASK)[90_000:] + frame(SIP), framer=framer) == [
        (SIP, 0)
    ]
    half = SIP.ljust(MAX_MESSAGE // 2 + 1, b"x")
    parts = (frame(half, fin=False), frame(half, CONTINUATION, fin=False), frame(half, CONTINUATION), frame(OTHER))
    assert framed(*parts, framer=framer) == whole(OTHER)
    assert framer.garbage == len(long) + 3 * len(half)


def test_a_hole_within_a_frame_costs_that_message_its_end_only() -> None:
    framer = opened()
    stream = frame(SIP, mask=MASK) + frame(OTHER, mask=MASK)
    assert framed(stream[:150], framer=framer) == []
    head = len(frame(SIP, mask=MASK)) - len(SIP)
    assert framer.skip(20) == [(SIP[: 150 - head], len(SIP) - 150 + head)]
    assert framed(stream[170:200], stream[200:], framer=framer) == whole(OTHER)


def test_a_hole_within_a_ping_leaves_the_stream_in_step() -> None:
    framer = opened()
    framed(frame(b"hello", PING)[:4], framer=framer)
    assert framer.skip(2) == []
    assert framed(b"o" + frame(SIP), framer=framer) == whole(SIP)


def test_a_hole_between_fragments_ends_the_message() -> None:
    framer = opened()
    framed(frame(SIP[:200], fin=False), framer=framer)
    assert framer.skip(9) == [(SIP[:200], 9)]
    assert framed(frame(SIP[200:], CONTINUATION), frame(OTHER), framer=framer) == whole(OTHER)


def test_two_holes_in_one_frame_are_one() -> None:
    framer = opened()
    framed(frame(SIP)[:100], framer=framer)
    assert len(framer.skip(10)) == 1
    assert framer.skip(10) == []
    assert framed(frame(SIP)[120:] + frame(OTHER), framer=framer) == whole(OTHER)


def test_a_hole_in_a_handshake_or_a_compressed_message_gives_nothing() -> None:
    framer = WebSocketFramer()
    framed(REQUEST_HEAD[:40], framer=framer)
    assert framer.skip(10) == []
    framed(frame(deflated([SIP])[0], reserved=4), framer=framer)
    framed(frame(deflated([SIP])[0], reserved=4)[:30], framer=framer)
    assert framer.skip(3) == []


def test_a_handshake_without_end_is_given_up() -> None:
    framer = WebSocketFramer()
    assert framed(b"GET /" + b"x" * 20_000, framer=framer) == []
    assert framed(frame(SIP), framer=framer) == whole(SIP)


@pytest.mark.parametrize(
    ("octets", "answer"),
    [
        (REQUEST_HEAD, True),
        (RESPONSE_HEAD, True),
        (REQUEST_HEAD + frame(SIP), True),
        (REQUEST_HEAD.replace(b"sip\r\n", b"v12.stomp, sip\r\n"), True),
        (REQUEST_HEAD.replace(b"Sec-WebSocket-Protocol: sip\r\n", b""), True),
        (REQUEST_HEAD.replace(b"Protocol: sip", b"Protocol: mqtt"), False),
        (REQUEST_HEAD.replace(b"WebSocket\r\n", b"h2c\r\n"), False),
        (RESPONSE_HEAD.replace(b"101", b"400"), False),
        (REQUEST_HEAD[:80], None),
        (b"GET /" + b"x" * 20_000, False),
        (SIP, False),
    ],
)
def test_a_handshake_is_recognised(octets: bytes, answer: bool | None) -> None:
    assert is_upgrade(octets) is answer


FRAMES = [
    frame(SIP),
    frame(SIP, BINARY, mask=MASK),
    frame(b"", PING),
    frame(b"\r\n\r\n"),
    frame(SIP[:40], fin=False) + frame(b"!", PONG) + frame(SIP[40:], CONTINUATION),
    frame(deflated([SIP])[0], reserved=4),
]
MESSAGES = {at for at in range(len(FRAMES)) if at not in (2, 3)}


@settings(max_examples=200)
@given(st.data())
def test_any_segmentation_gives_the_same_messages(data: st.DataObject) -> None:
    chosen = data.draw(st.lists(st.sampled_from(range(len(FRAMES))), max_size=6))
    stream = b"".join(FRAMES[at] for at in chosen)
    places = data.draw(st.lists(st.integers(0, len(stream)), max_size=20))
    assert framed(*cuts(stream, *places), framer=opened()) == whole(*[SIP for at in chosen if at in MESSAGES])


@settings(max_examples=300)
@given(
    st.lists(
        st.one_of(
            st.binary(max_size=60),
            st.sampled_from([*FRAMES, FRAMES[0][:50], REQUEST_HEAD, b"GET "]),
            st.integers(1, 400),
        ),
        max_size=20,
    )
)
def test_any_octets_and_holes_leave_a_bounded_state(parts: list[bytes | int]) -> None:
    framer = opened()
    for part in parts:
        for message, cut in framer.feed(part) if isinstance(part, bytes) else framer.skip(part):
            assert message
            assert cut >= 0
        assert 0 <= framer.held <= 3 * MAX_MESSAGE
    framer.end()
    assert framer.held == 0
