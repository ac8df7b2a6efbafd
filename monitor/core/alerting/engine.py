"""The life of alerts: a group reaches its threshold, its alert collects repeats, and resolves.

    (none) ──► pending ──at least N within M──► open ──quiet time, or all cleared──► (none)

Pending groups are a fold over the signals of the last M minutes; open alerts are exactly what was
committed of them (`HeldAlert`), so that a restart goes on from there however old they are.
"""

from collections.abc import Iterable, Iterator
from typing import Final

from monitor.core.alerting.held import Held
from monitor.core.alerting.places import ELSEWHERE, place
from monitor.core.alerting.rules import DEFAULT_RULES, MAX_OPEN, Rule
from monitor.core.alerting.values import (
    AlertChanged,
    AlertEscalated,
    AlertOpened,
    AlertResolved,
    AlertValues,
    Decision,
    HeldAlert,
    Resolution,
    Signal,
)
from monitor.core.updates import FindingState

# Groups that may be on their way to a threshold at once; the one that waits longest is dropped.
MAX_PENDING: Final = 10_000


class Alerting:
    """Signals and time in, decisions out."""

    def __init__(self, rules: Iterable[Rule] = DEFAULT_RULES) -> None:
        self._rules = {rule.name: rule for rule in rules}
        self._by_code: dict[str, list[Rule]] = {}
        for rule in self._rules.values():
            for code in rule.codes:
                self._by_code.setdefault(code, []).append(rule)
        self._open: dict[str, Held] = {}
        # By group: its signals that count towards the threshold, with the time of their arrival.
        self._pending: dict[str, list[tuple[int, Signal]]] = {}
        self._next_us: int | None = None
        self.groups_dropped = 0

    @property
    def open_alerts(self) -> int:
        """How many alerts are open."""
        return len(self._open)

    def next_deadline(self) -> int | None:
        """When the next alert resolves unless something comes."""
        return self._next_us

    def restore(self, alerts: Iterable[HeldAlert]) -> None:
        """Go on with these open alerts, instead of those that a fold of the recent past opened."""
        self._open = {
            held.alert.fingerprint: Held.restored(self._rules[held.alert.rule], held)
            for held in alerts
            if held.alert.rule in self._rules
        }
        for fingerprint in self._open:
            self._pending.pop(fingerprint, None)
        self._schedule()

    def advance(self, now_us: int) -> list[Decision]:
        """Resolve what was quiet for long enough."""
        if self._next_us is None or now_us < self._next_us:
            return []
        decisions = [
            decision
            for held in list(self._open.values())
            if held.alert.quiet_us is not None and held.alert.quiet_us <= now_us
            for decision in self._resolve(held, held.alert.quiet_us, Resolution.QUIET)
        ]
        self._schedule()
        return decisions

    def signal(self, signal: Signal, now_us: int) -> list[Decision]:
        """A finding was raised, confirmed or cleared; it is `now_us`."""
        rules = self._by_code.get(signal.code, ())
        decide = self._cleared if signal.state is FindingState.CLEARED else self._raised
        decisions = [decision for rule in rules for decision in decide(rule, signal, now_us)]
        if decisions:
            self._schedule()
        return decisions

    # --- what happens to a signal ----------------------------------------------------------------

    def _raised(self, rule: Rule, signal: Signal, now_us: int) -> Iterator[Decision]:
        held = self._holder(rule, signal) or self._open.get(_fingerprint(rule, signal))
        if held is not None:
            yield from self._repeat(held, signal, now_us)
            return
        reached = self._count(rule, signal, now_us)
        if reached:
            yield from self._begin(rule, reached, now_us)

    def _holder(self, rule: Rule, signal: Signal) -> Held | None:
        """The open alert that has this finding, or else another sign of the same trouble: a call
        dropped at 32 s belongs to its missing ACK, although another hop shows it.
        """
        holders = [held for held in self._open.values() if held.rule is rule and signal.slug in held.records]
        for held in holders:
            if held.holds(signal):
                return held
        return next((held for held in holders if not held.holds_code(signal)), None)

    def _count(self, rule: Rule, signal: Signal, now_us: int) -> list[Signal]:
        """Add a signal to its group; all the group's signals when it reached the threshold."""
        fingerprint = _fingerprint(rule, signal)
        waiting = [
            (came_us, other)
            for came_us, other in self._pending.pop(fingerprint, ())
            if came_us > now_us - rule.within_us and _name(other) != _name(signal)
        ]
        waiting.append((now_us, signal))
        if len({other.slug for _, other in waiting}) >= rule.at_least:
            return [other for _, other in waiting]
        # At most at_least records with some findings each: what one record adds over that is noise.
        self._pending[fingerprint] = waiting[-8 * rule.at_least :]
        if len(self._pending) > MAX_PENDING:
            del self._pending[next(iter(self._pending))]
            self.groups_dropped += 1
        return []

    def _begin(self, rule: Rule, signals: list[Signal], now_us: int) -> Iterator[Decision]:
        where = place(rule.group_by, signals[-1])
        if sum(held.rule is rule for held in self._open.values()) >= MAX_OPEN:
            where = ELSEWHERE
        fingerprint = f"{rule.name}|{where}"
        if fingerprint in self._open:
            for signal in signals:
                yield from self._repeat(self._open[fingerprint], signal, now_us)
            return
        opened_us = min(signal.at_us for signal in signals)
        held = Held(
            rule,
            AlertValues(
                fingerprint=fingerprint,
                rule=rule.name,
                severity=rule.severity,
                title=rule.title.format(place=where),
                summary="",
                remedy="",
                place=where,
                count=0,
                notified=0,
                opened_us=opened_us,
                last_us=opened_us,
                quiet_us=None,
                mail=rule.mail,
            ),
        )
        self._open[fingerprint] = held
        noted = [decision for signal in signals for decision in held.add(signal, now_us)]
        held.escalates()  # being told that it opened, they are told of its count
        yield AlertOpened(held.alert)
        yield from noted

    def _repeat(self, held: Held, signal: Signal, now_us: int) -> Iterator[Decision]:
        yield from held.add(signal, now_us)
        yield AlertEscalated(held.alert) if held.escalates() else AlertChanged(held.alert)

    def _cleared(self, rule: Rule, signal: Signal, now_us: int) -> Iterator[Decision]:
        self._forget_pending(rule, signal)
        for held in list(self._open.values()):
            if held.rule is not rule or not held.holds(signal):
                continue
            yield from held.take_back(signal)
            if held.alert.count:
                yield AlertChanged(held.alert)
            else:
                yield from self._resolve(held, max(now_us, signal.at_us), Resolution.CLEARED)

    def _forget_pending(self, rule: Rule, signal: Signal) -> None:
        fingerprint = _fingerprint(rule, signal)
        left = [item for item in self._pending.pop(fingerprint, ()) if _name(item[1]) != _name(signal)]
        if left:
            self._pending[fingerprint] = left

    def _resolve(self, held: Held, at_us: int, resolution: Resolution) -> Iterator[Decision]:
        del self._open[held.alert.fingerprint]
        yield AlertResolved(held.alert, at_us, resolution)

    def _schedule(self) -> None:
        self._next_us = min(
            (held.alert.quiet_us for held in self._open.values() if held.alert.quiet_us is not None), default=None
        )


def _fingerprint(rule: Rule, signal: Signal) -> str:
    return f"{rule.name}|{place(rule.group_by, signal)}"


def _name(signal: Signal) -> tuple[str, str, str]:
    return signal.slug, signal.code, signal.subject
