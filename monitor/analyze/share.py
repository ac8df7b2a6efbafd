"""The messages of a file shared out by Call-ID, so that each record is in one share, whole."""

from typing import Final
from zlib import crc32

from collectors.sip.glance import call_id_in, call_id_line, call_id_of

_MOST_LINES: Final = 65_536  # remembered
_NEWLINE: Final = 10
_RETURN: Final = 13
_BLANKS: Final = b" \t"


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
        """Whether a message is in this share, as far as can be told unread.

        It is `holds` of its Call-ID but for messages that nobody sends: of two Call-IDs in two spellings, or none but
        in the body. Who reads those finds that their record is not in this share.
        """
        line = _line(raw)
        if line is None:
            return self.holds(call_id_of(raw))
        known = self._lines.get(line)
        if known is None:
            if _RETURN in line or _NEWLINE in line:  # some message ends its lines otherwise
                return self.holds(call_id_of(raw))
            if len(self._lines) >= _MOST_LINES:
                self._lines.clear()
            known = self._lines[line] = self.holds(call_id_in(line))
        return known


def _line(raw: bytes) -> bytes | None:
    """The header line that tells the Call-ID; None where only reading can tell."""
    begin = raw.find(b"\r\nCall-ID:")
    if begin < 0:
        begin = raw.find(b"\r\nCall-Id:")
    if begin < 0:
        return call_id_line(raw)
    end = raw.find(b"\r\n", begin + 2)
    if end < 0 or (end + 2 < len(raw) and raw[end + 2] in _BLANKS):
        return None  # it is cut, or goes on in the next line
    return raw[begin + 2 : end]
