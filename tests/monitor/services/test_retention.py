"""What is over for longer than is kept goes, with all that belongs to it; nothing else does."""

import time

import pytest

from collectors.scenario.library import play
from collectors.sip.timers import SECOND
from monitor.core.correlator import Correlator
from monitor.models import (
    Call,
    DeadLetter,
    FindingRow,
    Import,
    LossRange,
    MessageChunk,
    Peer,
    Registration,
    SubjectRow,
    Transaction,
)
from monitor.services import retention
from monitor.services.apply_updates import write_content
from monitor.services.harvest import Harvest
from monitor.tasks import prune

pytestmark = pytest.mark.django_db

DAY = 86_400 * SECOND
NOW = time.time_ns() // 1_000


def store(name: str, days: float, *, over: bool = True, import_id: int = 0) -> None:
    """A situation that was played so many days ago."""
    correlator = Correlator()
    harvest = Harvest(correlator)
    for event in play(name, f"{name} {days} {import_id}").events(start_us=NOW - round(days * DAY)):
        harvest.add(correlator.feed(event), 0)
    if over:
        harvest.add(correlator.advance(NOW), 0)
    write_content([(harvest.take(), 0, 1)], import_id)


def test_old_closed_records_go_with_their_messages_and_findings() -> None:
    for days in (13.9, 14.1, 40):
        for name in ("missing-ack", "registered", "pings"):
            store(name, days)
    prune()
    assert Call.objects.count() == Registration.objects.count() == 1
    assert Transaction.objects.count() == 3
    assert {row.slug for row in FindingRow.objects.all()} <= {row.slug for row in Call.objects.all()}
    assert FindingRow.objects.exists()
    keys = {row.key for table in (Call, Registration, Transaction) for row in table.objects.all()}
    assert {chunk.key for chunk in MessageChunk.objects.all()} == keys


def test_what_goes_on_and_what_an_import_holds_stays() -> None:
    store("good", 40, over=False)
    store("missing-ack", 40, import_id=7)
    assert retention.prune(NOW - 14 * DAY) == 0
    assert Call.objects.count() == 2


def test_more_than_a_batch_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "BATCH", 2)
    for days in range(20, 25):
        store("busy", days)
    assert retention.prune(NOW - 14 * DAY) == 5
    assert not MessageChunk.objects.exists()


def test_losses_unreadable_entries_and_imports_go_when_they_are_old(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "MOST_DEAD_LETTERS", 2)
    for days in (1, 2, 3, 20):
        at_us = NOW - days * DAY
        LossRange.objects.create(
            collector="c", observer="c/*", from_us=at_us, to_us=at_us, reason="gap", count=1, partition=0
        )
        DeadLetter.objects.create(partition=0, entry_id=str(days), reason="", stored_us=at_us, data=b"")
        Import.objects.create(name="", path="imports/none", size=0, state="done", created_us=at_us, finished_us=at_us)
    store("good", 20, import_id=Import.objects.latest("id").id)
    retention.prune(NOW - 14 * DAY)
    assert LossRange.objects.count() == Import.objects.count() == 3
    assert [letter.entry_id for letter in DeadLetter.objects.order_by("-stored_us")] == ["1", "2"]
    assert not Call.objects.exists()


def test_of_too_many_peers_those_known_last_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "MOST_PEERS", 2)
    for number in range(4):
        Peer.objects.create(address=f"10.0.0.{number}", since_us=number)
    retention.prune(0)
    assert set(Peer.objects.values_list("since_us", flat=True)) == {2, 3}


def test_findings_about_sources_go_when_they_are_old_and_those_of_an_import_with_it() -> None:
    for days, import_id in ((13, 0), (15, 0), (15, 7)):
        at_us = NOW - days * DAY
        SubjectRow.objects.create(
            import_id=import_id,
            kind="source",
            name="203.0.113.7",
            code="scanner",
            severity="minor",
            state="confirmed",
            at_us=at_us,
            last_us=at_us,
            count=1,
            cause="It scans.",
            remedy="Drop it.",
        )
    assert retention.prune(NOW - 14 * DAY) == 1
    assert sorted(SubjectRow.objects.values_list("import_id", flat=True)) == [0, 7]
