"""The octets of a file, a pipe or standard input, unpacked where they are compressed."""

import select
import sys
from io import FileIO
from pathlib import Path
from typing import Final

from collectors.decode.compression import Unpacker, unpacker_for
from collectors.receivers.base import WRONG_USAGE, ReceiverError

_CHUNK: Final = 1024 * 1024  # octets
# What is made of so many octets lies in the processor's cache, and in memory that the last ones left.
_PIECE: Final = 128 * 1024
_MAGIC: Final = 4  # octets by which a compression is recognised
_NOTHING: Final[tuple[bytes, ...]] = ()
# What unpacks to so many octets, and to so many times its size, is made to keep somebody busy.
_SUSPICIOUS: Final = 1024 * 1024 * 1024
_MOST_TIMES: Final = 500


class Octets:
    """A file being read piece by piece, never held as a whole."""

    def __init__(self, name: str) -> None:
        """Open `name` ("-" is standard input). Raises `ReceiverError` when it can't be opened."""
        self.name = name
        self.size = 0  # octets of the file as it is; 0 when that can't be known (a pipe)
        self.bytes_read = 0  # of these
        self.finished = False
        self._head: bytes | None = b""  # until it is known whether the file is compressed
        self._unpacker: Unpacker | None = None
        self._pieces = iter(_NOTHING)  # of what was read at last
        self._ahead: bytes | None = None  # the next of these
        self._unpacked = 0  # octets
        try:
            if name == "-":
                self._file = FileIO(sys.stdin.fileno(), closefd=False)
            else:
                self._file = FileIO(name)
                self.size = Path(name).stat().st_size
        except OSError as error:
            raise self._unreadable(error) from error

    @property
    def fault(self) -> str:
        """What is wrong with the compression of what was read, or ""."""
        return self._unpacker.fault() if self._unpacker else ""

    def close(self) -> None:
        """Close the file; twice is once."""
        self._file.close()

    def wait(self, timeout_s: float) -> bool:
        """Whether `read` will not block, after `timeout_s` at most. A regular file never does."""
        return self._ahead is not None or bool(self.size) or bool(select.select([self._file], [], [], timeout_s)[0])

    @property
    def within_chunk(self) -> bool:
        """Whether the octets read at last are a piece of a MiB that goes on, as those of a regular file are."""
        return self._plain and not self.finished and self.bytes_read % _CHUNK > 0 and self.bytes_read < self.size

    @property
    def _plain(self) -> bool:
        """Whether this is a regular file, known not to be compressed."""
        return self.size > 0 and self._head is None and self._unpacker is None

    def read(self) -> bytes:
        """The next octets, 1 MiB at most; there may be none before the end. Raises `ReceiverError`."""
        piece = self._ahead
        if piece is None:
            piece = self._next_chunk()
        self._ahead = next(self._pieces, None)
        if self._unpacker:
            self._unpacked += len(piece)
            if self._unpacked > max(_SUSPICIOUS, self.bytes_read * _MOST_TIMES):
                problem = f"{self.name} unpacks to more than {_MOST_TIMES} times its size: no capture does"
                raise ReceiverError(problem, WRONG_USAGE)
        return piece

    def _next_chunk(self) -> bytes:
        """The first piece of the next chunk of the file."""
        data = self._read()
        if self._head is not None:
            data = self._head + data
            if len(data) < _MAGIC and not self.finished:
                self._head = data
                return b""
            self._head = None
            self._unpacker = unpacker_for(data)
        if self._unpacker is None:
            return data
        self._pieces = self._unpacker.feed(data)
        return next(self._pieces, b"")

    def _read(self) -> bytes:
        try:
            data = self._file.read(_PIECE if self._plain else _CHUNK)
        except OSError as error:
            raise self._unreadable(error) from error
        self.finished = not data
        self.bytes_read += len(data)
        return data

    def _unreadable(self, error: OSError) -> ReceiverError:
        return ReceiverError(f"{self.name} can't be read: {error.strerror}", WRONG_USAGE)
