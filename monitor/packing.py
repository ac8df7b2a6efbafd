"""Messages and updates as the database keeps them: msgpack in a zstd frame.

What is stored of a record in one commit is a few messages, too little for zstd to learn from: so a dictionary tells it
what SIP looks like. Each frame names the dictionary that it needs; those of older versions stay in `dictionaries/`, so
that what they wrote stays readable (`bench/dictionary.py` trains them).
"""

from collections.abc import Sequence
from typing import Final, TypeVar

import msgspec

from collectors.wire.events import Observation, SideEvent, SipEvent
from monitor.core.updates import Committed
from monitor.zstd import DICTIONARIES as DICTIONARIES
from monitor.zstd import Codec
from monitor.zstd import UnreadableError as UnreadableError

T = TypeVar("T")

LEVEL: Final = 3
# Of what is over, and packed once for all: a fifth less than at level 3, for six times the work.
PUT_AWAY_LEVEL: Final = 9
_NEWEST: Final = 1


class Cut(msgspec.Struct, frozen=True, array_like=True):
    """What was fed at one watermark, of a row that holds several."""

    watermark_us: int
    messages: int  # so many of the row's, following those of the cuts before
    side: int


_encoder = msgspec.msgpack.Encoder()
_messages = msgspec.msgpack.Decoder(list[SipEvent])
_side = msgspec.msgpack.Decoder(list[SideEvent])
_committed = msgspec.msgpack.Decoder(Committed)
_cuts = msgspec.msgpack.Decoder(list[Cut])
_raw = msgspec.msgpack.Decoder(list[msgspec.Raw])
_live = Codec("sip", _NEWEST, LEVEL)
_put_away = Codec("sip", _NEWEST, PUT_AWAY_LEVEL)


def pack(value: list[SipEvent] | list[SideEvent] | Committed) -> bytes:
    """The bytes of `MessageChunk.messages`, of `MessageChunk.side` or of `CommitLog.updates`."""
    return _live.compress(_encoder.encode(value))


def join(packed: Sequence[bytes | memoryview]) -> bytes:
    """All messages (or side events) of some chunks as those of one, packed more densely; b"" for none."""
    found = [each for data in packed if data for each in _decoded(_raw, data)]
    return _put_away.compress(_encoder.encode(found)) if found else b""


def messages(data: bytes | memoryview) -> list[SipEvent]:
    """The messages of a chunk, in order of arrival. Raises `UnreadableError`, as all that read here."""
    return _decoded(_messages, data) if data else []


def side(data: bytes | memoryview) -> list[SideEvent]:
    """The side events of a chunk, in order of arrival."""
    return _decoded(_side, data) if data else []


def observations(messages_data: bytes | memoryview, side_data: bytes | memoryview) -> list[Observation]:
    """All of a row, messages first."""
    return [*messages(messages_data), *side(side_data)]


def committed(data: bytes | memoryview) -> Committed:
    """What one row of the commit log tells."""
    return _decoded(_committed, data)


def pack_cuts(cuts: Sequence[Cut]) -> bytes:
    """The bytes of `MessageChunk.cuts`: each watermark as its distance to the one before."""
    before_us = [0, *(cut.watermark_us for cut in cuts)]
    return _encoder.encode(
        [Cut(cut.watermark_us - last_us, cut.messages, cut.side) for cut, last_us in zip(cuts, before_us, strict=False)]
    )


def cuts(data: bytes | memoryview) -> list[Cut]:
    """The cuts of `pack_cuts`."""
    found, watermark_us = [], 0
    for cut in _cuts.decode(data):
        watermark_us += cut.watermark_us
        found.append(Cut(watermark_us, cut.messages, cut.side))
    return found


def parts(
    watermark_us: int, cuts_data: bytes | memoryview, messages_data: bytes | memoryview, side_data: bytes | memoryview
) -> list[tuple[int, list[Observation]]]:
    """What a row holds, as it was fed: (watermark, messages and behind them side events)."""
    if not cuts_data:
        return [(watermark_us, observations(messages_data, side_data))]
    events, beside = messages(messages_data), side(side_data)
    found: list[tuple[int, list[Observation]]] = []
    for cut in cuts(cuts_data):
        found.append((cut.watermark_us, [*events[: cut.messages], *beside[: cut.side]]))
        del events[: cut.messages], beside[: cut.side]
    return found


def _decoded(decoder: msgspec.msgpack.Decoder[T], data: bytes | memoryview) -> T:
    try:
        return decoder.decode(_live.decompress(data))
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise UnreadableError(str(error)) from error
