"""A call as a possible leg of a conversation, and what joins two of them."""

from collections.abc import Iterable

import msgspec

from monitor.core.marks import Mark
from monitor.core.updates import CallRecord, RecordKey


class Leg(msgspec.Struct, frozen=True, kw_only=True):
    """A call as a possible leg. Wire times in µs."""

    key: RecordKey
    marks: frozenset[Mark]
    begun_us: int
    set_up_us: int | None  # answered, or over; None: still being set up
    over_us: int | None  # None: goes on
    hops: tuple[str, ...]  # of INVITE, in order

    @classmethod
    def of(cls, record: CallRecord, marks: Iterable[Mark]) -> "Leg":
        """The leg that a call may be."""
        return cls(
            key=record.key,
            marks=frozenset(marks),
            begun_us=record.first_us,
            set_up_us=record.answered_us or record.ended_us,
            over_us=record.ended_us,
            hops=record.hops,
        )


class Link(msgspec.Struct, frozen=True, kw_only=True):
    """Two calls that are legs of one conversation, the earlier first."""

    one: RecordKey
    other: RecordKey
    confidence: int  # percent
    reason: str
