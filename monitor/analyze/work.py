"""What one of the processes that share a file does, from its first frame to its last."""

import pickle
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Final

from collectors.receivers.base import ReceiverError
from monitor.analyze.fragments import KINDS, lines
from monitor.analyze.frames import Ending, Fragments, Frame, Pickled, Refused, Unshared, UnsharedError
from monitor.analyze.measures import measure_part
from monitor.analyze.part import Part
from monitor.analyze.result import Passage, Records
from monitor.analyze.share import Share
from monitor.analyze.summary import severities
from monitor.core.settings import Settings
from monitor.core.updates import RecordKey

_A_FRAME: Final = 32  # times some lines


def work(path: str | Path, settings: Settings, share: Share, *, written: bool) -> Iterator[Frame]:
    """Read a share of the file; `written`: its records at the end are JSON, else they are as they are."""
    try:
        part = Part(path, settings, share)
        yield from part.stretches()
    except ReceiverError as error:
        yield Refused(str(error), error.code)
        return
    except UnsharedError as error:
        yield Unshared(str(error))
        return
    found, passage = part.records(), part.passage()
    if not written:
        yield Pickled(passage, pickle.dumps(found, pickle.HIGHEST_PROTOCOL))
        return
    begins = {key: numbers[0] for key, numbers in found.ordinals.items()}
    yield _ending(passage, found, begins)
    for kind in KINDS:
        yield from _fragments(found, kind, begins)


def _ending(passage: Passage, found: Records, first: dict[RecordKey, int]) -> Ending:
    begins, registered = ([first[record.key] for record in kind] for kind in (found.calls, found.registrations))
    return Ending(
        passage=passage,
        malformed=found.malformed,
        side_unmatched=found.side_unmatched,
        legs=found.legs,
        begins=begins,
        measures=measure_part(found.calls, begins, found.registrations, registered, found.registration_delays_ms),
        severities=sorted(severities(found.records)),
    )


def _fragments(found: Records, kind: str, begins: dict[RecordKey, int]) -> Iterator[Fragments]:
    first = iter([begins[record.key] for record in getattr(found, kind)])
    told = lines(found, kind)
    while some := b"".join(islice(told, _A_FRAME)):
        yield Fragments(list(islice(first, some.count(b"\n"))), some)
    yield Fragments([], b"")
