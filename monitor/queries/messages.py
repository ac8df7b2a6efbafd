"""The messages of one record, and what was seen beside them, out of its chunks."""

from collections.abc import Iterator
from itertools import islice
from typing import Final

from django.db.models import F, QuerySet

from collectors.wire.events import SideEvent, SipEvent
from monitor.core.updates import Finding, FindingState, Severity
from monitor.models import MessageChunk
from monitor.packing import messages as unpacked
from monitor.packing import side as unpacked_side
from monitor.queries.records import Row, lies

# A record may hold any number of messages; a page shows so many at a time.
MESSAGES_SHOWN: Final = 2000
SIDE_SHOWN: Final = 200


def messages(record: Row, first: int = 1, limit: int = MESSAGES_SHOWN) -> list[SipEvent]:
    """Messages `first`, `first` + 1, … of a record (`queries.record`) in order of arrival, `limit` at most."""
    numbered = _numbered(record, first, first + limit - 1)
    return [event for number, event in numbered if first <= number < first + limit]


def message(record: Row, number: int) -> SipEvent | None:
    """The `number`th message of a record, None when it has none of that number."""
    return next((event for found, event in _numbered(record, number, number) if found == number), None)


def side(record: Row, limit: int = SIDE_SHOWN) -> list[SideEvent]:
    """What was seen beside the messages of a record, in order of arrival, `limit` at most."""
    chunks = _chunks(record).filter(side_count__gt=0).order_by("first_side").iterator(chunk_size=50)
    return list(islice((each for chunk in chunks for each in unpacked_side(chunk.side)), limit))


def findings(record: Row) -> list[Finding]:
    """The record's findings as the core's values, in the order of `record["findings"]`."""
    return [
        Finding(
            code=row["code"],
            subject=row["subject"],
            severity=Severity(row["severity"]),
            state=FindingState(row["state"]),
            at_us=row["at_us"],
            hop=row["hop"],
            messages=tuple(row["evidence"]),
            cause=row["cause"],
            remedy=row["remedy"],
            variant=row["variant"],
        )
        for row in record["findings"]
    ]


def _numbered(record: Row, first: int, last: int) -> Iterator[tuple[int, SipEvent]]:
    chunks = _chunks(record).filter(first_number__lte=last, first_number__gt=first - F("count"))
    for chunk in chunks.order_by("first_number").iterator(chunk_size=50):
        yield from enumerate(unpacked(chunk.messages), chunk.first_number)


def _chunks(record: Row) -> QuerySet[MessageChunk]:
    import_id = record["import_id"]
    return MessageChunk.objects.filter(
        lies(record["day"], import_id),
        day=record["day"],
        key=record["key"],
        incarnation=record["incarnation"],
        import_id=import_id,
    )
