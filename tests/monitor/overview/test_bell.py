"""The doorbell and the ringer: quick where the bus is there, patient where it is not."""

import threading
import time

import pytest

from monitor.ingest.stream import Streams
from monitor.overview.bell import Bell
from monitor.overview.ringer import Ringer
from tests.support.processes import free_port, wait_for
from tests.support.valkey import Valkey


def test_ingest_s_ring_ends_the_wait(valkey: Valkey) -> None:
    bell, ingest = Bell(valkey.url), Streams(valkey.url)
    bell.wait(0.05)  # listens now
    began = time.monotonic()
    timer = threading.Timer(0.1, ingest.ring)
    timer.start()
    bell.wait(5)
    assert 0.1 <= time.monotonic() - began < 3
    timer.join()
    bell.close()
    ingest.close()


def test_a_ring_between_two_waits_is_not_lost_and_many_are_one(valkey: Valkey) -> None:
    bell, ingest = Bell(valkey.url), Streams(valkey.url)
    bell.wait(0.01)
    for _ in range(5):
        ingest.ring()
    began = time.monotonic()
    bell.wait(5)
    assert time.monotonic() - began < 1
    began = time.monotonic()
    bell.wait(0.1)
    assert time.monotonic() - began >= 0.09
    bell.close()
    ingest.close()


def test_without_a_bus_it_waits_for_the_time(caplog: pytest.LogCaptureFixture) -> None:
    bell = Bell(f"redis://127.0.0.1:{free_port()}/0")
    began = time.monotonic()
    bell.wait(0.1)
    bell.wait(0.1)
    assert time.monotonic() - began >= 0.19
    assert caplog.text.count("no doorbell") == 1
    bell.close()


def test_it_listens_again_when_the_bus_is_back(valkey: Valkey, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("monitor.overview.bell._RETRY_S", 0.1)
    bell, ingest = Bell(valkey.url), Streams(valkey.url)
    bell.wait(0.01)
    valkey.stop()
    try:
        bell.wait(0.2)
    finally:
        valkey.start()
    bell.wait(0.3)
    ingest.ring()
    began = time.monotonic()
    bell.wait(5)
    assert time.monotonic() - began < 1
    bell.close()
    ingest.close()


def test_the_ringer_hands_on_what_is_due() -> None:
    rung: list[int] = []
    ringer = Ringer(rung.append)
    ringer.ring([1, 2, 3])
    ringer.close()
    assert rung == [1, 2, 3]


def test_a_broker_that_is_away_holds_nobody_up(caplog: pytest.LogCaptureFixture) -> None:
    rung: list[int] = []
    away = threading.Event()
    away.set()

    def ring(delivery_id: int) -> None:
        if away.is_set():
            raise ConnectionError("refused")
        rung.append(delivery_id)

    ringer = Ringer(ring)
    ringer.ring([1, 2])
    wait_for(lambda: "no Celery to ring" in caplog.text)
    away.clear()
    ringer.ring([3])
    ringer.close()
    assert rung[-1] == 3
    assert caplog.text.count("no Celery to ring") == 1


def test_what_it_can_not_keep_up_with_is_left_to_the_sweep() -> None:
    go = threading.Event()
    rung: list[int] = []

    def ring(delivery_id: int) -> None:
        go.wait(5)
        rung.append(delivery_id)

    ringer = Ringer(ring)
    began = time.monotonic()
    ringer.ring(range(5000))
    assert time.monotonic() - began < 1
    go.set()
    ringer.close()
    assert 1000 <= len(rung) <= 1001
