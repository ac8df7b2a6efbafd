"""Findings about sources, accounts and peers: written as the overview, or an import, comes to them."""

from collections.abc import Iterable
from typing import Final

import msgspec

from monitor.core.sources.values import Subject, SubjectFinding
from monitor.core.updates import Finding, FindingState, RecordKey, Severity
from monitor.models import SubjectRow
from monitor.services.sql import Row, Table, big, json, text, write

_TABLE: Final = Table(
    "monitor_subjectrow",
    (
        *("import_id", "kind", "name", "code", "severity", "state", "at_us", "last_us", "count", "hop", "cause"),
        *("remedy", "evidence"),
    ),
    ("import_id", "kind", "name", "code", "at_us"),
)
_MOST: Final = 2**31 - 1
_RESTORED: Final = 10_000


def apply(findings: Iterable[SubjectFinding], import_id: int = 0) -> None:
    """Write these findings as they stand, inside the caller's transaction."""
    write(_TABLE, [_row(finding, import_id) for finding in findings])


def standing(since_us: int) -> list[SubjectFinding]:
    """What live traffic showed since then and was not cleared."""
    rows = SubjectRow.objects.filter(import_id=0, last_us__gte=since_us).exclude(state=FindingState.CLEARED)
    return [_finding(row) for row in rows.order_by("-last_us")[:_RESTORED]]


def _row(subject: SubjectFinding, import_id: int) -> Row:
    finding = subject.finding
    return (
        import_id,
        subject.kind.value,
        text(subject.name),
        finding.code,
        finding.severity.value,
        finding.state.value,
        big(finding.at_us),
        big(subject.last_us),
        min(subject.count, _MOST),
        text(finding.hop),
        text(finding.cause, 2_000),
        finding.remedy,
        json([_plain(key) for key in subject.evidence]),
    )


def _plain(key: RecordKey) -> RecordKey:
    """The key with texts that a JSON column takes."""
    return msgspec.structs.replace(key, call_id=text(key.call_id), discriminator=text(key.discriminator))


def _finding(row: SubjectRow) -> SubjectFinding:
    return SubjectFinding(
        kind=Subject(row.kind),
        name=row.name,
        finding=Finding(
            code=row.code,
            subject=row.name,
            severity=Severity(row.severity),
            state=FindingState(row.state),
            at_us=row.at_us,
            hop=row.hop,
            messages=(),
            cause=row.cause,
            remedy=row.remedy,
        ),
        last_us=row.last_us,
        count=row.count,
        evidence=msgspec.convert(row.evidence, tuple[RecordKey, ...]),
    )
