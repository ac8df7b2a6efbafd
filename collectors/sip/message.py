"""SIP messages, read: the fields that every stage needs, and any header on request.

Parsing is total: whatever the bytes, `parse` returns fields, with `fault` saying what RFC 3261 finds
wrong. It is also the hottest loop of the edge: one split, one dictionary look-up a header line, and
only the values that are asked for at once are decoded; all else is read later, from `raw`, by `header`.
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

_CALL_ID, _FROM, _TO, _CSEQ, _VIA, _CONTACT, _LENGTH, _OTHER, _FOLD = range(9)
_COLUMNS: Final = {
    b"call-id": _CALL_ID,
    b"from": _FROM,
    b"to": _TO,
    b"cseq": _CSEQ,
    b"via": _VIA,
    b"contact": _CONTACT,
    b"content-length": _LENGTH,
}
# The usual spellings of what begins like one of them: most messages have no other.
_USUAL: Final = {
    **{name.title(): column for name, column in _COLUMNS.items()},
    b"Call-ID": _CALL_ID,
    b"CSeq": _CSEQ,
    b"Content-Type": _OTHER,
    b"Max-Forwards": _OTHER,
}
# No header that `parse` reads, long or compact, begins with one of these letters; many others do.
_DULL: Final = frozenset(b"ABDEGHJKNOPQRSUWXYZabdeghjknopqrsuwxyz")
_BLANKS: Final = frozenset(b" \t")
# Of a header name, and of all headers together, worth remembering: junk must not fill the caches.
_LONGEST_NAME: Final = 32
_LONGEST_HEAD: Final = 4096

_BLANK_LINE: Final = re.compile(rb"(?>\r\n|[\r\n]){2}")
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
    lines, end = _head(raw)
    (call_id_value, from_, to, cseq_value, via, contact, length), vias = _columns(lines)
    method, status, fault = _start_line(lines[0])
    call_id = call_id_value.decode("utf-8", "replace").strip() if call_id_value else ""
    name_addr = _name_addr if end <= _LONGEST_HEAD else _name_addr.__wrapped__
    from_uri, from_tag = name_addr(from_) if from_ else ("", "")
    to_uri, to_tag = name_addr(to) if to else ("", "")
    cseq, cseq_method = _cseq(cseq_value) if cseq_value and len(cseq_value) < 100 else (-1, "")
    whole = call_id and cseq >= 0 and from_uri and to_uri and via and (not method or cseq_method == method)
    if not fault and not (whole and (length is None or length == b"0")):
        fault = (
            ("" if call_id else "no-call-id")
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
        call_id,
        from_uri,
        from_tag,
        to_uri,
        to_tag,
        cseq,
        cseq_method,
        _branch(via) if via else "",
        vias,
        name_addr(contact)[0] if contact else "",
    )


def headers(raw: bytes) -> list[tuple[str, str]]:
    """All headers in order: (long name in lower case, value with folding undone)."""
    found: list[tuple[str, str]] = []
    for line in _unfolded(_head(raw)[0])[1:]:
        name, colon, value = line.decode("utf-8", "replace").partition(":")
        if colon:
            name = name.rstrip(" \t").lower()
            found.append((COMPACT.get(name, name), value.strip()))
    return found


def header(raw: bytes, name: str) -> str | None:
    """The first value of header `name` (long form, lower case); None when there is none."""
    values = header_values(raw, name)
    return values[0] if values else None


def header_values(raw: bytes, name: str) -> list[str]:
    """All values of header `name` (long form, lower case), one an occurrence, commas left alone."""
    return [value.decode("utf-8", "replace").strip() for value in _values(_head(raw)[0], *_spellings(name))]


def body(raw: bytes) -> bytes:
    """What follows the headers, whatever Content-Length says."""
    return raw[_blank_line(raw)[1] :]


def start_line(raw: bytes) -> str:
    """The first line: "INVITE sip:bob@example.com SIP/2.0", "SIP/2.0 180 Ringing"."""
    lines = raw[:8192].lstrip(b"\r\n").splitlines()
    return lines[0].decode("utf-8", "replace") if lines else ""


@lru_cache(256)
def _spellings(name: str) -> tuple[frozenset[bytes], frozenset[int]]:
    """A header's long name and compact form in lower case, and the octets that they may begin with."""
    names = {each.encode() for each in (name, *COMPACT) if COMPACT.get(each, each) == name}
    return frozenset(names), frozenset(octet for each in names for octet in each[:1] + each[:1].upper())


def _values(lines: list[bytes], names: frozenset[bytes], initials: frozenset[int]) -> list[bytes]:
    """The values of a header that is spelled in one of these ways, and so begins with one of these octets."""
    found: list[bytes] = []
    for line in lines[1:]:
        if line[0] in initials:
            name, colon, value = line.partition(b":")
            if colon and name.rstrip(b" \t").lower() in names:
                found.append(value)
        elif line[0] in _BLANKS:
            return _values(_unfolded(lines), names, initials)
    return found


def _first(raw: bytes) -> int:
    """Where the start line begins: leading line ends are ignored (§7.5)."""
    return len(raw) - len(raw.lstrip(b"\r\n"))


