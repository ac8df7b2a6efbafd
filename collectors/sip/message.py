"""SIP messages, read: the fields that every stage needs, and any header on request.

Parsing is total: whatever the bytes, `parse` returns fields, with `fault` saying what RFC 3261 finds
wrong. It is also the hottest loop of the edge: one split, one dictionary look-up a header line (see
`collectors.sip.line`); what is not asked for at once is read later, from `raw`, by `header`.
"""

import re
from typing import Final, TypeAlias

from collectors.sip.line import (
    BLANK,
    CALL_ID,
    COMPACT,
    CONTACT,
    CSEQ,
    DULL,
    FROM,
    KNOWN,
    LENGTH,
    LOWER,
    OTHER,
    PERHAPS_VIA,
    ROLES,
    TO,
    Line,
    branch_of,
    is_via,
    read,
    text_of,
)

# The last fields of `collectors.wire.events.SipEvent`, in their order, from `fault` to `contact`.
Parsed: TypeAlias = tuple[str, str, int, str, str, str, str, str, int, str, str, int, str]

# The start line, the header lines with folding undone, and where the body begins, whatever Content-Length says.
Head: TypeAlias = tuple[bytes, list[bytes], int]

# RFC 3261, 3262, 3311, 3428, 3515, 3903, 6086, 6665. Others are read all the same.
METHODS: Final = frozenset(
    {
        "ACK", "BYE", "CANCEL", "INFO", "INVITE", "MESSAGE", "NOTIFY", "OPTIONS", "PRACK", "PUBLISH", "REFER",
        "REGISTER", "SUBSCRIBE", "UPDATE",
    }
)  # fmt: skip

_CARRIAGE_RETURN: Final = 13
_COMMA: Final = 44  # sooner found as an octet than as octets
_COLON: Final = 58
_METHODS: Final = {method.encode(): method for method in METHODS}
_BLANKS: Final = frozenset(b" \t")
_MOST_SPELLINGS: Final = 1_024
_MOST_STARTS: Final = 4_096
_LONGEST_START: Final = 256  # octets
_LONGEST_LINE: Final = 8_192  # of a first line that is told
# What stands for a header that a message does not have, by column.
_ABSENT: Final = [
    Line(CALL_ID, fault="no-call-id"),
    Line(FROM, fault="no-from"),
    Line(TO, fault="no-to"),
    Line(CSEQ, fault="no-cseq"),
    Line(CONTACT),
    Line(LENGTH, number=0),
    Line(OTHER),
]

_HEAD_END: Final = b"\r\n\r\n"
_RESPONSE: Final = b"SIP/2.0 "
_BLANK_LINE: Final = re.compile(rb"(?>\r\n|[\r\n]){2}")
_FIRST_LINE: Final = re.compile(
    rb"[\r\n]{0,64}(?:SIP/\d+\.\d+[ \t]"
    rb"|[^\s\x00-\x1f:]{1,200}[ \t][^\r\n:]{1,64}:[^\r\n]{0,16384}[ \t]SIP/\d+\.\d+[ \t]*[\r\n])",
    re.IGNORECASE,
)


def looks_like_sip(payload: bytes) -> bool:
    """Whether `payload` begins like a SIP message (§7).

    Its first line names SIP/x.y where it must, and in a request a URI with a scheme comes before that.
    """
    if payload.startswith(_RESPONSE):
        return True
    end = payload.find(b"\r\n")
    if end > 0 and _usual_start(payload[:end]) is not None:
        return True
    return _FIRST_LINE.match(payload) is not None


def parse(raw: bytes) -> Parsed:
    """The fields of a message, as the tail of a `SipEvent`. Never raises."""
    return parse_head(raw)[0]


def parse_head(raw: bytes) -> tuple[Parsed, Head]:
    """The fields of a message, and its head for those who look further. Never raises."""
    start, lines, end = _usual_head(raw)
    if end > 0:
        try:
            return _fields(raw, start, lines, end), (start, lines, end + 4)
        except IndexError:
            pass  # a line without octets
    start, lines, end = _head(raw)
    return _fields(raw, start, lines, end), (start, lines, _body_begin(raw, end))


def _fields(raw: bytes, start: bytes, lines: list[bytes], end: int) -> Parsed:
    """The fields of a message with these lines, behind which its blank line begins at `end`; undoes their folding.

    Raises IndexError where a header line is empty.
    """
    found = _ABSENT.copy()
    via, vias = b"", 0
    for line in reversed(lines):  # of several, the first counts
        role = ROLES[line[0]]
        if role == DULL:
            continue
        if role == PERHAPS_VIA:
            if line.startswith(b"Via:") or is_via(line):
                via = line
                vias += 1 + line.count(b",") if _COMMA in line else 1
            continue
        if role == BLANK:
            lines[:] = _unfolded(lines)
            return _fields(raw, start, lines, end)
        header = KNOWN.get(line)
        if header is None:
            header = read(line)
        found[header.column] = header
    method, status, fault = _start_line(start)
    call_id, from_, to, cseq, contact, length, _ = found
    branch = branch_of(via)
    return (
        fault
        or call_id.fault
        or cseq.fault
        or ("cseq-mismatch" if method and cseq.text != method else "")
        or from_.fault
        or to.fault
        or ("" if branch or via.partition(b":")[2].strip() else "no-via")
        or length.fault
        or ("truncated-body" if length.number > 0 and length.number > _body_length(raw, end) else ""),
        method,
        status,
        call_id.text,
        from_.text,
        from_.tag,
        to.text,
        to.tag,
        cseq.number,
        cseq.text,
        branch,
        vias,
        contact.text,
    )


