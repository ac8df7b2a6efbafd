"""Files that are no capture, named."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectors.decode.formats import name_of

ERF = struct.pack("<II", 0, 1_700_000_000) + struct.pack(">BBHHH", 2, 4, 96, 0, 80) + bytes(80)

NAMES = [
    (b"", "empty"),
    (b"\x1f\x8b\x08\0", "gzip archive in another one"),
    (b"\x28\xb5\x2f\xfd", "zstd archive in another one"),
    (b"PK\x03\x04\x14\0", "zip archive: unpack it with `unzip`"),
    (b"\xfd7zXZ\0", "`unxz`"),
    (b"BZh9", "`bunzip2`"),
    (b"7z\xbc\xaf\x27\x1c", "7-Zip"),
    (b"\x04\x22\x4d\x18", "`unlz4`"),
    (b"file.pcap".ljust(257, b"\0") + b"ustar", "tar archive"),
    (b"GMBU\0\2", "Network Monitor capture: convert it with `editcap"),
    (b"snoop\0\0\0", "snoop"),
    (b"iptrace 2.0", "iptrace"),
    (b"\x7fELF\2\1\1", "a program"),
    (b"MZ\x90\0", "Windows program"),
    (b"SQLite format 3\0", "SQLite"),
    (b"\xff\xfeS\0I\0P\0", "UTF-16"),
    (b"SIP/2.0 200 OK\r\n", "text"),
    ("Ärger mit dem Klang".encode(), "text"),
    (("x" * 40 + "ä").encode()[:-1], "text"),
    (ERF, "perhaps an Endace ERF capture"),
    (ERF[:12], "begins with 00 00 00 00"),
    (b"\0\1\2\3\4", "neither pcap nor pcapng (it begins with 00 01 02 03)"),
    (b"\xc3", "neither"),
    (b"text\0and more", "neither"),
    (b"text \xff and more than that", "neither"),
]


@pytest.mark.parametrize(("head", "name"), NAMES)
def test_a_file_is_named_by_what_it_begins_with(head: bytes, name: str) -> None:
    assert name in name_of(head)


@given(st.binary(max_size=300))
def test_any_octets_have_a_name(head: bytes) -> None:
    assert name_of(head)
