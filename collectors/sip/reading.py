"""One message, read further: its head split once, when the first of its headers is asked for.

`parse` gives what each message is asked for; a `Reading` gives the rest to whoever looks closer. Total.
"""

import re
from typing import Final

from collectors.sip.message import head, start_line, values
from collectors.sip.via import read_via

_UNREAD: Final[list[bytes]] = []  # never changed
_LONGEST_LINE: Final = 8_192
# Host and port, as nearly every Via gives them.
_SENT_BY: Final = re.compile(
    rb"\r\nVia: ?SIP/2\.0/[A-Za-z]{1,8} (\[[0-9A-Fa-f:.]{1,50}\]|[A-Za-z0-9.-]{1,100})(?::([0-9]{1,5}))?;"
)
_NO_PORT: Final = 65_536


class Reading:
    """The headers and the body of a message, by name. Names are long forms in lower case."""

    __slots__ = ("_begin", "_lines", "raw")

    def __init__(self, raw: bytes) -> None:
        self.raw = raw
        self._lines = _UNREAD  # of the head
        self._begin = 0  # of the body; 0 before it is asked for

    def first(self, name: str) -> str:
        """The first value of a header; "" where there is none."""
        found = self.all(name)
        return found[0] if found else ""

    def all(self, name: str) -> list[str]:
        """All values of a header, one an occurrence, commas left alone."""
        if not self._lines:
            self._split()
        return values(self._lines, name)

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
        raw = self.raw
        begin = raw.find(b" ") + 1
        end = raw.find(b" ", begin)
        if 0 < begin < end < _LONGEST_LINE and raw.find(b"\r", 0, end) < 0 and raw.find(b"\n", 0, end) < 0:
            return raw[begin:end].decode("utf-8", "replace")
        words = self.start_line.split(" ", 2)
        return words[1] if len(words) == 3 else ""

    @property
    def sent_by(self) -> tuple[str, int | None]:
        """Host and port of the topmost Via, an IPv6 reference in its brackets; ("", None) where there is none."""
        raw = self.raw
        at = raw.find(b"\r")
        if at > 0 and raw.find(b"\n", 0, at) < 0:
            found = _SENT_BY.match(raw, at)
            if found:  # the first header, as nearly always
                port = int(found[2] or _NO_PORT)
                return found[1].decode().lower(), port if port < _NO_PORT else None
        via = read_via(self.first("via"))
        return via.host, via.port

    @property
    def body(self) -> bytes:
        """What follows the headers, whatever Content-Length says."""
        if not self._begin:
            self._split()
        return self.raw[self._begin :]
