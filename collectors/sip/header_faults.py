"""What can be wrong with one header: From, To, Contact, Via, Max-Forwards, Date, Warning, Content-Length."""

import re
from collections.abc import Callable, Iterator
from typing import Final, TypeAlias

from collectors.sip.grammar import listed, outside, split, whole_number
from collectors.sip.message import body
from collectors.sip.name_addr import display_is_proper, read_address
from collectors.sip.via import MAGIC_COOKIE, read_via

# (code, header, what it says, source)
Complaint: TypeAlias = tuple[str, str, str, str]

_MOST_CHECKED: Final = 32  # values of one header
_STRAY: Final = re.compile(r"[;,]\s*+[;,]|[;,]\s*+$|^\s*+[;,]")
_DATE: Final = re.compile(
    r"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d (?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) \d{4}"
    r" \d\d:\d\d:\d\d GMT"
)
_WARNING: Final = re.compile(r"\d{3}(?!\S)")
_SOURCES: Final = {"from": "RFC 3261 §20.20", "to": "RFC 3261 §20.39", "contact": "RFC 3261 §20.10"}


def _address_faults(name: str, value: str) -> Iterator[Complaint]:
    """The first thing that is wrong with a From, To or Contact."""
    code, source, spelled = f"bad-{name}", _SOURCES[name], name.title()
    if _STRAY.search(outside(value, "x", "x")):
        yield code, name, f"{spelled} has separators with nothing between them", source
        return
    values = listed([value]) if name == "contact" else [value]
    for each in values[:_MOST_CHECKED]:
        says = _address_fault(each, star=name == "contact")
        if says:
            yield code, name, f"{spelled} {says}", source
            return


def _address_fault(value: str, *, star: bool) -> str:
    if star and value.strip() == "*":
        return ""
    if '"' in outside(value):
        return "has a quotation mark that is never closed"
    address = read_address(value)
    if not address.bracketed:
        if "?" in address.uri.text or "," in address.uri.text:
            return "has a URI with a question mark or a comma that stands in no angle brackets"
        return "holds no URI that can be read" if address.uri.fault else ""
    display, _, rest = outside(value, '"x"', None).partition("<")
    inside = rest.partition(">")[0]
    if inside != inside.strip():
        return "has blanks between the angle brackets and the URI"
    if not display_is_proper(display):
        return "has a display name that needs quotation marks"
    return "holds no URI that can be read" if address.uri.fault else ""


def _from(value: str) -> Iterator[Complaint]:
    return _address_faults("from", value)


def _to(value: str) -> Iterator[Complaint]:
    return _address_faults("to", value)


def _contact(value: str) -> Iterator[Complaint]:
    return _address_faults("contact", value)


def _via(value: str) -> Iterator[Complaint]:
    if _STRAY.search(outside(value, "x", "x")):
        yield "bad-via", "via", "Via has separators with nothing between them", "RFC 3261 §20.42"
    for each in split(value)[:_MOST_CHECKED]:
        via = read_via(each)
        if via.fault:
            yield "bad-via", "via", "Via holds no protocol and host that can be read", "RFC 3261 §20.42"
            return
        if via.branch.lower() == MAGIC_COOKIE.lower():
            yield "bad-branch", "via", "the branch is the magic cookie and nothing more", "RFC 3261 §8.1.1.7"


def _max_forwards(value: str) -> Iterator[Complaint]:
    if whole_number(value, 256) is None:
        yield "bad-max-forwards", "max-forwards", "Max-Forwards is no number up to 255", "RFC 3261 §20.22"


def _expires(value: str) -> Iterator[Complaint]:
    if whole_number(value.partition(";")[0], 2**32) is None:
        yield "bad-expires", "expires", "Expires is no number of seconds below 2^32", "RFC 3261 §20.19"


def _date(value: str) -> Iterator[Complaint]:
    if not _DATE.fullmatch(value):
        yield "bad-date", "date", "Date is not of the one form that SIP knows, in GMT", "RFC 3261 §20.17"


def _warning(value: str) -> Iterator[Complaint]:
    if not all(map(_WARNING.match, split(value)[:_MOST_CHECKED])):
        yield "bad-warning", "warning", "Warning does not begin with a code of three digits", "RFC 3261 §20.43"


def content_faults(named: dict[str, str], raw: bytes) -> Iterator[Complaint]:
    """What is wrong between the body and the headers that describe it; `named`: the first value of each header."""
    content, length = body(raw), named.get("content-length")
    if length is not None:
        claimed = whole_number(length, 1_000_000_000)
        if claimed is None:
            yield "bad-content-length", "content-length", "Content-Length is no number of octets", "RFC 3261 §20.14"
        elif claimed > len(content):
            says = f"Content-Length promises {claimed} octets, and {len(content)} follow"
            yield "truncated-body", "content-length", says, "RFC 3261 §18.3"
        content = content[:claimed]
    if content.strip() and not named.get("content-type"):
        yield "no-content-type", "content-type", "no Content-Type says what the body is", "RFC 3261 §20.15"


BY_HEADER: Final[dict[str, Callable[[str], Iterator[Complaint]]]] = {
    "from": _from,
    "to": _to,
    "contact": _contact,
    "via": _via,
    "max-forwards": _max_forwards,
    "expires": _expires,
    "date": _date,
    "warning": _warning,
}
