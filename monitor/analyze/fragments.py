"""The document of a result in pieces, so that it is never held whole, and may be written by several processes.

Joined, they are what `monitor.analyze.document.encode` makes of `build`, to the octet.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from monitor.analyze.document import Document, calls, encode, legs_of, outline, registrations, transactions
from monitor.analyze.measures import By, measure
from monitor.analyze.result import Records, Result
from monitor.core.measures import Figures

KINDS: Final = ("calls", "registrations", "transactions")
# What stands around an entry of a list, and around its one member, when they are written as a document.
_BEFORE: Final = len(b'{\n  "": [\n    ')
_BEHIND: Final = -len(b"\n  ]\n}\n")
_OPENS: Final = len(b"{")
_CLOSES: Final = -len(b"\n    }")
_NO_LEGS: Final = b'\n      "legs": []'


def fragment(entry: Document) -> bytes:
    """An entry of one of the document's lists as it stands there."""
    return encode({"": [entry]})[_BEFORE:_BEHIND]


def fragments(found: Result | Records, kind: str) -> Iterator[bytes]:
    """The records of a kind (`KINDS`), without legs."""
    entries = {"calls": calls(found, {}), "registrations": registrations(found), "transactions": transactions(found)}
    return map(fragment, entries[kind])


def with_legs(call: bytes, legs: list[Document]) -> bytes:
    """A call with its legs, which it is written without."""
    return call.replace(_NO_LEGS, fragment({"legs": legs})[_OPENS:_CLOSES], 1) if legs else call


def pieces(
    result: Result, measures: Figures, measures_by: By, written: Mapping[str, Iterable[bytes]]
) -> Iterator[bytes]:
    """The document of a result whose records are `written` already, by kind."""
    rest = encode(outline(result, measures, measures_by))
    for kind in KINDS:
        name = f'\n  "{kind}": ['.encode()
        before, _, rest = rest.partition(name + b"]")
        yield before + name
        between = b"\n    "
        for each in written[kind]:
            yield between + each
            between = b",\n    "
        yield b"]" if between == b"\n    " else b"\n  ]"
    yield rest


def document(result: Result) -> Iterator[bytes]:
    """The document of a result."""
    legs = legs_of(result.links)
    written = {kind: fragments(result, kind) for kind in KINDS}
    written["calls"] = (
        with_legs(each, legs.get(call.key, [])) for each, call in zip(written["calls"], result.calls, strict=True)
    )
    figures, by = measure(result.calls, result.registrations, result.registration_delays_ms)
    return pieces(result, figures, by, written)
