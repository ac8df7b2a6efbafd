"""Compressed capture files, unpacked as they are read: gzip (RFC 1952) and Zstandard (RFC 8878).

Octets in, pieces of bounded size out, whatever they claim: a file that unpacks to more than any memory is
unpacked piece by piece like any other. Total: what is damaged or cut ends with what was whole before it.
"""

import zlib
from collections.abc import Iterator
from typing import Final, Protocol

import zstandard

_GZIP: Final = b"\x1f\x8b"
_PIECE: Final = 1024 * 1024  # octets
_WINDOW: Final = 128 * 1024 * 1024  # octets that a zstd frame may refer back to: what `zstd --ultra` needs


class Unpacker(Protocol):
    """A compression: octets of a file in, octets of what is in it out."""

    def feed(self, data: bytes) -> Iterator[bytes]:
        """What `data`, the next octets of the file, completes. Iterate to its end before the next ones."""

    def fault(self) -> str:
        """At the end of the file: what is wrong with its compression, or ""."""


def unpacker_for(head: bytes) -> Unpacker | None:
    """What unpacks a file that begins with `head`; None where it is not compressed in a way of these."""
    if head[:2] == _GZIP:
        return Gunzip()
    if head[:4] == zstandard.FRAME_HEADER or _is_skippable(head):
        return Unzstd()
    return None


class Gunzip:
    """gzip: members one after the other, and zeroes at the end, as tapes have them."""

    def __init__(self) -> None:
        self._member = zlib.decompressobj(31)
        self._rest = b""  # less than tells whether another member follows
        self._over = False
        self._fault = ""

    def feed(self, data: bytes) -> Iterator[bytes]:
        """What `data` completes, in pieces of 1 MiB at most."""
        while data and not self._over:
            if self._member.eof:
                data = self._next_member(data)
                continue
            try:
                piece = self._member.decompress(data, _PIECE)
            except zlib.error:
                self._over, self._fault = True, "damaged: what gzip has packed can't be unpacked"
                return
            data = self._member.unused_data or self._member.unconsumed_tail
            if piece:
                yield piece

    def _next_member(self, data: bytes) -> bytes:
        data = self._rest + data
        self._rest = b""
        if len(data) == 1:
            self._rest, data = data, b""
        elif data[:2] == _GZIP:
            self._member = zlib.decompressobj(31)
        else:
            self._over = True
            self._fault = "" if data[:1] == b"\0" else "damaged: something else follows what is compressed"
        return data

    def fault(self) -> str:
        """What is wrong with a file that ends here, or ""."""
        return self._fault or ("" if self._member.eof else "cut within its compression")


class Unzstd:
    """Zstandard: frames one after the other, unpacked block by block, each of which makes 128 KiB at most."""

    def __init__(self) -> None:
        self._frame: zstandard.ZstdDecompressionObj | None = None
        self._checksum = 0  # octets after the last block
        self._skip = 0  # octets of a frame that holds nothing
        self._rest = b""
        self._fault = ""

    def feed(self, data: bytes) -> Iterator[bytes]:
        """What `data` completes, in pieces of 128 KiB at most."""
        data, at = self._rest + data, 0
        try:
            while not self._fault and (size := self._next(data, at)):
                piece = self._frame.decompress(data[at : at + size]) if self._frame else b""
                at += size
                if self._frame and self._frame.eof:
                    self._frame = None
                if piece:
                    yield piece
        except zstandard.ZstdError as error:
            self._fault = f"damaged: what zstd has packed can't be unpacked ({error})"
        self._rest = data[at:]

    def _next(self, data: bytes, at: int) -> int:
        """The size of the next element of a frame that is wholly in `data`; 0 where there is none."""
        if self._skip:
            size = min(self._skip, len(data) - at)
            self._skip -= size
            return size
        if self._frame is None:
            return self._begin(data, at)
        if len(data) < at + 3:
            return 0
        header = int.from_bytes(data[at : at + 3], "little")
        last, kind, length = header & 1, header >> 1 & 3, header >> 3
        # A block of one octet that is repeated says how often instead.
        size = 3 + (1 if kind == 1 else length) + (self._checksum if last else 0)
        return size if len(data) >= at + size else 0

    def _begin(self, data: bytes, at: int) -> int:
        """The size of the header of a frame."""
        head = data[at : at + 18]
        if _is_skippable(head) and len(head) >= 8:
            self._skip = int.from_bytes(head[4:8], "little")
            return 8
        if len(head) < 5 or _is_skippable(head):
            return 0
        size = zstandard.frame_header_size(head)
        if len(head) < size:
            return 0
        self._checksum = 4 if zstandard.get_frame_parameters(head).has_checksum else 0
        self._frame = zstandard.ZstdDecompressor(max_window_size=_WINDOW).decompressobj()
        return size

    def fault(self) -> str:
        """What is wrong with a file that ends here, or ""."""
        whole = self._frame is None and not self._rest and not self._skip
        return self._fault or ("" if whole else "cut within its compression")


def _is_skippable(head: bytes) -> bool:
    """Whether a frame begins that holds nothing of the content (RFC 8878 §3.1.2)."""
    return head[1:4] == b"\x2a\x4d\x18" and head[0] >> 4 == 5
