"""Findings about sources, accounts and peers as pages show them."""

from typing import Final

import msgspec

from monitor.core.updates import FindingState, RecordKey, Severity
from monitor.models import SubjectRow
from monitor.queries.records import Row, plain

SUBJECTS_A_PAGE: Final = 100
_EVIDENCE_SHOWN: Final = 5


def subjects(import_id: int = 0, name: str = "") -> tuple[list[Row], int]:
    """The newest findings about sources, accounts and peers, and how many there are in all.

    Each with `records`: {kind, slug, call_id} of the newest that show it, newest first.
    """
    found = SubjectRow.objects.filter(import_id=import_id)
    if name:
        found = found.filter(name=name)
    rows = plain(found.order_by("-last_us", "-id").values()[:SUBJECTS_A_PAGE])
    for row in rows:
        keys = msgspec.convert(row.pop("evidence"), list[RecordKey])[-_EVIDENCE_SHOWN:]
        row["records"] = [{"kind": key.kind.value, "slug": key.slug, "call_id": key.call_id} for key in reversed(keys)]
        row["shown"] = row["severity"] if row["state"] != FindingState.CLEARED else Severity.INFO.value
    return rows, found.count()
