"""Where a collector's spool lies: one folder for all partitions, or in it one for each.

A single server is away with all partitions; of a cluster a node may be away with some of them, and what
waits for those must not stand before the others. What an earlier start left in the other form is moved.
"""

from pathlib import Path
from typing import Final

from collectors.exporters.spool import Dropped, Spool

_AT_ONCE: Final = 64


class Spools:
    """The spools of one collector, within one limit."""

    def __init__(self, folder: Path, limit: int) -> None:
        """Open `folder`, for this process alone; hold `limit` octets at most. Raises `SpoolError`."""
        self._folder = folder
        self._limit = limit
        self._whole = Spool(folder, limit)
        self._each: dict[int, Spool] = {}

    def whole(self) -> tuple[Spool, Dropped]:
        """The one for all partitions; what had to be dropped on the way. Raises `SpoolError`."""
        dropped = Dropped()
        for path in sorted(self._folder.glob("[0-9][0-9]")):
            with_one = Spool(path, self._limit)
            while records := with_one.head(_AT_ONCE):
                for record in records:
                    dropped = dropped.plus(*self._whole.append(record))
                with_one.remove(records)
            with_one.close()
        return self._whole, dropped

    def each(self, partitions: int) -> tuple[dict[int, Spool], Dropped]:
        """One for each partition, and for each that something is left of; the same. Raises `SpoolError`."""
        limit = max(1, self._limit // partitions)
        left = {int(path.name) for path in self._folder.glob("[0-9][0-9]")}
        for number in sorted(left | set(range(partitions))):
            self._open(number, limit)
        dropped = Dropped()
        while records := self._whole.head(_AT_ONCE):
            for record in records:
                dropped = dropped.plus(*self._open(record.partition, limit).append(record))
            self._whole.remove(records)
        return self._each, dropped

    def close(self) -> None:
        """Let another process use the folder."""
        self._whole.close()

    def _open(self, number: int, limit: int) -> Spool:
        if number not in self._each:
            self._each[number] = Spool(self._folder / f"{number:02d}", limit)
        return self._each[number]
