"""From the wire to the mailbox through real processes: the overview, Celery over Valkey, SMTP."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from collectors.scenario.library import play
from collectors.sip.timers import SECOND
from monitor.celery import app
from monitor.models import Alert, Delivery
from monitor.models import Overview as Row
from monitor.notify import outbox
from monitor.watchdog import ALIVE
from tests.monitor.overview.stage import Ingest, clock_us
from tests.support.environment import ROOT
from tests.support.processes import spawn, stop, wait_for
from tests.support.smtp import SmtpServer
from tests.support.valkey import Valkey

CELERY = ("celery", "--app", "monitor", "--quiet")
WORKER = (*CELERY, "worker", "--pool", "threads", "--concurrency", "4", "--without-gossip", "--without-mingle")


@contextmanager
def running(log: Path, environment: dict[str, str], *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("wb") as output:
        process = spawn(
            [sys.executable, "-m", *arguments],
            env=os.environ | environment,
            cwd=ROOT,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            yield process
        finally:
            stop(process)


@pytest.fixture
def _chain(database_url: str, valkey: Valkey, smtp_server: SmtpServer, tmp_path: Path) -> Iterator[None]:
    environment = {
        "OFFHOOK_DATABASE_URL": database_url,
        "OFFHOOK_BUS_URL": valkey.url,
        "OFFHOOK_SMTP_URL": smtp_server.url,
        "OFFHOOK_MAIL_TO": "noc@example.com",
        "OFFHOOK_PUBLIC_URL": "https://offhook.example.com",
    }
    with ExitStack() as stack:
        supervisor = stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM))
        supervisor.bind(str(tmp_path / "alive.sock"))
        watched = environment | {"NOTIFY_SOCKET": str(tmp_path / "alive.sock")}
        stack.enter_context(running(tmp_path / "worker.log", watched, *WORKER))
        stack.enter_context(running(tmp_path / "watch.log", environment, "monitor.cli", "watch"))
        wait_for(lambda: Row.objects.filter(epoch__gt=0).exists(), 30, what=(tmp_path / "watch.log").read_text())
        wait_for(lambda: app.control.inspect(timeout=0.5).ping(), 30, what="a Celery worker answers")
        supervisor.settimeout(30)
        assert supervisor.recv(100) == ALIVE
        yield


@pytest.mark.timeout(120)
@pytest.mark.usefixtures("_chain")
def test_the_mail_comes_within_seconds_of_the_third_resend(smtp_server: SmtpServer) -> None:
    ingest = Ingest()
    # Up to the third resend of the 200 (3.5 s after it), so that this moment is now.
    events = play("missing-ack").events()
    answers = [event for event in events if event.status == 200 and event.cseq_method == "INVITE"]
    third_us = sorted(event.captured_us for event in answers if event.source == answers[0].source)[3]
    now_us = clock_us()
    began = time.monotonic()
    ingest.feed(
        [
            event
            for event in play("missing-ack").events(start_us=now_us - (third_us - events[0].captured_us))
            if event.captured_us <= now_us
        ]
    )
    (mail,) = wait_for(lambda: list(smtp_server.messages), 10, what="the mail")
    assert time.monotonic() - began < 5
    delivery = Delivery.objects.get()
    alert = Alert.objects.get()
    assert mail["Message-ID"] == delivery.message_id
    assert mail["To"] == "noc@example.com"
    assert mail["Subject"] == f"[Offhook] critical: {alert.title} (1 call)"
    text = mail.get_body(("plain",))
    assert text
    assert f"https://offhook.example.com/alerts/{alert.pk}" in text.get_content()
    wait_for(lambda: Delivery.objects.get().state == "sent")

    # What nobody rang for is found by the sweep.
    Delivery.objects.create(
        alert=alert,
        event="opened",
        recipient="b@example.com",
        message_id="<b@example.com>",
        state="pending",
        created_us=now_us,
    )
    app.send_task("monitor.tasks.sweep_deliveries")
    wait_for(lambda: len(smtp_server.messages) == 2)
    assert outbox.due(clock_us() + SECOND) == []
    wait_for(lambda: Delivery.objects.filter(state="sent", attempts=1).count() == 2, what="both are sent, once")
