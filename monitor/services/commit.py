"""What ingest commits of one partition, as a value. `monitor.services.apply_updates` writes it."""

from typing import Final

import msgspec

from collectors.wire.events import Loss
from monitor.core.updates import CollectorReported
from monitor.services.harvest import Content

POISON: Final = "poison"  # reason of a loss: a batch that is set aside


class CollectorState(msgspec.Struct, frozen=True):
    """A collector's last heartbeat, and what ingest makes of it."""

    reported: CollectorReported
    clock_offset_us: int
    low_water_us: int
    rate: float  # messages/s


class NotedLoss(msgspec.Struct, frozen=True):
    """A loss for people to see. `partition`: which noticed it; −1 when it is of no single one."""

    collector: str
    loss: Loss
    partition: int


class DeadLetter(msgspec.Struct, frozen=True):
    """A stream entry that was set aside, and why."""

    entry_id: str
    reason: str
    stored_us: int  # stream time
    lost_us: int  # wire time at which the loss begins that tells of it; 0: none does
    data: bytes


class Replayed(msgspec.Struct, frozen=True):
    """A dead letter that was taken after all: it is no longer kept, nor lost what is in it."""

    entry_id: str
    observer: str  # of the loss that told of it
    lost_us: int  # as it was kept


class PartitionCommit(msgspec.Struct, frozen=True, kw_only=True):
    """The partition as it was and as it becomes, with all that belongs to the step.

    It is written only where the row still has `epoch` and `old_offset`.
    """

    number: int
    epoch: int
    old_offset: str
    new_offset: str
    watermark_us: int
    marks: bytes
    version: int
    lag_ms: int
    content: Content
    collectors: list[CollectorState]
    losses: list[NotedLoss]
    dead_letters: list[DeadLetter]
    replayed: list[Replayed] = []
    side_unmatched: int = 0  # side events since the last commit that fit no record
