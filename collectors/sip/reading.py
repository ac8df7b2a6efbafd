"""One message, read further: its head split once, when the first of its headers is asked for.

`parse` gives what each message is asked for; a `Reading` gives the rest to whoever looks closer. Total.
"""

import re
from functools import lru_cache
from typing import Final

from collectors.sip.line import COMPACT, LOWER
from collectors.sip.message import first_value, head, start_line, values
from collectors.sip.name_addr import read_hostport
from collectors.sip.via import read_via

UNREAD: Final[list[bytes]] = []  # never changed
_LONGEST_LINE: Final = 8_192
_CR: Final = 13
_LF: Final = 10
# The topmost Via without its parameters, behind the first line, as nearly every message has it.
_TOPMOST_VIA: Final = re.compile(rb"[^\r\n]+\r\nVia: ([A-Za-z0-9:./ \[\]-]{1,99});")
_SENT_PROTOCOL: Final = re.compile(r"SIP/2\.0/[A-Za-z]+")

_ANY: Final = 255  # no second octet of a name


class Names:
    """Headers that few messages have, to be looked for at once. Long forms in lower case."""

    __slots__ = ("_names", "_seconds")

    def __init__(self, *names: str) -> None:
        spelled = {each: COMPACT.get(each, each) for each in (*names, *COMPACT)}
        self._names = {spelling.encode(): name for spelling, name in spelled.items() if name in names}
        seconds = bytearray(256)  # by the first octet of a name the second one, 0: none begins so
        for name in self._names:
            second = name[1] if len(name) > 1 else _ANY
            for first in (name[0], name[:1].upper()[0]):
                seconds[first] = second if seconds[first] in (0, second) else _ANY
        self._seconds = bytes(seconds)

    def there(self, lines: list[bytes]) -> set[str]:
        """Those that there are in the lines of a head."""
        seconds, found = self._seconds, set[str]()
        for line in lines[1:]:
            second = seconds[line[0]]
            if second and (second == _ANY or (len(line) > 1 and line[1] | LOWER == second)):
                name = self._names.get(line.partition(b":")[0].rstrip(b" \t").lower())
                if name is not None:
                    found.add(name)
        return found


class Reading:
    """The headers and the body of a message, by name. Names are long forms in lower case."""

    __slots__ = ("_begin", "_lines", "raw")

    def __init__(self, raw: bytes, lines: list[bytes] = UNREAD, begin: int = 0) -> None:
        """`lines` and `begin` are what `head` gives, where that is known."""
        self.raw = raw
        self._lines = lines
        self._begin = begin  # of the body; 0 before it is asked for

    def first(self, name: str) -> str:
        """The first value of a header; "" where there is none."""
        if not self._lines:
            self._split()
        return first_value(self._lines, name)

    def all(self, name: str) -> list[str]:
        """All values of a header, one an occurrence, commas left alone."""
        if not self._lines:
            self._split()
        return values(self._lines, name)

    def among(self, names: "Names") -> set[str]:
        """Which of these headers there are."""
        if not self._lines:
            self._split()
        return names.there(self._lines)

    def _split(self) -> None:
        self._lines, self._begin = head(self.raw)

    @property
    def start_line(self) -> str:
        """The first line."""
        raw = self.raw
        end = raw.find(b"\r\n")
        if 0 < end < _LONGEST_LINE and raw.find(b"\r") == end and raw.find(b"\n") == end + 1:
            return raw[:end].decode("utf-8", "replace")
        return start_line(raw)

    @property
    def target(self) -> str:
        """The Request-URI; "" where there is none."""
        octets = self.raw.split(b" ", 2)
        if len(octets) == 3:
            method, target = octets[0], octets[1]
            broken = _CR in target or _LF in target or _CR in method or _LF in method
            if 0 < len(target) < _LONGEST_LINE and not broken:
                return target.decode("utf-8", "replace")
        words = self.start_line.split(" ", 2)
        return words[1] if len(words) == 3 else ""

    @property
    def sent_by(self) -> tuple[str, int | None]:
        """Host and port of the topmost Via, an IPv6 reference in its brackets; ("", None) where there is none."""
        found = _TOPMOST_VIA.match(self.raw)
        if found is not None:
            return _sent_by(found[1])
        via = read_via(self.first("via"))
        return via.host, via.port

    @property
    def body(self) -> bytes:
        """What follows the headers, whatever Content-Length says."""
        if not self._begin:
            self._split()
        return self.raw[self._begin :]


@lru_cache(8192)
def _sent_by(value: bytes) -> tuple[str, int | None]:
    """Host and port of a Via without its parameters."""
    text = value.decode()
    protocol, _, place = text.partition(" ")
    if place and _SENT_PROTOCOL.fullmatch(protocol):
        host, port, _ = read_hostport(place)
        return host, port
    via = read_via(text)
    return via.host, via.port
