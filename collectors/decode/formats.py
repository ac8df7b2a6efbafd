"""What a file is that is no capture of ours: a name, and where one helps, how to make it one."""

import struct
from typing import Final

_CONVERT: Final = ": convert it with `editcap -F pcapng`"

# What files begin with.
_MAGICS: Final = (
    (b"\x1f\x8b", "a gzip archive in another one: unpack it with `gunzip` first"),
    (b"\x28\xb5\x2f\xfd", "a zstd archive in another one: unpack it with `unzstd` first"),
    (b"PK\x03\x04", "a zip archive: unpack it with `unzip` first"),
    (b"\xfd7zXZ\x00", "an xz archive: unpack it with `unxz` first"),
    (b"BZh", "a bzip2 archive: unpack it with `bunzip2` first"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive: unpack it with `7z x` first"),
    (b"\x04\x22\x4d\x18", "an lz4 archive: unpack it with `unlz4` first"),
    (b"Rar!", "a RAR archive: unpack it first"),
    (b"GMBU", "a Microsoft Network Monitor capture" + _CONVERT),
    (b"RTSS", "a Microsoft Network Monitor capture" + _CONVERT),
    (b"snoop\x00\x00\x00", "a Solaris snoop capture" + _CONVERT),
    (b"TRSNIFF data", "a Sniffer capture" + _CONVERT),
    (b"XCP\x00", "a NetXRay capture" + _CONVERT),
    (b"iptrace ", "an AIX iptrace capture" + _CONVERT),
    (b"btsnoop\x00", "a Bluetooth capture"),
    (b"\x7fELF", "a program"),
    (b"MZ", "a Windows program"),
    (b"%PDF", "a PDF document"),
    (b"\x89PNG", "a picture"),
    (b"\xff\xd8\xff", "a picture"),
    (b"RIFF", "a sound or a film"),
    (b"SQLite format 3", "an SQLite database"),
    (b"\xff\xfe", "text in UTF-16, not a packet capture"),
    (b"\xfe\xff", "text in UTF-16, not a packet capture"),
)
_TAR: Final = (257, b"ustar")
_ERF_TYPES: Final = range(1, 33)
_ERF_SECONDS: Final = range(0x386D4380, 0x7FFFFFFF)  # from 2000 on


def name_of(head: bytes) -> str:
    """What begins with `head`: "empty", "a zip archive: unpack it with `unzip` first", …"""
    if not head:
        return "empty"
    for magic, name in _MAGICS:
        if head.startswith(magic):
            return name
    if head.startswith(_TAR[1], _TAR[0]):
        return "a tar archive: unpack it with `tar xf` first"
    if _is_text(head):
        return "text, not a packet capture"
    if _is_erf(head):
        return "perhaps an Endace ERF capture" + _CONVERT
    return f"neither pcap nor pcapng (it begins with {head[:4].hex(' ')})"


def _is_text(head: bytes) -> bool:
    """Whether all of it is printable in UTF-8, but for a character that is cut at the end."""
    try:
        text = head.decode()
    except UnicodeDecodeError as error:
        if error.start < len(head) - 3:
            return False
        text = head[: error.start].decode()
    return bool(text) and all(character.isprintable() or character in "\t\r\n\f\x1b" for character in text)


def _is_erf(head: bytes) -> bool:
    """Whether it may be a record of that format, which has no magic number: a time, a type, two lengths."""
    if len(head) < 16:
        return False
    seconds, kind, length, wire_length = struct.unpack_from("<4xIB", head)[0:2] + struct.unpack_from(">10xH2xH", head)
    return seconds in _ERF_SECONDS and kind & 0x7F in _ERF_TYPES and 16 <= length <= wire_length + 64
