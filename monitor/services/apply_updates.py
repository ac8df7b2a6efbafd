"""Writes what ingest found: all partitions of a worker in one transaction, or nothing of it.

The only reader of updates that writes. Each partition's part begins with its fence: the row must still
have the epoch of the lease and the offset that was read from; otherwise somebody else has taken it.
"""

from collections.abc import Iterable
from typing import Final

from django.db import connection, transaction

from monitor.core.context import Heard
from monitor.core.updates import Committed, Kind
from monitor.packing import pack
from monitor.services import rows, schema
from monitor.services.commit import POISON, CollectorState, NotedLoss, PartitionCommit
from monitor.services.harvest import Content
from monitor.services.shelving import take_back
from monitor.services.sql import NOW_US, Table, big, json, many, text, write
from monitor.shelf import IMPORTED, OPEN

LEASE_US: Final = 5_000_000
FROM_FILE: Final = -1  # the partition of records that came from a file
_MOST: Final = 2**31 - 1

_FENCE: Final = (
    "UPDATE monitor_partition SET stream_offset = %s, watermark_us = %s, marks = %s, version = %s, lag_ms = %s, "  # noqa: S608 - the database's clock, and our constant
    f"side_unmatched = side_unmatched + %s, lease_until_us = {{now}} + {LEASE_US} "
    "WHERE number = %s AND epoch = %s AND stream_offset = %s"
)
_COLLECTORS: Final = Table(
    "monitor_collector",
    (
        *("name", "boot", "host", "version", "receiver", "interfaces", "started_us", "last_seen_us"),
        *("clock_offset_us", "low_water_us", "backlog", "counters", "rate", "final"),
    ),
    ("name",),
)
# What goes on grows, and ends where it is known to have ended. Several partitions tell of one restart, each as
# far as it saw: the widest stays.
_LOSSES: Final = (
    "INSERT INTO monitor_lossrange (collector, observer, from_us, to_us, reason, count, partition) "
    "VALUES (%s, %s, %s, %s, %s, %s, %s) ON CONFLICT (observer, reason, from_us, partition) DO UPDATE SET "
    "to_us = CASE WHEN excluded.reason = 'restart' AND excluded.to_us < monitor_lossrange.to_us "
    "THEN monitor_lossrange.to_us ELSE excluded.to_us END, "
    "count = excluded.count"
)
_DEAD_LETTERS: Final = Table(
    "monitor_deadletter",
    ("partition", "entry_id", "reason", "stored_us", "lost_us", "data"),
    ("partition", "entry_id"),
)
_NO_LETTER: Final = "DELETE FROM monitor_deadletter WHERE partition = %s AND entry_id = %s"
_NO_LOSS: Final = (
    "DELETE FROM monitor_lossrange WHERE observer = %s AND reason = %s AND from_us = %s AND partition = %s"
)
# Several workers may hear of a peer: the earliest time stays.
_PEERS: Final = (
    "INSERT INTO monitor_peer (address, since_us, answers_us) VALUES (%s, %s, %s) ON CONFLICT (address) DO UPDATE SET "
    "since_us = CASE WHEN excluded.since_us < monitor_peer.since_us THEN excluded.since_us "
    "ELSE monitor_peer.since_us END, "
    "answers_us = CASE WHEN monitor_peer.answers_us = 0 OR (excluded.answers_us > 0 AND excluded.answers_us < "
    "monitor_peer.answers_us) THEN excluded.answers_us ELSE monitor_peer.answers_us END"
)
_LOG: Final = "INSERT INTO monitor_commitlog (partition, watermark_us, committed_us, updates) VALUES (%s, %s, %s, %s)"


class Fenced(Exception):  # noqa: N818 - what happened to the worker, in one word
    """Another worker has taken this partition: nothing was written."""

    def __init__(self, number: int) -> None:
        super().__init__(f"partition {number} is another worker's now")
        self.number = number


