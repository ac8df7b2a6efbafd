"""Real ingest processes: one that is frozen, one that is wrongly configured. `tests/faults` does the rest to them."""

import logging
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import psutil
import pytest
import redis
from django.db import connection

from collectors.wire.codec import PARTITIONS_KEY, stream
from monitor import packing
from monitor.ingest.shell import WRONG_CONFIGURATION
from monitor.models import MessageChunk, Partition
from tests.monitor.ingest.edge import Feed
from tests.support.environment import ROOT
from tests.support.processes import spawn, wait_for
from tests.support.valkey import Valkey

pytestmark = pytest.mark.django_db(transaction=True)

PARTITIONS = 4
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


def frozen_at_rest(process: subprocess.Popen[bytes]) -> bool:
    """Freeze a worker, unless it holds the lock of SQLite just now: what is frozen so keeps everybody waiting until it
    is gone, and to end it is the supervisor's part.
    """
    process.send_signal(signal.SIGSTOP)
    wait_for(lambda: psutil.Process(process.pid).status() == psutil.STATUS_STOPPED, 10, what="it stands still")
    if connection.vendor != "sqlite" or not locked(connection.settings_dict["NAME"]):
        return True
    process.send_signal(signal.SIGCONT)
    return False


def locked(path: str) -> bool:
    """Whether somebody writes to this SQLite database."""
    with closing(sqlite3.connect(path, timeout=0, isolation_level=None)) as other:
        try:
            other.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            return True
        return False


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


@pytest.mark.timeout(150)
def test_a_frozen_worker_is_replaced_and_writes_nothing_when_it_thaws(valkey: Valkey, start: Start) -> None:
    client = valkey.client()
    feed = Feed(client, "frozen", PARTITIONS)
    frozen = start()
    wait_for(lambda: frozen.pid in holders(), 20, what="the first worker holds the partitions")
    feed.run(1)
    wait_for(lambda: frozen_at_rest(frozen), 20, what="the first worker is frozen")
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


def test_streams_with_another_number_of_partitions_end_it_at_once(valkey: Valkey, start: Start, tmp_path: Path) -> None:
    with valkey.client() as client:
        client.set(PARTITIONS_KEY, 5)
    assert start().wait(30) == WRONG_CONFIGURATION
    assert "OFFHOOK_PARTITIONS is 4, but these streams were made with 5" in (tmp_path / "correlate.log").read_text()
