"""Capture files of the newer format, pcapng, as a pure parser over a stream of bytes.

https://www.ietf.org/archive/id/draft-ietf-opsawg-pcapng: sections in either byte order, each with
interfaces of its own, which differ in link type, clock resolution and offset. What is not about
packets (names, secrets, custom blocks) is passed over.
"""

import struct
from collections.abc import Iterator
from typing import Final, NamedTuple

from collectors.decode.reader import CaptureReader

SECTION_HEADER: Final = b"\x0a\x0d\x0d\x0a"
_SECTION: Final = 0x0A0D0D0A
_INTERFACE: Final = 1
_OBSOLETE_PACKET: Final = 2
_SIMPLE_PACKET: Final = 3
_STATISTICS: Final = 5
_ENHANCED_PACKET: Final = 6
_SECRETS: Final = 10

_TLS_SECRETS: Final = 0x544C534B
_OPTION_NAME: Final = 2
_OPTION_RESOLUTION: Final = 9
_OPTION_OFFSET: Final = 14
_OPTIONS_DROPPED: Final = frozenset((5, 7))  # isb_ifdrop, isb_osdrop

_PACKET_HEADER: Final = 28  # octets of an enhanced packet before its frame
_MAX_BLOCK: Final = 16 * 1024 * 1024  # octets
_MAX_INTERFACES: Final = 4_096
_LATEST_US: Final = 253_402_300_799_000_000  # the end of the year 9999: what comes after has no date


class _Clock:
    """µs since the epoch = ticks · numerator // denominator + offset_us."""

    __slots__ = ("denominator", "numerator", "offset_us")

    def __init__(self, numerator: int, denominator: int, offset_us: int) -> None:
        self.numerator = numerator
        self.denominator = denominator
        self.offset_us = offset_us

    def time_us(self, high: int, low: int) -> int:
        """When that was, as far as it has a date."""
        ticks = high << 32 | low
        # Nearly all clocks count whole parts of a microsecond.
        time_us = (ticks if self.numerator == 1 else ticks * self.numerator) // self.denominator + self.offset_us
        return time_us if 0 <= time_us <= _LATEST_US else min(max(time_us, 0), _LATEST_US)


class _Layouts(NamedTuple):
    """The structures in the byte order of a section; but for the first two without their block's type and length."""

    block: struct.Struct  # type, length
    packet: struct.Struct  # type, length, interface, time high and low, captured length
    obsolete: struct.Struct  # the last four of these
    link: struct.Struct  # link type
    word: struct.Struct
    option: struct.Struct  # code, length
    long: struct.Struct
    signed: struct.Struct


def _layouts(order: str) -> _Layouts:
    return _Layouts(*(struct.Struct(order + fields) for fields in ("II", "IIIIII", "HxxIII", "H", "I", "HH", "Q", "q")))


_ORDERS: Final = {b"\x4d\x3c\x2b\x1a": _layouts("<"), b"\x1a\x2b\x3c\x4d": _layouts(">")}


