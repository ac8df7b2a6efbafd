"""What went in at the edge, counted against what is in the database and in the store."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Any, Final, NamedTuple, TypeAlias

from django.db.models import Sum

from collectors.sip.timers import SECOND
from collectors.wire.codec import partition_of, stream
from collectors.wire.events import SipEvent
from monitor import packing
from monitor.models import Call, DeadLetter, FindingRow, LossRange, MessageChunk, Partition, Registration, Transaction
from tests.faults.world import PARTITIONS, World

RECORDS: Final[tuple[type[Call | Registration | Transaction], ...]] = (Call, Registration, Transaction)
COUNTED: Final = ("spool", "queue")  # losses of which a collector knows how many messages they are
UNCOUNTED: Final = frozenset(
    {"kill-collector", "kill-with-full-spool", "cut-spool", "lose-store"}
)  # nobody is left who counted
# An answer did not come: what was taken may be dropped later, and counted though it is there.
AMBIGUOUS: Final = frozenset(
    {"cut", "fill-store-disk", "freeze-store", "half-open", "hold", "kill-store", "mute", "sever", "slow", "tear"}
)
_TOLERANCE_US: Final = 2 * SECOND  # where a clock was corrected by what its heartbeats said

Name: TypeAlias = tuple[str, str, bytes]  # observer, Call-ID, message
Id: TypeAlias = tuple[int, int, int]  # day, key, incarnation


class Account(NamedTuple):
    """How it ended: `problems` is empty when all went well."""

    sent: int  # messages
    missing: int
    losses: dict[str, int]  # ranges, by reason
    problems: list[str]


def account(world: World, faults: frozenset[str]) -> Account:
    """Count everything, once a world in which these faults struck has come to its end."""
    stored = _stored()
    problems = [*_disorder(world, stored), *_records(stored), *_positions(world), *_set_aside()]
    counts = Counter(_name(event) for events in stored.values() for event in events)
    times = {(_name(event), event.captured_us) for events in stored.values() for event in events}
    sent = missing = 0
    for edge, offset_us in zip(world.edges, world.setting.offsets_us, strict=True):
        cover = _Cover(edge.name, offset_us)
        passed: dict[Name, list[SipEvent]] = defaultdict(list)
        for event in world.wire.events(edge.name, offset_us):
            passed[_name(event)].append(event)
        for name, events in passed.items():
            sent += len(events)
            lost = len(events) - counts.pop(name, 0)
            missing += max(0, lost)
            if lost < 0:
                problems.append(f"{-lost} times too often: {_shown(events[0])}")
            candidates = [event for event in events if offset_us or (name, event.captured_us) not in times]
            untold = [event for event in candidates if not cover.tells(event)]
            if len(candidates) - len(untold) < lost:
                problems.append(f"{lost} missing, and no loss tells of it: {_shown(untold[0])}")
    problems += [f"never sent: {name}" for name in counts]
    told = LossRange.objects.filter(reason__in=COUNTED).aggregate(Sum("count"))["count__sum"] or 0
    if not faults & UNCOUNTED and (told < missing or (told > missing and not faults & AMBIGUOUS)):
        problems.append(f"{missing} messages are missing, {told} are counted as lost")
    losses = Counter(LossRange.objects.values_list("reason", flat=True))
    return Account(sent, missing, dict(losses), problems)


class _Cover:
    """The losses that were told of one collector."""

    def __init__(self, name: str, offset_us: int) -> None:
        self._offset_us = offset_us
        rows = LossRange.objects.filter(observer=f"{name}/*").values_list("partition", "from_us", "to_us")
        self._ranges = list(rows)

    def tells(self, event: SipEvent) -> bool:
        """Whether one of them covers this message."""
        number = partition_of(event.call_id, event.source, PARTITIONS)
        slack = _TOLERANCE_US if self._offset_us else 0
        return any(
            begin - slack <= at <= end + slack
            for at in (event.captured_us, event.captured_us - self._offset_us)
            for partition, begin, end in self._ranges
            if partition in (-1, number)
        )


def _stored() -> dict[Id, list[SipEvent]]:
    """The messages of each record in order of arrival."""
    found: dict[Id, list[SipEvent]] = defaultdict(list)
    for chunk in MessageChunk.objects.order_by("id"):
        found[chunk.day, chunk.key, chunk.incarnation] += packing.messages(chunk.messages)
    return found


def _disorder(world: World, stored: dict[Id, list[SipEvent]]) -> Iterator[str]:
    """What one collector saw of one record comes in the order in which it was seen."""
    for record, events in stored.items():
        for edge, offset_us in zip(world.edges, world.setting.offsets_us, strict=True):
            times = [event.captured_us for event in events if event.observer.startswith(f"{edge.name}/")]
            if not (offset_us or world.setting.defective) and times != sorted(times):
                yield f"out of order: {record}"


def _records(stored: dict[Id, list[SipEvent]]) -> Iterator[str]:
    """Each record has its messages and its findings, and nothing belongs to none."""
    rows: dict[Id, dict[str, Any]] = {
        (row["day"], row["key"], row["incarnation"]): dict(row)
        for model in RECORDS
        for row in model.objects.values("day", "key", "incarnation", "messages", "codes")
    }
    codes: dict[Id, set[str]] = defaultdict(set)
    for finding in FindingRow.objects.all():
        record = finding.day, finding.key, finding.incarnation
        if finding.state != "cleared":
            codes[record].add(finding.code)
    for record in rows.keys() | stored.keys() | codes.keys():
        row = rows.get(record, {"messages": None, "codes": ""})
        if row["messages"] != len(stored.get(record, ())):
            yield f"{record} has {row['messages']} messages, and {len(stored.get(record, ()))} are stored"
        if set(row["codes"].split()) != codes.get(record, set()):
            yield f"{record} has findings {row['codes']}, and {codes.get(record)} are stored"


def _set_aside() -> Iterator[str]:
    """What is still set aside, after it was taken again, is no batch: nothing is lost with it."""
    if lost := LossRange.objects.filter(reason="poison").count():
        yield f"{lost} losses of batches that were taken again"
    for letter in DeadLetter.objects.filter(reason__contains="Traceback"):
        yield f"entry {letter.entry_id} was not taken again: {letter.reason[-300:]}"


def _positions(world: World) -> Iterator[str]:
    """Each partition stands where its stream ends."""
    with world.store.client() as client:
        for row in Partition.objects.all():
            last = client.xinfo_stream(stream(row.number))["last-generated-id"].decode()
            if row.stream_offset != last:
                yield f"partition {row.number} stands at {row.stream_offset}, its stream ends at {last}"


def _name(event: SipEvent) -> Name:
    return event.observer, event.call_id, event.raw


def _shown(event: SipEvent) -> str:
    line = event.raw.partition(b"\r\n")[0].decode("utf-8", "replace")
    number = partition_of(event.call_id, event.source, PARTITIONS)
    return f"{event.captured_us} {event.observer} {event.call_id} {line!r}, of partition {number}"
