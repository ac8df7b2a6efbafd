"""The live socket, on a real server and a real bus: who gets in, what comes in which order, who is cut off."""

import json
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import OperationalError
from django.test import Client
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection

from dashboard.live import consumer
from monitor import queries
from monitor.models import Call
from tests.dashboard import factories
from tests.dashboard.web import Web, announce, cookie_of, frame
from tests.support.valkey import Valkey

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("valkey")]


def delta(sequence: int, **lists: Any) -> dict[str, Any]:
    return {"type": "delta", "sequence": sequence} | lists


def closing_code(browser: ClientConnection, seconds: float = 5) -> int | None:
    """With which code the server closes; what it says before is passed over."""
    try:
        while True:
            browser.recv(seconds)
    except ConnectionClosed as closed:
        return closed.rcvd.code if closed.rcvd else None


@pytest.fixture
def user() -> User:
    return User.objects.create_user("ada", password="correct horse battery")


@pytest.fixture
def cookie(user: User) -> str:
    return cookie_of(user)


@pytest.fixture
def browser(web: Web, cookie: str) -> Iterator[ClientConnection]:
    """Logged in and connected; its first snapshot is read."""
    factories.an_overview(sequence=5)
    with web.socket(cookie) as browser:
        frame(browser, "snapshot")
        yield browser


def test_whoever_is_not_logged_in_is_refused_with_4401(web: Web) -> None:
    with web.socket() as browser:
        assert closing_code(browser) == 4401


def test_a_page_of_another_site_can_not_connect(web: Web, cookie: str) -> None:
    with pytest.raises(InvalidStatus, match="403"), web.socket(cookie, origin="https://evil.example"):
        pass


def test_a_socket_that_is_not_there_is_refused_without_a_fuss(web: Web, caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(InvalidStatus, match="403"), web.socket(path="/ws/elsewhere"):
        pass
    assert "Traceback" not in caplog.text


def test_the_first_frame_is_a_snapshot_and_deltas_follow_in_order(web: Web, cookie: str) -> None:
    factories.store_situations(["good", "missing-ack"], ago_s=60)
    factories.an_overview(sequence=41)
    with web.socket(cookie) as browser:
        snapshot = frame(browser, "snapshot")
        assert snapshot["sequence"] == 41
        assert len(snapshot["calls"]) == 2
        announce(*(delta(sequence) for sequence in (40, 41, 42, 43)))
        assert [frame(browser, "delta")["sequence"] for _ in range(2)] == [42, 43]


def test_a_delta_that_comes_while_the_snapshot_is_read_is_not_missed(
    web: Web, cookie: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    factories.an_overview(sequence=5)
    read = queries.live_snapshot

    def slow_snapshot(lists: frozenset[str]) -> dict[str, Any]:
        snapshot = read(lists)
        time.sleep(0.5)
        return snapshot

    monkeypatch.setattr(queries, "live_snapshot", slow_snapshot)
    with web.socket(cookie) as browser:
        time.sleep(0.2)
        announce(*(delta(sequence) for sequence in (5, 6, 7)))
        assert frame(browser, "snapshot")["sequence"] == 5
        assert [frame(browser, "delta")["sequence"] for _ in range(2)] == [6, 7]


def test_deltas_go_on_while_a_snapshot_that_was_asked_for_waits_for_its_turn(
    browser: ClientConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consumer, "SNAPSHOT_EVERY_S", 60.0)
    browser.send('{"type": "snapshot"}')
    announce(*(delta(sequence) for sequence in (6, 7)))
    assert [frame(browser, "delta")["sequence"] for _ in range(2)] == [6, 7]


def test_a_delta_that_comes_while_a_later_snapshot_is_read_is_told_at_once_and_again_behind_it(
    browser: ClientConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consumer, "SNAPSHOT_EVERY_S", 0.0)
    reading, told = threading.Event(), threading.Event()
    read = queries.live_snapshot

    def slow_snapshot(lists: frozenset[str]) -> dict[str, Any]:
        snapshot = read(lists)
        reading.set()
        assert told.wait(10)
        return snapshot

    monkeypatch.setattr(queries, "live_snapshot", slow_snapshot)
    browser.send('{"type": "snapshot"}')
    assert reading.wait(10)
    announce(delta(6), delta(7))
    heard = [frame(browser, "delta")["sequence"] for _ in range(2)]
    told.set()
    assert heard == [6, 7]
    assert frame(browser, "snapshot")["sequence"] == 5
    assert [frame(browser, "delta")["sequence"] for _ in range(2)] == [6, 7]


def test_a_snapshot_that_can_not_be_read_is_tried_again(
    browser: ClientConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consumer, "SNAPSHOT_EVERY_S", 0.0)
    read, failed = queries.live_snapshot, threading.Event()

    def failing_once(lists: frozenset[str]) -> dict[str, Any]:
        if not failed.is_set():
            failed.set()
            raise OperationalError("database is locked")
        return read(lists)

    monkeypatch.setattr(queries, "live_snapshot", failing_once)
    browser.send('{"type": "snapshot"}')
    assert frame(browser, "snapshot")["sequence"] == 5
    assert failed.is_set()


def test_a_browser_gets_only_the_lists_that_it_asked_for(web: Web, cookie: str) -> None:
    factories.store_situations(["good"], ago_s=60)
    with web.socket(cookie, "/ws/live?lists=alerts") as browser:
        snapshot = frame(browser, "snapshot")
        assert snapshot["alerts"] == []
        assert "calls" not in snapshot
        announce(delta(1, calls=[{"slug": "x"}], alerts=[{"id": 1}], thin=["calls", "alerts"]))
        heard = frame(browser, "delta")
        assert heard["alerts"] == [{"id": 1}]
        assert "calls" not in heard
        assert heard["thin"] == ["alerts"]


def test_a_browser_may_ask_for_a_snapshot_again(browser: ClientConnection) -> None:
    browser.send('{"type": "snapshot"}')
    assert frame(browser, "snapshot")["sequence"] == 5


def test_a_page_hears_of_the_record_that_it_watches_and_of_no_other(browser: ClientConnection) -> None:
    factories.store_situations(["good"], ago_s=60)
    slug = Call.objects.get().slug
    browser.send(json.dumps({"type": "watch", "slug": slug}))
    time.sleep(0.2)
    other = "20260101-0000000000000000-1"
    announce({"type": "record", "slug": other, "version": 1}, group=f"record.{other}")
    announce({"type": "record", "slug": slug, "version": 2}, group=f"record.{slug}")
    assert frame(browser, "record")["slug"] == slug


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        '{"type": "drop table"}',
        '{"type": "watch", "slug": "../../live"}',
        '{"type": "watch"}',
        json.dumps({"type": "watch", "slug": "x" * 5000}),
        b"\x00\xff",
    ],
)
def test_what_can_not_be_understood_closes_the_socket(browser: ClientConnection, text: str | bytes) -> None:
    browser.send(text)
    assert closing_code(browser) == 4400


