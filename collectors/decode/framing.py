"""SIP messages in a stream of octets (RFC 3261 §18.3): framed by Content-Length, line ends between them ignored.

A stream is not always in step: the capture begins within a message, octets are missing, a sender counts
wrong. Then all is passed over up to the next start line that a header follows.
"""

import re
from typing import Final, TypeAlias

from collectors.sip.message import looks_like_sip

# (message, octets at its end that are missing)
Framed: TypeAlias = tuple[bytes, int]

MAX_HEAD: Final = 65_536  # octets
MAX_BODY: Final = 131_072

# Of what may become a start line: a longer one is none.
_LONGEST_LINE: Final = 16_384
# Out of step, a start line and the name of a header must be found in so much.
_TAIL: Final = 4_096

_CR: Final = 13
_LINE_ENDS: Final = b"\r\n"
_LINE_END: Final = re.compile(rb"[\r\n]")
_BLANK_LINE: Final = re.compile(rb"(?>\r\n|[\r\n]){2}")
_LENGTH: Final = re.compile(
    rb"[\r\n](?:Content-Length|l)[ \t]*:[ \t]*(?:(?:\r\n|[\r\n])[ \t]+)?(\d{1,9})[ \t]*(?=[\r\n])", re.IGNORECASE
)
_USUAL_NAME: Final = b"\nContent-Length: "
_USUAL_LENGTH: Final = re.compile(_USUAL_NAME + rb"(\d{1,9})\r")
_TYPE: Final = re.compile(rb"[\r\n](?:Content-Type|c)[ \t]*:", re.IGNORECASE)
_VERSION: Final = b"SIP/2.0"
_STATUS_REST: Final = re.compile(rb"SIP/2\.0 [1-6]\d\d(?: [^\r\n]{0,1024})?\r?\n[!-9;-~]{1,64}[ \t]*:")
_REQUEST_REST: Final = re.compile(rb"SIP/2\.0\r?\n[!-9;-~]{1,64}[ \t]*:")
_REQUEST_START: Final = re.compile(rb"[A-Za-z0-9.!%*_+`'~-]{1,64} [A-Za-z][A-Za-z0-9.+-]{0,31}:[^\s]{0,3500} \Z")


def find_message(octets: bytes | bytearray, at: int = 0) -> int:
    """Where from `at` on a message begins: a start line, and the name of a header behind it; -1 where none does."""
    while (at := octets.find(_VERSION, at)) >= 0:
        longest = max(0, at - _TAIL)
        line = max(octets.rfind(b"\n", longest, at), octets.rfind(b"\r", longest, at)) + 1
        if line == at:
            if _STATUS_REST.match(octets, at):
                return at
        elif _REQUEST_REST.match(octets, at) and _REQUEST_START.match(octets, line, at):
            return line
        at += len(_VERSION)
    return -1


