"""One open alert: what it holds, and what it says of itself."""

from collections.abc import Iterator
from typing import Final, TypeAlias

import msgspec

from monitor.core.alerting.rules import Rule
from monitor.core.alerting.values import (
    AlertValues,
    Decision,
    FindingForgotten,
    FindingNoted,
    HeldAlert,
    Signal,
)

# Records that one alert remembers by name, and findings of one of them: what is older still
# counts, and resolves by quiet time.
MAX_RECORDS: Final = 500
MAX_FINDINGS: Final = 8
ESCALATES_BY: Final = 10

FindingName: TypeAlias = tuple[str, str]  # code, subject


class Held:
    """The findings of one open alert, by record, oldest first."""

    def __init__(self, rule: Rule, alert: AlertValues) -> None:
        self.rule = rule
        self.alert = alert
        self.records: dict[str, dict[FindingName, Signal]] = {}

    @classmethod
    def restored(cls, rule: Rule, held: HeldAlert) -> "Held":
        """As it was committed."""
        made = cls(rule, held.alert)
        for signal in held.findings:
            made.records.setdefault(signal.slug, {})[signal.code, signal.subject] = signal
        return made

    def holds(self, signal: Signal) -> bool:
        """Whether this very finding is held."""
        return (signal.code, signal.subject) in self.records.get(signal.slug, ())

    def holds_code(self, signal: Signal) -> bool:
        """Whether the signal's record has a finding of its code here."""
        return any(code == signal.code for code, _ in self.records.get(signal.slug, ()))

    def add(self, signal: Signal, now_us: int) -> Iterator[Decision]:
        """A finding was raised or confirmed: hold it, put off the quiet time."""
        fingerprint = self.alert.fingerprint
        new = signal.slug not in self.records
        findings = self.records.setdefault(signal.slug, {})
        findings[signal.code, signal.subject] = signal
        yield FindingNoted(fingerprint, signal)
        if len(findings) > MAX_FINDINGS:
            code, subject = next(iter(findings))
            del findings[code, subject]
            yield FindingForgotten(fingerprint, signal.slug, code, subject)
        if len(self.records) > MAX_RECORDS:
            oldest = next(iter(self.records))
            for code, subject in self.records.pop(oldest):
                yield FindingForgotten(fingerprint, oldest, code, subject)
        self._update(signal, count=self.alert.count + new, now_us=now_us)

    def take_back(self, signal: Signal) -> Iterator[Decision]:
        """A finding that is held was cleared; its record counts no more when it was its last."""
        findings = self.records[signal.slug]
        del findings[signal.code, signal.subject]
        yield FindingNoted(self.alert.fingerprint, signal)
        if not findings:
            del self.records[signal.slug]
            self.alert = msgspec.structs.replace(self.alert, count=self.alert.count - 1)

    def escalates(self) -> bool:
        """Whether it grew so much that those who know of it should hear again; remembers that they do."""
        if self.alert.count < ESCALATES_BY * self.alert.notified:
            return False
        self.alert = msgspec.structs.replace(self.alert, notified=self.alert.count)
        return True

    def _update(self, signal: Signal, *, count: int, now_us: int) -> None:
        quiet_us = self.rule.quiet_us
        self.alert = msgspec.structs.replace(
            self.alert,
            count=count,
            last_us=max(self.alert.last_us, signal.at_us),
            quiet_us=None if quiet_us is None else max(now_us, signal.at_us) + quiet_us,
            summary=signal.cause if count == 1 else f"{self.rule.nouns(count)}. The latest: {signal.cause}",
            remedy=signal.remedy,
        )
