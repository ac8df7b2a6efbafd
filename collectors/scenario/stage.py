"""The stage on which a scenario plays: its clock, its wire, and what is sent on it.

A discrete-event simulation: `at` and `after` put actions on a heap, `play` takes them off in order of
time. Nothing here reads a real clock. Times are µs since the scenario's start.
"""

import heapq
from collections.abc import Callable
from itertools import count
from typing import NamedTuple, Protocol

from collectors.scenario.dice import Dice
from collectors.scenario.message import Endpoint, Message
from collectors.sip.timers import SECOND, TIMERS, Timers


def microseconds(seconds: float) -> int:
    return round(seconds * SECOND)


class Sent(NamedTuple):
    """One message on one hop. Times are µs since the scenario's start."""

    sent_us: int
    arrived_us: int | None  # None: lost on the way
    source: Endpoint
    destination: Endpoint
    transport: str
    raw: bytes
    seen: bool = True  # False: the capture missed it


class Alarm:
    """A scheduled action that can be called off."""

    __slots__ = ("action",)

    def __init__(self, action: Callable[[], None] | None) -> None:
        self.action = action

    def stop(self) -> None:
        self.action = None


class Listener(Protocol):
    def receive(self, message: Message, source: Endpoint) -> None: ...


class Rule:
    """What befalls messages of a kind: `what` as in `Message.named`, some of them let through first."""

    def __init__(self, what: str, *, times: int | None, after: int = 0) -> None:
        self.what = what
        self._skip = after
        self._left = times

    def takes(self, message: Message) -> bool:
        if not message.named(self.what):
            return False
        if self._skip:
            self._skip -= 1
            return False
        if self._left is None:
            return True
        self._left -= 1
        return self._left >= 0


class HopRule(NamedTuple):
    """A rule about one direction of a hop; None stands for any end."""

    rule: Rule
    source: Endpoint | None
    destination: Endpoint | None

    def takes(self, message: Message, source: Endpoint, destination: Endpoint) -> bool:
        return self.source in (None, source) and self.destination in (None, destination) and self.rule.takes(message)


class Stage:
    """Clock and wire. `latency_us` is the way of a message over a hop, `jitter_us` what chance adds."""

    def __init__(self, dice: Dice, *, timers: Timers = TIMERS, latency_us: int = 2_000, jitter_us: int = 0) -> None:
        self.dice = dice
        self.timers = timers
        self.now = 0
        self.sent: list[Sent] = []
        self.listeners: dict[Endpoint, Listener] = {}
        self.losses: list[HopRule] = []
        self.blind: list[HopRule] = []
        self._latency_us = latency_us
        self._jitter_us = jitter_us
        self._weather = dice.child("jitter")
        self._agenda: list[tuple[int, int, Alarm]] = []
        self._order = count()

    def at(self, seconds: float, action: Callable[[], None]) -> None:
        """Do it so many seconds after the start."""
        self._schedule(microseconds(seconds), action)

    def after(self, delay_us: int, action: Callable[[], None]) -> Alarm:
        return self._schedule(self.now + delay_us, action)

    def _schedule(self, time_us: int, action: Callable[[], None]) -> Alarm:
        alarm = Alarm(action)
        heapq.heappush(self._agenda, (time_us, next(self._order), alarm))
        return alarm

    def send(self, message: Message, source: Endpoint, destination: Endpoint, transport: str) -> None:
        """Put a message on the wire. Where nobody listens, nobody gets it."""
        lost = any(rule.takes(message, source, destination) for rule in self.losses)
        seen = not any(rule.takes(message, source, destination) for rule in self.blind)
        arrives = None if lost else self.now + self._delay()
        self.sent.append(Sent(self.now, arrives, source, destination, transport, message.render(), seen))
        listener = self.listeners.get(destination)
        if arrives is not None and listener is not None:
            copy = message.copy()
            self._schedule(arrives, lambda: listener.receive(copy, source))

    def _delay(self) -> int:
        return self._latency_us + (self._weather.below(self._jitter_us) if self._jitter_us else 0)

    def play(self) -> None:
        """Let everything happen that is due, until nothing is."""
        while self._agenda:
            time_us, _, alarm = heapq.heappop(self._agenda)
            if alarm.action is not None:
                self.now = max(self.now, time_us)
                alarm.action()
