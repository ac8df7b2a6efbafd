"""What the processes that share a file told, put together: the same as one process tells, to the octet.

`told` goes with them through the file and takes what crosses Call-IDs in the order of its cycles; then come
their records, in the order in which these begin in the file.
"""

import pickle
from collections.abc import Iterable, Iterator, Mapping, Sequence
from heapq import merge
from itertools import chain
from operator import itemgetter
from typing import Final, TypeVar

from collectors.receivers.base import ReceiverError
from monitor.analyze.document import legs_of
from monitor.analyze.fragments import KINDS, pieces, with_legs
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
    written = {kind: _fragments(shares) for kind in KINDS}
    calls = (with_legs(call, legs_by_begin.get(begin, [])) for begin, call in written["calls"])
    others = {kind: (each for _, each in written[kind]) for kind in KINDS[1:]}
    figures, by = joined([end.measures for end in ends])
    return Told(
        result=result,
        severities=severities((), about).union(*(end.severities for end in ends)),
        document=pieces(result, figures, by, {"calls": calls, **others}),
    )


def _fragments(shares: Sequence[Iterator[Frame]]) -> Iterator[tuple[int, bytes]]:
    """The records of the next kind, in the order of their first messages."""
    return merge(*map(_of_a_kind, shares), key=_begin)


def _of_a_kind(share: Iterator[Frame]) -> Iterator[tuple[int, bytes]]:
    while isinstance(frame := _next(share), Fragments) and frame.more:
        yield from frame.found
