"""Frames over the real channel layer: whole rows, in order, and nobody waits for a bus that is away."""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest
from channels.layers import get_channel_layer

from collectors.sip.timers import SECOND
from monitor import announce
from monitor.announce import ROWS, Announcer, Delta, Touched, delta
from monitor.core.metrics import Meter, Metrics
from monitor.core.updates import AlertAcknowledged, Committed, Severity
from monitor.models import Alert, Call, Collector, Registration
from monitor.overview.bell import Bell
from monitor.overview.lease import Lease
from monitor.overview.ringer import Ringer
from monitor.services import alerts
from monitor.watch import Watcher
from tests.monitor.core.told import call, cleared, commit, lost, raised, refused, report, started, us
from tests.monitor.overview.stage import Ingest, clock_us
from tests.support.valkey import Valkey

pytestmark = pytest.mark.django_db(transaction=True)

METRICS = Meter().metrics()


class Browser:
    """Listens to groups on a loop of its own, as a web process does."""

    def __init__(self, *groups: str) -> None:
        self.frames: list[dict[str, Any]] = []
        self._groups = groups
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._listen()))

    def __enter__(self) -> "Browser":
        self._thread.start()
        assert self._ready.wait(5)
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.join(5)

    def wait(self, condition: Callable[[list[dict[str, Any]]], bool]) -> None:
        deadline = time.monotonic() + 5
        while not condition(self.frames):
            assert time.monotonic() < deadline, self.frames
            time.sleep(0.01)

    async def _listen(self) -> None:
        layer: Any = get_channel_layer()
        channel = await layer.new_channel()
        for group in self._groups:
            await layer.group_add(group, channel)
        self._ready.set()
        while not self.frames or self.frames[-1]["type"] != "end":
            self.frames.append(await asyncio.wait_for(layer.receive(channel), 10))


@pytest.fixture
def announcer(valkey: Valkey) -> Iterator[Announcer]:
    assert valkey.url
    made = Announcer()
    yield made
    made.close()


def end(announcer: Announcer) -> None:
    layer: Any = get_channel_layer()
    announcer._runner.run(layer.group_send("live", {"type": "end"}))


def touched(*judged: str, **names: list[Any]) -> Touched:
    empty: dict[str, list[Any]] = {"calls": [], "registrations": [], "transactions": [], "alerts": [], "collectors": []}
    return Touched(**(empty | names), judged=dict.fromkeys(judged, 0))


def test_a_commit_s_frame_has_its_rows_and_each_record_its_own(announcer: Announcer) -> None:
    ingest = Ingest()
    ingest.play("missing-ack", clock_us() - 10 * SECOND, until_s=9)
    ingest.play("registered", clock_us() - 10 * SECOND, until_s=9)
    Collector.objects.create(name="edge-1", last_seen_us=7)
    slug, registration = Call.objects.get().slug, Registration.objects.get().slug
    with Browser("live", f"record.{slug}") as browser:
        announcer.announce(5, METRICS, touched(calls=[slug], registrations=[registration], collectors=["edge-1"]))
        end(announcer)
    frame, record, _ = browser.frames
    assert (frame["type"], frame["sequence"], frame["watermark_us"]) == ("delta", 5, METRICS.at_us)
    assert [row["slug"] for row in frame["calls"]] == [slug]
    assert frame["calls"][0]["finding"]["code"] == "missing-ack"
    assert [row["slug"] for row in frame["registrations"]] == [registration]
    assert [row["name"] for row in frame["collectors"]] == ["edge-1"]
    assert frame["alerts"] == []
    assert frame["metrics"]["active_calls"]["now"] == 0
    assert "thin" not in frame
    assert record == {"type": "record", "slug": slug, "version": 5}


def test_the_overview_announces_what_it_committed_and_what_people_did(announcer: Announcer) -> None:
    ringer = Ringer(lambda _: None)
    watcher = Watcher(Bell("redis://127.0.0.1:1/0"), ringer, announcer, Lease("here"))
    with Browser("live") as browser:
        Ingest().play("missing-ack", clock_us() - 10 * SECOND, until_s=9)
        watcher.turn()
        browser.wait(lambda frames: len(frames) == 1)
        alert = Alert.objects.get()
        alerts.acknowledge(alert.pk, "ann", clock_us())
        watcher.turn()
        end(announcer)
    opened, acknowledged, _ = browser.frames
    assert [row["id"] for row in opened["alerts"]] == [alert.pk]
    assert opened["alerts"][0]["acknowledged_by"] == ""
    assert acknowledged["sequence"] == opened["sequence"] + 1
    assert acknowledged["alerts"][0]["acknowledged_by"] == "ann"
    assert acknowledged["alerts"][0]["version"] > opened["alerts"][0]["version"]
    ringer.close()


