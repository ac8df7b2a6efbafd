"""A record in the making: what calls, registrations and standalone transactions share.

A fold takes the messages of one record in the order of their arrival, and deadlines as they pass. It
keeps facts (who sent what, when, how often) in such a way that their order within the window does not
matter. Findings are verdicts: pure functions of those facts and the time, judged again whenever a fact
or the time could change them; `judge` turns the difference into updates.
"""

from collections.abc import Iterator
from enum import IntEnum, auto
from typing import Any, Final

from msgspec.structs import replace

from collectors.sip.timers import COPY_US
from collectors.wire.events import SipEvent
from monitor.core.context import Context
from monitor.core.updates import (
    Finding,
    FindingCleared,
    FindingConfirmed,
    FindingRaised,
    FindingState,
    MessageAdded,
    Record,
    RecordClosed,
    RecordKey,
    Update,
)

_MOST_DIGESTS: Final = 1_024  # messages of a record that are remembered to know their copies
_MOST_ANOMALIES: Final = 16
_MOST_HOPS: Final = 64


class Timer(IntEnum):
    """What a deadline of a fold is for; its reference is the object that it is about."""

    REQUEST = auto()  # 64·T1 after a request (Timer B, F): no response
    RELIABLE = auto()  # a request over a reliable transport has waited long
    NO_FINAL = auto()  # Timer C
    CANCELLED = auto()  # 64·T1 after CANCEL (§9.1)
    ANSWER = auto()  # 64·T1 after a 2xx: no ACK
    RESENDS = auto()  # the resends of a 2xx must have ended
    REPAIR = auto()  # a refusal was not repaired
    EXPIRY = auto()  # a binding runs out
    LINGER = auto()  # stragglers are over


