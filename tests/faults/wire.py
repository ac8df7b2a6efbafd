"""What passes at the edge of a world, when, and by whom it is seen. The same for the same seed."""

from collections.abc import Iterator
from enum import StrEnum
from itertools import takewhile
from typing import Final
from zlib import crc32

import msgspec

from collectors.decode.datagram import Datagram
from collectors.processors.pipeline import Pipeline
from collectors.scenario.stage import Sent
from collectors.scenario.traffic import traffic
from collectors.sip.timers import SECOND
from collectors.wire.events import SipEvent

INTERFACE: Final = "eth0"


class Split(StrEnum):
    """How collectors share what passes."""

    CALLS = "calls"  # each sees calls and registrations of its own
    HOPS = "hops"  # each sees hops of its own, and so a part of a call


class Wire(msgspec.Struct, frozen=True, kw_only=True):
    """A town's traffic, played faster than it was meant, so that seconds see the deadlines of minutes."""

    seed: str
    collectors: tuple[str, ...]
    split: Split
    begin_us: int  # wire time of its beginning
    began_s: float  # the same moment by time.monotonic()
    length_us: int  # of wire time
    speed: float = 5.0  # wire time : real time
    calls_per_second: float = 2.0  # of wire time
    phones: int = 30

    def passed_us(self, now_s: float) -> int:
        """How far it has come, in wire time since its beginning, at a moment of time.monotonic()."""
        return min(self.length_us, int((now_s - self.began_s) * self.speed * SECOND))

    def seen_by(self, collector: str, offset_us: int = 0) -> Iterator[tuple[int, Datagram]]:
        """All that a collector, whose clock is off by so much, has before its eyes; each with when it passes,
        since the beginning.
        """
        mine = self.collectors.index(collector)
        messages = traffic(self.seed, phones=self.phones, calls_per_second=self.calls_per_second)
        for sent in takewhile(lambda sent: sent.sent_us < self.length_us, messages):
            if self._share(sent) == mine:
                yield (
                    sent.sent_us,
                    _datagram(sent, self.begin_us + sent.sent_us + offset_us, f"{collector}/{INTERFACE}"),
                )

    def events(self, collector: str, offset_us: int = 0) -> list[SipEvent]:
        """The same, as an undisturbed collector would report it."""
        return Pipeline().run([datagram for _, datagram in self.seen_by(collector, offset_us)])

    def _share(self, sent: Sent) -> int:
        if self.split is Split.CALLS:
            name = sent.raw.partition(b"\r\nCall-ID:")[2].partition(b"\r\n")[0]
        else:
            name = "".join(sorted((str(sent.source), str(sent.destination)))).encode()
        return crc32(name) % len(self.collectors)


def _datagram(sent: Sent, captured_us: int, observer: str) -> Datagram:
    return Datagram(captured_us, *sent.source, *sent.destination, sent.transport, observer, sent.raw)
