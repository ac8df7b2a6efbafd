"""One message, read further: its headers split once, when the first of them is asked for.

`parse` gives what each message is asked for; a `Reading` gives the rest to whoever looks closer. Total.
"""

from collectors.sip.message import body, headers, start_line


class Reading:
    """The headers and the body of a message, by name. Names are long forms in lower case."""

    __slots__ = ("_found", "raw")

    def __init__(self, raw: bytes) -> None:
        self.raw = raw
        self._found: dict[str, list[str]] | None = None

    def first(self, name: str) -> str:
        """The first value of a header; "" where there is none."""
        values = self.all(name)
        return values[0] if values else ""

    def all(self, name: str) -> list[str]:
        """All values of a header, one an occurrence, commas left alone."""
        if self._found is None:
            self._found = {}
            for each, value in headers(self.raw):
                self._found.setdefault(each, []).append(value)
        return self._found.get(name, [])

    @property
    def start_line(self) -> str:
        """The first line."""
        return start_line(self.raw)

    @property
    def body(self) -> bytes:
        """What follows the headers, whatever Content-Length says."""
        return body(self.raw)
