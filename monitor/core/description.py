"""Where a message has its session description."""

from typing import Final

from collectors.sip.content import parts
from collectors.sip.faults import CUT_FAULT
from collectors.sip.reading import Reading
from collectors.sip.sdp import looks_like_sdp

_CUT: Final = frozenset({"truncated-body", CUT_FAULT})
_NO_BODY: Final = b"\r\nContent-Length: 0\r\n\r\n"  # as the head of most messages ends that have none


def description(reading: Reading, fault: str) -> bytes | None:
    """The session description of a message with this fault; b"" where it has none, None where that can't be told."""
    raw = reading.raw
    if not fault and raw.endswith(_NO_BODY):
        return b""
    octets = reading.body
    if octets[:2] == b"v=" and not fault:
        return octets
    if not octets or octets.isspace():
        return None if fault in _CUT else b""
    if fault in _CUT:
        return None
    if looks_like_sdp(octets):
        return octets
    bodies = parts(reading)
    found = next((part.content for part in bodies if looks_like_sdp(part.content)), b"")
    return found or (None if any(part.fault for part in bodies) else b"")
