"""Beyond capacity: whatever place loses messages, the loss is counted there, shown, alerted, and casts doubt.

From the place to the page on real parts: kernel or exporter, stream store, ingest, overview, dashboard.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from django.contrib.auth.models import User
from django.test import Client

from collectors.exporters.redis_stream import RedisStreamExporter
from collectors.scenario.library import play
from collectors.sip.timers import SECOND
from collectors.wire.codec import decode, stream
from collectors.wire.events import Heartbeat, SipEvent
from monitor.ingest.stream import Streams
from monitor.ingest.worker import Worker
from monitor.models import Alert, Collector, FindingRow, LossRange, Partition
from monitor.overview.bell import Bell
from monitor.overview.lease import Lease
from monitor.overview.ringer import Ringer
from monitor.watch import Watcher
from tests.monitor.overview.stage import clock_us
from tests.support.environment import ROOT
from tests.support.processes import stop, wait_for
from tests.support.valkey import Valkey

pytestmark = pytest.mark.django_db(transaction=True)

PARTITIONS = 2
LASTS_S = 45  # what the story tells of: a call whose ACK is missing, and that nobody hangs up
OTHERS = 1_500
SPOOL_SIZE = 40_000
# A collector whose ring in the kernel is small, and what sends more than that holds to nobody but the wire.
COLLECTOR = """
import sys
import collectors.receivers.interface as interface
from collectors.cli import main
interface._BUFFER = 1 << 18
sys.exit(main(sys.argv[1:]))
"""
BLAST = """
import socket
from tests.support.packets import SIP
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as nobody, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
    nobody.bind(("127.0.0.1", 5060))
    for number in range(4000):
        s.sendto(SIP.replace(b"table@", b"call%d@" % number), ("127.0.0.1", 5060))
"""
ISOLATED = (
    "unshare",
    "--map-root-user",
    "--net",
    "--kill-child",
    "sh",
    "-ec",
    'ip link set dev lo up; exec "$@"',
    "sh",
)

Take = Callable[[], bool]
Overload = Callable[["Edge"], None]


class Edge:
    """A collector's exporter, fed by the test, with little room."""

    def __init__(self, valkey: Valkey, spool: Path, spool_size: int = SPOOL_SIZE) -> None:
        self.valkey = valkey
        self.begin_us = clock_us() - 60 * SECOND
        self.exporter = RedisStreamExporter(
            valkey.url,
            collector="edge",
            boot="boot",
            partitions=PARTITIONS,
            spool=spool,
            spool_size=spool_size,
            batch_s=0,
        )
        self.exporter.start()

    def call(self, since_s: float, until_s: float) -> None:
        """An INVITE, its 200 OK again and again, no ACK, and the callee's BYE, as this collector sees it."""
        story = play("missing-ack").events(start_us=self.begin_us, observer="edge/eth0", until=until_s)
        self.exporter.export([each for each in story if each.captured_us >= self.begin_us + since_s * SECOND])

    def others(self, count: int) -> None:
        """Messages of others, while the call goes on."""
        sent: list[SipEvent] = []
        for number in range(count):
            at_us = self.begin_us + 5 * SECOND + number * 20 * SECOND // count
            ends = ("192.0.2.1", 5060, "192.0.2.2", 5060, "udp", "edge/eth0")
            sent.append(SipEvent(at_us, at_us, *ends, os.urandom(400), call_id=f"c{number}", method="OPTIONS"))
        for begin in range(0, count, 50):
            self.exporter.export(sent[begin : begin + 50])

    def spill(self, count: int) -> None:
        """The same into the spool, with nothing left in the queue."""
        spooled = self.exporter.counters()["spooled"] + count
        self.others(count)
        wait_for(lambda: self.exporter.counters()["spooled"] == spooled, 20, what="all is spooled")

    def tell(self, at_s: float) -> None:
        """A heartbeat, once all has gone its way: everything up to then was read."""
        wait_for(lambda: not self.exporter.backlog, 20, what="what is left is sent")
        self.beat(at_s)
        wait_for(lambda: not self.exporter.backlog, 20, what="the heartbeat is sent")

    def was_told_of_the_spool(self, partition: int) -> bool:
        """Whether a heartbeat in this partition's stream tells a loss of the spool."""
        with self.valkey.client() as client:
            batches = [decode(fields[b"batch"]) for _, fields in client.xrange(stream(partition))]
        beats = [batch.heartbeat for batch in batches if batch.heartbeat]
        return any(loss.reason == "spool" for beat in beats for loss in beat.losses)

    def beat(self, at_s: float) -> None:
        """A heartbeat, however things stand."""
        at_us = self.begin_us + round(at_s * SECOND)
        exporter = self.exporter
        counters, losses, backlog = exporter.counters(), exporter.losses(), exporter.backlog
        exporter.heartbeat(Heartbeat(clock_us(), at_us, 1, "host", "0", "file", ["eth0"], counters, losses, backlog))


