"""What is wrong with a message, rule by rule, with the line that breaks it (RFC 3261, RFC 4475).

`message.parse` names at most one fault of each message, and only those that it comes across. Here a message on
which suspicion fell (a `fault`, a 400) is held against the grammar: slower, and as far as it explains a refusal.
What RFC 4475 calls valid, however odd, has none. Total, and bounded.
"""

from collections.abc import Iterator
from typing import Final

import msgspec

from collectors.sip.grammar import is_token
from collectors.sip.header_faults import BY_HEADER, content_faults
from collectors.sip.line import text_of
from collectors.sip.message import METHODS, Parsed, head, headers, parse, start_line
from collectors.sip.name_addr import read_uri

MOST_FAULTS: Final = 12
LONGEST_LINE: Final = 160  # characters that are quoted

# Headers that may come once only, and are no lists (§7.3.1, §20).
_ONCE: Final = frozenset({"call-id", "content-length", "content-type", "cseq", "expires", "from", "max-forwards", "to"})
# §8.1.1 and §8.2.6.2; INVITE and what else creates dialogs need a Contact (§8.1.1.8, RFC 6665 §4.1.2.1, RFC 3515 §2.4).
_MANDATORY: Final = ("call-id", "cseq", "from", "to", "via")
_WITH_CONTACT: Final = frozenset({"INVITE", "SUBSCRIBE", "REFER"})
_SECRET: Final = ("auth", "inline:", "key-mgmt", "ice-pwd")
# A message that breaks one of these rules is understood all the same, by nearly everyone.
_SLIGHT: Final = frozenset(
    {"no-max-forwards", "no-content-type", "bad-branch", "bad-date", "bad-expires", "bad-max-forwards", "bad-warning"}
)
# Why a message that the capture cut seems malformed: not by its sender's fault.
CUT_FAULT: Final = "cut-by-capture"

# What `parse` alone can tell, by its code: whose line to quote, and the sentence.
_PARSED: Final = {
    "bad-start-line": ("", "the first line is no request line and no status line", "RFC 3261 §7.1"),
    "junk-before-start-line": ("", "something stands before the method", "RFC 3261 §7.1"),
    "bad-status": ("", "the status is no number of three digits", "RFC 3261 §7.2"),
    "bad-cseq": ("cseq", "CSeq is no number below 2^32 and a method", "RFC 3261 §20.16"),
    "cseq-mismatch": ("cseq", "CSeq names another method than the request line", "RFC 3261 §8.1.1.5"),
    "bad-from": ("from", "From holds no URI", "RFC 3261 §20.20"),
    "bad-to": ("to", "To holds no URI", "RFC 3261 §20.39"),
}
_NO_START_LINE: Final = frozenset({"bad-start-line", "bad-status", "junk-before-start-line"})


class Fault(msgspec.Struct, frozen=True):
    """One rule that a message breaks."""

    code: str  # stable: "cseq-mismatch"
    header: str  # that it is about, as RFC 3261 spells it; "" for the first line
    says: str  # a clause: "CSeq names another method than the request line"
    line: str  # as it stands there, folding undone; the first line where one is missing
    source: str  # "RFC 3261 §8.1.1.5"

    @property
    def slight(self) -> bool:
        """Whether a message with this fault is understood all the same, by nearly everyone."""
        return self.code in _SLIGHT


def faults(raw: bytes) -> tuple[Fault, ...]:
    """The rules that a message breaks, the one that `parse` names first; () where there is none."""
    found: dict[str, Fault] = {}
    for fault in _Reader(raw).all():
        found.setdefault(fault.code, fault)
        if len(found) >= MOST_FAULTS:
            break
    return tuple(found.values())


def cut_short(parsed: Parsed) -> Parsed:
    """What `parse` gives of a message that the capture cut: whatever else is wrong with it may come of that."""
    return CUT_FAULT, *parsed[1:]


def quoted(line: str) -> str:
    """A line for people: of bounded length, what can't be seen made visible, no secrets in it."""
    shown = "".join(mark if mark.isprintable() else "\N{REPLACEMENT CHARACTER}" for mark in line[:LONGEST_LINE])
    if any(secret in shown.lower() for secret in _SECRET):
        shown = shown.split(None, 1)[0]
    return f"{shown.rstrip()}…" if len(line) > LONGEST_LINE or len(shown) < len(line[:LONGEST_LINE]) else shown


