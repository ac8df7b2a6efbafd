"""All entries that a stream store ever took, with their ids, from its append-only file: trimmed ones too."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple


class Taken(NamedTuple):
    """One entry of a stream."""

    stream: str
    id: str
    field: bytes
    data: bytes


def entries(folder: Path) -> Iterator[Taken]:
    """The entries in the order in which they were taken; `folder` is the server's `appendonlydir`."""
    files = sorted(folder.glob("*.incr.aof"), key=lambda path: int(path.name.split(".")[-3]))
    for path in files:
        for words in _commands(path.read_bytes()):
            if words[0].upper() == b"XADD":
                *_, entry_id, field, data = words
                yield Taken(words[1].decode(), entry_id.decode(), field, data)


def _commands(data: bytes) -> Iterator[list[bytes]]:
    """RESP arrays of bulk strings, as far as they are whole."""
    at = 0
    while at < len(data):
        end = data.find(b"\r\n", at)
        if data[at : at + 1] == b"#":  # an annotation
            at = end + 2
            continue
        words = []
        count, at = int(data[at + 1 : end]), end + 2
        for _ in range(count):
            end = data.find(b"\r\n", at)
            if end < 0:
                return
            length = int(data[at + 1 : end])
            words.append(data[end + 2 : end + 2 + length])
            at = end + 4 + length
        if at > len(data):
            return
        yield words