class SipFramer:
    """One direction of a stream. Total: what is no SIP is passed over, and counted in `garbage`."""

    __slots__ = ("_discard", "_end", "_excess", "_in_step", "_octets", "_searched", "garbage")

    def __init__(self) -> None:
        self._octets = bytearray()
        self._searched = 0  # in so many of them, a start line first, there is no blank line
        self._end = 0  # octets of the message; 0 while its head is not whole
        self._excess = 0  # octets of its body beyond MAX_BODY
        self._discard = 0  # octets to come of a body that is not wanted any more
        self._in_step = True  # the next octets begin a message, or line ends before it
        self.garbage = 0  # octets passed over

    @property
    def held(self) -> int:
        """Octets that wait for others."""
        return len(self._octets)

    def feed(self, octets: bytes) -> list[Framed]:
        """The messages that these octets complete."""
        self._octets += octets
        found: list[Framed] = []
        while self._octets and self._advance(found):
            pass
        return found

    def skip(self, missing: int) -> list[Framed]:
        """So many octets are missing here: the message that they were part of, as far as it came."""
        found: list[Framed] = []
        rest = self._discard
        if self._end:
            rest = self._end - len(self._octets) + self._excess
            found.append((bytes(self._octets), rest))
        elif self._searched:
            found.append((bytes(self._octets), missing))
        self._reset()
        # Where the hole is within a body, what follows is known to the octet.
        self._discard = max(0, rest - missing)
        self._in_step = rest >= missing
        return found

    def end(self) -> list[Framed]:
        """Nothing more will come: the message that is not whole, which its sender left so."""
        found = [(bytes(self._octets), 0)] if self._searched else []
        self._reset()
        return found

    def _reset(self) -> None:
        self._octets.clear()
        self._searched = self._end = self._excess = self._discard = 0

    def _advance(self, found: list[Framed]) -> bool:
        """One step with what is there; whether another can follow."""
        if self._discard:
            return self._drop()
        if self._end:
            return self._finish(found)
        if not self._in_step:
            return self._search()
        if not self._searched:
            return self._begin()
        return self._read_head(found)

    def _drop(self) -> bool:
        dropped = min(self._discard, len(self._octets))
        del self._octets[:dropped]
        self._discard -= dropped
        return True

    def _search(self) -> bool:
        """Pass over what is before the next message."""
        at = find_message(self._octets)
        self._in_step = at >= 0
        dropped = at if self._in_step else max(0, len(self._octets) - _TAIL)
        del self._octets[:dropped]
        self.garbage += dropped
        return self._in_step

    def _begin(self) -> bool:
        """Between messages: pass over line ends (§7.5, keep-alives of RFC 5626 §3.5.1) as far as a start line."""
        if self._octets[0] in _LINE_ENDS:
            self._octets = self._octets.lstrip(_LINE_ENDS)
            return True
        end = _LINE_END.search(self._octets)
        if end is None and len(self._octets) <= _LONGEST_LINE:
            return False
        if end is not None and looks_like_sip(bytes(self._octets[: end.end()])):
            self._searched = end.start()
        else:
            self._in_step = False
        return True

    def _read_head(self, found: list[Framed]) -> bool:
        octets = self._octets
        body = self._end_of_head()
        if body < 0:
            self._searched = max(self._searched, len(octets) - 3)
            if len(octets) <= MAX_HEAD:
                return False
            found.append((bytes(octets[:MAX_HEAD]), 1))
            self._reset()
            self._in_step = False
            return True
        length = _USUAL_LENGTH.match(octets, octets.find(_USUAL_NAME, 0, body)) or _LENGTH.search(octets, 0, body)
        if length is None:
            self._end = self._end_of_unmeasured(body)
        else:
            self._excess = max(0, int(length[1]) - MAX_BODY)
            self._end = body + int(length[1]) - self._excess
        return True

    def _end_of_head(self) -> int:
        """Where the body begins; -1 while that is not known."""
        octets, begin = self._octets, self._searched
        end = octets.find(b"\r\n\r\n", begin)
        if end >= 0 and octets.find(b"\n\r", begin) == end + 1 and not _bare(octets, begin, end):
            return end + 4
        blank = _BLANK_LINE.search(octets, begin)
        # A line end may be cut in two: whether CR is all of it says the next octet.
        if blank is None or (blank.end() == len(octets) and octets[-1] == _CR):
            return -1
        return blank.end()

    def _end_of_unmeasured(self, body: int) -> int:
        """Where a message without Content-Length ends: on a stream it has no body (§18.3).

        Where it says that it has one, its sender wrote it along with the head.
        """
        if not _TYPE.search(self._octets, 0, body):
            return body
        end = find_message(self._octets, body)
        return end if end >= 0 else len(self._octets)

    def _finish(self, found: list[Framed]) -> bool:
        if len(self._octets) < self._end:
            return False
        found.append((bytes(self._octets[: self._end]), self._excess))
        del self._octets[: self._end]
        self._discard = self._excess
        self._searched = self._end = self._excess = 0
        return True


def _bare(octets: bytearray, begin: int, end: int) -> bool:
    """Whether there is a blank line of other line ends than CRLF."""
    return octets.find(b"\n\n", begin, end) >= 0 or octets.find(b"\r\r", begin, end + 1) >= 0
