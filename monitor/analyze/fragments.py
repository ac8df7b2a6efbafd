"""The document of a result in pieces, so that it is never held whole, and may be written by several processes.

Joined, they are JSON of what `monitor.analyze.document.build` makes, each record on a line of its own.
"""

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Final

from monitor.analyze.document import calls, encode, legs_of, outline, registrations, transactions
from monitor.analyze.entries import Entry, LegEntry
from monitor.analyze.measures import By, measure
from monitor.analyze.result import Records, Result
from monitor.core.measures import Figures
from monitor.core.updates import RecordKey

KINDS: Final = ("calls", "registrations", "transactions")
_A_RUN: Final = 16  # entries: encoded together they cost less, and still fit into the processor's cache
_NO_LEGS: Final = b'"legs":[]'


def lines(found: Records, kind: str) -> Iterator[bytes]:
    """The records of a kind (`KINDS`), calls without legs: a line each, some lines at a time."""
    return _lines(_entries(found, kind, {}))


def together(fragments: Iterable[bytes]) -> bytes:
    """Records, each as it stands in a line, as they stand in a list of the document."""
    return b",\n".join(fragments)


def _entries(found: Result | Records, kind: str, legs: Mapping[RecordKey, list[LegEntry]]) -> Iterator[Entry]:
    if kind == "calls":
        return calls(found, legs)
    return registrations(found) if kind == "registrations" else transactions(found)


def _lines(entries: Iterator[Entry]) -> Iterator[bytes]:
    while run := tuple(islice(entries, _A_RUN)):
        yield encode(*run)


def _in_list(entries: bytes) -> bytes:
    """Lines of entries as they stand in a list; a line ends nowhere else, since in a text its end is escaped."""
    return entries[:-1].replace(b"\n", b",\n")


def with_legs(call: bytes, legs: list[LegEntry]) -> bytes:
    """A call with its legs, which it is written without."""
    return call.replace(_NO_LEGS, encode({"legs": legs})[1:-2], 1) if legs else call


def pieces(
    result: Result, measures: Figures, measures_by: By, written: Mapping[str, Iterable[bytes]]
) -> Iterator[bytes]:
    """The document of a result whose records are `written` already by kind, one or more in a piece."""
    rest = encode(outline(result, measures, measures_by))
    for kind in KINDS:
        name = f'"{kind}":['.encode()
        before, _, rest = rest.partition(name + b"]")
        yield before + name
        between = b"\n"
        for each in written[kind]:
            yield between + each
            between = b",\n"
        yield b"]" if between == b"\n" else b"\n]"
    yield rest


def document(result: Result) -> Iterator[bytes]:
    """The document of a result."""
    legs = legs_of(result.links)
    written = {kind: map(_in_list, _lines(_entries(result, kind, legs))) for kind in KINDS}
    figures, by = measure(result.calls, result.registrations, result.registration_delays_ms)
    return pieces(result, figures, by, written)
