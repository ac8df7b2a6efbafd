"""A stretch of traffic as collectors put it into the streams, with its ids; and what the database holds after."""

import random
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

import redis

from collectors.scenario import Scenario
from collectors.scenario.library import SITUATIONS, play
from collectors.sip.timers import SECOND
from collectors.wire.codec import FIELD, encode, partition_of, stream
from collectors.wire.events import RTCP, SCHEMA, Batch, Heartbeat, Loss, Observation, SideEvent, SipEvent
from monitor import packing
from monitor.core.overview import PLANNED
from monitor.core.updates import CollectorReported, LoggedUpdate, LossRecorded
from monitor.models import (
    Call,
    Collector,
    CommitLog,
    DeadLetter,
    FindingRow,
    IngestWorker,
    LegMark,
    LossRange,
    MessageChunk,
    Partition,
    Peer,
    Registration,
    Transaction,
)
from tests.support.beside import beside

PARTITIONS = 3
# They depend on when somebody listened, not on what was heard: a lag, too, ends where its collector falls silent.
SILENCES = ("silent", "lagging", PLANNED)
OBSERVERS = ("east/eth0", "west/eth0")


def situations(dice: random.Random, end_us: int, count: int = 14, span_s: int = 240) -> list[Observation]:
    """Calls and registrations of all kinds that begin within `span_s` before `end_us`, in order of time, and what
    was seen beside them.
    """
    begin_us = end_us - span_s * SECOND
    events: list[SipEvent] = []
    for number, name in enumerate(dice.choices(sorted(SITUATIONS), k=count)):
        start_us = begin_us + dice.randrange(span_s * SECOND)
        observer = dice.choice(OBSERVERS)
        events += play(name, f"{name}-{number}-{dice.random()}").events(start_us=start_us, observer=observer)
    for number in range(3):
        start_us = begin_us + dice.randrange(span_s * SECOND // 2)
        events += slow(f"slow {number}").events(start_us=start_us, observer=OBSERVERS[0])
    side = [beside(event, after=dice.choice((0.01, 5, 70))) for event in events if dice.random() < 0.1]
    side += [beside(event, RTCP, method="", after=dice.random()) for event in events if dice.random() < 0.1]
    seen: list[Observation] = [*events, *side]
    return sorted((each for each in seen if each.captured_us < end_us), key=lambda each: each.captured_us)


def slow(seed: str) -> Scenario:
    """A call on which a suspicion falls by time alone, and is cleared: its first response comes after ten seconds."""
    scenario = Scenario(seed)
    alice, bob = scenario.phone("alice@10.0.0.1", transport="tcp"), scenario.phone("bob@10.0.0.2", transport="tcp")
    bob.says_trying = False
    alice.invites(bob)
    bob.rings(at=10)
    bob.answers(at=12)
    alice.hangs_up(at=30)
    return scenario


class Story:
    """Entries of all partitions with the ids that a stream store would have given them, in order."""

    def __init__(self, seed: int, end_us: int) -> None:
        self.dice = random.Random(seed)
        self.events = situations(self.dice, end_us)
        self.entries: list[tuple[int, str, bytes]] = []  # partition, id, data
        self._sequences: dict[tuple[str, int], int] = defaultdict(int)
        self._serial = 0
        begin_us = end_us - 240 * SECOND
        pending: dict[str, list[Observation]] = defaultdict(list)
        waiting = iter([*self.events, None])
        event = next(waiting)
        cut_off_us = begin_us + self.dice.randrange(200) * SECOND  # the west's connection fails for 20 s
        for now_us in range(begin_us, end_us + 1, SECOND // 5):
            while event is not None and event.captured_us <= now_us:
                pending[event.observer].append(event)
                event = next(waiting)
            for observer in OBSERVERS:
                away = observer == OBSERVERS[1] and cut_off_us <= now_us < cut_off_us + 20 * SECOND
                if away or self.dice.random() < 0.3:
                    continue
                self._send(observer, pending.pop(observer, []), now_us)
                if now_us % SECOND < SECOND // 5 or now_us == end_us:
                    self._beat(observer, now_us)

    def store(self, client: redis.Redis) -> Iterator[None]:
        """Put one entry after the other into its stream."""
        for partition, entry_id, data in self.entries:
            client.xadd(stream(partition), {FIELD: data}, id=entry_id)
            yield

    def _send(self, observer: str, events: list[Observation], now_us: int) -> None:
        by_partition = defaultdict(list)
        for event in events:
            by_partition[partition_of(event.call_id, event.source, PARTITIONS)].append(event)
        for partition, some in by_partition.items():
            self._add(observer, partition, some, None, now_us)

    def _beat(self, observer: str, now_us: int) -> None:
        losses = []
        if self.dice.random() < 0.03:
            losses.append(Loss(observer, now_us - 700_000, now_us - 300_000, "kernel", 3))
        heartbeat = Heartbeat(now_us, now_us, 0, "h", "0", "scenario", ["eth0"], {}, losses)
        for partition in range(PARTITIONS):
            self._add(observer, partition, [], heartbeat, now_us)

    def _add(
        self, observer: str, partition: int, seen: list[Observation], heartbeat: Heartbeat | None, now_us: int
    ) -> None:
        name = observer.partition("/")[0]
        sequence = self._sequences[name, partition]
        self._sequences[name, partition] += 1
        self._serial += 1
        events = [each for each in seen if isinstance(each, SipEvent)]
        side = [each for each in seen if isinstance(each, SideEvent)]
        batch = Batch(SCHEMA, name, "b1", partition, sequence, events, heartbeat, side)
        self.entries.append((partition, f"{now_us // 1000}-{self._serial}", encode(batch)))
        if self.dice.random() < 0.05:  # a retry: the answer was lost
            self._serial += 1
            self.entries.append((partition, f"{now_us // 1000}-{self._serial}", encode(batch)))


def outcome() -> dict[str, Any]:
    """All that ingest has written and that must not depend on how its work was cut into commits."""
    found: dict[str, Any] = {}
    for model in (Call, Registration, Transaction, FindingRow):
        rows = model.objects.values()
        found[model.__name__] = sorted(_without(row, "id", "shelf", "version", "marks") for row in rows)
    # Where a mark lies depends on whether its call was put away.
    marks = set(LegMark.objects.values_list("key", "incarnation", "mark"))
    for key, incarnation, some in Call.objects.exclude(marks=None).values_list("key", "incarnation", "marks"):
        marks.update((key, incarnation, mark) for mark in some or ())
    found["marks"] = sorted(marks)
    messages: dict[tuple[int, int], list[SipEvent]] = defaultdict(list)
    side: dict[tuple[int, int], list[SideEvent]] = defaultdict(list)
    for chunk in MessageChunk.objects.order_by("id"):
        name = chunk.key, chunk.incarnation
        assert chunk.first_number == (len(messages[name]) + 1 if chunk.count else 0), "numbered without holes"
        assert chunk.first_side == (len(side[name]) + 1 if chunk.side_count else 0), "numbered without holes"
        some, beside_them = packing.messages(chunk.messages), packing.side(chunk.side)
        assert (len(some), len(beside_them)) == (chunk.count, chunk.side_count)
        messages[name] += some
        side[name] += beside_them
    found["messages"], found["side"] = dict(messages), dict(side)
    found["unmatched"] = list(Partition.objects.order_by("number").values_list("side_unmatched", flat=True))
    found["logged"] = sorted(repr(update) for update in logged() if not _silence(update))
    ranges = LossRange.objects.exclude(reason__in=SILENCES).values()
    found["losses"] = sorted(_without(row, "id") for row in ranges)
    return found


def begin_again(client: redis.Redis) -> None:
    """An empty database and an empty store."""
    for model in (
        *(Call, CommitLog, Collector, DeadLetter, FindingRow, IngestWorker, LegMark, LossRange, MessageChunk),
        *(Partition, Peer, Registration, Transaction),
    ):
        model.objects.all().delete()
    client.flushall()


def logged() -> list[LoggedUpdate]:
    """The commit log, partition by partition."""
    rows = CommitLog.objects.order_by("partition", "id")
    return [update for row in rows for update in packing.committed(row.updates).updates]


def _silence(update: LoggedUpdate) -> bool:
    # Whether the collectors fell silent after the story's end depends on how long the test took.
    return isinstance(update, CollectorReported) or (
        isinstance(update, LossRecorded) and update.loss.reason in SILENCES
    )


def _without(row: Mapping[str, Any], *names: str) -> str:
    return repr({name: value for name, value in row.items() if name not in names})
