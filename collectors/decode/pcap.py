"""Capture files of the classic format as a pure parser over a stream of bytes, and which reader a file needs.

Bytes in, whole frames out, whatever the bytes: a file that ends within a packet gives every packet
before that, and says so; damage ends the reading with its reason. The format comes with microseconds
or nanoseconds, in both byte orders, and with the longer headers of old Linux (Kuznetzov) and IXIA tools.
"""

import struct
from typing import Final, NamedTuple

from collectors.decode.formats import name_of
from collectors.decode.pcapng import SECTION_HEADER, PcapngReader
from collectors.decode.reader import CaptureReader

_MAX_FRAME: Final = 1024 * 1024  # octets; real ones end at 256 KiB
_LINK_TYPE_MASK: Final = 0x03FF_FFFF  # the bits above it say how long the frame check sequence is


class NotACaptureError(ValueError):
    """These bytes are no capture format that we read; the text names what they are, if that is known."""


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


class PcapReader(CaptureReader):
    """The classic format (https://www.ietf.org/archive/id/draft-ietf-opsawg-pcap)."""

    def __init__(self, order: str, variant: _Variant) -> None:
        super().__init__()
        self._order = order
        self._file_header = variant.file_header
        self._packet_header = variant.packet_header
        self._fractions = variant.fractions
        self._fields = struct.Struct(order + "III").unpack_from  # of a packet: seconds, fraction, captured length

    def next(self) -> bool:
        """Come to the next frame; False where it is not complete."""
        begin = self._place + self._packet_header
        if not self.interfaces or begin > len(self.octets):
            return self._begin()
        seconds: int  # these are said once more for the compiler
        fraction: int
        captured: int
        seconds, fraction, captured = self._fields(self.octets, self._place)
        end = begin + captured
        if captured > _MAX_FRAME:
            self._fault = f"damaged: a packet of {captured} octets"
        if end > len(self.octets) or self._fault:
            return False
        self.captured_us = seconds * 1_000_000 + fraction // self._fractions
        self.begin, self.end, self._place = begin, end, end
        return True

    def _begin(self) -> bool:
        """Read the header of the file, and come to the first frame."""
        if self.interfaces or len(self.octets) < self._file_header:
            return False
        link_type = struct.unpack_from(self._order + "I", self.octets, 20)[0] & _LINK_TYPE_MASK
        self.interfaces.append((link_type, ""))
        self._place = self._file_header
        return self.next()

    def fault(self) -> str:
        """What is wrong with a file that ends here, or ""."""
        if self._fault or self._place == len(self.octets):
            return self._fault
        return "cut within a packet" if self.interfaces else "cut within its header"
