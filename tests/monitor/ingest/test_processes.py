"""Real ingest processes: killed in mid-traffic, frozen, cut off from the store; nothing is lost or doubled."""

import logging
import os
import random
import signal
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis

from collectors.wire.codec import FIELD, PARTITIONS_KEY, stream
from monitor import packing
from monitor.ingest.shell import WRONG_CONFIGURATION
from monitor.ingest.stream import Streams
from monitor.ingest.worker import Worker
from monitor.models import Call, LossRange, MessageChunk, Partition, Registration, Transaction
from tests.monitor.ingest.edge import Feed
from tests.monitor.ingest.story import begin_again, outcome
from tests.support.environment import ROOT
from tests.support.processes import spawn, wait_for
from tests.support.valkey import Valkey

pytestmark = pytest.mark.django_db(transaction=True)

PARTITIONS = 4
KILLS = 7
log = logging.getLogger(__name__)

Start = Callable[[], subprocess.Popen[bytes]]


@pytest.fixture
def start(valkey: Valkey, database_url: str, tmp_path: Path) -> Iterator[Start]:
    """Start one more `offhook correlate` on the test's store and database."""
    environment = os.environ | {
        "OFFHOOK_DATABASE_URL": database_url,
        "OFFHOOK_STREAM_URL": valkey.url,
        "OFFHOOK_PARTITIONS": str(PARTITIONS),
    }
    processes: list[subprocess.Popen[bytes]] = []
    output = (tmp_path / "correlate.log").open("ab")

    def start() -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "monitor.cli", "correlate"]
        processes.append(spawn(command, env=environment, cwd=ROOT, stdout=output, stderr=output))
        return processes[-1]

    yield start
    for process in processes:
        process.kill()
        process.wait()
    output.close()
    log.warning((tmp_path / "correlate.log").read_text()[-8_000:])


def holders() -> set[int]:
    """The processes that hold partitions, dead or alive."""
    owners = Partition.objects.exclude(owner="").values_list("owner", flat=True)
    return {int(owner.split(":")[-2]) for owner in owners}


def drained(client: redis.Redis) -> bool:
    """Whether all that was sent is committed and trimmed."""
    return not any(client.xlen(stream(number)) for number in range(PARTITIONS))


def stored() -> dict[str, list[bytes]]:
    """The messages in the database by Call-ID, in order of their numbers."""
    found = defaultdict(list)
    for chunk in MessageChunk.objects.order_by("key", "first_number"):
        for each in packing.messages(chunk.messages):
            found[each.call_id].append(each.raw)
    return found


def sent(feed: Feed) -> dict[str, list[bytes]]:
    """The messages that were sent by Call-ID, in order."""
    found = defaultdict(list)
    for each in feed.sent:
        found[each.call_id].append(each.raw)
    return found


@pytest.mark.timeout(120)
def test_killed_in_mid_traffic_again_and_again_it_loses_and_doubles_nothing(valkey: Valkey, start: Start) -> None:
    seed = random.randrange(2**32)
    log.warning("seed %d", seed)
    dice = random.Random(seed)
    client = valkey.client()
    feed = Feed(client, str(seed), PARTITIONS)
    workers = [start() for _ in range(KILLS + 1)]  # all at once: starting takes longest
    kills, end = 0, time.monotonic() + 60
    while kills < KILLS and time.monotonic() < end:
        feed.run(0.1)
        holder = next((worker for worker in workers if worker.pid in holders()), None)
        if holder is None:
            continue
        feed.run(dice.uniform(0, 0.7))
        holder.kill()
        holder.wait()
        workers.remove(holder)
        kills += 1
    feed.end()
    wait_for(lambda: drained(client), 20, what="all is committed")
    for worker in workers:
        worker.terminate()
    assert {worker.wait(5) for worker in workers} <= {0, -signal.SIGTERM}  # the latter while it started
    epochs = sum(Partition.objects.values_list("epoch", flat=True))
    log.warning("%d kills, %d takings of partitions, %d messages", kills, epochs, len(feed.sent))

    assert stored() == sent(feed)
    messages = sum(sum(model.objects.values_list("messages", flat=True)) for model in (Call, Registration, Transaction))
    assert messages == len(feed.sent)
    survived = outcome()
    begin_again(client)
    for name, entry_id, data in feed.edge.entries:
        client.xadd(name, {FIELD: data}, id=entry_id)
    streams = Streams(valkey.url)
    steady = Worker(streams, streams, PARTITIONS)
    while steady.cycle():
        pass
    streams.close()
    client.close()
    undisturbed = outcome()
    for what, rows in undisturbed.items():
        assert survived[what] == rows, what
    assert kills == KILLS
    assert epochs > KILLS


@pytest.mark.timeout(150)
def test_a_frozen_worker_is_replaced_and_writes_nothing_when_it_thaws(valkey: Valkey, start: Start) -> None:
    client = valkey.client()
    feed = Feed(client, "frozen", PARTITIONS)
    frozen = start()
    wait_for(lambda: frozen.pid in holders(), 20, what="the first worker holds the partitions")
    feed.run(1)
    frozen.send_signal(signal.SIGSTOP)
    other = start()
    end = time.monotonic() + 60  # PostgreSQL ends a frozen transaction after 15 s, and then the lease runs out
    while holders() != {other.pid}:
        feed.run(0.1)
        assert time.monotonic() < end, "the lease runs out"
    feed.run(0.5)
    frozen.send_signal(signal.SIGCONT)
    feed.run(1.5)
    feed.end()
    wait_for(lambda: drained(client), 20, what="all is committed")
    assert stored() == sent(feed)
    assert frozen.poll() is None
    client.close()


@pytest.mark.timeout(90)
def test_a_store_that_is_stopped_and_started_again_loses_nothing(valkey: Valkey, start: Start) -> None:
    client = valkey.client()
    feed = Feed(client, "restart", PARTITIONS)
    worker = start()
    wait_for(lambda: worker.pid in holders(), 20, what="a worker holds the partitions")
    for stop in (valkey.stop, valkey.kill):
        feed.run(1)
        stop()
        feed.run(1)
        valkey.start()
    feed.run(1)
    feed.end()
    wait_for(lambda: drained(client), 20, what="all is committed")
    assert stored() == sent(feed)
    assert worker.poll() is None
    assert not LossRange.objects.exclude(reason="silent").exists()
    client.close()


def test_streams_with_another_number_of_partitions_end_it_at_once(valkey: Valkey, start: Start, tmp_path: Path) -> None:
    with valkey.client() as client:
        client.set(PARTITIONS_KEY, 5)
    assert start().wait(30) == WRONG_CONFIGURATION
    assert "OFFHOOK_PARTITIONS is 4, but these streams were made with 5" in (tmp_path / "correlate.log").read_text()
