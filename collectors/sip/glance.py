"""What can be told of a message at a glance: for those who share messages out, and read few of them.

It is what `collectors.sip.message.parse` says, of any octets: where it is not plain to see, that is asked.
"""

import re
from typing import Final

from collectors.sip.line import KNOWN, read
from collectors.sip.message import parse

_RETURN: Final = 13
# An empty line, which ends the head, or a Call-ID, whichever comes first; and whether the Call-ID is all in its line.
_CALL_ID: Final = re.compile(
    rb"\n(?:[\r\n]|((?:[iI]|[cC][aA][lL][lL]-[iI][dD])[ \t]{0,20}:[^\r\n]*+)(\r\n(?![ \t]))?)"
).search
# What some take for the end of a line.
_LONE_RETURN: Final = re.compile(rb"\r(?!\n)").search


def call_id_of(raw: bytes) -> str:
    """The Call-ID of a message, "" where it has none."""
    line = call_id_line(raw)
    return parse(raw)[3] if line is None else call_id_in(line)


def call_id_in(line: bytes) -> str:
    """The Call-ID that such a header line (`call_id_line`) says."""
    return (KNOWN.get(line) or read(line)).text


def call_id_line(raw: bytes) -> bytes | None:
    """The header line that the Call-ID is read from; None where only `parse` can tell."""
    found = _CALL_ID(raw)
    if found is None or found[2] is None or raw[0] <= _RETURN:
        return None
    if _LONE_RETURN(raw, 0, found.end()) is not None:
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