def apply(commits: list[PartitionCommit], peers: dict[str, Heard]) -> None:
    """Write these commits, and the addresses heard for the first time (with their wire time).

    Raises `Fenced`, `OtherSchemaError`, or what the database raises; nothing is written then, save that
    after a lost connection nobody knows.
    """
    with transaction.atomic():
        schema.hold()
        for commit in commits:
            _fence(commit)
        write_content([(commit.content, commit.number, commit.version) for commit in commits])
        # Rows that several workers may write are written in one order by all, so that none waits in a ring.
        write(_COLLECTORS, sorted(_collector(state) for commit in commits for state in commit.collectors))
        many(_LOSSES, sorted(_loss(noted) for commit in commits for noted in commit.losses))
        write(
            _DEAD_LETTERS,
            [
                (
                    commit.number,
                    letter.entry_id,
                    text(letter.reason, 8_000),
                    letter.stored_us,
                    letter.lost_us,
                    letter.data,
                )
                for commit in commits
                for letter in commit.dead_letters
            ],
        )
        many(_NO_LETTER, [(commit.number, letter.entry_id) for commit in commits for letter in commit.replayed])
        many(
            _NO_LOSS,
            [
                (text(letter.observer), POISON, letter.lost_us, commit.number)
                for commit in commits
                for letter in commit.replayed
            ],
        )
        many(_PEERS, sorted((text(address), *map(big, heard)) for address, heard in peers.items()))
        many(_LOG, (_logged(commit) for commit in commits if commit.content))


def write_content(contents: Iterable[tuple[Content, int, int]], import_id: int = 0) -> None:
    """Write records, findings and messages, within the caller's transaction: (content, partition, version)."""
    shelf = IMPORTED if import_id else OPEN
    by_kind: dict[Kind, list[rows.Row]] = {kind: [] for kind in Kind}
    findings: list[rows.Row] = []
    chunks: list[rows.Row] = []
    marks: list[rows.Row] = []
    for content, partition, version in contents:
        take_back(content.reopened)
        for record in content.records:
            by_kind[record.key.kind].append(rows.record(record, partition, import_id, version))
            findings.extend(rows.findings(record, import_id))
        chunks.extend(rows.chunk(chunk, import_id) for chunk in content.chunks)
        marks.extend(row for update in content.marked for row in rows.marks(update, import_id))
    for kind, values in by_kind.items():
        write(rows.TABLES[kind], values, shelf)
    write(rows.FINDINGS, findings, shelf)
    write(rows.CHUNKS, chunks, shelf)
    write(rows.MARKS, marks)


def _fence(commit: PartitionCommit) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            _FENCE.format(now=NOW_US[connection.vendor]),
            (
                commit.new_offset,
                commit.watermark_us,
                commit.marks,
                commit.version,
                min(commit.lag_ms, _MOST),
                commit.side_unmatched,
                commit.number,
                commit.epoch,
                commit.old_offset,
            ),
        )
        if cursor.rowcount != 1:
            raise Fenced(commit.number)


def _collector(state: CollectorState) -> rows.Row:
    reported, heartbeat = state.reported, state.reported.heartbeat
    return (
        text(reported.collector),
        text(reported.boot),
        text(heartbeat.host),
        text(heartbeat.version),
        text(heartbeat.receiver),
        json([text(name) for name in heartbeat.interfaces]),
        big(heartbeat.started_us),
        reported.stored_us,
        big(state.clock_offset_us),
        state.low_water_us,
        min(heartbeat.backlog, _MOST),
        json({text(name): value for name, value in heartbeat.counters.items()}),
        state.rate,
        heartbeat.final,
    )


def _loss(noted: NotedLoss) -> rows.Row:
    loss = noted.loss
    return (
        text(noted.collector),
        text(loss.observer),
        loss.from_us,
        loss.to_us,
        text(loss.reason, 20),
        big(loss.count),
        noted.partition,
    )


def _logged(commit: PartitionCommit) -> rows.Row:
    content = commit.content
    touched = [record.key for record in content.records]
    committed = Committed(commit.number, commit.watermark_us, content.logged, touched)
    return commit.number, commit.watermark_us, commit.version, pack(committed)