def headers(raw: bytes) -> list[tuple[str, str]]:
    """All headers in order: (long name in lower case, value with folding undone)."""
    found: list[tuple[str, str]] = []
    for line in head(raw)[1]:
        name, colon, value = text_of(line).partition(":")
        if colon:
            name = name.rstrip(" \t").lower()
            found.append((COMPACT.get(name, name), value.strip()))
    return found


def header(raw: bytes, name: str) -> str | None:
    """The first value of header `name` (long form, lower case); None when there is none."""
    found = header_values(raw, name)
    return found[0] if found else None


def header_values(raw: bytes, name: str) -> list[str]:
    """All values of header `name` (long form, lower case), one an occurrence, commas left alone."""
    return values(head(raw)[1], name)


def head(raw: bytes) -> Head:
    """The head of a message. Never raises."""
    start, lines, end = _usual_head(raw)
    if end > 0:
        try:
            return start, _whole(lines), end + 4
        except IndexError:
            pass  # a line without octets
    start, lines, end = _head(raw)
    return start, _whole(lines), _body_begin(raw, end)


def values(lines: list[bytes], name: str) -> list[str]:
    """All values of header `name` (long form, lower case) in the header lines."""
    spelling = _SPELLINGS.get(name) or _spelling(name)
    initials = spelling.initials
    found: list[str] = []
    for line in lines:
        if initials[line[0]]:
            value = _value(line, spelling)
            if value is not None:
                found.append(value)
    return found


def first_value(lines: list[bytes], name: str) -> str:
    """The first of them; "" where there is none."""
    spelling = _SPELLINGS.get(name) or _spelling(name)
    initials = spelling.initials
    for line in lines:
        if initials[line[0]]:
            value = _value(line, spelling)
            if value is not None:
                return value
    return ""


def body(raw: bytes) -> bytes:
    """What follows the headers, whatever Content-Length says."""
    return raw[head(raw)[2] :]


def start_line(raw: bytes) -> str:
    """The first line: "INVITE sip:bob@example.com SIP/2.0", "SIP/2.0 180 Ringing"."""
    return first_line(head(raw)[0])


def first_line(start: bytes) -> str:
    """A start line as text, of bounded length."""
    return text_of(start[:_LONGEST_LINE])


class _Spelling:
    """How a header may be written: its long name and its compact form, in any case, blanks behind it."""

    __slots__ = ("initials", "last", "long", "names", "short", "size", "usual")

    def __init__(self, name: str) -> None:
        self.names = frozenset(each.encode() for each in (name, *COMPACT) if COMPACT.get(each, each) == name)
        octets = {octet for each in self.names for octet in each[:1] + each[:1].upper()}
        self.initials = bytes(octet in octets for octet in range(256))  # by octet
        self.long = name.encode()
        self.usual = self.long.title()  # as most write most of them
        self.size = len(self.long)
        self.last = (b" " + self.long)[-1] | LOWER
        self.short = len(self.names) > 1


def _value(line: bytes, spelling: _Spelling) -> str | None:
    """The value of a header line that begins with an octet of that name; None where it is another header."""
    size = spelling.size
    # "Call-ID:" is as long as "Contact:", but ends otherwise.
    if len(line) > size and line[size - 1] | LOWER == spelling.last and _ENDS_NAME[line[size]]:
        # Nearly always it is spelled so, with no blank before the colon.
        if line[size] == _COLON and (line.startswith(spelling.usual) or line[:size].lower() == spelling.long):
            return text_of(line[size + 1 :]).strip()
    elif not spelling.short or len(line) == 1 or not _ENDS_NAME[line[1]]:
        return None
    said, colon, value = line.partition(b":")
    if colon and said.rstrip(b" \t").lower() in spelling.names:
        return text_of(value).strip()
    return None


_SPELLINGS: Final[dict[str, _Spelling]] = {}
_ENDS_NAME: Final = bytes(octet in b": \t" for octet in range(256))  # by octet


def _spelling(name: str) -> _Spelling:
    if len(_SPELLINGS) >= _MOST_SPELLINGS:
        _SPELLINGS.clear()
    _SPELLINGS[name] = spelling = _Spelling(name)
    return spelling


def _first(raw: bytes) -> int:
    """Where the start line begins: leading line ends are ignored (§7.5)."""
    return len(raw) - len(raw.lstrip(b"\r\n"))


