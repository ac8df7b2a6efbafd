"""What can be told of a message at a glance: for those who share messages out, and read few of them.

It is what `collectors.sip.message.parse` says, of any octets: where it is not plain to see, that is asked.
"""

import re
from typing import Final

from collectors.sip.line import KNOWN, LOWER, read
from collectors.sip.message import parse

_RETURN: Final = 13
_BLANK: Final = 32
_COLON: Final = 58
_SMALL_D: Final = 100
_SMALL_S: Final = 115
_ZERO: Final = 48
_ONE: Final = 49
_NINE: Final = 57
_STATUS_END: Final = 11  # in a status line
# An empty line, which ends the head, or a Call-ID, whichever comes first; and whether the Call-ID is all in its line.
_CALL_ID: Final = re.compile(
    rb"\n(?:[\r\n]|((?:[iI]|[cC][aA][lL][lL]-[iI][dD])[ \t]{0,20}:[^\r\n]*+)(\r\n(?![ \t]))?)"
).search
# What some take for the end of a line.
_LONE_RETURN: Final = re.compile(rb"\r(?!\n)").search


def usual_call_id(raw: bytes) -> bytes:
    """The octets of the first Call-ID that is written as nearly all write it; none where it must be looked for.

    It is the Call-ID of the message, but for messages that nobody sends: of two, in two spellings, or none but in the
    body.
    """
    text = raw.decode("latin-1")  # octet for octet: it is found in half the time
    begin = text.find("\r\nCall-I") + 10
    if begin < 10:
        begin = text.find("\r\ni:") + 4
        if begin < 4:
            return b""
    elif begin > len(raw) or raw[begin - 1] != _COLON or raw[begin - 2] | LOWER != _SMALL_D:
        return b""
    end = text.find("\r", begin)
    if begin < end and raw[begin] == _BLANK:
        begin += 1
    if not begin < end < len(raw) - 2 or text.find("\n", begin) != end + 1:
        return b""  # it is cut, or some lines end otherwise
    if raw[begin] <= _BLANK or raw[end - 1] <= _BLANK or raw[end + 2] <= _BLANK:
        return b""  # it goes on in the next line, or there are more blanks around it
    found = raw[begin:end]
    return found if found.isascii() else b""


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
    if not raw or raw[0] <= _RETURN:
        return parse(raw)[2] != 0
    if raw[0] | LOWER != _SMALL_S:
        return False
    return _is_usual_status(raw) or (raw[:4].upper() == b"SIP/" and parse(raw)[2] != 0)


def _is_usual_status(raw: bytes) -> bool:
    # Octet by octet: that is what a compiler makes most of.
    if len(raw) <= _STATUS_END or raw[:8] != b"SIP/2.0 " or raw[_STATUS_END] != _BLANK:
        return False
    return _ONE <= raw[8] <= _NINE and _ZERO <= raw[9] <= _NINE and _ZERO <= raw[10] <= _NINE