class _Reader:
    """One message, held against the rules in the order in which a parser would stumble over them."""

    def __init__(self, raw: bytes) -> None:
        self.raw = raw
        self.parsed, self.method, *_ = parse(raw)
        self.first = start_line(raw)
        self.head = headers(raw)
        self.named = dict(reversed(self.head))  # the first value of each

    def all(self) -> Iterator[Fault]:
        other_version = _other_version(self.first)
        if self.parsed in _PARSED and not (self.parsed == "bad-start-line" and other_version):
            yield self.fault(self.parsed, *_PARSED[self.parsed])
        if other_version or self.parsed not in _NO_START_LINE:
            yield from self.start_line(other_version=other_version)
        yield from self.lines()
        yield from self.absent()
        yield from self.repeated()
        for name, value in self.head:
            check = BY_HEADER.get(name)
            for complaint in check(value) if check else ():
                yield self.fault(*complaint, value=value)
        for complaint in content_faults(self.named, self.raw):
            yield self.fault(*complaint)

    def fault(self, code: str, name: str, says: str, source: str, value: str | None = None) -> Fault:
        """A fault with the line of header `name`; the first line, where there is none."""
        value = self.named.get(name) if value is None else value
        spelled = _spelled(name)
        line = self.first if value is None else f"{spelled}: {value}"
        return Fault(code, spelled, says, quoted(line), source)

    def start_line(self, *, other_version: bool) -> Iterator[Fault]:
        first = self.first
        if other_version:
            yield self.fault("bad-version", "", "the version is not SIP/2.0", "RFC 3261 §7.1")
        if not self.method:
            return
        if first != " ".join(first.split()):
            says = "there are blanks in the first line where none belong"
            yield self.fault("start-line-blanks", "", says, "RFC 3261 §7.1")
        says = _request_uri_fault(first.strip().partition(" ")[2].strip().rpartition(" ")[0].strip())
        if says:
            yield self.fault("bad-request-uri", "", says, "RFC 3261 §7.1, §19.1.1")

    def lines(self) -> Iterator[Fault]:
        for line in head(self.raw)[1]:
            text = text_of(line)
            name, colon, _ = text.partition(":")
            if not colon or not is_token(name.rstrip(" \t")):
                yield Fault("bad-header-line", "", "a line of the head is no header", quoted(text), "RFC 3261 §7.3")
                return

    def absent(self) -> Iterator[Fault]:
        wanted = [(name, "RFC 3261 §8.1.1") for name in _MANDATORY]
        if self.method in METHODS:
            wanted.append(("max-forwards", "RFC 3261 §8.1.1.6"))
        if self.method in _WITH_CONTACT:
            wanted.append(("contact", "RFC 3261 §8.1.1.8"))
        for name, source in wanted:
            if not self.named.get(name):
                yield self.fault(f"no-{name}", name, f"there is no {_spelled(name)}", source, value=None)

    def repeated(self) -> Iterator[Fault]:
        seen: set[str] = set()
        for name, value in self.head:
            if name in seen:
                says = f"there is more than one {_spelled(name)}"
                yield self.fault("repeated-header", name, says, "RFC 3261 §7.3.1", value=value)
                return
            if name in _ONCE:
                seen.add(name)


def _request_uri_fault(uri: str) -> str:
    if uri.startswith("<"):
        return "the Request-URI stands in angle brackets"
    if any(mark.isspace() for mark in uri):
        return "there are blanks in the Request-URI"
    read = read_uri(uri)
    if read.headers:
        return "the Request-URI carries headers"
    return "the Request-URI holds no host that can be read" if read.fault else ""


def _other_version(first: str) -> bool:
    """Whether a line is one of SIP, but of another version."""
    fields = first.split()
    version = (fields[0] if first[:4].upper() == "SIP/" else fields[-1]).upper() if fields else ""
    return version[:4] == "SIP/" and version != "SIP/2.0" and version[4:5].isdigit()


def _spelled(name: str) -> str:
    return {"call-id": "Call-ID", "cseq": "CSeq"}.get(name, name.title())
