"""Records, findings and chunks as rows: which columns a table has, and what goes into them."""

from collections.abc import Iterator
from typing import Any, Final, TypeAlias, assert_never

from monitor.core.updates import (
    CallRecord,
    Finding,
    FindingState,
    Kind,
    LegMarked,
    Record,
    RegistrationRecord,
    Severity,
    TransactionRecord,
)
from monitor.packed import pack_hops, pack_list, pack_mark, pack_prose
from monitor.packing import pack
from monitor.services.harvest import Chunk
from monitor.services.sql import Table, big, text, when
from monitor.shelf import IMPORTED, OPEN

Row: TypeAlias = tuple[Any, ...]

_NAME: Final = ("day", "key", "incarnation", "import_id", "shelf")
_COMMON: Final = (
    *("day", "key", "incarnation", "call_id", "discriminator", "partition", "import_id", "shelf", "open"),
    *(
        "status",
        "first_us",
        "last_us",
        "messages",
        "retransmissions",
        "hops",
        "anomalies",
        "severity",
        "codes",
        "version",
    ),
)
TABLES: Final = {
    Kind.CALL: Table(
        "monitor_call",
        (
            *_COMMON,
            *("from_uri", "to_uri", "caller", "callee", "state", "acked", "answered_us", "ended_us"),
            *("setup_ms", "pdd_ms", "duration_ms", "user_agent", "disconnect_ms"),
        ),
        _NAME,
    ),
    Kind.REGISTRATION: Table(
        "monitor_registration",
        (*_COMMON, "aor", "contact", "client", "registrar", "outcome", "registered_us", "expires_us"),
        _NAME,
    ),
    Kind.TRANSACTION: Table(
        "monitor_transaction",
        (*_COMMON, "method", "from_uri", "to_uri", "client", "server", "fault"),
        _NAME,
    ),
}
MARKS: Final = Table(
    "monitor_legmark",
    (*_NAME, "mark", "at_us"),
    (*_NAME, "mark"),
)
FINDINGS: Final = Table(
    "monitor_findingrow",
    (
        *("kind", *_NAME, "code", "subject", "severity", "state"),
        *("at_us", "evidence", "told", "variant"),
    ),
    (*_NAME, "code", "subject"),
    steady=True,
)
CHUNKS: Final = Table(
    "monitor_messagechunk",
    (
        *(*_NAME, "first_number", "count", "first_side", "side_count"),
        *("watermark_us", "cuts", "messages", "side"),
    ),
    (*_NAME, "first_number", "first_side"),
)
_WORST_FIRST: Final = [severity.value for severity in Severity]


def record(value: Record, partition: int, import_id: int, version: int) -> Row:
    """The row of a call, registration or transaction, in the order of its table's columns."""
    key = value.key
    standing = [finding for finding in value.findings if finding.state is not FindingState.CLEARED]
    codes = " ".join(dict.fromkeys(finding.code for finding in standing))
    return (
        key.day,
        key.hash,
        key.incarnation,
        text(key.call_id),
        text(key.discriminator),
        partition,
        *_whose(import_id),
        value.open,
        value.status,
        big(value.first_us),
        big(value.last_us),
        value.messages,
        value.retransmissions,
        pack_hops(value.hops),
        pack_list([text(anomaly) for anomaly in value.anomalies]),
        min((finding.severity.value for finding in standing), key=_WORST_FIRST.index, default=""),
        f" {codes} " if codes else "",
        version,
        *_own(value),
    )


def _whose(import_id: int) -> Row:
    """Import and shelf of what is written: what is live lies with what goes on until it is put away."""
    return import_id, IMPORTED if import_id else OPEN


def _own(value: Record) -> Row:
    match value:
        case CallRecord():
            return (
                text(value.from_uri),
                text(value.to_uri),
                text(value.caller),
                text(value.callee),
                value.state.value,
                value.acked,
                when(value.answered_us),
                when(value.ended_us),
                value.setup_ms,
                value.pdd_ms,
                value.duration_ms,
                text(value.user_agent),
                value.disconnect_ms,
            )
        case RegistrationRecord():
            return (
                text(value.aor),
                text(value.contact),
                text(value.client),
                text(value.registrar),
                value.outcome.value,
                when(value.registered_us),
                when(value.expires_us),
            )
        case TransactionRecord():
            return (
                text(value.method),
                text(value.from_uri),
                text(value.to_uri),
                text(value.client),
                text(value.server),
                text(value.fault),
            )
        case _:
            assert_never(value)


def findings(value: Record, import_id: int) -> Iterator[Row]:
    """The rows of a record's findings, cleared ones too."""
    key = value.key
    for finding in value.findings:
        yield (
            key.kind.value,
            key.day,
            key.hash,
            key.incarnation,
            *_whose(import_id),
            finding.code,
            text(finding.subject),
            finding.severity.value,
            finding.state.value,
            *_particulars(finding),
        )


def marks(update: LegMarked, import_id: int) -> Iterator[Row]:
    """The rows of the marks that a call showed."""
    key = update.key
    for mark in update.marks:
        yield (key.day, key.hash, key.incarnation, *_whose(import_id), pack_mark(mark), big(update.at_us))


def _particulars(finding: Finding) -> Row:
    return (
        big(finding.at_us),
        pack_list(finding.messages),
        pack_prose((text(finding.hop), text(finding.cause, 2_000), text(finding.remedy, 2_000))),
        finding.variant,
    )


def chunk(value: Chunk, import_id: int) -> Row:
    """The row of some messages and side events of a record."""
    key = value.key
    return (
        key.day,
        key.hash,
        key.incarnation,
        *_whose(import_id),
        value.first_number,
        len(value.events),
        value.first_side,
        len(value.side),
        value.watermark_us,
        b"",
        pack(value.events) if value.events else b"",
        pack(value.side) if value.side else b"",
    )
