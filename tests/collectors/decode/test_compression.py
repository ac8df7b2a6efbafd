"""Compressed captures: unpacked whatever the pieces in which they come, as far as they are whole, and no further."""

import gzip
import random
import struct
from collections.abc import Callable

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from collectors.decode.compression import Gunzip, Unpacker, Unzstd, unpacker_for

CONTENT = random.Random(1).randbytes(40_000) + b"SIP/2.0 200 OK\r\n" * 20_000
SKIPPED = struct.pack("<II", 0x184D2A53, 4) + b"meta"


def zstd(content: bytes, *, size: bool = True, checksum: bool = False) -> bytes:
    return zstandard.ZstdCompressor(write_content_size=size, write_checksum=checksum).compress(content)


PACKED = {
    "gzip": gzip.compress(CONTENT),
    "gzip of two members": gzip.compress(CONTENT[:1000]) + gzip.compress(CONTENT[1000:]),
    "gzip with zeroes behind it": gzip.compress(CONTENT) + bytes(1024),
    "zstd": zstd(CONTENT),
    "zstd from a pipe": zstd(CONTENT, size=False),
    "zstd with a checksum": zstd(CONTENT, checksum=True),
    "zstd of two frames": zstd(CONTENT[:1000]) + SKIPPED + zstd(CONTENT[1000:]),
    "zstd behind something else": SKIPPED + zstd(CONTENT),
}


def unpacked(packed: bytes, size: int = 1 << 20) -> tuple[bytes, str]:
    """What a file unpacks to that comes in chunks of `size` octets, and what is wrong with it."""
    unpacker = unpacker_for(packed)
    assert unpacker is not None
    pieces = [piece for at in range(0, len(packed), size) for piece in unpacker.feed(packed[at : at + size])]
    assert all(0 < len(piece) <= 1 << 20 for piece in pieces)
    return b"".join(pieces), unpacker.fault()


@pytest.mark.parametrize("size", [1, 7, 1000, 1 << 20])
@pytest.mark.parametrize("packed", PACKED.values(), ids=PACKED)
def test_every_way_of_packing_gives_the_same_octets(packed: bytes, size: int) -> None:
    assert unpacked(packed, size) == (CONTENT, "")


@pytest.mark.parametrize("name", ["gzip", "zstd", "zstd with a checksum", "zstd behind something else"])
def test_a_file_cut_anywhere_gives_what_is_whole_and_says_so(name: str) -> None:
    packed = PACKED[name]
    for size in [*range(4, 300), *range(300, len(packed), 997), *range(len(packed) - 300, len(packed))]:
        content, fault = unpacked(packed[:size])
        assert CONTENT.startswith(content)
        boundary = name == "zstd behind something else" and size == len(SKIPPED)
        assert fault == ("" if boundary else "cut within its compression")


@pytest.mark.parametrize("pack", [gzip.compress, zstd], ids=["gzip", "zstd"])
def test_what_unpacks_to_far_more_than_it_is_comes_piece_by_piece(pack: Callable[[bytes], bytes]) -> None:
    packed = pack(bytes(64 << 20))
    assert len(packed) < 100_000
    unpacker = unpacker_for(packed)
    assert unpacker is not None
    assert sum(len(piece) for piece in unpacker.feed(packed) if len(piece) <= 1 << 20) == 64 << 20


@pytest.mark.parametrize(
    ("unpacker", "packed", "content"),
    [
        (Gunzip(), PACKED["gzip"] + b"something else", CONTENT),
        (Gunzip(), b"\x1f\x8b\x08" + bytes(80), b""),
        (Gunzip(), PACKED["gzip"][:-6] + bytes(6), CONTENT),
        (Unzstd(), PACKED["zstd"] + b"something else", CONTENT),
        (Unzstd(), zstd(b"a" * 1000)[:-2] + b"\xff\xff\xff" + bytes(900), b""),
        (Unzstd(), PACKED["zstd with a checksum"][:-4] + bytes(4), CONTENT),
    ],
    ids=["gzip, followed", "no gzip", "gzip, wrong checksum", "zstd, followed", "no zstd", "zstd, wrong checksum"],
)
def test_damage_ends_the_unpacking_and_keeps_what_was_before(unpacker: Unpacker, packed: bytes, content: bytes) -> None:
    found = b"".join(unpacker.feed(packed))
    assert found == content[: len(found)]
    assert unpacker.fault().startswith("damaged")
    assert not list(unpacker.feed(PACKED["gzip"]))


def test_what_is_not_compressed_needs_no_unpacker() -> None:
    for head in (b"", b"\x1f", b"\xd4\xc3\xb2\xa1", b"\x60\x2a\x4d\x18"):
        assert unpacker_for(head) is None


@given(st.sampled_from([b"\x1f\x8b", b"\x28\xb5\x2f\xfd", SKIPPED]), st.binary(max_size=200), st.integers(1, 50))
def test_any_octets_after_a_beginning_are_no_exception(head: bytes, octets: bytes, size: int) -> None:
    unpacked(head + octets, size)


@given(st.data())
def test_a_file_with_changed_octets_is_unpacked_as_far_as_it_goes(data: st.DataObject) -> None:
    file = bytearray(data.draw(st.sampled_from([zstd(CONTENT[-3000:]), gzip.compress(CONTENT[-3000:])])))
    for _ in range(data.draw(st.integers(1, 3))):
        file[data.draw(st.integers(4, len(file) - 1))] = data.draw(st.integers(0, 255))
    unpacked(bytes(file), 16)
