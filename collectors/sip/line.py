"""The header lines that every stage needs of a message, read: which header it is, and what is in it.

Most lines come again, on the next hop, in the response, in the rest of the dialog: so what a line says is
remembered by its octets. Only the topmost Via, which is new in each transaction, is not.
"""

import re
from functools import lru_cache
from typing import Final

from collectors.sip.uri import addr_spec

# RFC 3261 §7.3.3 and its extensions: the compact form of a header name.
COMPACT: Final = {
    "a": "accept-contact",
    "b": "referred-by",
    "c": "content-type",
    "d": "request-disposition",
    "e": "content-encoding",
    "f": "from",
    "i": "call-id",
    "j": "reject-contact",
    "k": "supported",
    "l": "content-length",
    "m": "contact",
    "n": "identity-info",
    "o": "event",
    "r": "refer-to",
    "s": "subject",
    "t": "to",
    "u": "allow-events",
    "v": "via",
    "x": "session-expires",
    "y": "identity",
}

LOWER: Final = 32  # the bit that makes a letter lower case

CALL_ID: Final = 0
FROM: Final = 1
TO: Final = 2
CSEQ: Final = 3
CONTACT: Final = 4
LENGTH: Final = 5
OTHER: Final = 6
VIA: Final = 7
_COLUMNS: Final = {
    "call-id": CALL_ID,
    "from": FROM,
    "to": TO,
    "cseq": CSEQ,
    "via": VIA,
    "contact": CONTACT,
    "content-length": LENGTH,
}
# What the first octet of a line tells of it. Many headers begin with a letter that none of these does.
DULL: Final = 0
BLANK: Final = 1  # it continues the line before
READ: Final = 2
PERHAPS_VIA: Final = 3
_ROLES: Final = {**dict.fromkeys(b"ABDEGHJKNOPQRSUWXYZabdeghjknopqrsuwxyz", DULL), **dict.fromkeys(b" \t", BLANK)}
ROLES: Final = bytes(PERHAPS_VIA if octet in b"Vv" else _ROLES.get(octet, READ) for octet in range(256))

# Worth remembering: junk must not fill the cache.
_LONGEST: Final = 256
_LONGEST_OTHER: Final = 40
_LONGEST_NAME: Final = 32
_MOST: Final = 16_384

_TAG: Final = re.compile(r";\s*tag\s*=\s*([^\s;,>]+)", re.IGNORECASE)
_BRANCH: Final = re.compile(r";\s*branch\s*=\s*([^\s;,]+)", re.IGNORECASE)


class Line:
    """A header line. What `text` and `number` are depends on the column; `fault`: why it can't be read.

    CALL_ID: text is the value. FROM, TO, CONTACT: text is the URI without parameters, `tag` the tag.
    CSEQ: number, and text is the method. LENGTH: number.
    """

    __slots__ = ("column", "fault", "number", "tag", "text")

    def __init__(self, column: int, text: str = "", tag: str = "", number: int = -1, fault: str = "") -> None:
        self.column = column
        self.text = text
        self.tag = tag
        self.number = number
        self.fault = fault


# The usual spellings; others are taken apart.
_SPELLED: Final = {
    **{name.title(): column for name, column in _COLUMNS.items()},
    **{compact: _COLUMNS[name] for compact, name in COMPACT.items() if name in _COLUMNS},
    "Call-ID": CALL_ID,
    "CSeq": CSEQ,
    "Content-Type": OTHER,
    "Max-Forwards": OTHER,
}

_OTHER_LINE: Final = Line(OTHER)
# What lines that were read lately say.
KNOWN: Final[dict[bytes, Line]] = {}


def text_of(octets: bytes) -> str:
    """Octets of a head as text: UTF-8 (RFC 3261 §7), and U+FFFD for what is none."""
    try:
        return octets.decode()
    except UnicodeDecodeError:
        return octets.decode("utf-8", "replace")


def is_via(line: bytes) -> bool:
    """Whether a line is a Via, in any spelling."""
    name, colon, _ = text_of(line).partition(":")
    return bool(colon) and _column(name) == VIA


def branch_of(via: bytes) -> str:
    """The branch of the first of the values of a Via line, "" where it has none."""
    value = text_of(via).strip()
    if "," in value:
        value = value.partition(",")[0]
    at = value.find(";branch=") + 8
    if at >= 8:
        end = value.find(";", at)
        branch = value[at:end] if end >= 0 else value[at:]
        if branch and " " not in branch and "\t" not in branch:
            return branch
    found = _BRANCH.search(value)
    return found[1] if found else ""


def read(line: bytes) -> Line:
    """What a line says that is not `KNOWN` yet; as `OTHER` where it is none that each stage needs, and where a Via."""
    name, colon, value = text_of(line).partition(":")
    column = _column(name) if colon else OTHER
    if column in (OTHER, VIA):
        found, longest = _OTHER_LINE, _LONGEST_OTHER
    else:
        found, longest = _READERS[column](value.strip()), _LONGEST
    if len(line) <= longest:
        if len(KNOWN) >= _MOST:
            KNOWN.clear()
        KNOWN[line] = found
    return found


def _column(name: str) -> int:
    column = _SPELLED.get(name)
    if column is not None:
        return column
    return _spelled(name) if len(name) <= _LONGEST_NAME else OTHER


@lru_cache(1024)
def _spelled(name: str) -> int:
    long = name.rstrip(" \t").lower()
    return _COLUMNS.get(COMPACT.get(long, long), OTHER)


def _call_id(value: str) -> Line:
    return Line(CALL_ID, value, fault="" if value else "no-call-id")


def _from(value: str) -> Line:
    uri, tag = _name_addr(value)
    return Line(FROM, uri, tag, fault="" if uri else "bad-from" if value else "no-from")


def _to(value: str) -> Line:
    uri, tag = _name_addr(value)
    return Line(TO, uri, tag, fault="" if uri else "bad-to" if value else "no-to")


def _contact(value: str) -> Line:
    return Line(CONTACT, addr_spec(value)[0])


def _name_addr(value: str) -> tuple[str, str]:
    """(addr-spec without parameters, tag) of a From or To value."""
    uri, rest = addr_spec(value)
    if not rest:
        return uri, ""
    at = rest.find(";tag=")
    if at >= 0:
        tag = rest[at + 5 :].partition(";")[0].strip()
        if tag and " " not in tag and "," not in tag:
            return uri, tag
    found = _TAG.search(rest)
    return uri, found[1] if found else ""


def _cseq(value: str) -> Line:
    number, _, method = value.replace("\t", " ").partition(" ")
    if not number.isascii() or not number.isdigit() or len(number) > 10 or int(number) >= 2**32 or len(value) >= 100:
        return Line(CSEQ, fault="bad-cseq" if value else "no-cseq")
    return Line(CSEQ, method.strip()[:64], number=int(number))


def _length(value: str) -> Line:
    if not value.isascii() or not value.isdigit() or len(value) > 9:
        return Line(LENGTH, fault="bad-content-length")
    return Line(LENGTH, number=int(value))


# By column, in its order.
_READERS: Final = (_call_id, _from, _to, _cseq, _contact, _length)
