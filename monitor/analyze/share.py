"""The messages of a file shared out by Call-ID, so that each record is in one share, whole."""

from typing import Final
from zlib import crc32

from collectors.sip.glance import call_id_of, usual_call_id

_crc32: Final = crc32
_ALL: Final = 1 << 32  # values that it has
# What puts the shares together, beside its own: about a tenth of what the shares take.
_BESIDE: Final = 0.1


class Share:
    """One of `of` shares, numbered from 0. What has no Call-ID is in one of them.

    The first is smaller: who has it puts together what all of them told.
    """

    def __init__(self, number: int, of: int) -> None:
        self.number = number
        self.of = of
        others = (1 + _BESIDE) / of
        first = 1 - (of - 1) * others
        self._begin = round(_ALL * (first + (number - 1) * others)) if number else 0
        self._end = round(_ALL * (first + number * others)) if number < of - 1 else _ALL

    def holds(self, call_id: str) -> bool:
        """Whether what has this Call-ID is in this share."""
        return self._begin <= _crc32(call_id.encode("utf-8", "surrogatepass")) < self._end

    def takes(self, raw: bytes) -> bool:
        """Whether a message is in this share, as far as can be told unread.

        It is `holds` of its Call-ID but for messages that nobody sends: of two Call-IDs in two spellings, or none but
        in the body. Who reads those finds that their record is not in this share.
        """
        name = usual_call_id(raw)
        return self._begin <= _crc32(name) < self._end if name else self.holds(call_id_of(raw))
