"""What the processes that share a file tell the one that puts it together. Plain Python: Structs are not compiled."""

from typing import TypeAlias

import msgspec

from monitor.analyze.part_measures import PartMeasures
from monitor.analyze.result import Passage
from monitor.analyze.step import Progress
from monitor.core.leg import Leg
from monitor.core.sources.stage import Minded
from monitor.core.updates import Severity


class CrewError(Exception):
    """A process that reads the file with others can't be made, died, or was ended; the text says how."""


class UnsharedError(Exception):
    """Shared out, this file would not give what one process gives; the text says why."""


class Cycle(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What was told until the watermark moved, as far as the second stage minds it."""

    watermark_us: int  # to where it moved
    updates: list[Minded]


class Stretch(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """A chunk of the file was read. All processes tell the same number of cycles, with the same watermarks."""

    cycles: list[Cycle]
    progress: Progress
    records: int  # in memory


class Ending(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """The file is at its end."""

    passage: Passage
    malformed: int
    side_unmatched: int
    legs: list[Leg]  # of the calls of this share
    begins: list[int]  # the number of the first message of each of these
    measures: PartMeasures
    severities: list[Severity]  # of confirmed findings


class Fragments(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """The next records of one kind, in order; none when there are no more of this kind."""

    begins: list[int]  # the number of the first message of each
    lines: bytes  # JSON, a line each


class Pickled(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """All records of this share (`monitor.analyze.result.Records`), for who shows them otherwise."""

    passage: Passage
    records: bytes


class Refused(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """The file can't be read, or is no capture: a `ReceiverError`."""

    problem: str
    exit_code: int


class Unshared(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """Shared out, it would not give what one process gives."""

    why: str


Frame: TypeAlias = Stretch | Ending | Fragments | Pickled | Refused | Unshared