def test_a_browser_may_watch_only_a_few_records(browser: ClientConnection) -> None:
    for number in range(consumer.MAX_WATCHED + 1):
        browser.send(json.dumps({"type": "watch", "slug": f"20260101-{number:016x}-1"}))
    assert closing_code(browser) == 4400


def test_a_tick_comes_though_nothing_happens(web: Web, cookie: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(consumer, "TICK_S", 0.05)
    with web.socket(cookie) as browser:
        assert frame(browser, "tick")["now_us"] > 0


def test_no_tick_comes_while_the_bus_is_away_and_one_when_it_is_back(
    web: Web, cookie: str, valkey: Valkey, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consumer, "TICK_S", 0.05)
    with web.socket(cookie) as browser:
        frame(browser, "tick")
        valkey.stop()
        try:
            with pytest.raises(TimeoutError):
                frame(browser, "never", seconds=0.5)
        finally:
            valkey.start()
        frame(browser, "tick", 10)


@pytest.mark.parametrize("loss", ["logout", "deactivation", "password"])
def test_whoever_loses_the_right_to_see_hears_no_more(
    web: Web, user: User, cookie: str, loss: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consumer, "PERMISSION_S", 0.0)
    with web.socket(cookie) as browser:
        frame(browser, "snapshot")
        if loss == "logout":
            client = Client()
            client.cookies.load(cookie)
            client.post("/logout")
        elif loss == "deactivation":
            User.objects.update(is_active=False)
        else:
            user.set_password("another horse battery")
            user.save()
        announce(delta(1))
        assert closing_code(browser) == 4401


def test_a_browser_that_does_not_read_is_cut_off(web: Web, cookie: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its frames pile up in the connection's buffers, then in its queue, and no further."""
    monkeypatch.setattr(consumer, "_CLOSE_TIMEOUT_S", 0.1)
    cut_off: list[int] = []
    original = consumer.LiveConsumer._cut_off

    async def observed(self: consumer.LiveConsumer, code: int) -> None:
        cut_off.append(code)
        await original(self, code)

    monkeypatch.setattr(consumer.LiveConsumer, "_cut_off", observed)
    with web.socket(cookie) as browser:
        frame(browser, "snapshot")
        # The library reads ahead of `recv` for a few frames, and then no more: as a browser that is stuck.
        ballast = [{"slug": "x" * 200_000}]
        for sequence in range(1, 300):
            announce(delta(sequence, calls=ballast))
            if cut_off:
                break
    assert cut_off == [4408]
