"""What can be told of a message at a glance: for those who share messages out, and read few of them.

It is what `collectors.sip.message.parse` says, of any octets: where it is not plain to see, that is asked.
"""

import re
from typing import Final

from collectors.sip.line import KNOWN, read
from collectors.sip.message import parse

_RETURN: Final = 13
# An empty line, which ends the head, or a Call-ID, whichever comes first.
_CALL_ID: Final = re.compile(rb"\n(?:[\r\n]|((?:[iI]|[cC][aA][lL][lL]-[iI][dD])[ \t]{0,20}:[^\r\n]*+))")
_BLANKS: Final = frozenset((b" ", b"\t"))


def call_id_of(raw: bytes) -> str:
    """The Call-ID of a message, "" where it has none."""
    line = call_id_line(raw)
    if line is None:
        return parse(raw)[3]
    return (KNOWN.get(line) or read(line)).text


def call_id_line(raw: bytes) -> bytes | None:
    """The header line that the Call-ID is read from; None where only `parse` can tell."""
    found = _CALL_ID.search(raw)
    if found is None or raw[0] <= _RETURN:
        return None
    end = found.end()
    if raw[end : end + 2] != b"\r\n" or raw[end + 2 : end + 3] in _BLANKS:
        return None  # it may go on
    if raw.count(b"\r", 0, end) != raw.count(b"\r\n", 0, end):
        return None  # there may be lines between those that were looked at
    line: bytes | None = found[1]
    return line


def is_response(raw: bytes) -> bool:
    """Whether a message is a response with a status that can be read."""
    if raw[:8] == b"SIP/2.0 " and raw[8:11].isdigit() and raw[11:12] == b" ":
        return raw[8:9] != b"0"
    if raw[:1] > b"\r" and raw[:4].upper() != b"SIP/":
        return False
    return parse(raw)[2] != 0
