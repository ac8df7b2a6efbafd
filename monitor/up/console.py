"""The supervisor's output: every line with the time and the name of the program that wrote it."""

import sys
from collections.abc import Callable
from datetime import datetime
from typing import TextIO

COLOURS = (36, 32, 35, 34, 33, 96, 92, 95)  # ANSI foregrounds, legible on dark and light
# A program that never ends its line must not fill the memory.
LONGEST_LINE = 8192


class Console:
    """Writes prefixed lines; in colour where a person reads them (`colour`)."""

    def __init__(self, names: list[str], *, stream: TextIO = sys.stdout, colour: bool = False) -> None:
        self._stream = stream
        self._width = max(map(len, names), default=0)
        self._colours = {name: COLOURS[i % len(COLOURS)] for i, name in enumerate(names)} if colour else {}

    def line(self, name: str, text: str) -> None:
        """One line of one program."""
        prefix = f"{datetime.now().astimezone():%H:%M:%S} {name:<{self._width}} │"
        if colour := self._colours.get(name):
            prefix = f"\x1b[{colour}m{prefix}\x1b[0m"
        try:
            self._stream.write(f"{prefix} {text}\n")
            self._stream.flush()
        except (BrokenPipeError, UnicodeEncodeError):
            pass  # nobody reads, or the terminal can't show it: no reason to stop watching calls

    def box(self, lines: list[str]) -> None:
        """Something that must be seen."""
        width = max(map(len, lines))
        middle = "\n".join(f"│ {line:<{width}} │" for line in lines)
        self._stream.write(f"\n┌{'─' * (width + 2)}┐\n{middle}\n└{'─' * (width + 2)}┘\n\n")
        self._stream.flush()


class Lines:
    """Cuts a stream of bytes into lines for `write`; too long ones into pieces."""

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write = write
        self._rest = b""

    def feed(self, data: bytes) -> None:
        """More output; b"" is its end."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > LONGEST_LINE or not data:
            lines.append(self._rest)
            self._rest = b""
        for line in lines:
            for start in range(0, len(line), LONGEST_LINE):
                self._write(_printable(line[start : start + LONGEST_LINE]))


def _printable(line: bytes) -> str:
    """Text of others, which may quote hostile traffic: no control character reaches the terminal."""
    text = line.decode("utf-8", "replace").rstrip("\r")
    return "".join(char if char.isprintable() or char == "\t" else repr(char)[1:-1] for char in text)
