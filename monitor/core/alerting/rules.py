"""What is worth an alert: rules as values, and those that are on from the first start.

A rule counts *records* (calls, registrations, collectors, sources) with findings of its codes, in groups;
each group that reaches `at_least` within `within_us` has one alert.
"""

from enum import StrEnum
from typing import Final

import msgspec

from collectors.sip.timers import SECOND
from monitor.core.updates import Severity

MINUTE: Final = 60 * SECOND
# Opening one more alert of a rule than this joins them all under one, so that a failure that shows
# at a thousand places is not a thousand mails.
MAX_OPEN: Final = 50


class GroupBy(StrEnum):
    """What the occurrences of one alert have in common."""

    HOP = "hop"  # who sends the request to whom
    DESTINATION = "destination"  # where it goes: the registrar
    SOURCE = "source"  # where it comes from: the client
    RECORD = "record"  # the collector, the source, the account


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """When an alert opens, what it is about, and when it resolves.

    `quiet_us` is at least `within_us`: else occurrences of a resolved alert would count for the next.
    """

    name: str  # stable: "missing-ack"
    title: str  # with {place}
    codes: frozenset[str]
    group_by: GroupBy
    severity: Severity
    at_least: int = 1  # records
    within_us: int = 5 * MINUTE
    quiet_us: int | None = 10 * MINUTE  # after the last occurrence; None: only when all are cleared
    noun: str  # of one record: "call"
    cleared: str  # one sentence for an alert whose occurrences were all cleared
    mail: bool = True

    def __post_init__(self) -> None:
        if self.quiet_us is not None and self.quiet_us < self.within_us:
            raise ValueError(f"rule {self.name}: a quiet time shorter than its window")

    def nouns(self, count: int) -> str:
        """1 → "1 call", 14 → "14 calls"."""
        return f"{count:,} {self.noun}{'' if count == 1 else 's'}"


DEFAULT_RULES: Final = (
    Rule(
        name="missing-ack",
        title="missing ACK, {place}",
        codes=frozenset(("missing-ack", "dropped-at-32s")),
        group_by=GroupBy.HOP,
        severity=Severity.CRITICAL,
        noun="call",
        cleared="The ACK came after all.",
    ),
    Rule(
        name="registrations-failing",
        title="registrations failing at {place}",
        codes=frozenset(("registration-rejected", "registration-auth-failed", "registration-unanswered")),
        group_by=GroupBy.DESTINATION,
        severity=Severity.MAJOR,
        noun="registration",
        cleared="Every registration went through after all.",
    ),
    Rule(
        name="brute-force",
        title="somebody tries passwords, {place}",
        codes=frozenset(("brute-force",)),
        group_by=GroupBy.RECORD,
        severity=Severity.MAJOR,
        noun="source",
        cleared="It was no attack after all.",
    ),
    Rule(
        name="flood",
        title="flood of requests from {place}",
        codes=frozenset(("flood",)),
        group_by=GroupBy.RECORD,
        severity=Severity.MAJOR,
        noun="source",
        cleared="It was no attack after all.",
    ),
    Rule(
        name="scanner",
        title="scanner at {place}",
        codes=frozenset(("scanner",)),
        group_by=GroupBy.RECORD,
        severity=Severity.MINOR,
        noun="source",
        cleared="It was no attack after all.",
        mail=False,  # whoever is in the Internet is scanned each hour
    ),
    Rule(
        name="collector-offline",
        title="collector {place} is offline",
        codes=frozenset(("collector-offline",)),
        group_by=GroupBy.RECORD,
        severity=Severity.MAJOR,
        quiet_us=None,
        noun="collector",
        cleared="The collector reports again.",
    ),
    Rule(
        name="capture-loss",
        title="messages lost at collector {place}",
        codes=frozenset(("capture-loss",)),
        group_by=GroupBy.RECORD,
        severity=Severity.MINOR,
        noun="collector",
        cleared="Nothing was lost after all.",
        mail=False,
    ),
    Rule(
        name="disk-low",
        title="disk nearly full, {place}",
        codes=frozenset(("disk-low",)),
        group_by=GroupBy.RECORD,
        severity=Severity.MAJOR,
        quiet_us=None,
        noun="disk",
        cleared="There is room again.",
    ),
    Rule(
        name="storage-limit",
        title="storage limit not held, {place}",
        codes=frozenset(("storage-limit",)),
        group_by=GroupBy.RECORD,
        severity=Severity.MINOR,
        quiet_us=None,
        noun="limit",
        cleared="The limit is held again.",
    ),
)
