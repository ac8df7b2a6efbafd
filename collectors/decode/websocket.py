"""SIP over WebSocket (RFC 6455, RFC 7118): the upgrade from HTTP, frames, and the messages in them, one direction.

Compression (permessage-deflate, RFC 7692) is marked in the frames, so that its negotiation need not be seen. A
message that refers back to one that was not seen can't be read, and is counted in `garbage`.
"""

import re
import struct
import zlib
from typing import Final, NamedTuple

from collectors.decode.framing import Framed, find_message

MAX_MESSAGE: Final = 131_072  # octets

_MAX_HEAD: Final = 16_384  # of HTTP
_HANDSHAKES: Final = (b"GET ", b"HTTP/1.")
_HEAD_STARTS: Final = b"GH"  # no frame begins with either
_SWITCH: Final = re.compile(rb"(?:GET [^\r\n]{1,8192} HTTP/1\.\d|HTTP/1\.\d 101[^\r\n]{0,256})\r\n")
_UPGRADE: Final = re.compile(rb"\r\nUpgrade[ \t]*:[^\r\n]*websocket", re.IGNORECASE)
_SUBPROTOCOL: Final = re.compile(rb"\r\nSec-WebSocket-Protocol[ \t]*:(?![^\r\n]*\bsip\b)", re.IGNORECASE)

_FIN: Final = 0x80
_COMPRESSED: Final = 0x40  # RSV1, of the first frame of a message
_RESERVED: Final = 0x30
_MASKED: Final = 0x80
_CONTINUATION, _TEXT, _BINARY = 0, 1, 2
_BEGINNINGS: Final = frozenset((_TEXT, _BINARY))
_OPCODES: Final = frozenset((0, 1, 2, 8, 9, 10))
_FIRST_CONTROL: Final = 8
_MAX_CONTROL: Final = 125  # octets
_WIDE: Final = {126: struct.Struct("!H"), 127: struct.Struct("!Q")}
_TAIL: Final = b"\0\0\xff\xff"  # what a sender leaves out (RFC 7692 §7.2.1)
_INFLATER_SIZE: Final = 48 * 1024  # octets that zlib needs
_ENOUGH: Final = 4_096  # octets by which SIP is recognised


class _Head(NamedTuple):
    """The head of a frame (RFC 6455 §5.2)."""

    flags: int  # and its opcode
    mask: bytes  # 4 octets, or none
    begin: int  # octets of the head
    size: int  # octets of the payload

    @property
    def end(self) -> int:
        return self.begin + self.size

    @property
    def opcode(self) -> int:
        return self.flags & 0x0F

    @property
    def sound(self) -> bool:
        """Whether such a frame may be sent: of control frames none is fragmented, long or compressed."""
        if self.opcode not in _OPCODES or self.flags & _RESERVED:
            return False
        if self.opcode < _FIRST_CONTROL:
            return not (self.opcode == _CONTINUATION and self.flags & _COMPRESSED)
        return self.flags & (_FIN | _COMPRESSED) == _FIN and self.size <= _MAX_CONTROL


def is_upgrade(octets: bytes | bytearray) -> bool | None:
    """Whether a stream begins with the handshake of SIP over WebSocket; None when more of it must be seen."""
    if not any(octets[: len(start)] == start[: len(octets)] for start in _HANDSHAKES):
        return False
    end = octets.find(b"\r\n\r\n")
    if end < 0:
        return None if len(octets) <= _MAX_HEAD else False
    head = octets[: end + 2]
    return bool(_SWITCH.match(head) and _UPGRADE.search(head) and not _SUBPROTOCOL.search(head))


def is_sip_frame(octets: bytes) -> bool:
    """Whether these octets certainly begin with a frame that begins a SIP message."""
    head = _head(octets)
    if head is None or not head.sound or head.opcode not in _BEGINNINGS:
        return False
    payload = _unmasked(octets[head.begin : min(head.end, head.begin + _ENOUGH)], head.mask)
    if head.flags & _COMPRESSED:
        try:
            payload = zlib.decompressobj(-zlib.MAX_WBITS).decompress(payload, _ENOUGH)
        except zlib.error:
            return False
    return find_message(payload) == 0


