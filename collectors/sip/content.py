"""Bodies: by type, in their parts (RFC 2046 §5.1, RFC 5621), decompressed (RFC 3261 §20.12); all of it bounded."""

import re
import zlib
from typing import Final

import msgspec

from collectors.sip.grammar import head_and_parameters, whole_number
from collectors.sip.message import body, headers
from collectors.sip.reading import Reading

MOST_PARTS: Final = 64
DEEPEST: Final = 8  # multipart in multipart
MOST_OCTETS: Final = 1_048_576  # of a body that is decompressed

_LONGEST_BOUNDARY: Final = 200  # RFC 2046 allows 70
_GZIP_OR_ZLIB: Final = 32 + zlib.MAX_WBITS


class Part(msgspec.Struct, frozen=True):
    """A body, or one of several."""

    type: str  # lower case: "application/sdp"; "" where nothing says so
    content: bytes
    depth: int = 0  # how many multiparts it is in
    disposition: str = ""  # lower case: "session", "render", "by-reference" …
    id: str = ""  # Content-ID without its brackets
    parameters: dict[str, str] = {}
    fault: str = ""  # "no-boundary", "no-end", "too-deep", "bad-encoding", "too-large", or ""

    @property
    def multipart(self) -> bool:
        """Whether it is a container of others."""
        return self.type.startswith("multipart/")


def parts(reading: Reading) -> tuple[Part, ...]:
    """The body of a message and, where it is a multipart, behind it all parts that it holds, depth first.

    What follows the end that Content-Length names is no part of it (RFC 3261 §18.3).
    """
    content = reading.body[: whole_number(reading.first("content-length"), MOST_OCTETS)]
    if not content:
        return ()
    whole = _part(
        reading.first("content-type"),
        reading.first("content-disposition"),
        reading.first("content-id"),
        reading.first("content-encoding"),
        content,
        0,
    )
    found: list[Part] = []
    waiting = [whole]
    while waiting and len(found) < MOST_PARTS:
        part = waiting.pop()
        found.append(part)
        if part.multipart and part.fault in ("", "no-end"):
            waiting += [_inner(raw, part.depth + 1) for raw in reversed(_divided(part))]
    return tuple(found)


def _part(kind: str, disposition: str, ident: str, encoding: str, content: bytes, depth: int) -> Part:
    name, parameters = head_and_parameters(kind)
    name, fault = name.lower().replace(" ", ""), ""
    if encoding and encoding.lower() not in ("identity", "binary"):
        content, fault = _inflated(content)
    if name.startswith("multipart/") and not fault:
        fault = _multipart_fault(parameters.get("boundary", ""), content, depth)
    disposition = head_and_parameters(disposition)[0].lower()
    return Part(name, content, depth, disposition, ident.strip("<> "), parameters, fault)


def _multipart_fault(boundary: str, content: bytes, depth: int) -> str:
    if depth >= DEEPEST:
        return "too-deep"
    if not 0 < len(boundary) <= _LONGEST_BOUNDARY:
        return "no-boundary"
    return "" if f"--{boundary}--".encode() in content else "no-end"


def _inner(raw: bytes, depth: int) -> Part:
    """A part with its own headers, which may have none at all: then it begins with the blank line."""
    framed = b"-\r\n" + raw  # `headers` and `body` are of messages, which have a start line
    named = dict(reversed(headers(framed)))
    return _part(
        named.get("content-type", "text/plain"),
        named.get("content-disposition", ""),
        named.get("content-id", ""),
        named.get("content-encoding", ""),
        body(framed),
        depth,
    )


def _divided(part: Part) -> list[bytes]:
    """What stands between the delimiter lines; what comes before the first and after the last is nothing."""
    boundary = part.parameters["boundary"].encode()
    delimiter = re.compile(rb"(?m:^)--" + re.escape(boundary) + rb"(--)?[ \t]*+(?:\r?\n|\Z)")
    found: list[bytes] = []
    start: int | None = None
    for line in delimiter.finditer(part.content):
        if start is not None:
            found.append(part.content[start : line.start()].removesuffix(b"\n").removesuffix(b"\r"))
        start = None if line[1] else line.end()
        if start is None or len(found) >= MOST_PARTS:
            return found
    return found if start is None else [*found, part.content[start:]]


def _inflated(content: bytes) -> tuple[bytes, str]:
    """(decompressed, fault): gzip or zlib, never more than `MOST_OCTETS`, whatever it claims to become."""
    machine = zlib.decompressobj(_GZIP_OR_ZLIB)
    try:
        found = machine.decompress(content, MOST_OCTETS)
    except zlib.error:
        return content, "bad-encoding"
    return found, "" if machine.eof else "too-large" if len(found) >= MOST_OCTETS else "bad-encoding"
