"""What can't be delivered now, on disk: in order, bounded, and whole after a crash.

A folder of segments, each a file of records. Records are appended to the last segment and read from
the first, which is deleted when all of it has been delivered. After a crash the delivered part of it is
sent again: the server knows each batch by name and drops the copies.

A record is written in one piece and has a checksum, so that one cut by a crash is noticed, counted and
passed over. A process that dies loses nothing (the kernel has it); a machine that loses power loses the
last second at most (`fsync` once a second while records are written, and when a segment is full).
"""

import fcntl
import os
import struct
import time
from collections import deque
from collections.abc import Iterable
from io import FileIO
from itertools import islice
from pathlib import Path
from typing import Final, NamedTuple
from zlib import crc32

_MAGIC: Final = b"OHS2"
# Magic, checksum of all that follows, length of the data; then as in `Record`.
_HEADER: Final = struct.Struct("<4sIIHHIqqq")
_CHECKED: Final = 8  # where that begins which the checksum covers
_SEGMENT: Final = 8 * 1024 * 1024  # octets at which a segment is full
_SYNC_S: Final = 1.0


class Record(NamedTuple):
    """One encoded batch, with what must be known of it without decoding."""

    partitions: int  # how many there were when its partition was chosen
    partition: int
    events: int
    from_us: int  # wire time of its earliest and its latest event; 0 when it has none
    to_us: int
    low_water_us: int  # nothing captured before this comes behind it (of its boot, in its partition); 0: not known
    data: bytes


class Dropped(NamedTuple):
    """What had to make room, or did not fit."""

    events: int = 0
    from_us: int = 0
    to_us: int = 0

    def plus(self, events: int, from_us: int, to_us: int) -> "Dropped":
        """This and some more."""
        if not events:
            return self
        earliest = min(self.from_us, from_us) if self.events else from_us
        return Dropped(self.events + events, earliest, max(self.to_us, to_us))


class SpoolError(Exception):
    """The folder can't be used; the text says why."""


