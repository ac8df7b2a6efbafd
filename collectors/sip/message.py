"""SIP messages, read: the fields that every stage needs, and any header on request.

Parsing is total: whatever the bytes, `parse` returns fields, with `fault` saying what RFC 3261 finds
wrong. It is also the hottest loop of the edge: one decode, one split, one dictionary look-up a
header line; everything that isn't asked for at once is read later, from `raw`, by `header`.
"""

import re
from functools import lru_cache
from typing import Final, TypeAlias

from collectors.sip.uri import addr_spec

# The last fields of `collectors.wire.events.SipEvent`, in their order, from `fault` to `contact`.
Parsed: TypeAlias = tuple[str, str, int, str, str, str, str, str, int, str, str, int, str]

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

# RFC 3261, 3262, 3311, 3428, 3515, 3903, 6086, 6665. Others are read all the same.
METHODS: Final = frozenset(
    {
        "ACK", "BYE", "CANCEL", "INFO", "INVITE", "MESSAGE", "NOTIFY", "OPTIONS", "PRACK", "PUBLISH", "REFER",
        "REGISTER", "SUBSCRIBE", "UPDATE",
    }
)  # fmt: skip

_CALL_ID, _FROM, _TO, _CSEQ, _VIA, _CONTACT, _LENGTH, _FOLD, _OTHER = range(9)
_COLUMNS: Final = {
    "call-id": _CALL_ID,
    "from": _FROM,
    "to": _TO,
    "cseq": _CSEQ,
    "via": _VIA,
    "contact": _CONTACT,
    "content-length": _LENGTH,
}
# No header that `parse` reads, long or compact, begins with one of these letters; many others do.
_DULL: Final = "ABDEGHJKNOPQRSUWXYZabdeghjknopqrsuwxyz"
_LONGEST_NAME: Final = 32  # of a header name worth remembering: junk lines must not fill the cache

_LINE_END: Final = re.compile(r"\r\n|\n|\r")
_BLANK_LINE: Final = re.compile(rb"\r\n\r\n|\n\r?\n|\r\r")
_FIRST_LINE: Final = re.compile(
    rb"[\r\n]{0,64}(?:SIP/\d+\.\d+[ \t]"
    rb"|[^\s\x00-\x1f:]{1,200}[ \t][^\r\n:]{1,64}:[^\r\n]{0,16384}[ \t]SIP/\d+\.\d+[ \t]*[\r\n])",
    re.IGNORECASE,
)
_TAG: Final = re.compile(r";\s*tag\s*=\s*([^\s;,>]+)", re.IGNORECASE)
_BRANCH: Final = re.compile(r";\s*branch\s*=\s*([^\s;,]+)", re.IGNORECASE)


def looks_like_sip(payload: bytes) -> bool:
    """Whether `payload` begins like a SIP message (§7).

    Its first line names SIP/x.y where it must, and in a request a URI with a scheme comes before that.
    """
    if payload[:8] == b"SIP/2.0 ":
        return True
    end = payload.find(b"\r\n")
    if end > 8 and payload[end - 8 : end] == b" SIP/2.0":
        # The method alone comes first: what a tunnel puts before it (GTP, HEP) is no method.
        method = payload.find(b" ")
        if payload.find(b":", method, end) > 0 and payload[:method].isalnum():
            return True
    return _FIRST_LINE.match(payload) is not None


def parse(raw: bytes) -> Parsed:
    """The fields of a message, as the tail of a `SipEvent`. Never raises."""
    end = raw.find(b"\r\n\r\n")
    text = (raw[:end] if end >= 0 else raw).decode("utf-8", "replace")
    lines = text.split("\r\n")
    if end < 0 or not lines[0] or text.count("\n") + 1 != len(lines):
        lines, end = _irregular_lines(raw)
    values: list[str | None] = [None] * 9
    vias = 0
    last = _OTHER
    for line in lines[1:]:
        if line[:1] in _DULL:
            last = _OTHER
            continue
        name, _, value = line.partition(":")
        column = _column(name) if len(name) <= _LONGEST_NAME else _long_name_column(name)
        if column == _OTHER:
            last = _OTHER
        elif column == _FOLD:
            # A line that begins with white space continues the one before it (§7.3.1).
            if last != _OTHER:
                values[last] = f"{values[last]} {line.strip()}"
                vias += line.count(",") if last == _VIA else 0
        elif column == _VIA:
            vias += 1 + value.count(",")
            last = _VIA if values[_VIA] is None else _OTHER
            if last == _VIA:
                values[_VIA] = value
        elif values[column] is None:
            values[column] = value.strip()
            last = column
        else:
            last = _OTHER  # a second one: the first counts

    call_id, from_, to, cseq_value, via, contact, length = values[:7]
    method, status, fault = _start_line(lines[0])
    from_uri, from_tag = _name_addr(from_) if from_ else ("", "")
    to_uri, to_tag = _name_addr(to) if to else ("", "")
    cseq, cseq_method = _cseq(cseq_value) if cseq_value else (-1, "")
    fault = (
        fault
        or ("" if call_id else "no-call-id")
        or ("" if cseq >= 0 else "bad-cseq" if cseq_value else "no-cseq")
        or ("cseq-mismatch" if method and cseq_method != method else "")
        or ("" if from_uri else "bad-from" if from_ else "no-from")
        or ("" if to_uri else "bad-to" if to else "no-to")
        or ("" if via else "no-via")
        or ("" if length is None else _length_fault(length, raw, end))
    )
    return (
        fault,
        method,
        status,
        call_id or "",
        from_uri,
        from_tag,
        to_uri,
        to_tag,
        cseq,
        cseq_method,
        _branch(via) if via else "",
        vias,
        _name_addr(contact)[0] if contact else "",
    )


