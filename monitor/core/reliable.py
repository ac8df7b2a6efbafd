"""A reliable provisional response (RFC 3262) on all its hops, and the PRACK that it waits for."""

from bisect import insort
from typing import Final

from monitor.core.message import Message
from monitor.core.transaction import EVIDENCE

_MOST_HOPS: Final = 64


class Provisional:
    """One of them; RSeq, CSeq and To tag name it within its call. Times in µs, 0: never."""

    __slots__ = (
        "acked_us",
        "asked",
        "cseq",
        "first_us",
        "numbers",
        "rseq",
        "sends",
        "status",
        "stray",
        "times",
        "to_tag",
    )

    def __init__(self, rseq: int, event: Message) -> None:
        self.rseq = rseq
        self.cseq = event.cseq
        self.to_tag = event.to_tag
        self.status = event.status
        self.asked = False  # its INVITE was seen
        self.first_us = event.captured_us
        self.times: dict[str, list[int]] = {}  # by hop: of the first ones, in order
        self.numbers: dict[str, list[int]] = {}
        self.sends: dict[str, int] = {}
        self.acked_us = 0  # first PRACK with its RAck, anywhere
        self.stray = ""  # the RAck of a PRACK of its dialog that fits no response

    def sent(self, event: Message, number: int) -> int:
        """It was seen, for the first time or again; how often its hop has carried it."""
        hop, at_us = event.hop, event.captured_us
        if hop not in self.sends and len(self.sends) >= _MOST_HOPS:
            return 0
        self.first_us = min(self.first_us, at_us)
        self.sends[hop] = sends = self.sends.get(hop, 0) + 1
        if sends <= EVIDENCE:
            insort(self.times.setdefault(hop, []), at_us)
            self.numbers.setdefault(hop, []).append(number)
        return sends

    def most_sent(self) -> str:
        """The hop that carried it most often; of several, that where it came first."""
        return min(self.sends, key=lambda hop: (-self.sends[hop], -self.times[hop][0], hop))
