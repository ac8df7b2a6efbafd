"""Since when each partition is listened to, by the clock of the server that has it. Pure.

On a cluster partitions lie on several servers, whose clocks differ, and may move from one to another. Of a
partition that nobody listened to, or not without a pause, nobody can say that its collectors were silent.
"""

from collections.abc import Mapping

import msgspec

from monitor.ingest.presence import PAUSE_US
from monitor.ingest.stream import Clock


class _Listening(msgspec.Struct):
    server: str
    since_us: int
    looked_us: int  # in the last turn


class Attention:
    """What is remembered of the last turn."""

    def __init__(self) -> None:
        self._listening: dict[int, _Listening] = {}

    def turn(self, clocks: Mapping[int, Clock]) -> set[int]:
        """A turn begins, in which these partitions can be read; those of them that are listened to anew."""
        anew = set()
        for number, clock in clocks.items():
            known = self._listening.get(number)
            if known is None or known.server != clock.server:
                anew.add(number)
                known = self._listening[number] = _Listening(clock.server, clock.now_us, clock.now_us)
            elif clock.now_us - known.looked_us > PAUSE_US:
                # It or this process stood still, and nobody could be heard: a silence begins now at the earliest.
                known.since_us = clock.now_us
            known.looked_us = clock.now_us
        for number in self._listening.keys() - clocks.keys():
            del self._listening[number]
        return anew

    def since_us(self, number: int) -> int:
        """Since when a partition of this turn is listened to."""
        return self._listening[number].since_us

    def forget(self) -> None:
        """Nobody answers."""
        self._listening.clear()
