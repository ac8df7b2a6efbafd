"""The clock of periodic tasks, on a real broker."""

import socket
from pathlib import Path

import pytest

from monitor import beat
from monitor.beat import Beat
from monitor.celery import app
from monitor.watchdog import ALIVE
from tests.support.valkey import Valkey


def scheduler(folder: Path) -> Beat:
    return Beat(app, schedule_filename=str(folder / "schedule"), lazy=True)


def test_it_stops_adding_to_a_queue_that_nobody_empties_and_goes_on_when_somebody_does(
    valkey: Valkey, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(beat, "MOST_WAITING", 10)
    clock = scheduler(tmp_path)
    sweep = clock.Entry(name="sweep", task="monitor.tasks.sweep_deliveries", schedule=5.0, app=app)
    with valkey.client() as client:
        for _ in range(25):
            clock.apply_entry(sweep)
        assert client.llen("offhook") == 10
        assert caplog.text.count("no worker takes tasks") == 1
        client.delete("offhook")
        clock.apply_entry(sweep)
        assert client.llen("offhook") == 1


def test_each_turn_is_a_sign_of_life(valkey: Valkey, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert valkey.running
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as supervisor:
        supervisor.bind(str(tmp_path / "notify.sock"))
        supervisor.settimeout(0)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify.sock"))
        clock = scheduler(tmp_path)
        clock.setup_schedule()
        assert clock.tick() <= 5
        assert supervisor.recv(100) == ALIVE
        clock.close()
