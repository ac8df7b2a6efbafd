"""SIGKILL at any moment: no alert is lost, none comes twice, and the figures agree with an unbroken fold."""

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from itertools import count
from typing import TYPE_CHECKING

import msgspec
import pytest
from django.db import connections, transaction

from monitor.core.overview import Overview
from monitor.models import Alert, AlertOccurrence, CommitLog, Delivery
from monitor.models import Overview as Row
from monitor.packing import committed
from tests.monitor.core.alerting.rows import Rows
from tests.monitor.core.told import HOP, cleared, raised, started, us
from tests.monitor.overview.stage import log
from tests.support.environment import ROOT
from tests.support.processes import alive, free_port, wait_for

if TYPE_CHECKING:
    from monitor.core.updates import LoggedUpdate

KILLS = 15
PACE_S = 16  # of wire time between two calls: the story is longer than what a restart folds again


class Nursery:
    """Overviews, one after the other."""

    def __init__(self, database_url: str) -> None:
        # Neither doorbell nor Celery nor pages: what must not be lost depends on none of them.
        nowhere = f"redis://127.0.0.1:{free_port()}/0"
        environment = os.environ | {"OFFHOOK_DATABASE_URL": database_url, "OFFHOOK_BUS_URL": nowhere}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.monitor.overview.nursery"],
            env=environment,
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._say("") == "ready"
        self.pid = 0

    def start(self) -> None:
        self.pid = int(self._say("one\n"))

    def kill(self) -> None:
        os.kill(self.pid, signal.SIGKILL)

    def close(self) -> None:
        if self.pid and alive(self.pid):
            self.kill()
        self._process.communicate(timeout=10)

    def _say(self, text: str) -> str:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(text)
        self._process.stdin.flush()
        return self._process.stdout.readline().strip()


def tell(partition: int, stop: threading.Event) -> None:
    """One ingest worker: calls that miss their ACK, some of which get it late; commits that dawdle."""
    dice = random.Random(partition)
    missing: list[tuple[str, str]] = []
    try:
        for n in count():
            at_s = n * PACE_S
            name, hop = f"call-{partition}-{n}", HOP.replace("10.0.0.2", f"10.0.1.{dice.randrange(4)}")
            updates: list[LoggedUpdate] = [started(at_s, name)]
            if dice.random() < 0.5:
                updates.append(raised(at_s, name, hop=hop))
                if not hop.endswith("10.0.1.0:5060"):  # there no ACK ever comes
                    missing.append((name, hop))
            while missing and dice.random() < 0.55:
                late, where = missing.pop(0)
                updates.append(cleared(at_s, late, hop=where))
            with transaction.atomic():
                log(*updates, watermark_us=us(at_s), partition=partition, committed_us=us(at_s))
                if dice.random() < 0.2:
                    time.sleep(0.02)  # its id is taken: others overtake it, where the database lets them
            stop.wait(0.03)
            if stop.is_set():
                return
    finally:
        connections.close_all()


@pytest.mark.timeout(120)
def test_no_alert_is_lost_or_doubled_whenever_it_is_killed(database_url: str) -> None:
    stop = threading.Event()
    tellers = [threading.Thread(target=tell, args=(partition, stop)) for partition in range(3)]
    for teller in tellers:
        teller.start()
    moments = random.Random(1)
    nursery = Nursery(database_url)
    try:
        nursery.start()
        for _ in range(KILLS):
            before = _sequence()
            wait_for(lambda: _sequence() > before, 20, what="a commit of the overview")  # noqa: B023 - called at once
            time.sleep(moments.uniform(0, 0.15))
            nursery.kill()
            nursery.start()
        stop.set()
        for teller in tellers:
            teller.join()
        wait_for(lambda: not CommitLog.objects.filter(folded=None).exists(), 20)
        os.kill(nursery.pid, signal.SIGTERM)
        wait_for(lambda: not alive(nursery.pid), 10)
    finally:
        stop.set()
        nursery.close()
        for teller in tellers:
            teller.join()

    rows, unbroken = Rows(), Overview()
    log_rows = CommitLog.objects.order_by("folded", "id")
    for data in log_rows.values_list("updates", flat=True):
        rows.apply(unbroken.feed(committed(data)))

    told = Counter((kind.split()[0], fingerprint) for kind, fingerprint, _ in rows.told if kind != "escalated")
    stored = Counter(Delivery.objects.exclude(event="escalated").values_list("event", "alert__fingerprint"))
    assert stored == told
    assert sum(told.values()) > 8
    assert {alert.fingerprint: alert.count for alert in Alert.objects.filter(state="open")} == {
        fingerprint: alert.count for fingerprint, alert in rows.alerts.items()
    }
    standing = AlertOccurrence.objects.filter(alert__state="open").exclude(state="cleared")
    assert set(standing.values_list("alert__fingerprint", "slug")) == {
        (fingerprint, slug) for fingerprint, findings in rows.findings.items() for slug, _, _ in findings
    }
    metrics = Row.objects.get().metrics
    assert metrics["calls"] == msgspec.to_builtins(unbroken.metrics().calls)
    assert metrics["open_alerts"]["now"] == len(rows.alerts)
    assert Row.objects.get().lease_until_us == 0


def _sequence() -> int:
    row = Row.objects.filter(id=1).first()
    return row.sequence if row else 0
