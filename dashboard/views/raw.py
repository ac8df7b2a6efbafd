"""A raw message taken apart for reading: start line, headers, body; nothing left out, nothing changed."""

from dataclasses import dataclass
from typing import Final

# Longer messages are shown up to here; SIP over UDP ends at 64 KiB.
MAX_SHOWN: Final = 65_536


@dataclass(frozen=True)
class Line:
    """A line of the head: a header's name and the rest with its colon; a folded line has no name."""

    name: str
    rest: str


@dataclass(frozen=True)
class Raw:
    """A message as a page shows it."""

    start: str
    lines: tuple[Line, ...]
    body: str
    octets: int
    left_out: int  # octets beyond what is shown


def explain(raw: bytes) -> Raw:
    """Take a message apart; octets that are no UTF-8 and control characters show as \\x escapes."""
    shown = raw[:MAX_SHOWN]
    head, _, body = shown.partition(b"\r\n\r\n") if b"\r\n\r\n" in shown else shown.partition(b"\n\n")
    start, *lines = _text(head).split("\n")
    return Raw(start, tuple(_line(line) for line in lines), _text(body), len(raw), len(raw) - len(shown))


def _line(line: str) -> Line:
    name, colon, value = line.partition(":")
    if not colon or line[:1] in (" ", "\t"):
        return Line("", line)
    return Line(name, f":{value}")


def _text(data: bytes) -> str:
    text = data.decode("utf-8", "backslashreplace").replace("\r\n", "\n")
    return "".join(
        character if character.isprintable() or character in "\n\t" else f"\\x{ord(character):02x}"
        for character in text
    )