class _Segment:
    """A file of records that are still to be delivered."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.octets = 0
        self.content = Dropped()  # what is lost with it

    def add(self, record: Record, octets: int) -> None:
        self.octets += octets
        self.content = self.content.plus(record.events, record.from_us, record.to_us)


class Spool:
    """First in, first out, of batches; one process at a time. Not for several threads."""

    def __init__(self, folder: Path, limit: int) -> None:
        """Open `folder`, with whatever an earlier start left in it; hold `limit` octets at most.

        Raises `SpoolError`.
        """
        self.damaged = 0  # stretches of a file that were no record
        self.failures = 0  # records that could not be written: the disk is full, or worse
        self._folder = folder
        self.limit = limit  # octets
        self._segment_size = max(1, min(_SEGMENT, limit // 4))
        self._segments: deque[_Segment] = deque()
        self._file: FileIO | None = None  # of the last segment, while it is written
        self._loaded: deque[Record] | None = None  # of the first segment, while it is read
        self._synced_s = 0.0
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._lock = FileIO(folder / "lock", "w")
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            for path in sorted(folder.glob("*.spool")):
                self._take_over(path)
        except BlockingIOError as error:
            self._lock.close()
            raise SpoolError(f"the spool {folder} is in use by another collector: give each its own") from error
        except OSError as error:
            raise SpoolError(f"the spool {folder} can't be used: {error.strerror}") from error

    @property
    def empty(self) -> bool:
        """Nothing waits."""
        return not self._segments

    @property
    def events(self) -> int:
        """Events that wait."""
        loaded = sum(record.events for record in self._loaded or ())
        rest = islice(self._segments, 0 if self._loaded is None else 1, None)
        return loaded + sum(segment.content.events for segment in rest)

    @property
    def octets(self) -> int:
        """The size of the files."""
        return sum(segment.octets for segment in self._segments)

    def append(self, record: Record) -> Dropped:
        """Put a record behind the others; what had to be dropped for it, or itself when the disk is full."""
        encoded = _encode(record)
        dropped = Dropped()
        while self._segments and self.octets + len(encoded) > self.limit:
            dropped = dropped.plus(*self._drop_first())
        try:
            if len(encoded) <= self.limit:
                self._write(record, encoded)
                return dropped
        except OSError:
            self.failures += 1
        return dropped.plus(record.events, record.from_us, record.to_us)

    def head(self, count: int) -> list[Record]:
        """The first records, up to `count` and from one segment: none when the spool is empty."""
        while not self._loaded and self._segments:
            if self._loaded is None:
                self._load()
            else:
                self._delete_first()  # there was no whole record in it
        return list(islice(self._loaded or (), count))

    def remove(self, records: Iterable[Record]) -> None:
        """Forget these, some of those that `head` gave: they have been delivered. What stays keeps its order."""
        gone = {id(record) for record in records}
        loaded = self._loaded or deque()
        passed = []
        while gone and loaded:
            record = loaded.popleft()
            if id(record) in gone:
                gone.remove(id(record))
            else:
                passed.append(record)
        loaded.extendleft(reversed(passed))
        if not loaded:
            self._delete_first()

    def sync(self, *, now: bool = False) -> None:
        """Make what was written survive a power cut, when it is time for that."""
        time_s = time.monotonic()
        if self._file and (now or time_s - self._synced_s >= _SYNC_S):
            os.fsync(self._file.fileno())
            self._synced_s = time_s

    def close(self) -> None:
        """Put the rest on the disk and let another process use the folder."""
        self._end_segment()
        self._lock.close()

    def _take_over(self, path: Path) -> None:
        segment = _Segment(path)
        for record in _decode(path.read_bytes())[0]:
            segment.add(record, 0)
        segment.octets = path.stat().st_size
        self._segments.append(segment)

    def _write(self, record: Record, encoded: bytes) -> None:
        if self._file is None:
            number = int(self._segments[-1].path.stem) + 1 if self._segments else 0
            segment = _Segment(self._folder / f"{number:012d}.spool")
            self._file = FileIO(segment.path, "w")
            self._segments.append(segment)
        segment = self._segments[-1]
        try:
            written = self._file.write(encoded)
            if written != len(encoded):
                raise OSError("the disk is full")
        except OSError:
            self._file.truncate(segment.octets)
            self._file.seek(segment.octets)
            raise
        segment.add(record, len(encoded))
        self.sync()
        if segment.octets >= self._segment_size:
            self._end_segment()

    def _end_segment(self) -> None:
        if self._file:
            self.sync(now=True)
            self._file.close()
            self._file = None

    def _load(self) -> None:
        if len(self._segments) == 1:
            self._end_segment()
        records, damaged = _decode(self._segments[0].path.read_bytes())
        self.damaged += damaged
        self._loaded = deque(records)

    def _delete_first(self) -> None:
        self._segments.popleft().path.unlink(missing_ok=True)
        self._loaded = None

    def _drop_first(self) -> Dropped:
        if len(self._segments) == 1:
            self._end_segment()
        content = self._segments[0].content
        if self._loaded is not None:
            content = Dropped()
            for record in self._loaded:
                content = content.plus(record.events, record.from_us, record.to_us)
        self._delete_first()
        return content


def _encode(record: Record) -> bytes:
    fields = (len(record.data), *record[:-1])
    checked = _HEADER.pack(_MAGIC, 0, *fields)[_CHECKED:] + record.data
    return _MAGIC + struct.pack("<I", crc32(checked)) + checked


def _decode(data: bytes) -> tuple[list[Record], int]:
    """The whole records in a segment, and how many stretches of it are none."""
    records: list[Record] = []
    damaged = 0
    at = 0
    while at < len(data):
        record = _record_at(data, at)
        if record:
            records.append(record)
            at += _HEADER.size + len(record.data)
            continue
        damaged += 1
        at = data.find(_MAGIC, at + 1)
        while at >= 0 and not _record_at(data, at):
            at = data.find(_MAGIC, at + 1)
        if at < 0:
            break
    return records, damaged


def _record_at(data: bytes, at: int) -> Record | None:
    if len(data) - at < _HEADER.size:
        return None
    magic, checksum, length, partitions, partition, events, *times = _HEADER.unpack_from(data, at)
    end = at + _HEADER.size + length
    if magic != _MAGIC or end > len(data) or crc32(data[at + _CHECKED : end]) != checksum:
        return None
    from_us, to_us, low_water_us = times
    return Record(partitions, partition, events, from_us, to_us, low_water_us, data[at + _HEADER.size : end])