def headers(raw: bytes) -> list[tuple[str, str]]:
    """All headers in order: (long name in lower case, value with folding undone)."""
    found: list[tuple[str, str]] = []
    for line in _irregular_lines(raw)[0][1:]:
        if line[:1] in (" ", "\t"):
            if found:
                found[-1] = (found[-1][0], f"{found[-1][1]} {line.strip()}".strip())
            continue
        name, colon, value = line.partition(":")
        if colon:
            name = name.strip().lower()
            found.append((COMPACT.get(name, name), value.strip()))
    return found


def header(raw: bytes, name: str) -> str | None:
    """The first value of header `name` (long form, lower case); None when there is none."""
    found = _header_line(name).search(raw, 0, _head_end(raw))
    return _unfolded(found[1]) if found else None


def header_values(raw: bytes, name: str) -> list[str]:
    """All values of header `name` (long form, lower case), one an occurrence, commas left alone."""
    return [_unfolded(value) for value in _header_line(name).findall(raw, 0, _head_end(raw))]


def body(raw: bytes) -> bytes:
    """What follows the headers, whatever Content-Length says."""
    return raw[_body_start(raw) :]


def start_line(raw: bytes) -> str:
    """The first line: "INVITE sip:bob@example.com SIP/2.0", "SIP/2.0 180 Ringing"."""
    return _irregular_lines(raw[:8192])[0][0]


@lru_cache(256)
def _header_line(name: str) -> re.Pattern[bytes]:
    """Finds the lines of a header by its long name or compact form, with their continuation lines."""
    compact = "".join(f"|{short}" for short, long in COMPACT.items() if long == name)
    return re.compile(
        rb"^(?:%b)[ \t]*:((?:[^\r\n]|\r?\n[ \t])*)" % (re.escape(name) + compact).encode(),
        re.IGNORECASE | re.MULTILINE,
    )


def _unfolded(value: bytes) -> str:
    return " ".join(part.strip() for part in value.decode("utf-8", "replace").splitlines()).strip()


def _head_end(raw: bytes) -> int:
    end = raw.find(b"\r\n\r\n")
    if end > 0 and raw.find(b"\n\n", 0, end) < 0:
        return end
    blank = _BLANK_LINE.search(raw, len(raw) - len(raw.lstrip(b"\r\n")))
    return blank.start() if blank else len(raw)


def _irregular_lines(raw: bytes) -> tuple[list[str], int]:
    """Lines of the head whatever their ends (CRLF, LF, CR), and where the blank line begins (or -1)."""
    begin = len(raw) - len(raw.lstrip(b"\r\n"))  # §7.5: leading CRLFs are ignored
    blank = _BLANK_LINE.search(raw, begin)
    head = raw[begin : blank.start()] if blank else raw[begin:]
    return _LINE_END.split(head.decode("utf-8", "replace")), blank.start() if blank else -1


def _body_start(raw: bytes) -> int:
    begin = len(raw) - len(raw.lstrip(b"\r\n"))
    blank = _BLANK_LINE.search(raw, begin)
    return blank.end() if blank else len(raw)


@lru_cache(4096)
def _column(name: str) -> int:
    if name[:1] in (" ", "\t"):
        return _FOLD
    name = name.strip().lower()
    return _COLUMNS.get(COMPACT.get(name, name), _OTHER)


def _long_name_column(name: str) -> int:
    return _FOLD if name[:1] in (" ", "\t") else _OTHER


@lru_cache(1024)
def _status_line(line: str) -> tuple[int, str]:
    code = line.split(None, 2)[1:2]
    if code and len(code[0]) == 3 and code[0].isascii() and code[0].isdigit() and code[0] >= "100":
        return int(code[0]), ""
    return 0, "bad-status"


def _start_line(line: str) -> tuple[str, int, str]:
    """(method, status, fault) of a start line."""
    if line[:4].upper() == "SIP/":
        status, fault = _status_line(line[:64])
        return "", status, fault
    method, _, rest = line.partition(" ")
    uri, _, version = rest.rstrip().rpartition(" ")
    if not method or not uri.strip() or version.upper() != "SIP/2.0":
        return method[:64], 0, "bad-start-line"
    if method not in METHODS:
        known = next((known for known in METHODS if method.endswith(known)), "")
        return (known, 0, "junk-before-start-line") if known else (method[:64], 0, "")
    return method, 0, ""


@lru_cache(8192)
def _name_addr(value: str) -> tuple[str, str]:
    """(addr-spec without parameters, tag) of a From, To or Contact value."""
    uri, rest = addr_spec(value)
    at = rest.find(";tag=")
    if at >= 0:
        tag = rest[at + 5 :].partition(";")[0].strip()
        if tag and " " not in tag and "," not in tag:
            return uri, tag
    found = _TAG.search(rest)
    return uri, found[1] if found else ""


@lru_cache(1024)
def _cseq(value: str) -> tuple[int, str]:
    number, _, method = value.partition(" ")
    if not number.isascii() or not number.isdigit() or len(number) > 10 or int(number) >= 2**32:
        return -1, ""
    return int(number), method.strip()[:64]


def _branch(via: str) -> str:
    first = via.partition(",")[0]
    at = first.find(";branch=")
    if at >= 0:
        branch = first[at + 8 :].partition(";")[0].strip()
        if branch and " " not in branch:
            return branch
    found = _BRANCH.search(first)
    return found[1] if found else ""


def _length_fault(length: str, raw: bytes, end: int) -> str:
    if not (length.isascii() and length.isdigit()) or len(length) > 9:
        return "bad-content-length"
    if length == "0":
        return ""
    start = end + 4 if end >= 0 and raw[end : end + 4] == b"\r\n\r\n" else _body_start(raw)
    return "truncated-body" if int(length) > len(raw) - start else ""
