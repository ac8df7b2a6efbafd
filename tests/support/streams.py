"""TCP, WebSocket and SCTP, built octet by octet from the standards, independently of what reads them."""

import struct
import zlib
from collections.abc import Sequence
from itertools import pairwise

SEQUENCES = 1 << 32


def tcp(
    payload: bytes = b"",
    sequence: int = 0,
    *,
    acknowledgment: int = 0,
    flags: int = 0x18,
    ports: tuple[int, int] = (5062, 5060),
    options: bytes = b"",
) -> bytes:
    """A TCP segment, without a checksum; `options` a multiple of four octets."""
    offset = (20 + len(options)) // 4 << 4
    head = struct.pack("!HHIIBBHHH", *ports, sequence % SEQUENCES, acknowledgment % SEQUENCES, offset, flags, 512, 0, 0)
    return head + options + payload


def sctp(*chunks: bytes, ports: tuple[int, int] = (5062, 5060), tag: int = 1) -> bytes:
    """An SCTP packet, without a checksum."""
    return struct.pack("!HHII", *ports, tag, 0) + b"".join(chunk + b"\0" * (-len(chunk) % 4) for chunk in chunks)


def data_chunk(octets: bytes, number: int, bits: int = 3, *, stream: int = 0, ordinal: int = 0) -> bytes:
    """A DATA chunk (RFC 9260 §3.3.1); `bits` are B and E, and U."""
    return struct.pack("!BBHIHHI", 0, bits, 16 + len(octets), number % SEQUENCES, stream, ordinal, 0) + octets


def i_data_chunk(octets: bytes, number: int, bits: int = 3, *, message: int = 0, place: int = 0) -> bytes:
    """An I-DATA chunk (RFC 8260 §2.1); `place` among the fragments of its message."""
    return struct.pack("!BBHIHHII", 64, bits, 20 + len(octets), number, 0, 0, message, place) + octets


def frame(payload: bytes, opcode: int = 1, *, fin: bool = True, reserved: int = 0, mask: bytes = b"") -> bytes:
    """A WebSocket frame (RFC 6455 §5.2); `reserved` are its three RSV bits, `mask` four octets or none."""
    size = len(payload)
    masked = 0x80 if mask else 0
    if size < 126:
        length = bytes((masked | size,))
    elif size < 65_536:
        length = struct.pack("!BH", masked | 126, size)
    else:
        length = struct.pack("!BQ", masked | 127, size)
    if mask:
        payload = bytes(octet ^ mask[at % 4] for at, octet in enumerate(payload))
    return bytes((fin << 7 | reserved << 4 | opcode,)) + length + mask + payload


def deflated(messages: Sequence[bytes], *, takeover: bool = True) -> list[bytes]:
    """Messages compressed as by permessage-deflate (RFC 7692), each with those before it as dictionary."""
    found = []
    deflater = zlib.compressobj(wbits=-15)
    for message in messages:
        if not takeover:
            deflater = zlib.compressobj(wbits=-15)
        found.append((deflater.compress(message) + deflater.flush(zlib.Z_SYNC_FLUSH))[:-4])
    return found


def cuts(octets: bytes, *places: int) -> list[bytes]:
    """The octets cut at these places."""
    ends = (0, *sorted(places), len(octets))
    return [octets[begin:end] for begin, end in pairwise(ends)]


REQUEST_HEAD = (
    b"GET /sip HTTP/1.1\r\nHost: ws.example.com\r\nupgrade: WebSocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: sip\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
RESPONSE_HEAD = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Protocol: sip\r\n\r\n"
)