def _blank_line(raw: bytes) -> tuple[int, int]:
    """Where the blank line behind the headers begins and ends; at the end where there is none."""
    found = _BLANK_LINE.search(raw, _first(raw))
    return found.span() if found else (len(raw), len(raw))


def _head(raw: bytes) -> tuple[list[bytes], int]:
    """Lines of the head, whether they end with CRLF, LF or CR, and where the blank line begins.

    None is empty but the first, where there is no head at all.
    """
    end = raw.find(b"\r\n\r\n")
    lines = raw[: end + 2].splitlines()
    if end <= 0 or b"" in lines:  # line ends before the start line, or a blank line of another kind
        end = _blank_line(raw)[0]
        lines = raw[_first(raw) : end].splitlines() or [b""]
    return lines, end


def _unfolded(lines: list[bytes]) -> list[bytes]:
    """The lines, those that begin with white space joined to the header that they continue (§7.3.1)."""
    found: list[list[bytes]] = []
    for line in lines[1:]:
        if line[0] not in _BLANKS:
            found.append([line])
        elif found:
            found[-1].append(line)
    return [lines[0], *(b" ".join([part.strip(b" \t") for part in parts]) for parts in found)]


def _columns(lines: list[bytes]) -> tuple[list[bytes | None], int]:
    """The values of the seven headers that each message is asked for, and how many Via values there are."""
    values: list[bytes | None] = [None] * 7
    vias = 0
    for line in lines[1:]:
        if line[0] in _DULL:
            continue
        name, colon, value = line.partition(b":")
        column = _USUAL.get(name)
        if column is None:
            column = _column(name) if len(name) <= _LONGEST_NAME else _FOLD if line[0] in _BLANKS else _OTHER
        if column == _OTHER:
            continue
        if column == _FOLD:
            return _columns(_unfolded(lines))
        if column == _VIA and colon:
            vias += 1 + value.count(b",")
        if colon and values[column] is None:  # of several, the first counts
            values[column] = value.strip()
    return values, vias


@lru_cache(4096)
def _column(name: bytes) -> int:
    if name[:1] in (b" ", b"\t"):
        return _FOLD
    long = name.rstrip(b" \t").lower().decode("utf-8", "replace")
    return _COLUMNS.get(COMPACT.get(long, long).encode(), _OTHER)


@lru_cache(1024)
def _status_line(line: bytes) -> tuple[str, int, str]:
    code = line.decode("utf-8", "replace").split(None, 2)[1:2]
    if code and len(code[0]) == 3 and code[0].isascii() and code[0].isdigit() and code[0] >= "100":
        return "", int(code[0]), ""
    return "", 0, "bad-status"


def _start_line(octets: bytes) -> tuple[str, int, str]:
    """(method, status, fault) of a start line."""
    if octets[:4].upper() == b"SIP/":
        return _status_line(octets[:64])
    line = octets.decode("utf-8", "replace")
    if line[-8:] == " SIP/2.0":
        method = line[: line.find(" ")]
        if method in METHODS and not line[len(method) : -8].isspace():
            return method, 0, ""
    method, _, rest = line.partition(" ")
    uri, _, version = rest.rstrip().rpartition(" ")
    if not method or not uri.strip() or version.upper() != "SIP/2.0":
        return method[:64], 0, "bad-start-line"
    if method not in METHODS:
        known = max((known for known in METHODS if method.endswith(known)), key=len, default="")
        return (known, 0, "junk-before-start-line") if known else (method[:64], 0, "")
    return method, 0, ""


@lru_cache(8192)
def _name_addr(value: bytes) -> tuple[str, str]:
    """(addr-spec without parameters, tag) of a From, To or Contact value."""
    uri, rest = addr_spec(value.decode("utf-8", "replace").strip())
    at = rest.find(";tag=")
    if at >= 0:
        tag = rest[at + 5 :].partition(";")[0].strip()
        if tag and " " not in tag and "," not in tag:
            return uri, tag
    found = _TAG.search(rest)
    return uri, found[1] if found else ""


@lru_cache(1024)
def _cseq(value: bytes) -> tuple[int, str]:
    number, _, method = value.decode("utf-8", "replace").strip().replace("\t", " ").partition(" ")
    if not number.isascii() or not number.isdigit() or len(number) > 10 or int(number) >= 2**32:
        return -1, ""
    return int(number), method.strip()[:64]


def _branch(value: bytes) -> str:
    via = value.decode("utf-8", "replace").strip()
    if "," in via:
        via = via.partition(",")[0]
    at = via.find(";branch=") + 8
    if at >= 8:
        end = via.find(";", at)
        branch = via[at:end] if end >= 0 else via[at:]
        if branch and " " not in branch and "\t" not in branch:
            return branch
    found = _BRANCH.search(via)
    return found[1] if found else ""


def _length_fault(length: bytes, raw: bytes, end: int) -> str:
    if not length.isdigit() or len(length) > 9:
        return "bad-content-length"
    start = end + 4 if raw[end : end + 4] == b"\r\n\r\n" else _blank_line(raw)[1]
    return "truncated-body" if int(length) > len(raw) - start else ""
