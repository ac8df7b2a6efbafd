"""What can be told of a message at a glance: for those who share messages out, and read few of them.

It is what `collectors.sip.message.parse` says, of any octets: where it is not plain to see, that is asked.
"""

from typing import Final

from collectors.sip.line import KNOWN, read
from collectors.sip.message import parse

_CALL_ID: Final = b"\r\nCall-ID:"
_FEED: Final = 10
_RETURN: Final = 13
_BLANKS: Final = frozenset((b" ", b"\t"))
_I: Final = frozenset(b"iI")
_C: Final = frozenset(b"cC")
_A: Final = frozenset(b"aA")


def call_id_of(raw: bytes) -> str:
    """The Call-ID of a message, "" where it has none."""
    line = call_id_line(raw)
    if line is None:
        return parse(raw)[3]
    return (KNOWN.get(line) or read(line)).text


def call_id_line(raw: bytes) -> bytes | None:
    """The header line that the Call-ID is read from, where that is spelled as usual; else None."""
    at = raw.find(_CALL_ID)
    if at <= 0 or raw[0] <= _RETURN or raw[at - 1] <= _RETURN:
        return None
    end = raw.find(b"\r\n", at + 2)
    if end < 0 or raw[end + 2 : end + 3] in _BLANKS:
        return None  # it may go on
    for before in raw[:at].splitlines()[1:]:
        # The head is over, or there is a header that may be another Call-ID, or its compact form.
        if not before or before[0] in _I or (before[0] in _C and len(before) > 1 and before[1] in _A):
            return None
    line = raw[at + 2 : end]
    return None if _FEED in line or _RETURN in line else line


def is_response(raw: bytes) -> bool:
    """Whether a message is a response with a status that can be read."""
    if raw[:8] == b"SIP/2.0 " and raw[8:11].isdigit() and raw[11:12] == b" ":
        return raw[8:9] != b"0"
    if raw[:1] > b"\r" and raw[:4].upper() != b"SIP/":
        return False
    return parse(raw)[2] != 0
