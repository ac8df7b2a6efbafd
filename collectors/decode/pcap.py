"""Capture files of the classic format as a pure parser over a stream of bytes, and which reader a file needs.

Bytes in, whole frames out, whatever the bytes: a file that ends within a packet gives every packet
before that, and says so; damage ends the reading with its reason. The format comes with microseconds
or nanoseconds, in both byte orders, and with the longer headers of old Linux (Kuznetzov) and IXIA tools.
"""

import struct
from typing import Final, NamedTuple, Protocol

from collectors.decode.formats import name_of
from collectors.decode.frames import Frame
from collectors.decode.pcapng import SECTION_HEADER, PcapngReader

_MAX_FRAME: Final = 1024 * 1024  # octets; real ones end at 256 KiB
_LINK_TYPE_MASK: Final = 0x03FF_FFFF  # the bits above it say how long the frame check sequence is


class NotACaptureError(ValueError):
    """These bytes are no capture format that we read; the text names what they are, if that is known."""


class CaptureReader(Protocol):
    """A capture format: octets of a file in, frames out."""

    interfaces: list[tuple[int, str]]  # (link type, name or ""), in the order of the frames' index; grows
    stray: int  # packets that could not be read, though the rest could

    @property
    def dropped(self) -> int:
        """Packets that the capture itself says it has lost."""

    def feed(self, data: bytes) -> list[Frame]:
        """The frames that `data`, the next octets of the file, completes."""

    def fault(self) -> str:
        """At the end of the file: what is wrong with it ("cut within a packet", …), or ""."""


class _Variant(NamedTuple):
    fractions: int  # in a microsecond
    file_header: int = 24
    packet_header: int = 16


_MAGICS: Final = {
    0xA1B2C3D4: _Variant(1),
    0xA1B23C4D: _Variant(1000),
    0xA1B2CD34: _Variant(1, packet_header=24),  # Kuznetzov
    0x1C0001AB: _Variant(1, file_header=28),  # IXIA, by software
    0x1C0001AC: _Variant(1000, file_header=28),  # IXIA, by hardware
}


def reader_for(head: bytes) -> CaptureReader:
    """A reader for a file that begins with `head` (its first 512 octets, or all; feed them to it, too).

    Raises `NotACaptureError`, which names what it is instead, as far as that is known.
    """
    if head[:4] == SECTION_HEADER:
        return PcapngReader()
    for order in "<>":
        for magic, variant in _MAGICS.items():
            # Of a file that was cut within these four octets, too.
            if head and struct.pack(order + "I", magic).startswith(head[:4]):
                return PcapReader(order, variant)
    if head and SECTION_HEADER.startswith(head):
        return PcapngReader()
    raise NotACaptureError(f"the file is {name_of(head)}")


class PcapReader:
    """The classic format (https://www.ietf.org/archive/id/draft-ietf-opsawg-pcap)."""

    def __init__(self, order: str, variant: _Variant) -> None:
        self.interfaces: list[tuple[int, str]] = []
        self.stray = 0
        self.dropped = 0  # this format can't say
        self._order = order
        self._variant = variant
        self._header = struct.Struct(order + "III")  # of a packet: seconds, fraction, captured length
        self._rest = b""
        self._fault = ""

    def feed(self, data: bytes) -> list[Frame]:
        """The frames that `data`, the next octets of the file, completes."""
        if self._fault:
            return []
        data = self._rest + data if self._rest else data
        at = 0
        if not self.interfaces:
            if len(data) < self._variant.file_header:
                self._rest = data
                return []
            link_type = struct.unpack_from(self._order + "I", data, 20)[0] & _LINK_TYPE_MASK
            self.interfaces.append((link_type, ""))
            at = self._variant.file_header
        return self._frames(data, at)

    def _frames(self, data: bytes, at: int) -> list[Frame]:
        header, fractions, size = self._header.unpack_from, self._variant.fractions, self._variant.packet_header
        end = len(data)
        found: list[Frame] = []
        seconds: int  # these are said once more for the compiler
        fraction: int
        captured: int
        while end - at >= size:
            seconds, fraction, captured = header(data, at)
            if captured > _MAX_FRAME:
                self._fault = f"damaged: a packet of {captured} octets"
                break
            begin = at + size
            if begin + captured > end:
                break
            at = begin + captured
            found.append((seconds * 1_000_000 + fraction // fractions, 0, data[begin:at]))
        self._rest = b"" if self._fault else data[at:]
        return found

    def fault(self) -> str:
        """What is wrong with a file that ends here, or ""."""
        if self._fault or not self._rest:
            return self._fault
        return "cut within a packet" if self.interfaces else "cut within its header"
