"""What stands at a moment: calls alive, bindings in force, collectors heard of.

Each is a set that updates add to and take from, so that it may be begun from stored rows that are
ahead of the updates: repeating what a set already knows changes nothing.
"""

from collections.abc import Iterator
from heapq import heapify, heappop, heappush
from typing import Final

import msgspec

from collectors.sip.timers import SECOND
from monitor.core.updates import RecordKey

# Ten times what one machine is meant for; beyond it the oldest is forgotten and counted.
MAX_STANDING: Final = 500_000
# Heartbeats come each second. Silence is noticed after five of them, and claimed when it lasts
# another five: reports of a collector may wait in one partition while another is already read.
SILENT_US: Final = 5 * SECOND
# A collector that was silent for so long is no more expected.
GONE_US: Final = 24 * 3600 * SECOND


def name_of(key: RecordKey) -> int:
    """A record as a number: cheap to keep by the hundred thousand."""
    return number_of(key.hash, key.incarnation)


def number_of(key_hash: int, incarnation: int) -> int:
    """The same from the columns of a row."""
    return key_hash << 16 | incarnation


class Calls:
    """Calls that are trying, ringing or answered; and whether each was heard to ring."""

    def __init__(self, limit: int = MAX_STANDING) -> None:
        self._rang: dict[int, bool] = {}
        self._limit = limit
        self.forgotten = 0

    def __len__(self) -> int:
        return len(self._rang)

    def add(self, call: int, *, rang: bool) -> bool:
        """A call lives; returns whether it had rung before."""
        before = self._rang.get(call, False)
        self._rang[call] = before or rang
        if len(self._rang) > self._limit:
            del self._rang[next(iter(self._rang))]
            self.forgotten += 1
        return before

    def remove(self, call: int) -> None:
        """It is over."""
        self._rang.pop(call, None)


class Bindings:
    """Registrations in force: one an address of record and contact, until it expires."""

    def __init__(self, limit: int = MAX_STANDING) -> None:
        self._bound: dict[tuple[str, str], tuple[int, int]] = {}  # when it expires, and whose it is
        self._of_record: dict[int, tuple[str, str]] = {}  # what each session bound last
        self._deadlines: list[tuple[int, tuple[str, str]]] = []
        self._limit = limit
        self.forgotten = 0

    def __len__(self) -> int:
        return len(self._bound)

    def add(self, record: int, aor: str, contact: str, expires_us: int) -> None:
        """A 2xx bound the contact, anew or again."""
        binding = (aor, contact)
        self._drop(binding)
        self._bound[binding] = (expires_us, record)
        self._of_record[record] = binding
        heappush(self._deadlines, (expires_us, binding))
        if len(self._bound) > self._limit:
            self._drop(next(iter(self._bound)))
            self.forgotten += 1
        if len(self._deadlines) > 2 * len(self._bound) + 1024:  # refreshes leave their old ones behind
            self._deadlines = [(expires_us, binding) for binding, (expires_us, _) in self._bound.items()]
            heapify(self._deadlines)

    def remove(self, record: int) -> None:
        """The binding that this registration session made last is gone."""
        if binding := self._of_record.get(record):
            self._drop(binding)

    def advance(self, now_us: int) -> None:
        """Forget what ran out."""
        while self._deadlines and self._deadlines[0][0] <= now_us:
            _, binding = heappop(self._deadlines)
            expires_us, _ = self._bound.get(binding, (now_us + 1, 0))
            if expires_us <= now_us:
                self._drop(binding)

    def _drop(self, binding: tuple[str, str]) -> None:
        _, record = self._bound.pop(binding, (0, 0))
        if self._of_record.get(record) == binding:
            del self._of_record[record]


class SilenceBegan(msgspec.Struct, frozen=True):
    """A collector that did not say goodbye is not heard of any more."""

    collector: str
    at_us: int  # when it was heard of last


class SilenceEnded(msgspec.Struct, frozen=True):
    """It is heard of again, or not expected any longer."""

    collector: str
    at_us: int


class _Collector:
    __slots__ = ("boot", "messages", "overdue_us", "seen_us", "sent_us", "silent")

    def __init__(self) -> None:
        self.boot = ""
        self.messages = 0
        self.sent_us = 0
        self.seen_us = 0
        self.overdue_us: int | None = None  # when its silence was noticed
        self.silent = False  # claimed


class Collectors:
    """Who reports, how much each reads, and who fell silent. Time here is the stream store's clock."""

    def __init__(self) -> None:
        self._known: dict[str, _Collector] = {}

    @property
    def up(self) -> int:
        """Those that are not known to be silent."""
        return sum(not collector.silent for collector in self._known.values())

    @property
    def total(self) -> int:
        """Those that are expected to report."""
        return len(self._known)

    def expect(self, name: str, seen_us: int) -> None:
        """A collector is known from before."""
        self._known.setdefault(name, _Collector()).seen_us = seen_us

    def reported(self, name: str, boot: str, seen_us: int, sent_us: int, messages: int) -> tuple[int, float]:
        """It says how many messages it has read since it started.

        Returns how many that is since its last report, and per second; 0 at the first report of a boot.
        """
        collector = self._known.setdefault(name, _Collector())
        count, rate = 0, 0.0
        if collector.boot == boot and sent_us > collector.sent_us:
            count = max(messages - collector.messages, 0)
            rate = count * SECOND / (sent_us - collector.sent_us)
        collector.boot, collector.messages, collector.sent_us = boot, messages, sent_us
        collector.seen_us = max(collector.seen_us, seen_us)
        collector.overdue_us = None
        return count, rate

    def end_silence(self, name: str, at_us: int) -> Iterator[SilenceEnded]:
        """It was heard of: that ends its silence, if there was one."""
        collector = self._known[name]
        if collector.silent:
            collector.silent = False
            yield SilenceEnded(name, at_us)

    def leave(self, name: str) -> None:
        """It said goodbye: nobody waits for it."""
        del self._known[name]

    def advance(self, now_us: int) -> Iterator[SilenceBegan | SilenceEnded]:
        """It is `now_us` by the stream store's clock."""
        for name, collector in list(self._known.items()):
            silence_us = now_us - collector.seen_us
            if silence_us < SILENT_US:
                collector.overdue_us = None
            elif silence_us >= GONE_US:
                yield from self.end_silence(name, now_us)
                self.leave(name)
            elif collector.overdue_us is None:
                collector.overdue_us = now_us
            elif not collector.silent and now_us - collector.overdue_us >= SILENT_US:
                collector.silent = True
                yield SilenceBegan(name, collector.seen_us)