class Fold:
    """Base of the three kinds. Subclasses implement `add`, `fire`, `over` and `record`."""

    __slots__ = (
        "_deadlines",
        "_digests",
        "anomalies",
        "context",
        "findings",
        "first_us",
        "from_uri",
        "hops",
        "ident",
        "key",
        "last_us",
        "messages",
        "name",
        "observers",
        "open",
        "retransmissions",
        "to_uri",
    )

    def __init__(self, key: RecordKey, ident: int, context: Context, event: SipEvent) -> None:
        self.key = key
        self.name = (key.kind, key.call_id, key.discriminator)
        self.ident = ident  # of the alarm clock's
        self.context = context
        self.open = True
        self.first_us = event.captured_us
        self.last_us = event.captured_us
        self.from_uri = event.from_uri
        self.to_uri = event.to_uri
        self.messages = 0
        self.retransmissions = 0
        self.observers: list[str] = []
        self.hops: dict[str, None] = {}
        self.anomalies: dict[str, None] = {}
        self.findings: dict[tuple[str, str], Finding] = {}
        self._digests: dict[int, int] = {}
        self._deadlines: list[tuple[int, Timer, Any]] = []

    # --- to be implemented

    def add(self, event: SipEvent, number: int, out: list[Update]) -> None:
        """Take a message that is no mere copy."""
        raise NotImplementedError

    def fire(self, timer: Timer, about: Any, due_us: int, out: list[Update]) -> None:
        """A deadline passed."""
        raise NotImplementedError

    @property
    def over(self) -> bool:
        """Whether nothing more is expected, so that the record may leave memory."""
        raise NotImplementedError

    def record(self) -> Record:
        """The present value."""
        raise NotImplementedError

    # --- messages

    def feed(self, event: SipEvent, out: list[Update]) -> None:
        """Take a message of this record."""
        self.messages = number = self.messages + 1
        out.append(MessageAdded(self.key, event.captured_us, number, event))
        at_us = event.captured_us
        if at_us > self.last_us:
            self.last_us = at_us
        elif at_us < self.first_us:
            self.first_us = at_us
        if event.observer not in self.observers:
            self.observers.append(event.observer)
        if self._is_copy(event) or number > self.context.settings.max_messages:
            return
        self.add(event, number, out)

    def _is_copy(self, event: SipEvent) -> bool:
        """Whether this very packet was seen already; counts retransmissions, which are no copies."""
        digest = hash((event.raw, event.source_port, event.destination_port, event.source, event.destination))
        digests = self._digests
        last_us = digests.get(digest)
        if last_us is None:
            if len(digests) < _MOST_DIGESTS:
                digests[digest] = event.captured_us
            return False
        digests[digest] = max(event.captured_us, last_us)
        if abs(event.captured_us - last_us) < COPY_US:
            return True
        self.retransmissions += 1
        return False

    def add_hop(self, hop: str) -> None:
        """Remember the hop of a transaction."""
        if len(self.hops) < _MOST_HOPS:
            self.hops[hop] = None

    def note(self, anomaly: str) -> None:
        """Remember what the RFC forbids and was seen; "" is none."""
        if anomaly and len(self.anomalies) < _MOST_ANOMALIES:
            self.anomalies[anomaly] = None

    # --- time

    def wake_at(self, due_us: int, timer: Timer, about: Any = None) -> None:
        """Call `fire(timer, about, …)` when the watermark passes `due_us`."""
        self._deadlines.append((due_us, timer, about))
        self.context.alarms.set(due_us, self.ident)

    def wake(self, due_us: int, out: list[Update]) -> None:
        """Fire all deadlines up to `due_us`, each at its own time."""
        for deadline in self._due(due_us):
            at_us, timer, about = deadline
            if timer == Timer.LINGER:
                self._leave(at_us, out)
            else:
                self.fire(timer, about, at_us, out)

    def _due(self, due_us: int) -> Iterator[tuple[int, Timer, Any]]:
        due = [deadline for deadline in self._deadlines if deadline[0] <= due_us]
        if due:
            self._deadlines = [deadline for deadline in self._deadlines if deadline[0] > due_us]
            due.sort(key=lambda deadline: deadline[:2])
        yield from due

    def catch_up(self, watermark_us: int) -> None:
        """Let the deadlines up to the watermark pass, untold; what would leave memory stays a while longer."""
        while self._deadlines and (due_us := min(deadline[0] for deadline in self._deadlines)) <= watermark_us:
            self.wake(due_us, [])
        if not self.open:
            self.open = True
            self.linger()

    def linger(self) -> None:
        """The record is over: let it go when stragglers can no longer come."""
        linger_us = self.context.settings.linger_us
        if linger_us is not None and not any(timer == Timer.LINGER for _, timer, _ in self._deadlines):
            self.wake_at(self.last_us + linger_us + self.context.settings.window_us, Timer.LINGER)

    def _leave(self, at_us: int, out: list[Update]) -> None:
        settings = self.context.settings
        if not self.over or settings.linger_us is None:
            return
        if self.last_us + settings.linger_us + settings.window_us > at_us:
            self.linger()
        else:
            self.close("over", at_us, out)

    def close(self, reason: str, at_us: int, out: list[Update]) -> None:
        """Leave memory; the correlator forgets a fold that is not open."""
        self.open = False
        out.append(RecordClosed(self.key, at_us, reason))

    # --- findings

    def blind(self, from_us: int, to_us: int) -> bool:
        """Whether an observer of this record lost messages between the two times."""
        return self.context.blind.covers(self.observers, from_us, to_us)

    def judge(self, code: str, subject: str, verdict: Finding | None, at_us: int, out: list[Update]) -> None:
        """What the rule `code` now says of `subject`: None, or the finding with its present evidence."""
        known = self.findings.get((code, subject))
        if verdict is None:
            if known is not None and known.state != FindingState.CLEARED:
                cleared = replace(known, state=FindingState.CLEARED)
                self.findings[code, subject] = cleared
                out.append(FindingCleared(self.key, at_us, cleared, self.from_uri, self.to_uri))
            return
        self.findings[code, subject] = verdict
        if known is None or known.state == FindingState.CLEARED:
            out.append(FindingRaised(self.key, at_us, verdict, self.from_uri, self.to_uri))
        elif known.state == FindingState.SUSPECTED and verdict.state == FindingState.CONFIRMED:
            out.append(FindingConfirmed(self.key, at_us, verdict, self.from_uri, self.to_uri))
