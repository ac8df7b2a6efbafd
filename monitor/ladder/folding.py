"""Retransmissions and the copies of several observers, folded into the first transmission.

The same bytes between the same addresses are one message. Where two observers saw it, the nth
copy at one is the nth copy at the other, so that the number of transmissions is the most that any
one of them saw. A copy that follows at the same observer sooner than `COPY_US` is the same packet
captured twice.
"""

from collections.abc import Sequence

from collectors.sip.timers import COPY_US
from collectors.wire.events import SipEvent


class Fold:
    """One message and all its transmissions, in order of capture."""

    __slots__ = ("event", "last_us", "number", "numbers", "seen")

    def __init__(self, number: int, event: SipEvent) -> None:
        self.number = number  # of the first, 1-based in arrival order
        self.event = event  # the first
        self.numbers: list[int] = []
        self.last_us = event.captured_us
        self.seen: dict[str, tuple[int, int]] = {}  # observer → (transmissions, time of its last copy)

    def add(self, number: int, event: SipEvent) -> None:
        at_us = event.captured_us
        count, last_us = self.seen.get(event.observer, (0, at_us - COPY_US))
        is_new = at_us - last_us >= COPY_US
        self.seen[event.observer] = (count + is_new, at_us)
        self.numbers.append(number)
        if is_new:
            self.last_us = at_us

    @property
    def count(self) -> int:
        return max(count for count, _ in self.seen.values())

    @property
    def span_us(self) -> int:
        return self.last_us - self.event.captured_us if self.count > 1 else 0


def fold(events: Sequence[SipEvent]) -> list[Fold]:
    """The different messages by captured time; `events` are in arrival order, numbered from 1."""
    folds: dict[tuple[object, ...], Fold] = {}
    for number, event in sorted(enumerate(events, 1), key=lambda numbered: numbered[1].captured_us):
        key = (
            event.source,
            event.source_port,
            event.destination,
            event.destination_port,
            event.transport,
            event.raw,
        )
        if key not in folds:
            folds[key] = Fold(number, event)
        folds[key].add(number, event)
    return list(folds.values())
