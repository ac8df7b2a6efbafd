"""What the live pages show: the snapshot, and the rows of a delta. Frames carry the same values.

Law: snapshot + deltas = fresh snapshot. Lists are bounded, newest first; each bound (`CAPS`) is part
of the snapshot, so that a page knows from which row on its list is complete.
"""

from collections.abc import Iterable, Sequence
from typing import Any, Final

from django.db.models import Q

from monitor.core.updates import Kind
from monitor.models import Alert, Collector, Overview
from monitor.queries.records import ACTIVE_STATES, FAILED_OUTCOMES, SERIOUS, Row, newest, rows

LISTS: Final = ("calls", "registrations", "alerts", "collectors")
CAPS: Final = {"active": 200, "failing": 50, "recent": 50, "registrations": 50, "alerts": 100, "collectors": 200}

ALERT_COLUMNS: Final = (
    *("id", "version", "rule", "severity", "title", "summary", "place", "state", "count"),
    *("opened_us", "last_us", "resolved_us", "resolution", "acknowledged_by", "acknowledged_us"),
)
_COLLECTOR: Final = (
    *("name", "boot", "host", "version", "receiver", "interfaces", "started_us", "last_seen_us"),
    *("clock_offset_us", "low_water_us", "backlog", "counters", "rate", "final"),
)


def live_snapshot(lists: Iterable[str] = LISTS) -> dict[str, Any]:
    """Everything that the live page shows, as of `sequence` or later.

    The sequence is read first: rows that change meanwhile come again in a later delta, and rows are
    whole values, so no transaction (on SQLite a lock that would hold up ingest) is needed.
    """
    overview = Overview.objects.filter(id=1).values("sequence", "watermark_us", "metrics").first()
    snapshot: dict[str, Any] = {"type": "snapshot", "sequence": 0, "watermark_us": 0, "metrics": {}, "caps": CAPS}
    readers = {"calls": _calls, "registrations": _registrations, "alerts": _alerts, "collectors": _collectors}
    return snapshot | (overview or {}) | {name: readers[name]() for name in LISTS if name in set(lists)}


def call_rows(slugs: Sequence[str]) -> list[Row]:
    """Rows of a delta: live calls by slug."""
    return rows(Kind.CALL, slugs)


def registration_rows(slugs: Sequence[str]) -> list[Row]:
    """Rows of a delta: live registrations by slug."""
    return rows(Kind.REGISTRATION, slugs)


def alert_rows(ids: Sequence[int]) -> list[Row]:
    """Rows of a delta: alerts by id, open or not."""
    return list(Alert.objects.filter(id__in=ids).values(*ALERT_COLUMNS))


def collector_rows(names: Sequence[str]) -> list[Row]:
    """Rows of a delta: collectors by name."""
    return [collector_value(row) for row in Collector.objects.filter(name__in=names).values(*_COLLECTOR)]


def open_alerts() -> int:
    """How many alerts are open."""
    return Alert.objects.filter(state="open").count()


def collector_value(row: Row) -> Row:
    """A collector's columns as a value: `release` is its software, `version` (as of every row) when it last spoke."""
    return row | {"release": row["version"], "version": row["last_seen_us"]}


def _calls() -> list[Row]:
    """The newest active, the newest seriously failing, the newest of all; one that is in two appears once."""
    found = [
        *newest(Kind.CALL, CAPS["active"], *(Q(open=True, state=state) for state in ACTIVE_STATES)),
        *newest(Kind.CALL, CAPS["failing"], *(Q(severity=severity) for severity in SERIOUS)),
        *newest(Kind.CALL, CAPS["recent"]),
    ]
    latest: dict[str, Row] = {}
    for row in found:
        if row["slug"] not in latest or row["version"] >= latest[row["slug"]]["version"]:
            latest[row["slug"]] = row
    return list(latest.values())


def _registrations() -> list[Row]:
    return newest(Kind.REGISTRATION, CAPS["registrations"], *(Q(outcome=outcome) for outcome in FAILED_OUTCOMES))


def _alerts() -> list[Row]:
    found = Alert.objects.filter(state="open").order_by("-opened_us", "-id")
    return list(found.values(*ALERT_COLUMNS)[: CAPS["alerts"]])


def _collectors() -> list[Row]:
    found = Collector.objects.order_by("name").values(*_COLLECTOR)
    return [collector_value(row) for row in found[: CAPS["collectors"]]]
