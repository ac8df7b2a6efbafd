"""Entries on which our own code fails: which one it is, and when to give up on it. Pure.

A failure takes the partition's memory with it, so that is restored and the entry is tried once more, by
itself. The second time it is set aside, with what was raised as the reason, and the partition goes on.
What fails may also be a record whose deadline passed with the entry: restore tries each out, up to the
watermark that was reached for, and leaves out the one that fails.
"""

import traceback
from typing import Final

MOST_TRIES: Final = 2
_MOST_REASON: Final = 8_000  # characters
_MOST_ENTRIES: Final = 1_000


class Suspects:
    """What was tried and failed."""

    def __init__(self) -> None:
        self._tries: dict[tuple[int, str], int] = {}
        self._reasons: dict[tuple[int, str], str] = {}
        self._careful: dict[int, int] = {}  # partition → entries to take one by one
        self._reached: dict[int, int] = {}  # partition → watermark

    def failed(self, partition: int, entries: list[str], error: BaseException, watermark_us: int) -> None:
        """Taking these entries, or committing what came of them, raised `error`; the watermark was to be here."""
        self._reached[partition] = max(watermark_us, self._reached.get(partition, 0))
        if len(entries) != 1:
            self._careful[partition] = len(entries)
            return
        name = partition, entries[0]
        self._tries[name] = self._tries.get(name, 0) + 1
        self._reasons[name] = "".join(traceback.format_exception(error))[-_MOST_REASON:]
        while len(self._tries) > _MOST_ENTRIES:
            oldest = next(iter(self._tries))
            del self._tries[oldest], self._reasons[oldest]

    def took(self, partition: int, entries: int) -> None:
        """Entries were taken and committed."""
        self._reached.pop(partition, None)
        left = self._careful.get(partition, 0) - entries
        if left > 0:
            self._careful[partition] = left
        else:
            self._careful.pop(partition, None)

    def reached(self, partition: int) -> int | None:
        """Up to which watermark each record must be tried out before it is taken back; None: no need to."""
        return self._reached.get(partition)

    def careful(self, partition: int) -> bool:
        """Whether one entry at a time must be taken and committed there."""
        return partition in self._careful

    def guilty(self, partition: int, entry: str) -> str | None:
        """Why this entry is to be set aside; None when it is to be taken."""
        name = partition, entry
        return self._reasons[name] if self._tries.get(name, 0) >= MOST_TRIES else None
