"""Small values of rows as octets: hops, lists, sentences. What is read with a row, and never looked for."""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from socket import AF_INET, AF_INET6, inet_ntop, inet_pton
from struct import Struct
from struct import error as StructError  # noqa: N812 - its own name is "error"
from typing import Any, Final

import msgspec

from monitor.core.hop import endpoint, ends
from monitor.core.marks import Mark, MarkKind
from monitor.zstd import Codec

_PORT: Final = Struct(">H")
_FAMILIES: Final = {4: AF_INET, 16: AF_INET6}  # by octets of an address
_TEXT: Final = 0  # an end that is no address and port, as text
PROSE_LEVEL: Final = 9
_LONGEST: Final = 2**16 - 1

# Stored: a number never changes its meaning.
_MARK_NUMBERS: Final = {
    MarkKind.SESSION_ID: 0,
    MarkKind.CALL_ID: 1,
    MarkKind.GUID: 2,
    MarkKind.ICID: 3,
    MarkKind.REFERRAL: 4,
    MarkKind.ORIGIN: 5,
    MarkKind.MEDIA: 6,
    MarkKind.CALLED: 7,
    MarkKind.CALLING: 8,
}
_MARK_KINDS: Final = {number: kind for kind, number in _MARK_NUMBERS.items()}

_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder()
_texts = msgspec.msgpack.Decoder(list[str])
# Dozens of octets a value: the four that would say "zstd" each time are left out.
_prose = Codec("prose", newest=1, level=PROSE_LEVEL, magic=False)


def pack_hops(hops: Sequence[str]) -> bytes:
    """Hops ("10.0.0.1:5060>10.0.0.2:5060") as octets: 14 for one over IPv4."""
    return b"".join(_packed_end(end) for hop in hops for end in ends(hop))


def hops(data: bytes) -> list[str]:
    """The hops of `pack_hops`."""
    found = list(_ends(data))
    return [f"{source}>{destination}" for source, destination in zip(found[::2], found[1::2], strict=True)]


def pack_mark(mark: Mark) -> int:
    """A mark as a number: 59 bits of a hash of it, and its kind."""
    return mark.hash >> 4 << 4 | _MARK_NUMBERS[mark.kind]


def mark(number: int) -> Mark:
    """The mark of `pack_mark`: its number in place of its text, which is the same for the same mark."""
    return Mark(_MARK_KINDS[number & 15], str(number))


def pack_list(values: Sequence[Any]) -> bytes:
    """A list of texts or numbers; b"" for an empty one."""
    return _encoder.encode(values) if values else b""


def listed(data: bytes) -> list[Any]:
    """The list of `pack_list`."""
    found: list[Any] = _decoder.decode(data) if data else []
    return found


def pack_prose(sentences: Sequence[str]) -> bytes:
    """Some sentences."""
    return _prose.compress(_encoder.encode(sentences))


def prose(data: bytes) -> list[str]:
    """The sentences of `pack_prose`."""
    return _texts.decode(_prose.decompress(data))


@lru_cache(65_536)
def _packed_end(end: str) -> bytes:
    address, _, port = end.rpartition(":")
    for length, family in _FAMILIES.items():
        try:
            packed = inet_pton(family, address.strip("[]")) + _PORT.pack(int(port))
        except (OSError, ValueError, StructError):
            continue
        if _end(packed) == end:  # not written in a way of its own
            return bytes([length]) + packed
    text = end.encode("utf-8", "replace")[:_LONGEST]
    return bytes([_TEXT]) + _PORT.pack(len(text)) + text


def _ends(data: bytes) -> Iterator[str]:
    place = 0
    while place < len(data):
        kind, place = data[place], place + 1
        if kind == _TEXT:
            (length,) = _PORT.unpack_from(data, place)
            begin = place + _PORT.size
            place = begin + length
            yield data[begin:place].decode("utf-8", "replace")
        else:
            end = place + kind + _PORT.size
            yield _end(data[place:end])
            place = end


@lru_cache(65_536)
def _end(packed: bytes) -> str:
    address, (port,) = packed[: -_PORT.size], _PORT.unpack(packed[-_PORT.size :])
    return endpoint(inet_ntop(_FAMILIES[len(address)], address), port)
