"""Values as the database keeps them: msgpack in a zstd frame.

What is stored of a record in one commit is a few messages, too little for zstd to learn from: so a dictionary tells it
what SIP looks like. Each frame names the dictionary that it needs; those of older versions stay in `dictionaries/`, so
that what they wrote stays readable (`bench/dictionary.py` trains them).
"""

import threading
from functools import cache
from importlib.resources import files
from typing import Final, TypeVar

import msgspec
import zstandard

from collectors.wire.events import Observation, SideEvent, SipEvent
from monitor.core.updates import Committed

T = TypeVar("T")

LEVEL: Final = 3
DICTIONARIES: Final = files("monitor").joinpath("dictionaries")
_NEWEST: Final = 1
_LARGEST: Final = 256 * 1024 * 1024  # octets unpacked: more than one commit ever holds

_encoder = msgspec.msgpack.Encoder()
_messages = msgspec.msgpack.Decoder(list[SipEvent])
_side = msgspec.msgpack.Decoder(list[SideEvent])
_committed = msgspec.msgpack.Decoder(Committed)


class UnreadableError(ValueError):
    """These bytes can't be read: damaged, or written by a version that this one doesn't know."""


class _Contexts(threading.local):
    """A zstd context costs more than a few messages, and belongs to one thread at a time."""

    def __init__(self) -> None:
        self.compressor = zstandard.ZstdCompressor(level=LEVEL, dict_data=_dictionary(_NEWEST))
        self.decompressors: dict[int, zstandard.ZstdDecompressor] = {}  # by number of the dictionary; 0: none


@cache
def _dictionary(number: int) -> zstandard.ZstdCompressionDict:
    dictionary = zstandard.ZstdCompressionDict(DICTIONARIES.joinpath(f"sip-{number}.zdict").read_bytes())
    if number == _NEWEST:
        dictionary.precompute_compress(level=LEVEL)
    return dictionary


_contexts = _Contexts()


def pack(value: list[SipEvent] | list[SideEvent] | Committed) -> bytes:
    """The bytes of `MessageChunk.messages`, of `MessageChunk.side` or of `CommitLog.updates`."""
    return _contexts.compressor.compress(_encoder.encode(value))


def messages(data: bytes | memoryview) -> list[SipEvent]:
    """The messages of a chunk, in order of arrival. Raises `UnreadableError`, as all that read here."""
    return _decoded(_messages, data)


def side(data: bytes | memoryview) -> list[SideEvent]:
    """The side events of a chunk, in order of arrival."""
    return _decoded(_side, data) if data else []


def observations(messages_data: bytes | memoryview, side_data: bytes | memoryview) -> list[Observation]:
    """All of a chunk, in order of arrival."""
    return [*messages(messages_data), *side(side_data)]


def committed(data: bytes | memoryview) -> Committed:
    """What one row of the commit log tells."""
    return _decoded(_committed, data)


def _decoded(decoder: msgspec.msgpack.Decoder[T], data: bytes | memoryview) -> T:
    try:
        return decoder.decode(_plain(data))
    except (zstandard.ZstdError, msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise UnreadableError(str(error)) from error


def _plain(data: bytes | memoryview) -> bytes:
    number = zstandard.get_frame_parameters(data).dict_id
    decompressor = _contexts.decompressors.get(number)
    if decompressor is None:
        dictionary = _needed(number) if number else None
        decompressor = _contexts.decompressors[number] = zstandard.ZstdDecompressor(dict_data=dictionary)
    return decompressor.decompress(data, max_output_size=_LARGEST)


def _needed(number: int) -> zstandard.ZstdCompressionDict:
    try:
        return _dictionary(number)
    except FileNotFoundError as error:
        raise UnreadableError(f"it needs dictionary sip-{number}, which this version doesn't have") from error