class WebSocketFramer:
    """One direction of a connection, from its handshake or from the beginning of a frame on. Total."""

    __slots__ = ("_broken", "_compressed", "_discard", "_in_step", "_inflater", "_message", "_octets", "garbage")

    def __init__(self) -> None:
        self._octets = bytearray()  # a frame that is not whole
        self._message = bytearray()  # of the frames before it
        self._compressed = False  # the message
        self._broken = True  # no message has begun, or one of which something is missing
        self._inflater: zlib._Decompress | None = None
        self._discard = 0  # octets to come of a frame that is not wanted any more
        self._in_step = False  # not before a handshake or a frame that certainly begins
        self.garbage = 0  # octets that could not be read

    @property
    def held(self) -> int:
        """Octets of memory that it takes for now."""
        return len(self._octets) + len(self._message) + (_INFLATER_SIZE if self._inflater else 0)

    def feed(self, octets: bytes) -> list[Framed]:
        """The SIP messages that these octets complete. Out of step, they must be those of one segment."""
        if not self._in_step:
            self._in_step = octets.startswith(_HANDSHAKES) or is_sip_frame(octets)
            if not self._in_step:
                self.garbage += len(octets)
                return []
        self._octets += octets
        found: list[Framed] = []
        while self._octets and self._advance(found):
            pass
        return found

    def skip(self, missing: int) -> list[Framed]:
        """So many octets are missing here: the message that they were part of, as far as it came."""
        found: list[Framed] = []
        rest = self._discard
        head = _head(self._octets)
        if head and head.sound:
            rest = head.end - len(self._octets)
            if head.opcode < _FIRST_CONTROL:
                self._begin(head)
                self._message += _unmasked(self._octets[head.begin :], head.mask)
        if not self._broken and not self._compressed and find_message(self._message) == 0:
            found.append((bytes(self._message), max(rest, missing)))
        self.end()
        # Where the hole is within a frame, what follows is known to the octet.
        self._discard = max(0, rest - missing)
        self._in_step = rest >= missing
        return found

    def end(self) -> list[Framed]:
        """Nothing more will come: what is not whole is no message."""
        self._octets.clear()
        self._abandon()
        self._inflater = None
        self._discard = 0
        return []

    def _abandon(self) -> None:
        """Give the message up, with all of its frames that are still to come."""
        self.garbage += len(self._message)
        self._message.clear()
        self._broken = True

    def _advance(self, found: list[Framed]) -> bool:
        """One step with what is there; whether another can follow."""
        octets = self._octets
        if self._discard:
            dropped = min(self._discard, len(octets))
            del octets[:dropped]
            self._discard -= dropped
            return True
        if octets[0] in _HEAD_STARTS:
            return self._pass_handshake()
        head = _head(octets)
        if head is None:
            return False
        if not head.sound:
            return self._lose_step()
        if head.size > MAX_MESSAGE:
            self._abandon()
            self.garbage += head.size
            self._discard = head.end
            return True
        if len(octets) < head.end:
            return False
        payload = _unmasked(octets[head.begin : head.end], head.mask)
        del octets[: head.end]
        if head.opcode < _FIRST_CONTROL:
            self._take(head, payload, found)
        return True

    def _pass_handshake(self) -> bool:
        end = self._octets.find(b"\r\n\r\n")
        if end < 0:
            return len(self._octets) > _MAX_HEAD and self._lose_step()
        del self._octets[: end + 4]
        return True

    def _lose_step(self) -> bool:
        self._abandon()
        self.garbage += len(self._octets)
        self._octets.clear()
        self._in_step = False
        return False

    def _begin(self, head: _Head) -> None:
        if head.opcode in _BEGINNINGS:
            self._abandon()
            self._broken = False
            self._compressed = bool(head.flags & _COMPRESSED)

    def _take(self, head: _Head, payload: bytes, found: list[Framed]) -> None:
        """The payload of a frame that is not a control frame: all of a message, or part of it."""
        self._begin(head)
        if self._broken:
            self.garbage += len(payload)
            return
        self._message += payload
        if len(self._message) > MAX_MESSAGE:
            self._abandon()
        elif head.flags & _FIN:
            message = bytes(self._message)
            self._message.clear()
            self._broken = True
            if self._compressed:
                message = self._inflated(message)
            if message.strip(b"\r\n"):  # else a keep-alive (RFC 7118 §6, RFC 5626 §3.5.1)
                found.append((message, 0))

    def _inflated(self, message: bytes) -> bytes:
        """The message as it was before compression; empty where it can't be read."""
        inflater = self._inflater or zlib.decompressobj(-zlib.MAX_WBITS)
        self._inflater = None
        try:
            plain = inflater.decompress(message + _TAIL, MAX_MESSAGE)
        except zlib.error:
            plain = b""
        if not plain or len(plain) >= MAX_MESSAGE:
            self.garbage += len(message)
            return b""
        if not inflater.eof:  # a later message may refer to this one
            self._inflater = inflater
        return plain


def _head(octets: bytes | bytearray) -> _Head | None:
    """The head of a frame, once it is whole."""
    if len(octets) < 2:
        return None
    size = octets[1] & 0x7F
    begin = 2
    wide = _WIDE.get(size)
    if wide:
        begin += wide.size
        if len(octets) < begin:
            return None
        (size,) = wide.unpack_from(octets, 2)
    mask = b""
    if octets[1] & _MASKED:
        mask = bytes(octets[begin : begin + 4])
        begin += 4
    return _Head(octets[0], mask, begin, size) if len(octets) >= begin else None


def _unmasked(payload: bytes | bytearray, mask: bytes) -> bytes:
    if not mask:
        return bytes(payload)
    size = len(payload)
    key = (mask * (size // 4 + 1))[:size]
    return (int.from_bytes(payload, "little") ^ int.from_bytes(key, "little")).to_bytes(size, "little")
