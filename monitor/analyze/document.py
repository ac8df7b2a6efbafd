"""A result as the JSON of `offhook analyze --json`, schema 1. `docs/analyze.md` defines every member."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, Final

import msgspec

from collectors.sip.timers import SECOND
from collectors.wire.events import SideEvent
from monitor.analyze.entries import (
    CallEntry,
    FindingEntry,
    LegEntry,
    RegistrationEntry,
    SideEntry,
    StreamEntry,
    TransactionEntry,
)
from monitor.analyze.measures import By, measure
from monitor.analyze.result import Records, Result
from monitor.core.hop import place
from monitor.core.leg import Link
from monitor.core.measures import Figures
from monitor.core.measures.counting import outcome
from monitor.core.reviewed import NOTHING, Review
from monitor.core.sources.values import SubjectFinding
from monitor.core.stream_row import StreamRow
from monitor.core.updates import (
    CallRecord,
    Finding,
    RecordKey,
    RegistrationRecord,
    TransactionRecord,
)

SCHEMA: Final = 1
_EPOCH: Final = datetime(1970, 1, 1)  # noqa: DTZ001 - in UTC, as all wire time is

Document = dict[str, Any]
_encode_lines: Final = msgspec.json.Encoder().encode_lines


def encode(*documents: object) -> bytes:
    """The documents as JSON in UTF-8, one a line; characters that are no text become "?"."""
    try:
        return _encode_lines(documents)
    except UnicodeEncodeError:
        return _encode_lines([_as_text(msgspec.to_builtins(document)) for document in documents])


def build(result: Result) -> Document:
    """The document of a result: JSON types only."""
    document = outline(result, *measure(result.calls, result.registrations, result.registration_delays_ms))
    legs = legs_of(result.links)
    document["calls"] = list(calls(result, legs))
    document["registrations"] = list(registrations(result))
    document["transactions"] = list(transactions(result))
    built: Document = msgspec.to_builtins(document)
    return built


def outline(result: Result, measures: Figures, measures_by: By) -> Document:
    """The document without its records, for which there are empty lists. As all below, it may hold Structs."""
    return {
        "schema": SCHEMA,
        "file": result.file,
        "packets": result.packets,
        "messages": result.messages,
        "malformed": result.malformed,
        "first": timestamp(result.first_us),
        "last": timestamp(result.last_us),
        "calls": [],
        "registrations": [],
        "transactions": [],
        "findings": [_subject(subject) for subject in result.subjects],
        "measures": measures,
        "measures_by": measures_by,
        "skipped": dict(sorted(result.skipped.items())),
        "capture_drops": result.capture_drops,
        "evicted": result.evicted,
        "side_unmatched": result.side_unmatched,
        "fault": result.fault or None,
    }


def calls(found: Result | Records, legs: Mapping[RecordKey, list[LegEntry]]) -> Iterator[CallEntry]:
    """The calls, with their legs."""
    for call in found.calls:
        key = call.key
        yield _call(call, legs.get(key, []), found.media.get(key, NOTHING), found.side.get(key, ()))


def registrations(found: Result | Records) -> Iterator[RegistrationEntry]:
    """The registrations."""
    for each in found.registrations:
        yield _registration(each, found.side.get(each.key, ()))


def transactions(found: Result | Records) -> Iterator[TransactionEntry]:
    """All other transactions."""
    for each in found.transactions:
        yield _transaction(each, found.side.get(each.key, ()))


def timestamp(us: int | None) -> str | None:
    """Wire time as ISO 8601 with microseconds in UTC; None where there is none, or where the calendar ends."""
    if us is None:
        return None
    second = _second(us // SECOND)
    # Six digits, as of a format, at half the cost.
    return None if second is None else f"{second}.{str(SECOND + us % SECOND)[1:]}Z"


@lru_cache(4096)
def _second(seconds: int) -> str | None:
    """Seconds since the epoch as "2026-11-22T12:00:00"; None where the calendar ends."""
    try:
        return (_EPOCH + timedelta(seconds=seconds)).isoformat()
    except OverflowError:
        return None


def legs_of(links: Sequence[Link]) -> dict[RecordKey, list[LegEntry]]:
    """Of each call, the other legs that it is linked with."""
    found: dict[RecordKey, list[LegEntry]] = {}
    for link in links:
        for one, other in ((link.one, link.other), (link.other, link.one)):
            found.setdefault(one, []).append(LegEntry(other.call_id, link.confidence, link.reason))
    return found


def _call(call: CallRecord, legs: Sequence[LegEntry], review: Review, side: Sequence[SideEvent]) -> CallEntry:
    answered = call.answered_us is not None
    return CallEntry(
        call_id=call.key.call_id,
        from_uri=call.from_uri,
        to_uri=call.to_uri,
        caller=call.caller,
        callee=call.callee,
        state=call.state,
        status=call.status,
        answered=answered,
        acked=call.acked if answered else None,
        first=timestamp(call.first_us),
        setup_ms=call.setup_ms,
        pdd_ms=call.pdd_ms,
        duration_ms=call.duration_ms,
        disconnect_ms=call.disconnect_ms,
        user_agent=call.user_agent,
        legs=legs,
        messages=call.messages,
        retransmissions=call.retransmissions,
        hops=call.hops,
        findings=_findings(call.findings),
        anomalies=call.anomalies,
        media=[_stream(row) for row in review.streams],
        quality=review.quality,
        side=_side(side),
    )


def _registration(registration: RegistrationRecord, side: Sequence[SideEvent]) -> RegistrationEntry:
    return RegistrationEntry(
        call_id=registration.key.call_id,
        aor=registration.aor,
        contact=registration.contact,
        client=registration.client,
        registrar=registration.registrar,
        outcome=outcome(registration.outcome),
        status=registration.status,
        first=timestamp(registration.first_us),
        messages=registration.messages,
        retransmissions=registration.retransmissions,
        hops=registration.hops,
        findings=_findings(registration.findings),
        anomalies=registration.anomalies,
        side=_side(side),
    )


def _transaction(transaction: TransactionRecord, side: Sequence[SideEvent]) -> TransactionEntry:
    return TransactionEntry(
        call_id=transaction.key.call_id,
        method=transaction.method,
        from_uri=transaction.from_uri,
        to_uri=transaction.to_uri,
        client=transaction.client,
        server=transaction.server,
        status=transaction.status,
        first=timestamp(transaction.first_us),
        fault=transaction.fault or None,
        messages=transaction.messages,
        retransmissions=transaction.retransmissions,
        hops=transaction.hops,
        findings=_findings(transaction.findings),
        anomalies=transaction.anomalies,
        side=_side(side),
    )


def _findings(findings: Sequence[Finding]) -> Sequence[FindingEntry]:
    """Those that still stand, and those that were cleared, in order of raising."""
    if not findings:
        return ()
    return [
        FindingEntry(
            code=finding.code,
            variant=finding.variant,
            state=finding.state,
            severity=finding.severity,
            at=timestamp(finding.at_us),
            hop=finding.hop,
            messages=finding.messages,
            cause=finding.cause,
            remedy=finding.remedy,
        )
        for finding in findings
    ]


def _stream(row: StreamRow) -> StreamEntry:
    """What was offered, and what was answered."""
    return StreamEntry(
        at=timestamp(row.at_us),
        messages=row.messages,
        method=row.method,
        kind=row.kind,
        state=row.state,
        offer=row.offer,
        answer=row.answer,
        common=row.common,
    )


def _side(events: Sequence[SideEvent]) -> Sequence[SideEntry]:
    """What was seen beside the messages of a record, in order of time."""
    if not events:
        return ()
    return [
        SideEntry(
            at=timestamp(side.captured_us),
            kind=side.kind,
            source=place(side.source, side.source_port),
            destination=place(side.destination, side.destination_port),
            text=side.text,
            values=side.values,
        )
        for side in events
    ]


def _subject(subject: SubjectFinding) -> Document:
    """A finding about a source, an account or a peer, with the records that show it."""
    finding = subject.finding
    return {
        "code": finding.code,
        "state": str(finding.state),
        "severity": str(finding.severity),
        "about": str(subject.kind),
        "name": subject.name,
        "at": timestamp(finding.at_us),
        "last": timestamp(subject.last_us),
        "count": subject.count,
        "hop": finding.hop,
        "records": [{"kind": str(key.kind), "call_id": key.call_id} for key in subject.evidence],
        "cause": finding.cause,
        "remedy": finding.remedy,
    }


def _as_text(value: Any) -> Any:
    """The same with lone surrogates replaced: a file name, or a message, may be no text."""
    if isinstance(value, str):
        return value if value.isascii() else value.encode("utf-8", "replace").decode()
    if isinstance(value, list):
        return [_as_text(each) for each in value]
    if isinstance(value, dict):
        return {_as_text(key): _as_text(each) for key, each in value.items()}
    return value
