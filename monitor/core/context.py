"""What all records of a correlator share: settings, alarms, who was heard, where it was blind."""

from bisect import insort
from collections import deque
from typing import Final, NamedTuple

from collectors.wire.events import Loss
from monitor.core.alarms import Alarms
from monitor.core.facet import Families, Openers
from monitor.core.settings import Settings
from monitor.core.times import earlier

_MOST_LOSSES: Final = 1_000  # ranges remembered an observer
_MOST_PEERS: Final = 100_000  # addresses remembered
FAR: Final = 2**63


class BlindSpots:
    """When which observer lost messages. There, nothing that wasn't seen is known not to have been."""

    def __init__(self) -> None:
        self._ranges: dict[str, list[tuple[int, int]]] = {}

    def add(self, loss: Loss) -> None:
        """Remember a range, joined with those that it touches; the oldest goes when there are too many."""
        begin_us, end_us, apart = loss.from_us, loss.to_us, []
        for begin, end in self._ranges.get(loss.observer, ()):
            if begin <= end_us + 1 and begin_us <= end + 1:
                begin_us, end_us = min(begin_us, begin), max(end_us, end)
            else:
                apart.append((begin, end))
        insort(apart, (begin_us, end_us))
        self._ranges[loss.observer] = apart[-_MOST_LOSSES:]

    def first(self, observers: tuple[str, ...], from_us: int) -> int | None:
        """From when on one of the observers lost anything, at or after this time; None: nothing."""
        return min(
            (
                max(begin, from_us)
                for observer in observers
                for name in (observer, f"{observer.partition('/')[0]}/*")
                for begin, end in self._ranges.get(name, ())
                if end >= from_us
            ),
            default=None,
        )

    def covers(self, observers: tuple[str, ...], from_us: int, to_us: int) -> bool:
        """Whether one of the observers lost anything between the two times."""
        if not self._ranges:
            return False
        return any(
            from_us <= end and begin <= to_us
            for observer in observers
            for name in (observer, f"{observer.partition('/')[0]}/*")
            for begin, end in self._ranges.get(name, ())
        )


class Heard(NamedTuple):
    """Since when an address is heard. Wire times in µs; 0: never."""

    since_us: int  # anything
    answers_us: int = 0  # responses


class Peers:
    """Which addresses were heard, and since when. What was never heard can't be seen from here: that it
    is silent means nothing. Requests and responses may take different ways: where no response of a peer was ever
    seen, that a request to it has none means nothing either.

    The correlators of a process share one. Whoever stores what they say stores `fresh()` with it, says
    so by `settled`, and tells it to the next process by `learn`.
    """

    def __init__(self) -> None:
        self._known: dict[str, Heard] = {}
        self._order: deque[str] = deque()  # of these, the one known longest first
        self._fresh: dict[str, Heard] = {}

    def hear(self, address: str, at_us: int, status: int = 0) -> None:
        """A request came from `address` at this wire time, or a response with this status."""
        known = self._known.get(address)
        if known is not None and known[0] <= at_us and (not status or 0 < known[1] <= at_us):
            return
        self.learn(address, Heard(at_us, at_us if status else 0))

    def learn(self, address: str, heard: Heard) -> None:
        """An address was heard then, and perhaps before."""
        known = self._known.get(address)
        if known is None:
            self._order.append(address)
        else:
            heard = Heard(min(known.since_us, heard.since_us), earlier(known.answers_us, heard.answers_us))
        self._known[address] = self._fresh[address] = heard
        if len(self._known) > _MOST_PEERS:
            forgotten = self._order.popleft()
            del self._known[forgotten]
            self._fresh.pop(forgotten, None)

    def heard(self, address: str, at_us: int) -> bool:
        """Whether anything came from `address` up to this wire time."""
        known = self._known.get(address)
        return known is not None and known.since_us <= at_us

    def answers(self, address: str, at_us: int) -> bool:
        """Whether a response came from `address` up to this wire time."""
        known = self._known.get(address)
        return known is not None and 0 < known.answers_us <= at_us

    def fresh(self) -> dict[str, Heard]:
        """What was learned and is not settled yet, by address."""
        return dict(self._fresh)

    def settled(self, stored: dict[str, Heard]) -> None:
        """These were stored."""
        for address, heard in stored.items():
            if self._fresh.get(address) == heard:
                del self._fresh[address]


class Context:
    """Shared by the records of one correlator."""

    def __init__(self, settings: Settings, peers: Peers, families: Families) -> None:
        self.settings = settings
        self.timeout_us = settings.timers.timeout_us  # asked of each request, and slowly there
        self.openers = {kind: Openers(of_kind) for kind, of_kind in families.items()}
        self.peers = peers
        self.alarms = Alarms()
        self.blind = BlindSpots()
        self.horizon_us = FAR  # losses after this wire time are not known yet
