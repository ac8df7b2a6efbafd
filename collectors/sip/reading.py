"""One message, read further: its head split once, when the first of its headers is asked for.

`parse` gives what each message is asked for; a `Reading` gives the rest to whoever looks closer. Total.
"""

import re
from typing import Final

from collectors.sip.line import COMPACT, LOWER
from collectors.sip.message import Head, first_line, first_value, head, values
from collectors.sip.name_addr import read_hostport
from collectors.sip.via import read_via

UNREAD: Final[Head] = (b"", [], 0)  # never changed
# The topmost Via without its parameters, as nearly every message has it.
_VIA: Final = b"Via: "
_SENT_PROTOCOL: Final = re.compile(r"SIP/2\.0/[A-Za-z]+")
_USUAL_VIA: Final = re.compile(_VIA + rb"[A-Za-z0-9:./ \[\]-]{1,99}")
# What such lines say: host and port.
_SENT_BY: Final[dict[bytes, tuple[str, int | None]]] = {}
_MOST_SENT_BY: Final = 8_192

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
        """Those that there are in the header lines."""
        seconds, found = self._seconds, set[str]()
        for line in lines:
            second = seconds[line[0]]
            if second and (second == _ANY or (len(line) > 1 and line[1] | LOWER == second)):
                name = self._names.get(line.partition(b":")[0].rstrip(b" \t").lower())
                if name is not None:
                    found.add(name)
        return found


class Reading:
    """The headers and the body of a message, by name. Names are long forms in lower case."""

    __slots__ = ("_begin", "_lines", "_start", "raw")

    def __init__(self, raw: bytes, known: Head = UNREAD) -> None:
        """`known` is what `head` gives, where that was asked."""
        self.raw = raw
        self._start, self._lines, self._begin = known  # 0: to be split

    def first(self, name: str) -> str:
        """The first value of a header; "" where there is none."""
        if not self._begin:
            self._split()
        return first_value(self._lines, name)

    def all(self, name: str) -> list[str]:
        """All values of a header, one an occurrence, commas left alone."""
        if not self._begin:
            self._split()
        return values(self._lines, name)

    def among(self, names: "Names") -> set[str]:
        """Which of these headers there are."""
        if not self._begin:
            self._split()
        return names.there(self._lines)

    def _split(self) -> None:
        self._start, self._lines, self._begin = head(self.raw)

    @property
    def start_line(self) -> str:
        """The first line."""
        if not self._begin:
            self._split()
        return first_line(self._start)

    @property
    def top(self) -> bytes:
        """The first header line, which nearly always is the topmost Via; b"" where there is none."""
        if not self._begin:
            self._split()
        return self._lines[0] if self._lines else b""

    @property
    def target(self) -> str:
        """The Request-URI; "" where there is none."""
        words = self.start_line.split(" ", 2)
        return words[1] if len(words) == 3 else ""

    @property
    def sent_by(self) -> tuple[str, int | None]:
        """Host and port of the topmost Via, an IPv6 reference in its brackets; ("", None) where there is none."""
        if not self._begin:
            self._split()
        if self._lines:
            value = self._lines[0].partition(b";")[0]
            known = _SENT_BY.get(value)
            if known is None and _USUAL_VIA.fullmatch(value):
                if len(_SENT_BY) >= _MOST_SENT_BY:
                    _SENT_BY.clear()
                known = _SENT_BY[value] = _sent_by(value[len(_VIA) :].decode())
            if known is not None:
                return known
        via = read_via(self.first("via"))
        return via.host, via.port

    @property
    def body(self) -> bytes:
        """What follows the headers, whatever Content-Length says."""
        if not self._begin:
            self._split()
        return self.raw[self._begin :]


def _sent_by(value: str) -> tuple[str, int | None]:
    """Host and port of a Via without its parameters."""
    protocol, _, place = value.partition(" ")
    if place and _SENT_PROTOCOL.fullmatch(protocol):
        host, port, _ = read_hostport(place)
        return host, port
    via = read_via(value)
    return via.host, via.port
