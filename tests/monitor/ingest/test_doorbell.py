"""The bell of ingest: heard where the bus is there, and never waited for."""

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from monitor.ingest import doorbell
from monitor.ingest.doorbell import Doorbell
from monitor.ingest.stream import DOORBELL, Streams
from tests.support.processes import wait_for
from tests.support.valkey import Valkey


@pytest.fixture
def bus(tmp_path: Path) -> Iterator[Valkey]:
    """A server of its own, to be hurt."""
    server = Valkey(tmp_path)
    yield server
    server.kill()


def test_a_frozen_bus_is_not_waited_for_and_hears_of_it_when_it_thaws(
    bus: Valkey, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("monitor.ingest.stream._TIMEOUT_S", 0.2)
    monkeypatch.setattr(doorbell, "_PAUSE_S", 0.05)
    bell = Doorbell(Streams(bus.url))
    with bus.client() as client, client.pubsub() as listener:
        listener.subscribe(DOORBELL)
        listener.get_message(timeout=1)
        os.kill(bus.pid, signal.SIGSTOP)
        began = time.monotonic()
        for _ in range(100):
            bell.ring()
        assert time.monotonic() - began < 0.2
        wait_for(lambda: "nobody hears the bell" in caplog.text)
        os.kill(bus.pid, signal.SIGCONT)
        bell.ring()
        assert wait_for(lambda: listener.get_message(timeout=1))["type"] == "message"
    bell.close()


def test_what_was_rung_just_before_the_end_is_heard(bus: Valkey) -> None:
    bell = Doorbell(Streams(bus.url))
    with bus.client() as client, client.pubsub() as listener:
        listener.subscribe(DOORBELL)
        listener.get_message(timeout=1)
        bell.ring()
        bell.close()
        assert wait_for(lambda: listener.get_message(timeout=1))
