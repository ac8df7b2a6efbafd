"""The read side: what pages and frames show, as plain values. Nothing here writes."""

from monitor.queries.legs import conversation
from monitor.queries.live import (
    CAPS,
    LISTS,
    alert_rows,
    call_rows,
    collector_rows,
    live_snapshot,
    open_alerts,
    registration_rows,
)
from monitor.queries.measures import measures
from monitor.queries.messages import MESSAGES_SHOWN, SIDE_SHOWN, findings, message, messages, side
from monitor.queries.operations import (
    ALERTS_A_PAGE,
    DELIVERIES_A_PAGE,
    alert,
    alerts,
    collectors,
    dead_letters,
    deliveries,
    delivery,
    imported,
    imports,
    losses,
    partitions,
)
from monitor.queries.records import Cursor, Page, RecordFilter, Row, finding_codes, page, record
from monitor.queries.storage import messages_removed_us, storage
from monitor.queries.subjects import SUBJECTS_A_PAGE, subjects

__all__ = [
    "ALERTS_A_PAGE",
    "CAPS",
    "DELIVERIES_A_PAGE",
    "LISTS",
    "MESSAGES_SHOWN",
    "SIDE_SHOWN",
    "SUBJECTS_A_PAGE",
    "Cursor",
    "Page",
    "RecordFilter",
    "Row",
    "alert",
    "alert_rows",
    "alerts",
    "call_rows",
    "collector_rows",
    "collectors",
    "conversation",
    "dead_letters",
    "deliveries",
    "delivery",
    "finding_codes",
    "findings",
    "imported",
    "imports",
    "live_snapshot",
    "losses",
    "measures",
    "message",
    "messages",
    "messages_removed_us",
    "open_alerts",
    "page",
    "partitions",
    "record",
    "registration_rows",
    "side",
    "storage",
    "subjects",
]
