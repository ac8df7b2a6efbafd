"""What a passage of a capture file gives on the way: progress, and steps for those who commit.

Plain Python: msgspec Structs lose their options when compiled.
"""

from collections.abc import Callable
from typing import TypeAlias

import msgspec

from monitor.core.updates import ConnectionFailed, Record, RecordKey, Update


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """How far a file has been read."""

    bytes_read: int
    size: int  # 0 where it can't be known (a pipe)
    packets: int
    messages: int


ProgressCallback: TypeAlias = Callable[[Progress], None]


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """What a stretch of the file told: input for one commit."""

    updates: list[Update]  # in order; each message is a `MessageAdded`, each side event that fits an `EvidenceAdded`
    failures: list[ConnectionFailed]  # of connections, which are of no record
    records: dict[RecordKey, Record]  # of every key that the updates name, as it stands after them
    watermark_us: int
    progress: Progress
    last: bool
