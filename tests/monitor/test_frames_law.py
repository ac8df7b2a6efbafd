"""The law of the live socket, on the server's side: a snapshot and the deltas after it give a fresh snapshot."""

from typing import Any

import msgspec
import pytest

from collectors.scenario.library import play
from collectors.sip.timers import SECOND
from monitor import queries
from monitor.announce import Touched, delta
from monitor.core.metrics import Metrics
from monitor.models import Alert, Collector
from monitor.overview.bell import Bell
from monitor.overview.lease import Lease
from monitor.overview.ringer import Ringer
from monitor.services import alerts
from monitor.watch import Watcher
from tests.monitor.core.told import report
from tests.monitor.overview.stage import Ingest, clock_us, log

pytestmark = pytest.mark.django_db(transaction=True)

NAMES = {"calls": "slug", "registrations": "slug", "alerts": "id", "collectors": "name"}
SITUATIONS = ("good", "busy", "missing-ack", "late-ack", "registered", "registration-forbidden", "unanswered-proxy")


class Page:
    """What a browser does with frames: whole rows, by name."""

    def __init__(self) -> None:
        self.rows: dict[str, dict[Any, dict[str, Any]]] = {name: {} for name in NAMES}
        self.metrics: dict[str, Any] = {}
        self.sequence = 0
        self.take(snapshot())

    def take(self, frame: Any) -> None:
        assert frame["type"] == "snapshot" or frame["sequence"] == self.sequence + 1, "a gap"
        self.sequence, self.metrics = frame["sequence"], frame["metrics"]
        for name, by in NAMES.items():
            for row in frame[name]:
                self.rows[name][row[by]] = row

    def announce(self, sequence: int, metrics: Metrics, touched: Touched) -> None:
        self.take(travelled(delta(sequence, metrics, touched)))


def travelled(frame: Any) -> Any:
    """As it comes out at the other end."""
    return msgspec.json.decode(msgspec.json.encode(frame))


def snapshot() -> Any:
    return travelled(queries.live_snapshot())


def test_a_snapshot_and_its_deltas_are_a_fresh_snapshot() -> None:
    start_us = clock_us() - 60 * SECOND
    page, ringer = Page(), Ringer(lambda _: None)
    watcher = Watcher(Bell("redis://127.0.0.1:1/0"), ringer, page, Lease("here"))
    ingest = Ingest()
    events = sorted(
        (
            event
            for n, situation in enumerate(SITUATIONS)
            for event in play(situation, f"seed-{n}").events(start_us=start_us + n * SECOND, until=50)
        ),
        key=lambda event: event.captured_us,
    )
    for first in range(0, len(events), 7):
        ingest.feed(events[first : first + 7])
        watcher.turn()
        _agree(page)
    Collector.objects.create(name="edge-1", last_seen_us=5)
    log(report(0), watermark_us=clock_us())
    watcher.turn()
    alert = Alert.objects.filter(state="open").first()
    assert alert
    alerts.acknowledge(alert.pk, "ann", clock_us())
    watcher.turn()
    _agree(page)
    assert page.rows["alerts"][alert.pk]["acknowledged_by"] == "ann"
    assert len(page.rows["collectors"]) == 1
    ringer.close()


def _agree(page: Page) -> None:
    fresh = snapshot()
    assert page.sequence == fresh["sequence"]
    assert page.metrics == fresh["metrics"]
    for name, by in NAMES.items():
        for row in fresh[name]:
            assert page.rows[name][row[by]] == row
    open_alerts = {number for number, row in page.rows["alerts"].items() if row["state"] == "open"}
    assert open_alerts == {row["id"] for row in fresh["alerts"]}