class PcapngReader(CaptureReader):
    """The newer format."""

    def __init__(self) -> None:
        super().__init__()
        self.secrets = False  # of TLS connections are in the file
        self._dropped: dict[tuple[int, int], int] = {}  # by interface and option
        self._clocks: list[_Clock] = []  # as `interfaces`
        self._first = 0  # index of the present section's first interface
        self._layouts = _ORDERS[b"\x4d\x3c\x2b\x1a"]
        self._packet = self._layouts.packet.unpack_from

    @property
    def dropped(self) -> int:
        """Packets that the capture lost, by its own statistics."""
        return sum(self._dropped.values())

    def fault(self) -> str:
        """What is wrong with a file that ends here, or ""."""
        return self._fault or ("cut within a block" if self._place < len(self.octets) else "")

    def next(self) -> bool:
        """Come to the next frame; False where it is not complete."""
        while not self._next_packet():
            place = self._place
            if self._next_block():
                return True
            if self._place == place or self._fault:
                return False
        return True

    def _next_packet(self) -> bool:
        """Come to the frame of an enhanced packet, as nearly all blocks are; False where the next is none."""
        at, begin = self._place, self._place + _PACKET_HEADER
        if begin + 4 > len(self.octets):
            return False
        kind: int  # these are said once more for the compiler
        size: int
        interface: int
        high: int
        low: int
        captured: int
        kind, size, interface, high, low, captured = self._packet(self.octets, at)
        behind = at + ((size + 3) & ~3)
        if kind != _ENHANCED_PACKET or size > _MAX_BLOCK or behind > len(self.octets) or begin + captured > behind - 4:
            return False
        interface += self._first
        if interface >= len(self._clocks):
            return False
        self.captured_us = self._clocks[interface].time_us(high, low)
        self._place = behind
        return self._come_to(interface, begin, begin + captured)

    def _come_to(self, interface: int, begin: int, end: int) -> bool:
        self.interface, self.begin, self.end = interface, begin, end
        return True

    def _next_block(self) -> bool:
        """Take any other block, if it is complete; whether it held a frame, to which this came."""
        at, end = self._place, len(self.octets)
        if end - at < 12:
            return False
        kind: int
        size: int
        kind, size = self._layouts.block.unpack_from(self.octets, at)
        if kind == _SECTION:
            size = self._begin_section(self.octets, at)
        if not 12 <= size <= _MAX_BLOCK:
            what = f"a block of {size} octets" if size else "a block or section without a length or byte order"
            self._fault = f"damaged: {what}"
            return False
        size = (size + 3) & ~3
        if at + size > end:
            return False
        self._place = at + size
        return self._block(kind, self.octets, at + 8, at + size - 4)

    def _begin_section(self, data: bytes, at: int) -> int:
        """Take over the byte order of the section that begins at `at`; its header's length, or 0 when it has none."""
        layouts = _ORDERS.get(data[at + 8 : at + 12])
        if layouts is None:
            return 0
        self._layouts = layouts
        self._packet = layouts.packet.unpack_from
        self._first = len(self.interfaces)
        return int(layouts.word.unpack_from(data, at + 4)[0])

    def _block(self, kind: int, data: bytes, at: int, end: int) -> bool:
        """Take the block whose content is `data[at:end]`; whether it held a frame, to which this came."""
        if kind == _ENHANCED_PACKET:
            self.stray += 1  # it makes no sense, or `_next_packet` had taken it
        elif kind == _OBSOLETE_PACKET:
            return self._obsolete_packet(data, at, end)
        elif kind == _SIMPLE_PACKET:
            return self._simple_packet(data, at, end)
        elif kind == _INTERFACE:
            self._add_interface(data, at, end)
        elif kind == _SECRETS and end - at >= 4:
            self.secrets |= self._layouts.word.unpack_from(data, at)[0] == _TLS_SECRETS
        elif kind == _STATISTICS and end - at >= 12:
            index = self._first + self._layouts.word.unpack_from(data, at)[0]
            for code, value in self._options(data, at + 12, end):
                if code in _OPTIONS_DROPPED and len(value) == 8 and index < len(self.interfaces):
                    self._dropped[index, code] = self._layouts.long.unpack(value)[0]
        return False

    def _obsolete_packet(self, data: bytes, at: int, end: int) -> bool:
        if end - at < 20:
            self.stray += 1
            return False
        interface, high, low, captured = self._layouts.obsolete.unpack_from(data, at)
        index = self._first + interface
        if index >= len(self._clocks) or captured > end - at - 20:
            self.stray += 1
            return False
        self.captured_us = self._clocks[index].time_us(high, low)
        return self._come_to(index, at + 20, at + 20 + captured)

    def _simple_packet(self, data: bytes, at: int, end: int) -> bool:
        """A packet of the section's first interface; it has no time, so it gets that of the one before."""
        if end - at < 4 or self._first >= len(self.interfaces):
            self.stray += 1
            return False
        length = self._layouts.word.unpack_from(data, at)[0]
        return self._come_to(self._first, at + 4, min(at + 4 + length, end))

    def _add_interface(self, data: bytes, at: int, end: int) -> None:
        if end - at < 8 or len(self.interfaces) >= _MAX_INTERFACES:
            self._fault = "damaged: an interface that can't be read, or too many of them"
            return
        name = ""
        ticks = (1, 1)
        offset_us = 0
        for code, value in self._options(data, at + 8, end):
            if code == _OPTION_NAME:
                name = value.decode("utf-8", "replace").rstrip("\0")
            elif code == _OPTION_RESOLUTION and len(value) == 1:
                ticks = _resolution(value[0])
            elif code == _OPTION_OFFSET and len(value) == 8:
                offset_us = self._layouts.signed.unpack(value)[0] * 1_000_000
        self.interfaces.append((self._layouts.link.unpack_from(data, at)[0], name))
        self._clocks.append(_Clock(ticks[0], ticks[1], offset_us))

    def _options(self, data: bytes, at: int, end: int) -> Iterator[tuple[int, bytes]]:
        while end - at >= 4:
            code, length = self._layouts.option.unpack_from(data, at)
            if code == 0 or at + 4 + length > end:
                return
            yield code, data[at + 4 : at + 4 + length]
            at += 4 + (length + 3 & ~3)


def _resolution(octet: int) -> tuple[int, int]:
    """if_tsresol → µs a tick as a fraction: a power of ten, or with its first bit set, of two."""
    if octet & 0x80:
        return 1_000_000, 1 << (octet & 0x7F)
    return (10 ** (6 - octet), 1) if octet < 6 else (1, 10 ** (octet - 6))