def full_queue(edge: Edge) -> None:
    """The store is frozen, and the queue to the thread that waits for it is full."""
    os.kill(edge.valkey.pid, signal.SIGSTOP)
    try:
        edge.others(10 * OTHERS)
        assert edge.exporter.counters()["dropped_queue"]
    finally:
        os.kill(edge.valkey.pid, signal.SIGCONT)


def full_spool(edge: Edge) -> None:
    """The store is away for longer than the spool holds."""
    edge.valkey.stop()
    edge.others(OTHERS)
    wait_for(lambda: edge.exporter.counters()["dropped_spool"], 20, what="the spool is full")
    edge.valkey.start()


def full_stream(edge: Edge) -> None:
    """Nobody takes events out of the streams: the store refuses more at its bound, and the spool is full, too."""
    with edge.valkey.client() as client:
        client.config_set("maxmemory", client.info("memory")["used_memory"])
        edge.others(OTHERS)
        wait_for(lambda: edge.exporter.counters()["dropped_spool"], 20, what="the spool is full")
        client.config_set("maxmemory", 0)


@pytest.fixture
def edge(
    valkey: Valkey, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Iterator[Edge]:
    monkeypatch.setattr("collectors.exporters.redis_stream._MAX_QUEUED", 1_000)
    monkeypatch.setattr("monitor.ingest.worker.BLOCK_MS", 5)
    made = Edge(valkey, tmp_path / "spool", getattr(request, "param", SPOOL_SIZE))
    yield made
    final = Heartbeat(1, 2, 3, "host", "0", "file", ["eth0"], {}, [], final=True)
    made.exporter.stop(final)


@pytest.fixture
def take(valkey: Valkey) -> Iterator[Take]:
    """Ingest and overview: until all that waits is folded."""
    streams = Streams(valkey.url)
    worker = Worker(streams, streams, PARTITIONS)
    ringer = Ringer(lambda _: None)
    outlet: Any = type("Nobody", (), {"announce": lambda *_: None})()
    watcher = Watcher(Bell("redis://127.0.0.1:1/0"), ringer, outlet, Lease("here"))

    def take_all() -> bool:
        while worker.cycle():
            pass
        while not watcher.turn():
            pass
        return True

    yield take_all
    ringer.close()
    streams.close()


def accounted() -> int:
    """Messages of which the collector says that they were read, or lost."""
    counters = Collector.objects.get().counters
    return int(counters["parsed"] + counters["kernel_drops"])


def page() -> str:
    """The collectors' page, as somebody sees it."""
    client = Client()
    client.force_login(User.objects.create_user("ann"))
    return client.get("/collectors").content.decode()


def test_a_call_whose_ack_is_missing_is_certain_where_nothing_was_lost(edge: Edge, take: Take) -> None:
    edge.call(0, 4)
    edge.others(100)
    edge.call(4, LASTS_S)
    edge.tell(LASTS_S)
    take()
    assert FindingRow.objects.get(code="missing-ack").state == "confirmed"
    assert not LossRange.objects.exists()


@pytest.mark.parametrize(("overload", "reason"), [(full_queue, "queue"), (full_spool, "spool"), (full_stream, "spool")])
def test_a_loss_is_counted_shown_alerted_and_casts_doubt(
    edge: Edge, take: Take, overload: Overload, reason: str
) -> None:
    edge.call(0, 4)
    edge.tell(4)
    overload(edge)
    edge.tell(30)
    edge.call(30, LASTS_S)
    edge.tell(LASTS_S)
    dropped = edge.exporter.counters()[f"dropped_{reason}"]
    take()
    told = LossRange.objects.get(reason=reason)
    assert (told.count, told.collector) == (dropped, "edge")
    assert Collector.objects.get().counters[f"dropped_{reason}"] == dropped
    assert FindingRow.objects.get(code="missing-ack").state == "suspected"
    assert Alert.objects.get(rule="capture-loss").place == "edge"
    assert f"{dropped:,}" in page()


@pytest.mark.parametrize("edge", [1_000_000], indirect=True)
def test_a_loss_is_told_and_time_goes_on_while_the_overload_lasts(edge: Edge, take: Take) -> None:
    edge.tell(4)
    take()
    before_us = Partition.objects.get(number=0).watermark_us
    with edge.valkey.client() as client:
        client.config_set("maxmemory", 1)
        edge.spill(500)
        edge.beat(20)  # nothing older comes behind what is spooled from now on
        while not edge.exporter.counters()["dropped_spool"]:
            edge.spill(500)
        edge.beat(30)

        def told() -> bool:
            """Room for a little more; whether that told every partition of the loss."""
            client.config_set("maxmemory", client.info("memory")["used_memory"] + 50_000)
            return all(map(edge.was_told_of_the_spool, range(PARTITIONS)))

        wait_for(told, 20, every=0.05, what="batches out of the spool tell the loss")
        client.config_set("maxmemory", 1)
        backlog = edge.exporter.backlog
        take()
        client.config_set("maxmemory", 0)
    assert backlog
    assert LossRange.objects.filter(reason="spool").exists()
    assert Collector.objects.get().counters["dropped_spool"]
    assert Alert.objects.get(rule="capture-loss").place == "edge"
    assert Partition.objects.get(number=0).watermark_us > before_us


def test_what_the_kernel_drops_is_told_from_the_ring_to_the_page(valkey: Valkey, take: Take, tmp_path: Path) -> None:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("OFFHOOK_")}
    environment = clean | {"OFFHOOK_STREAM_URL": valkey.url, "OFFHOOK_STATE_DIR": str(tmp_path)}
    command = [*ISOLATED, sys.executable, "-c", COLLECTOR, "run", "--id", "edge", "--receiver", "libpcap"]
    collector = subprocess.Popen([*command, "--interface", "lo"], cwd=ROOT, env=environment)
    try:
        wait_for(lambda: take() and Collector.objects.exists(), 30, what="it captures")
        (captures,) = psutil.Process(collector.pid).children()
        captures.suspend()
        inside = ("nsenter", "--user", "--preserve-credentials", "--net", "--target", str(captures.pid))
        subprocess.run([*inside, sys.executable, "-c", BLAST], cwd=ROOT, check=True)
        captures.resume()
        wait_for(lambda: take() and accounted() >= 4_000, 30, what="what was sent is parsed, or told as dropped")
    finally:
        stop(collector)
    told = sum(LossRange.objects.filter(reason="kernel").values_list("count", flat=True))
    assert told == Collector.objects.get().counters["kernel_drops"] > 0
    assert accounted() == 4_000
    assert Alert.objects.filter(rule="capture-loss").exists()
    assert "kernel" in page()
