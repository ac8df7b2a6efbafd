"""What the processes that share a file told, put together: the same as one process tells, to the octet.

`told` goes with them through the file and takes what crosses Call-IDs in the order of its cycles; then come
their records, in the order in which these begin in the file.
"""

import pickle
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from operator import itemgetter
from typing import Final, TypeAlias, TypeVar

from collectors.receivers.base import ReceiverError
from monitor.analyze.document import legs_of
from monitor.analyze.entries import LegEntry
from monitor.analyze.fragments import KINDS, pieces, together, with_legs
from monitor.analyze.frames import Cycle, Ending, Fragments, Frame, Pickled, Refused, Stretch, Unshared, UnsharedError
from monitor.analyze.measures import joined
from monitor.analyze.result import Passage, Records
from monitor.analyze.run import subjects, whole
from monitor.analyze.step import ProgressCallback
from monitor.analyze.summary import severities
from monitor.analyze.told import Told
from monitor.core.settings import Settings
from monitor.core.sources.stage import Sources
from monitor.core.sources.values import SubjectFinding
from monitor.core.updates import CallRecord, Record, RecordKey, RegistrationRecord, TransactionRecord

_R = TypeVar("_R", CallRecord, RegistrationRecord, TransactionRecord)
_begin: Final = itemgetter(0)
_Fragment: TypeAlias = tuple[int, bytes]  # a record as JSON, by the number of its first message


def told(
    file: str, shares: Sequence[Iterator[Frame]], settings: Settings, progress: ProgressCallback | None = None
) -> Told:
    """What the file told, by the frames of all shares in their order.

    Raises `ReceiverError` when it can't be read or is no capture, and `UnsharedError`.
    """
    about, ends = _through(shares, settings, progress)
    pickled = [each for each in ends if isinstance(each, Pickled)]
    if pickled:
        result = whole(file, _passage(pickled), _records([pickle.loads(each.records) for each in pickled]), about)  # noqa: S301 - by our own process, a moment ago
        return Told.of(result)
    return _written(file, shares, [each for each in ends if isinstance(each, Ending)], about)


def _through(
    shares: Sequence[Iterator[Frame]], settings: Settings, progress: ProgressCallback | None
) -> tuple[list[SubjectFinding], list[Frame]]:
    """Through the file, chunk by chunk: what is said of sources, accounts and peers, and the frames behind that."""
    sources, watermark_us = Sources(settings.limits), 0
    while stretches := _stretches(frames := [_next(share) for share in shares]):
        for cycles in zip(*(stretch.cycles for stretch in stretches), strict=True):
            watermark_us = _cycle(cycles, sources)
        if sum(stretch.records for stretch in stretches) > settings.max_records:
            raise UnsharedError("more records than memory may hold: which of them leave it depends on all others")
        if sources.hurried:
            raise UnsharedError("so much at a time that sources are judged before their time")
        if progress:
            progress(stretches[0].progress)
    return subjects(sources, watermark_us), frames


def _next(share: Iterator[Frame]) -> Frame:
    frame = next(share)
    if isinstance(frame, Refused):
        raise ReceiverError(frame.problem, frame.exit_code)
    if isinstance(frame, Unshared):
        raise UnsharedError(frame.why)
    return frame


def _stretches(frames: Sequence[Frame]) -> list[Stretch]:
    """The frames where all are of the way through the file, and of the same chunk; none at the end of it."""
    found = [frame for frame in frames if isinstance(frame, Stretch)]
    if found and (len(found) < len(frames) or len({len(each.cycles) for each in found}) > 1):
        raise _changed()
    return found


def _cycle(cycles: Sequence[Cycle], sources: Sources) -> int:
    for cycle in cycles:
        for update in cycle.updates:
            sources.take(update)
    (watermark_us,) = {cycle.watermark_us for cycle in cycles}
    sources.advance(watermark_us)
    return watermark_us


def _passage(ends: Sequence[Ending] | Sequence[Pickled]) -> Passage:
    passage = ends[0].passage
    if any(end.passage != passage for end in ends):
        raise _changed()
    return passage


def _changed() -> UnsharedError:
    return UnsharedError("it changed while it was read")


# --- records as they are


def _records(found: Sequence[Records]) -> Records:
    begins = {key: numbers[0] for each in found for key, numbers in each.ordinals.items()}
    legs = [leg for each in found for leg in each.legs]
    return Records(
        calls=_in_order((each.calls for each in found), begins),
        registrations=_in_order((each.registrations for each in found), begins),
        transactions=_in_order((each.transactions for each in found), begins),
        legs=sorted(legs, key=lambda leg: begins[leg.key]),
        ordinals={key: numbers for each in found for key, numbers in each.ordinals.items()},
        side={key: side for each in found for key, side in each.side.items()},
        media={key: review for each in found for key, review in each.media.items()},
        registration_delays_ms={key: ms for each in found for key, ms in each.registration_delays_ms.items()},
        malformed=sum(each.malformed for each in found),
        side_unmatched=sum(each.side_unmatched for each in found),
        evicted=0,
    )


def _in_order(lists: Iterable[list[_R]], begins: Mapping[RecordKey, int]) -> list[_R]:
    def begin(record: Record) -> int:
        return begins[record.key]

    return sorted(chain.from_iterable(lists), key=begin)


# --- records that are written


def _written(file: str, shares: Sequence[Iterator[Frame]], ends: Sequence[Ending], about: list[SubjectFinding]) -> Told:
    legs = sorted(((begin, leg) for end in ends for begin, leg in zip(end.begins, end.legs, strict=True)), key=_begin)
    found = Records(
        calls=[],
        registrations=[],
        transactions=[],
        legs=[leg for _, leg in legs],
        ordinals={},
        side={},
        media={},
        registration_delays_ms={},
        malformed=sum(end.malformed for end in ends),
        side_unmatched=sum(end.side_unmatched for end in ends),
        evicted=0,
    )
    result = whole(file, _passage(ends), found, about)
    linked = legs_of(result.links)
    legs_by_begin = {begin: linked[leg.key] for begin, leg in legs if leg.key in linked}
    figures, by = joined([end.measures for end in ends])
    return Told(
        result=result,
        severities=severities((), about).union(*(end.severities for end in ends)),
        document=pieces(
            result, figures, by, {kind: _listed(shares, legs_by_begin if kind == "calls" else {}) for kind in KINDS}
        ),
    )


def _listed(shares: Sequence[Iterator[Frame]], legs: Mapping[int, list[LegEntry]]) -> Iterator[bytes]:
    """The records of the next kind as they stand in their list, some at a time; `legs`: by the same numbers."""
    for some in _fragments(shares):
        yield together([with_legs(record, legs.get(begin, [])) for begin, record in some])


def _fragments(shares: Sequence[Iterator[Frame]]) -> Iterator[list[_Fragment]]:
    """The records of the next kind, in the order of their first messages, some at a time."""
    blocks = [_block(share) for share in shares]
    while any(blocks):
        # What the others may still tell begins later.
        bound = min(block[-1][0] for block in blocks if block)
        ready: list[_Fragment] = []
        for place, block in enumerate(blocks):
            end = bisect_right(block, bound, key=_begin)
            ready += block[:end]
            blocks[place] = _block(shares[place]) if block and end == len(block) else block[end:]
        yield sorted(ready)


def _block(share: Iterator[Frame]) -> list[_Fragment]:
    """The next records of a share; none at the end of their kind."""
    frame = _next(share)
    return list(zip(frame.begins, frame.lines.splitlines(), strict=True)) if isinstance(frame, Fragments) else []
