"""What a report says of the findings: those of one kind at one place together, the worst first."""

from collections.abc import Iterable
from itertools import chain
from typing import Final

import msgspec

from monitor.analyze.result import Result
from monitor.core.sources.values import SubjectFinding
from monitor.core.updates import CallRecord, Finding, FindingState, Record, RegistrationRecord, Severity

SEVERITIES: Final = (Severity.CRITICAL, Severity.MAJOR, Severity.MINOR, Severity.INFO)


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """Findings of one code, state and hop."""

    code: str
    state: FindingState
    severity: Severity
    hop: str
    found: list[tuple[Record, Finding]]  # in order of appearance; at least one

    @property
    def who(self) -> str:
        """ "3 calls", "1 registration", "2 calls and 1 registration"."""
        calls = len({record.key for record, _ in self.found if isinstance(record, CallRecord)})
        registrations = len({record.key for record, _ in self.found if isinstance(record, RegistrationRecord)})
        others = len({record.key for record, _ in self.found}) - calls - registrations
        words = (counted(calls, "call"), counted(registrations, "registration"), counted(others, "transaction"))
        return " and ".join(word for word in words if not word.startswith("0 "))


def groups(result: Result) -> list[Group]:
    """All findings that were not cleared, grouped: by severity, certainty, number."""
    found: dict[tuple[str, FindingState, Severity, str], list[tuple[Record, Finding]]] = {}
    for record in result.records:
        for finding in standing(record):
            key = (finding.code, finding.state, finding.severity, finding.hop)
            found.setdefault(key, []).append((record, finding))
    grouped = [
        Group(code=code, state=state, severity=severity, hop=hop, found=each)
        for (code, state, severity, hop), each in found.items()
    ]
    return sorted(
        grouped,
        key=lambda group: (
            SEVERITIES.index(group.severity),
            group.state != FindingState.CONFIRMED,
            -len(group.found),
        ),
    )


def standing(record: Record) -> list[Finding]:
    """The findings of a record that still hold."""
    return [finding for finding in record.findings if finding.state != FindingState.CLEARED]


def severities(records: Iterable[Record], subjects: Iterable[SubjectFinding] = ()) -> frozenset[Severity]:
    """How bad the confirmed findings are."""
    found = chain(
        (finding for record in records for finding in record.findings), (subject.finding for subject in subjects)
    )
    return frozenset(finding.severity for finding in found if finding.state == FindingState.CONFIRMED)


def reaches(found: frozenset[Severity], severity: Severity) -> bool:
    """Whether one of these is as bad as `severity`, or worse."""
    return not found.isdisjoint(SEVERITIES[: SEVERITIES.index(severity) + 1])


def counted(count: int, thing: str) -> str:
    """ "1 call", "1,204 calls"."""
    return f"{count:,} {thing}{'' if count == 1 else 's'}"


def ranges(numbers: Iterable[int]) -> str:
    """ "3, 5–9, 12": at most six of them."""
    spans: list[list[int]] = []
    for number in sorted(set(numbers)):
        if spans and number == spans[-1][1] + 1:
            spans[-1][1] = number
        else:
            spans.append([number, number])
    words = [f"{first}" if first == last else f"{first}–{last}" for first, last in spans[:6]]
    return ", ".join(words) + (", …" if len(spans) > 6 else "")