def _blank_line(raw: bytes) -> tuple[int, int]:
    """Where the blank line behind the headers begins and ends; at the end where there is none."""
    found = _BLANK_LINE.search(raw, _first(raw))
    return found.span() if found else (len(raw), len(raw))


def _usual_head(raw: bytes) -> tuple[bytes, list[bytes], int]:
    """Start line, header lines, and where the blank line begins, as they are if none is empty; else that is 0."""
    if not raw or raw[0] <= _CARRIAGE_RETURN:
        return b"", [], 0
    if raw.endswith(_HEAD_END):  # no body, as most have none
        lines = raw.splitlines()
        lines.pop()
        return lines.pop(0), lines, len(raw) - len(_HEAD_END)
    # The last blank line is the first, unless another is found among the lines; it is sooner found from behind.
    end = raw.rfind(_HEAD_END)
    if end < 0:
        return b"", [], 0
    lines = raw[: end + 2].splitlines()
    return lines.pop(0), lines, end


def _head(raw: bytes) -> tuple[bytes, list[bytes], int]:
    """Start line and header lines, whether they end with CRLF, LF or CR, and where the blank line begins.

    None is empty but the first, where there is no head at all.
    """
    end = raw.rfind(b"\r\n\r\n")  # the first, unless another is found among the lines
    lines = raw[: end + 2].splitlines()
    if end <= 0 or b"" in lines:  # line ends before the start line, or a blank line of another kind
        end = _blank_line(raw)[0]
        lines = raw[_first(raw) : end].splitlines() or [b""]
    return lines.pop(0), lines, end


def _whole(lines: list[bytes]) -> list[bytes]:
    """The header lines, folding undone. Raises IndexError where one is empty."""
    for line in lines:
        if ROLES[line[0]] == BLANK:
            return _unfolded(lines)
    return lines


def _unfolded(lines: list[bytes]) -> list[bytes]:
    """The header lines, those that begin with white space joined to the header that they continue (§7.3.1)."""
    found: list[list[bytes]] = []
    for line in lines:
        if line[0] not in _BLANKS:
            found.append([line])
        elif found:
            found[-1].append(line)
    return [b" ".join([part.strip(b" \t") for part in parts]) for parts in found]


def _is_usual_start(line: bytes) -> bool:
    """Whether SIP/2.0 is where a start line has it, and in a request a method and a URI with a scheme before that."""
    if line.endswith(b" SIP/2.0"):
        # The method comes first, alone: what a tunnel puts before it (GTP, HEP) is no method.
        method, _, rest = line.partition(b" ")
        return method.isalnum() and _COLON in rest
    return line.startswith(_RESPONSE)


# What start lines that were read lately say, all of them usual: (method, status, fault).
_STARTS: Final[dict[bytes, tuple[str, int, str]]] = {}


def _usual_start(line: bytes) -> tuple[str, int, str] | None:
    """(method, status, fault) of a usual start line; None of any other."""
    known = _STARTS.get(line)
    if known is None and _is_usual_start(line):
        known = _read_start_line(line)
        if len(line) <= _LONGEST_START:
            if len(_STARTS) >= _MOST_STARTS:
                _STARTS.clear()
            _STARTS[line] = known
    return known


def _start_line(line: bytes) -> tuple[str, int, str]:
    """(method, status, fault) of a start line."""
    known = _usual_start(line)
    return _read_start_line(line) if known is None else known


def _read_start_line(octets: bytes) -> tuple[str, int, str]:
    at = octets.find(b" ")
    usual = _METHODS.get(octets[:at])
    if usual and octets[-8:] == b" SIP/2.0" and octets[at + 1] > 32 and at + 9 < len(octets):
        return usual, 0, ""
    if octets[:4].upper() == b"SIP/":
        return _read_status_line(octets[:64])
    method, _, rest = text_of(octets).partition(" ")
    uri, _, version = rest.rstrip().rpartition(" ")
    if not method or not uri.strip() or version.upper() != "SIP/2.0":
        return method[:64], 0, "bad-start-line"
    if method not in METHODS:
        known = max((known for known in METHODS if method.endswith(known)), key=len, default="")
        return (known, 0, "junk-before-start-line") if known else (method[:64], 0, "")
    return method, 0, ""


def _read_status_line(line: bytes) -> tuple[str, int, str]:
    code = text_of(line).split(None, 2)[1:2]
    if code and len(code[0]) == 3 and code[0].isascii() and code[0].isdigit() and code[0] >= "100":
        return "", int(code[0]), ""
    return "", 0, "bad-status"


def _body_length(raw: bytes, end: int) -> int:
    """How many octets follow the headers, behind which the blank line begins at `end`."""
    return len(raw) - _body_begin(raw, end)


def _body_begin(raw: bytes, end: int) -> int:
    """Where the body begins, if the blank line begins at `end`."""
    return end + 4 if raw[end : end + 4] == _HEAD_END else _blank_line(raw)[1]
