"""Heartbeats while a spool is drained: batches that come out of it tell them.

A spool may take long to drain, and does not end for as long as more comes than the store takes. What was lost
meanwhile must be told then and not afterwards, and the server's time must go on. So now and then a batch out of the
spool takes a heartbeat along, with one change: the low water is the batch's own, since what comes behind it is as old.

A batch that was sent once is sent again with the same octets until it is known to be accepted, with or without a
heartbeat: of copies the server takes the first. If it is dropped before that, to make room, another tells what it was
to tell.
"""

import time
from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

import msgspec

from collectors.exporters.spool import Record
from collectors.wire.codec import BatchError, decode, encode
from collectors.wire.events import Heartbeat, Loss

_MAX_LOSSES: Final = 64  # told in one heartbeat; more are merged
_EVERY_S: Final = 1.0


class Report(NamedTuple):
    """A heartbeat that waits for a batch of this boot."""

    boot: str
    heartbeat: Heartbeat


class _Sent(NamedTuple):
    """A record as it was sent, and what it told."""

    record: Record
    data: bytes
    report: Report | None = None


class Reports:
    """What drained batches are to tell, one report a partition. For the lane's thread."""

    def __init__(self) -> None:
        self._offered: dict[int, Report] = {}
        self._sent: dict[int, _Sent] = {}  # and not accepted yet
        self._due_s: dict[int, float] = {}

    def offer(self, reports: Mapping[int, Report]) -> None:
        """Newer ones, by partition; losses that were not told yet stay with them."""
        for partition, report in reports.items():
            older = self._offered.get(partition)
            self._offered[partition] = _joined(older, report) if older else report

    def data(self, record: Record) -> bytes:
        """The record's batch as it is to be sent now."""
        sent = self._sent.get(record.partition)
        if sent is None or sent.record is not record:
            self._retract(record.partition)
            sent = self._sent[record.partition] = self._reporting(record)
        return sent.data

    def accepted(self, records: Iterable[Record]) -> None:
        """The store has taken these."""
        for record in records:
            self._sent.pop(record.partition, None)

    def take_back(self) -> list[tuple[int, list[Loss]]]:
        """The spool is empty: the losses that no batch has told, by partition."""
        for partition in list(self._sent):
            self._retract(partition)
        left = [(partition, report.heartbeat.losses) for partition, report in self._offered.items()]
        self._offered.clear()
        return [(partition, losses) for partition, losses in left if losses]

    def with_untold(self, partition: int, final: Heartbeat) -> Heartbeat:
        """The last heartbeat of all, with the losses that no batch has told."""
        self._retract(partition)
        report = self._offered.pop(partition, None)
        losses = [*(report.heartbeat.losses if report else ()), *final.losses]
        return msgspec.structs.replace(final, losses=merged(losses))

    def _reporting(self, record: Record) -> _Sent:
        partition, now_s = record.partition, time.monotonic()
        report = self._offered.get(partition)
        if report is None or not record.low_water_us or now_s < self._due_s.get(partition, 0.0):
            return _Sent(record, record.data)
        try:
            batch = decode(record.data)
        except BatchError:  # the server sets it aside, and says why
            return _Sent(record, record.data)
        if batch.boot != report.boot or batch.heartbeat is not None:
            return _Sent(record, record.data)
        heartbeat = msgspec.structs.replace(
            report.heartbeat,
            low_water_us=min(record.low_water_us, report.heartbeat.low_water_us),
            backlog=max(1, report.heartbeat.backlog),
        )
        self._due_s[partition] = now_s + _EVERY_S
        data = encode(msgspec.structs.replace(batch, heartbeat=heartbeat))
        return _Sent(record, data, self._offered.pop(partition))

    def _retract(self, partition: int) -> None:
        """What was sent to this partition and not accepted is not sent again: another tells what it told."""
        sent = self._sent.pop(partition, None)
        if sent is not None and sent.report is not None:
            newer = self._offered.get(partition)
            self._offered[partition] = _joined(sent.report, newer) if newer else sent.report


def merged(losses: list[Loss]) -> list[Loss]:
    """The same losses, in few enough ranges; a wider range only makes the server claim less."""
    if len(losses) <= _MAX_LOSSES:
        return losses
    found: dict[tuple[str, str], Loss] = {}
    for each in losses:
        known = found.setdefault((each.observer, each.reason), each)
        if known is not each:
            first, last = min(known.from_us, each.from_us), max(known.to_us, each.to_us)
            found[each.observer, each.reason] = Loss(each.observer, first, last, each.reason, known.count + each.count)
    return list(found.values())


def _joined(older: Report, newer: Report) -> Report:
    """The newer of two, with the losses of both."""
    losses = merged([*older.heartbeat.losses, *newer.heartbeat.losses])
    return newer._replace(heartbeat=msgspec.structs.replace(newer.heartbeat, losses=losses))
