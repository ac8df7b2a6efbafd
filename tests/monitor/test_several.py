"""Several processes of each kind share the work: hosts of ingest, web servers, workers that are rung twice."""

import os
import shutil
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.db import connection
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin

from monitor import queries
from monitor.core.measures import Dimension
from monitor.models import MeasureBucket, Partition
from monitor.services import measures
from tests.dashboard import factories
from tests.dashboard.web import announce, cookie_of, frame
from tests.monitor.ingest.edge import Feed
from tests.monitor.ingest.test_processes import drained, sent, stored
from tests.support.environment import ROOT
from tests.support.processes import free_port, spawn, wait_for
from tests.support.valkey import Valkey

pytestmark = pytest.mark.django_db(transaction=True)

PARTITIONS = 4
SECONDS = 15.0  # a lease of another host lasts five; the rest is for a busy machine

Start = Callable[..., subprocess.Popen[bytes]]


@pytest.fixture
def start(valkey: Valkey, database_url: str, tmp_path: Path) -> Iterator[Start]:
    """Start one more `offhook …` on the test's store and database, as on a host of its own."""
    environment = os.environ | {
        "OFFHOOK_DATABASE_URL": database_url,
        "OFFHOOK_STREAM_URL": valkey.url,
        "OFFHOOK_PARTITIONS": str(PARTITIONS),
    }
    processes: list[subprocess.Popen[bytes]] = []
    output = (tmp_path / "log").open("ab")

    def start(*words: str, host: str = "", **more: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "monitor.cli", *words]
        if host:
            # The name lasts as long as the process; exec keeps its id.
            root = [] if os.geteuid() == 0 else ["--map-root-user"]
            command = ["unshare", *root, "--uts", "sh", "-c", f'hostname {host} && exec "$@"', "sh", *command]
        processes.append(spawn(command, env=environment | more, cwd=ROOT, stdout=output, stderr=output))
        return processes[-1]

    yield start
    for process in processes:
        process.kill()
        process.wait()
    output.close()


def held() -> dict[str, int]:
    """How many partitions each host has."""
    owners = [owner.partition(":")[0] for owner in Partition.objects.exclude(owner="").values_list("owner", flat=True)]
    return {host: owners.count(host) for host in owners}


@pytest.mark.timeout(150)
def test_hosts_that_join_get_their_share_and_take_over_from_one_that_dies(valkey: Valkey, start: Start) -> None:
    if connection.vendor == "sqlite":
        return  # there, one worker does all
    assert shutil.which("unshare")
    client = valkey.client()
    feed = Feed(client, "hosts", PARTITIONS)

    def until(condition: Callable[[], bool], seconds: float = SECONDS) -> float:
        begun = time.monotonic()
        while not condition():
            feed.run(0.1)
            assert time.monotonic() - begun < seconds, held()
        return time.monotonic() - begun

    hosts = {name: start("correlate", host=name) for name in ("one", "two", "three")}
    until(lambda: sorted(held().values()) == [1, 1, 2], 60)
    killed = hosts.pop("two")
    killed.kill()
    killed.wait()
    # Not before its lease ran out: nobody sees the processes of another host.
    assert until(lambda: held() == {"one": 2, "three": 2}) > 1
    feed.run(0.5)
    feed.end()
    wait_for(lambda: drained(client), 20, what="all is committed")
    assert stored() == sent(feed)
    client.close()


@pytest.mark.any_database
@pytest.mark.timeout(90)
def test_two_web_servers_show_the_same_live_page_and_hear_the_same_frames(start: Start) -> None:
    factories.store_situations(("good", "missing-ack"), ago_s=20)
    cookie = cookie_of(User.objects.create_user("ada", password="correct horse battery"))
    ports = [free_port(), free_port()]
    for port in ports:
        start("web", OFFHOOK_PORT=str(port))
    for port in ports:
        what = f"the web server on {port} answers"
        wait_for(lambda port=port: answers(port), 40, every=0.1, what=what)  # type: ignore[misc]  # a default
    with browser(ports[0], cookie) as one, browser(ports[1], cookie) as two:
        first, second = frame(one, "snapshot", 20), frame(two, "snapshot", 20)
        assert first["calls"]
        assert first | {"now_us": 0} == second | {"now_us": 0}
        announce({"type": "delta", "sequence": first["sequence"] + 1, "calls": [{"slug": "x"}]})
        heard = [frame(each, "delta", 20) for each in (one, two)]
        assert heard[0] | {"now_us": 0} == heard[1] | {"now_us": 0}
        assert heard[0]["calls"] == [{"slug": "x"}]


def answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/login", timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def browser(port: int, cookie: str) -> ClientConnection:
    return connect(
        f"ws://127.0.0.1:{port}/ws/live",
        origin=Origin(f"http://127.0.0.1:{port}"),
        additional_headers={"Cookie": cookie},
        compression=None,
    )


def test_workers_that_are_rung_twice_count_no_call_twice() -> None:
    factories.store_situations(("good", "busy", "not-found", "missing-ack"), ago_s=900)
    now_us = factories.now_us()
    together = threading.Barrier(2)

    def roll_up(_: int) -> None:
        try:
            together.wait(10)
            measures.roll_up(now_us)
        finally:
            connection.close()

    for _ in range(3):
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(roll_up, range(2)))
    twice = queries.measures(Dimension.DIRECTION, 0)
    MeasureBucket.objects.all().delete()
    measures.roll_up(now_us)
    assert twice == queries.measures(Dimension.DIRECTION, 0)
