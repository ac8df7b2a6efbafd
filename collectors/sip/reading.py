"""One message, read further: its head split once, when the first of its headers is asked for.

`parse` gives what each message is asked for; a `Reading` gives the rest to whoever looks closer. Total.
"""

from collectors.sip.message import head, start_line, values


class Reading:
    """The headers and the body of a message, by name. Names are long forms in lower case."""

    __slots__ = ("_begin", "_lines", "raw")

    def __init__(self, raw: bytes) -> None:
        self.raw = raw
        self._lines: list[bytes] = []  # of the head; none before they are asked for
        self._begin = 0  # of the body

    def first(self, name: str) -> str:
        """The first value of a header; "" where there is none."""
        found = self.all(name)
        return found[0] if found else ""

    def all(self, name: str) -> list[str]:
        """All values of a header, one an occurrence, commas left alone."""
        if not self._lines:
            self._lines, self._begin = head(self.raw)
        return values(self._lines, name)

    @property
    def start_line(self) -> str:
        """The first line."""
        return start_line(self.raw)

    @property
    def target(self) -> str:
        """The Request-URI; "" where there is none."""
        words = start_line(self.raw).split(" ", 2)
        return words[1] if len(words) == 3 else ""

    @property
    def body(self) -> bytes:
        """What follows the headers, whatever Content-Length says."""
        if not self._lines:
            self._lines, self._begin = head(self.raw)
        return self.raw[self._begin :]
