"""Messages in IP fragments: told beside the message, whole or not."""

from collections.abc import Callable

import pytest

from collectors.decode.frames import Decoder
from tests.support.packets import SIP, ethernet, pieces_v4, pieces_v6, udp

SECOND = 1_000_000
RESPONSE = SIP.replace(b"OPTIONS sip:bob@192.0.2.2 SIP/2.0", b"SIP/2.0 200 OK")


def decoder() -> Decoder:
    made = Decoder()
    made.add_interface(1, "edge/eth0")
    return made


def told(made: Decoder) -> list[tuple[str, dict[str, float]]]:
    return [(side.text, side.values) for side in made.take_side()]


@pytest.mark.parametrize("pieces", [pieces_v4, pieces_v6], ids=["IPv4", "IPv6"])
def test_a_message_that_came_in_fragments_is_told_with_their_count(pieces: Callable[[bytes, int], list[bytes]]) -> None:
    made = decoder()
    frames = [(0, 0, ethernet(piece)) for piece in pieces(udp(SIP), 104)]
    (datagram,) = made.datagrams(frames)
    (side,) = made.take_side()
    assert (side.kind, side.text, side.method, side.transport) == ("fragments", "in fragments", "OPTIONS", "udp")
    assert side.values == {"fragments": len(frames), "octets": len(SIP)}
    assert (side.source, side.destination) == (datagram.source, datagram.destination)


def test_one_of_which_a_fragment_is_missing_is_told_when_it_is_given_up() -> None:
    made = decoder()
    first, *_ = pieces_v4(udp(RESPONSE), 160)
    assert made.datagrams([(0, 0, ethernet(first))]) == []
    made.advance(30 * SECOND)
    assert told(made) == []
    made.advance(31 * SECOND)
    (side,) = made.take_side()
    assert (side.text, side.values) == ("a fragment is missing", {"seen_octets": 152, "status": 200})
    assert (side.captured_us, side.hop) == (31 * SECOND, f"{side.destination}:5060>{side.source}:5062")
    assert made.take_side() == []


def test_at_the_end_of_a_file_what_has_only_begun_may_yet_come() -> None:
    first, *_ = pieces_v4(udp(SIP), 160)
    early, late = decoder(), decoder()
    for made in (early, late):
        made.datagrams([(0, 0, ethernet(first))])
    early.flush(SECOND)
    late.flush(3 * SECOND)
    assert (len(told(early)), len(told(late))) == (0, 1)


def test_what_is_no_head_of_a_message_tells_nothing() -> None:
    made = decoder()
    payload = b"\x80" * 400
    some = [
        pieces_v4(udp(payload), 160)[0],
        pieces_v4(udp(SIP), 160, identification=2)[1],
        pieces_v4(b"\0" * 400, 160, protocol=6, identification=3)[0],
        pieces_v4(b"\0" * 8 + b"\0" * 400, 160, identification=4)[0],
    ]
    made.datagrams([(0, 0, ethernet(piece)) for piece in some])
    made.advance(31 * SECOND)
    assert told(made) == []
    made.datagrams([(0, 0, ethernet(piece)) for piece in pieces_v4(udp(payload), 160)])
    assert told(made) == []
