"""The wheel: what ingest committed becomes alerts, deliveries and frames, whatever happens in between."""

import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from django.db import DatabaseError, DataError, OperationalError, connection

from collectors.sip.timers import SECOND
from monitor import watch
from monitor.announce import Touched
from monitor.core.alerting.values import Decision, FindingNoted
from monitor.core.metrics import Metrics
from monitor.core.overview import Overview as Overviews
from monitor.core.updates import CallStarted, CallState, Committed, SourceSeen
from monitor.ingest import dead_letters
from monitor.models import (
    Alert,
    AlertOccurrence,
    Call,
    CommitLog,
    DeadLetter,
    Delivery,
    Overview,
    Partition,
    Setting,
    SubjectRow,
)
from monitor.overview import restore
from monitor.overview.bell import Bell
from monitor.overview.lease import FencedError, Lease
from monitor.overview.ringer import Ringer
from monitor.services import alerts
from monitor.watch import RefusedError, Watcher
from monitor.watchdog import ALIVE
from tests.monitor.core.told import call, cleared, commit, raised, report, started, us
from tests.monitor.overview.stage import Ingest, clock_us, log
from tests.support.database import read_only
from tests.support.processes import free_port, wait_for

pytestmark = pytest.mark.django_db(transaction=True)


class Heard:
    """Who hears of a commit: a fake outlet."""

    def __init__(self) -> None:
        self.frames: list[tuple[int, Metrics, Touched]] = []

    def announce(self, sequence: int, metrics: Metrics, touched: Touched) -> None:
        self.frames.append((sequence, metrics, touched))


class Silent(Bell):
    """A bell that nobody rings."""

    def __init__(self) -> None:
        self.waited: list[float] = []

    def wait(self, seconds: float = 0) -> None:
        self.waited.append(seconds)

    def close(self) -> None:
        pass


@pytest.fixture
def rung() -> list[int]:
    return []


@pytest.fixture
def heard() -> Heard:
    return Heard()


@pytest.fixture
def ringer(rung: list[int]) -> Iterator[Ringer]:
    made = Ringer(rung.append)
    yield made
    made.close()


@pytest.fixture
def watcher(ringer: Ringer, heard: Heard) -> Watcher:
    return Watcher(Silent(), ringer, heard, Lease("here"))


def turn(watcher: Watcher, times: int = 1) -> None:
    for _ in range(times):
        watcher.turn()


def now(offset_s: float = 0) -> int:
    return clock_us() + int(offset_s * SECOND)


def test_a_missing_ack_on_the_wire_becomes_an_alert_a_delivery_and_a_frame(
    watcher: Watcher, heard: Heard, rung: list[int]
) -> None:
    ingest = Ingest()
    ingest.play("missing-ack", now(-10), until_s=9)
    turn(watcher)
    alert = Alert.objects.get()
    assert (alert.rule, alert.state, alert.count) == ("missing-ack", "open", 1)
    assert AlertOccurrence.objects.get().slug == Call.objects.get().slug
    wait_for(lambda: rung == [Delivery.objects.get().pk])
    ((sequence, metrics, touched),) = heard.frames
    assert sequence == 1
    assert touched.alerts == [alert.pk]
    assert touched.calls == [Call.objects.get().slug]
    row = Overview.objects.get()
    assert (row.sequence, row.watermark_us) == (1, metrics.at_us)
    assert msgspec.convert(row.metrics, Metrics) == metrics
    assert metrics.active_calls.now == 1
    assert metrics.open_alerts.now == 1
    assert set(CommitLog.objects.values_list("folded", flat=True)) == {1}


def test_a_late_ack_on_the_wire_takes_it_back(watcher: Watcher) -> None:
    Ingest().play("late-ack", now(-40))
    turn(watcher)
    alert = Alert.objects.get()
    assert (alert.state, alert.resolution) == ("resolved", "cleared")
    assert [row.event for row in Delivery.objects.order_by("pk")] == ["opened", "resolved"]


