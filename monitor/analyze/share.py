"""The messages of a file shared out by Call-ID, so that each record is in one share, whole."""

from typing import Final
from zlib import crc32

from collectors.sip.glance import call_id_in, call_id_line, call_id_of

_MOST_LINES: Final = 65_536  # remembered


class Share:
    """One of `of` shares, numbered from 0. What has no Call-ID is in the first."""

    def __init__(self, number: int, of: int) -> None:
        self.number = number
        self.of = of
        self._lines: dict[bytes, bool] = {}  # Call-ID header lines → whether they are in this share

    def holds(self, call_id: str) -> bool:
        """Whether what has this Call-ID is in this share."""
        return crc32(call_id.encode("utf-8", "surrogatepass")) % self.of == self.number

    def takes(self, raw: bytes) -> bool:
        """Whether a message is in this share."""
        line = call_id_line(raw)
        if line is None:
            return self.holds(call_id_of(raw))
        known = self._lines.get(line)
        if known is None:
            if len(self._lines) >= _MOST_LINES:
                self._lines.clear()
            known = self._lines[line] = self.holds(call_id_in(line))
        return known