def test_of_too_many_changes_a_frame_tells_what_fails_seriously_and_that_there_is_more() -> None:
    Ingest().play("missing-ack", clock_us() - 10 * SECOND, until_s=9)
    Collector.objects.create(name="edge-1", last_seen_us=7)
    failing = Call.objects.get().slug
    calls = [*(f"c{n}" for n in range(ROWS)), failing]
    frame = delta(1, METRICS, touched(failing, calls=calls, collectors=["edge-1"]))
    assert frame["thin"] == ["calls"]
    assert [row["slug"] for row in frame["calls"]] == [failing]
    assert [row["name"] for row in frame["collectors"]] == ["edge-1"]


def test_a_commit_names_the_records_of_which_it_judged_something() -> None:
    minor = raised(1, "hygiene", "nat-contact")
    minor = msgspec.structs.replace(minor, finding=msgspec.structs.replace(minor.finding, severity=Severity.MINOR))
    what = Touched.by([commit(0, started(0, "quiet"), raised(1, "failing"), cleared(1, "healed"), minor)])
    assert what.judged == {call("failing").slug: 0, call("healed").slug: 0, call("hygiene").slug: 2}
    few = [*what.judged]
    assert announce._most(few, what.judged) == few
    names = [*(f"c{number}" for number in range(ROWS)), *few]
    assert announce._most(names, what.judged) == [call(name).slug for name in ("failing", "healed")]
    many = dict.fromkeys(names, 1) | what.judged
    assert announce._most(names, many)[:2] == [call("failing").slug, call("healed").slug]
    assert len(announce._most(names, many)) == ROWS


def test_a_bus_that_is_away_costs_nothing_but_frames(
    announcer: Announcer, valkey: Valkey, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(announce, "_RETRY_S", 0.2)
    announcer.announce(1, METRICS, touched())
    valkey.stop()
    try:
        began = time.monotonic()
        for sequence in range(2, 20):
            announcer.announce(sequence, METRICS, touched())
        assert time.monotonic() - began < 5
        time.sleep(0.3)
        announcer.announce(20, METRICS, touched())
    finally:
        valkey.start()
    assert caplog.text.count("pages are not live") == 1
    time.sleep(0.3)
    with Browser("live") as browser:
        announcer.announce(21, METRICS, touched())
        end(announcer)
    assert browser.frames[0]["sequence"] == 21


def test_a_record_frame_goes_out_only_where_somebody_looks(announcer: Announcer, valkey: Valkey) -> None:
    with valkey.client() as client, Browser("live", "record.open") as browser:
        client.config_resetstat()
        announcer.announce(1, METRICS, touched(transactions=["open", *(f"t{n}" for n in range(ROWS))]))
        assert client.info("commandstats")["cmdstat_publish"]["calls"] == 2
        end(announcer)
    assert [frame["type"] for frame in browser.frames] == ["delta", "record", "end"]


def test_where_nobody_listens_no_frame_is_made(
    announcer: Announcer, valkey: Valkey, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[int] = []

    def observed(sequence: int, metrics: Metrics, what: Touched) -> Delta:
        made.append(sequence)
        return delta(sequence, metrics, what)

    monkeypatch.setattr(announce, "delta", observed)
    with valkey.client() as client:
        client.config_resetstat()
        announcer.announce(1, METRICS, touched(transactions=["quiet"]))
        assert "cmdstat_publish" not in client.info("commandstats")
    with Browser("live") as browser:
        announcer.announce(2, METRICS, touched())
        end(announcer)
    assert browser.frames[0]["sequence"] == 2
    assert made == [2]


def test_what_a_commit_touches_is_named_once() -> None:
    what = Touched.by(
        [
            commit(0, started(0), raised(1), refused(1)),
            commit(1, report(1), lost(1)),
            Committed(-1, 0, [AlertAcknowledged(9, us(1), "ann")]),
            Committed(0, 0, [], [call(), call("quiet")]),
        ],
        [7, 7],
    )
    assert what.calls == [call().slug, call("quiet").slug]
    assert len(what.registrations) == 1
    assert what.collectors == ["edge-1"]
    assert what.alerts == [7, 9]