def test_a_restart_goes_on_where_the_last_commit_was(watcher: Watcher, ringer: Ringer, heard: Heard) -> None:
    at = now()
    log(started(0, "c1"), raised(1), watermark_us=at)
    log(started(2, "c2"), raised(3, "c2"), watermark_us=at + 1)
    turn(watcher)
    after = Watcher(Silent(), ringer, heard, Lease("here"))
    log(raised(4, "c3"), cleared(5, "c1"), cleared(5, "c2"), watermark_us=at + 2)
    turn(after)
    assert (Alert.objects.get().count, Alert.objects.get().state) == (1, "open")
    log(cleared(6, "c3"), watermark_us=at + 3)
    turn(after)
    assert Alert.objects.get().resolution == "cleared"
    assert [row.event for row in Delivery.objects.order_by("pk")] == ["opened", "resolved"]
    assert [sequence for sequence, _, _ in heard.frames] == [1, 2, 3]


def test_a_restart_says_that_it_is_alive_while_it_restores(
    watcher: Watcher, ringer: Ringer, heard: Heard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log(started(0, "c1"), watermark_us=now())
    turn(watcher)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as supervisor:
        supervisor.bind(str(tmp_path / "notify.sock"))
        supervisor.settimeout(0)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify.sock"))
        turn(Watcher(Silent(), ringer, heard, Lease("here")))
        assert supervisor.recv(100) == ALIVE


def test_figures_after_a_restart_are_those_of_before(watcher: Watcher, ringer: Ringer, heard: Heard) -> None:
    ingest = Ingest()
    start = now(-30)
    for n, situation in enumerate(("good", "busy", "registered", "registration-forbidden", "missing-ack")):
        ingest.play(situation, start + n * SECOND, until_s=12)
        turn(watcher)
    restarted = Watcher(Silent(), ringer, heard, Lease("here"))
    row = Overview.objects.get()
    log(watermark_us=row.watermark_us)
    turn(watcher)
    log(watermark_us=row.watermark_us)
    turn(restarted)
    (_, before, _), (_, after, _) = heard.frames[-2:]
    for name in Metrics.__struct_fields__:
        assert getattr(after, name) == getattr(before, name), name
    assert before.calls.started == 3
    assert before.registrations.now == 1


def test_calls_and_registrations_from_before_the_log_still_stand(watcher: Watcher, heard: Heard) -> None:
    ingest = Ingest()
    ingest.play("good", now(-20), until_s=10)
    ingest.play("registered", now(-20), until_s=10)
    assert Call.objects.get().state == CallState.ANSWERED
    CommitLog.objects.all().delete()  # too old to be kept
    log(watermark_us=now())
    turn(watcher)
    _, metrics, _ = heard.frames[-1]
    assert metrics.active_calls.now == 1
    assert metrics.registrations.now == 1


def test_an_overview_that_was_overtaken_writes_nothing_and_starts_afresh(
    watcher: Watcher, ringer: Ringer, heard: Heard
) -> None:
    log(started(0), watermark_us=now())
    turn(watcher)
    Overview.objects.update(lease_until_us=0)
    other = Watcher(Silent(), ringer, Heard(), Lease("there"))
    log(raised(1), watermark_us=now())
    turn(other)
    log(raised(2, "c2"), watermark_us=now())
    with pytest.raises(FencedError):
        turn(watcher)
    assert Alert.objects.get().count == 1
    assert len(heard.frames) == 1
    turn(watcher)  # stands by
    assert isinstance(watcher._bell, Silent)
    assert watcher._bell.waited == [watch.SPARE_S]
    turn(other)
    assert Alert.objects.get().count == 2


def test_what_fails_before_the_commit_leaves_all_as_it_was(
    watcher: Watcher, heard: Heard, rung: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    log(raised(1), watermark_us=now())
    whole = alerts.apply

    def half_way(decisions: list[Decision], now_us: int) -> None:
        whole(decisions, now_us)
        raise OperationalError("disk full")

    monkeypatch.setattr(alerts, "apply", half_way)
    with pytest.raises(DatabaseError):
        turn(watcher)
    assert not Alert.objects.exists()
    assert CommitLog.objects.get().folded is None
    assert (heard.frames, rung) == ([], [])
    monkeypatch.undo()
    turn(watcher)
    assert Alert.objects.get().count == 1


class Trap(Overviews):
    """An overview with a fault of ours."""

    def feed(self, committed: Committed) -> list[Decision]:
        if any(isinstance(update, CallStarted) and update.key.call_id == "poison" for update in committed.updates):
            raise ZeroDivisionError("of ours")
        return super().feed(committed)


def until_folded(watcher: Watcher) -> int:
    """Turn, also where that fails, until all is folded; how often it failed."""
    failures = 0
    while CommitLog.objects.filter(folded=None).exists():
        try:
            watcher.turn()
        except RefusedError:
            failures += 1
            watcher._overview = None  # as `run` does
        assert failures < 10
    return failures


def test_an_entry_on_which_we_fail_is_set_aside_and_the_others_count(
    watcher: Watcher, ringer: Ringer, heard: Heard, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(restore, "Overview", Trap)
    log(raised(1), watermark_us=now())
    poison = log(started(2, "poison"), raised(2, "poison"), watermark_us=now())
    data = bytes(CommitLog.objects.get(pk=poison).updates)
    log(raised(3, "c3"), watermark_us=now())
    assert until_folded(watcher) == 4  # with others, and twice by itself
    letter = DeadLetter.objects.get()
    assert (letter.entry_id, letter.partition, bytes(letter.data)) == (f"commit {poison}", 0, data)
    assert "ZeroDivisionError: of ours" in letter.reason
    assert "is set aside" in caplog.text
    assert Alert.objects.get().count == 2
    # Once it is mended, it is taken again, for which the stream store is not needed.
    monkeypatch.undo()
    assert dead_letters.replay(f"redis://127.0.0.1:{free_port()}/0") == 1
    assert not DeadLetter.objects.exists()
    until_folded(Watcher(Silent(), ringer, heard, Lease("here")))
    assert Alert.objects.get().count == 3


def test_an_entry_whose_outcome_the_database_refuses_is_set_aside(
    watcher: Watcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = alerts.apply

    def refuse(decisions: list[Decision], now_us: int) -> alerts.Applied:
        if any(isinstance(each, FindingNoted) and each.finding.slug == call("poison").slug for each in decisions):
            raise DataError("value too long")
        return whole(decisions, now_us)

    monkeypatch.setattr(alerts, "apply", refuse)
    log(raised(1, "poison"), watermark_us=now())
    log(raised(2, "c2"), watermark_us=now())
    until_folded(watcher)
    assert DeadLetter.objects.count() == 1
    assert Alert.objects.get().count == 1


def test_a_log_on_which_we_fail_does_not_keep_it_from_starting(
    watcher: Watcher, ringer: Ringer, heard: Heard, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    log(started(1, "poison"), watermark_us=now())
    turn(watcher)
    monkeypatch.setattr(restore, "Overview", Trap)  # a new version
    log(raised(2, "c2"), watermark_us=now())
    turn(Watcher(Silent(), ringer, heard, Lease("here")))
    assert Alert.objects.get().count == 1
    assert "is passed over" in caplog.text


def test_a_database_that_takes_nothing_for_now_makes_nobody_guilty(watcher: Watcher) -> None:
    log(raised(1), watermark_us=now())
    turn(watcher)
    number = log(raised(2, "c2"), watermark_us=now())
    for _ in range(3):
        with read_only(), pytest.raises(DatabaseError):
            turn(watcher)
    turn(watcher)
    assert CommitLog.objects.get(pk=number).folded
    assert not DeadLetter.objects.exists()
    assert Alert.objects.get().count == 2


def test_it_goes_on_when_the_database_is_back(
    watcher: Watcher, heard: Heard, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    stop, attempts = threading.Event(), 0
    turn_once = watcher.turn

    def flaky() -> bool:
        nonlocal attempts
        attempts += 1
        if attempts == 1:
            raise OperationalError("the server closed the connection unexpectedly")
        if attempts == 2:
            raise FencedError
        waited = turn_once()
        if heard.frames:
            stop.set()
        return waited

    monkeypatch.setattr(watcher, "turn", flaky)
    log(raised(1), watermark_us=now())
    watcher.run(stop)
    assert Alert.objects.exists()
    assert "the database is away" in caplog.text
    assert "another overview took over" in caplog.text
    assert Overview.objects.get().lease_until_us == 0  # given back


def test_with_nobody_reporting_time_passes_by_the_clock_while_ingest_listens(
    watcher: Watcher, heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "TICK_S", 0.0)
    seen_s = (now(-60) - 1_800_000_000 * SECOND) / SECOND  # `told` counts from its own T0
    log(report(seen_s), watermark_us=now(-62))
    turn(watcher, 3)
    assert len(heard.frames) == 1  # ingest is away: silence says nothing
    Partition.objects.create(number=0, lease_until_us=now(60))
    turn(watcher, 2)
    assert not Alert.objects.exists()
    first, second = CommitLog.objects.filter(partition=-1)
    assert (first.folded, second.folded) == (2, 3)
    CommitLog.objects.filter(pk=second.pk).delete()
    # Six seconds later it is sure.
    monkeypatch.setattr(watch, "_clock_us", lambda: now(6))
    turn(watcher)
    assert Alert.objects.get().title == "collector edge-1 is offline"


def test_an_idle_overview_keeps_its_lease_and_tidies_up(watcher: Watcher, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "_TIDY_S", 0.0)
    number = log(watermark_us=1, committed_us=now(-3 * 3600))
    turn(watcher)
    assert CommitLog.objects.filter(pk=number).exists()
    turn(watcher)
    assert not CommitLog.objects.exists()


def test_the_lease_that_can_not_be_given_back_runs_out(
    watcher: Watcher, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_lease: Lease) -> None:
        raise OperationalError("gone")

    monkeypatch.setattr(Lease, "release", broken)
    watcher.release()
    assert "runs out by itself" in caplog.text


def test_settings_that_can_not_be_read_keep_no_alert_from_opening(watcher: Watcher) -> None:
    Setting.objects.create(name="smtp", value={"server": "nonsense"})
    log(raised(1), watermark_us=now())
    turn(watcher)
    assert Alert.objects.exists()
    assert Delivery.objects.get().state == "pending"


def test_a_backlog_is_folded_in_bites(ringer: Ringer, heard: Heard, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "BITE", 10)
    watcher = Watcher(Silent(), ringer, heard, Lease("here"))
    for n in range(25):
        log(started(n, f"c{n}"), watermark_us=now())
    turn(watcher, 3)
    assert [len(touched.calls) for _, _, touched in heard.frames] == [10, 10, 5]
    assert heard.frames[-1][1].active_calls.now == 25


def test_a_turn_takes_milliseconds(watcher: Watcher) -> None:
    turn(watcher)
    began = time.monotonic()
    for n in range(10):
        log(*(started(n, f"c{n}-{m}") for m in range(20)), watermark_us=now())
        turn(watcher)
    assert time.monotonic() - began < 2.0
    assert connection.queries is not None


def test_touched_names_everything_once() -> None:
    touched = Touched.by([commit(0, started(0), raised(1)), commit(1, report(1), cleared(2))], [7, 7])
    assert len(touched.calls) == 1
    assert touched.collectors == ["edge-1"]
    assert touched.alerts == [7]


def scans(at_s: float, name: str) -> SourceSeen:
    signature = "User-Agent: friendly-scanner"
    source, server = "203.0.113.7:5060", "10.0.0.9:5060"
    return SourceSeen(call(name), us(at_s), "INVITE", source, server, "", "", "", signature, asked=True)


def test_a_source_that_scans_is_stored_alerts_once_and_goes_on_after_a_restart(watcher: Watcher, heard: Heard) -> None:
    log(scans(1, "a"), watermark_us=us(1))
    log(scans(18, "b"), watermark_us=us(21))
    turn(watcher, 2)
    (row,) = SubjectRow.objects.all()
    assert (row.kind, row.name, row.code, row.count, row.state) == (
        "source",
        "203.0.113.7",
        "scanner",
        2,
        "confirmed",
    )
    assert Alert.objects.get().title == "scanner at 203.0.113.7"
    watcher.release()
    log(scans(58, "c"), watermark_us=us(61))
    turn(watcher, 2)
    (row,) = SubjectRow.objects.all()
    assert (row.count, len(row.evidence), row.last_us) == (3, 3, us(58))
    assert Alert.objects.count() == 1
