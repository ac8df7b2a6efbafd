"""What is over for longer than its kind is kept goes, with all that belongs to it; nothing else does."""

import pytest

from monitor.core.retention import DataKind
from monitor.core.updates import Kind
from monitor.models import (
    Alert,
    AlertOccurrence,
    Call,
    CommitLog,
    DeadLetter,
    Delivery,
    FindingRow,
    Import,
    LegMark,
    LossRange,
    MeasureBucket,
    MessageChunk,
    Peer,
    Registration,
    Removal,
    StorageState,
    StorageUse,
    SubjectRow,
    Transaction,
)
from monitor.models.measures import BUCKET_US
from monitor.queries import record
from monitor.services import retention
from monitor.services.retention import sweeping
from monitor.services.retention.sweeping import Swept
from monitor.tasks import prune
from tests.monitor.services.retention.store import DAY, NOW, clock_us, policy, store

pytestmark = pytest.mark.django_db


def swept(**kinds: int) -> Swept:
    found = retention.sweep(policy(**kinds), clock_us)
    assert found is not None
    return found


def test_old_closed_records_go_with_their_messages_marks_and_findings() -> None:
    for days in (13.9, 14.1, 40):
        for name in ("missing-ack", "registered", "pings"):
            store(name, days)
    assert swept(records=14).removed[DataKind.RECORDS] == 10
    assert Call.objects.count() == Registration.objects.count() == 1
    assert Transaction.objects.count() == 3
    keys = {row.key for table in (Call, Registration, Transaction) for row in table.objects.all()}
    assert {row.key for row in FindingRow.objects.all()} <= keys
    assert FindingRow.objects.exists()
    assert {row.key for row in LegMark.objects.all()} <= keys
    assert {chunk.key for chunk in MessageChunk.objects.all()} == keys


def test_messages_go_before_their_records_and_it_is_noted_when() -> None:
    for days in (1, 3):
        store("missing-ack", days)
    assert swept(messages=2).removed == {DataKind.MESSAGES: 1}
    old, new = Call.objects.order_by("first_us")
    assert set(MessageChunk.objects.values_list("key", flat=True)) == {new.key}
    assert FindingRow.objects.filter(key=old.key).exists()
    removal = Removal.objects.get()
    assert (removal.kind, removal.rows, removal.reached_us) == ("messages", 1, old.first_us)
    assert record(Kind.CALL, old.slug, None)


def test_what_goes_on_and_what_an_import_holds_stays() -> None:
    store("good", 40, over=False)
    store("missing-ack", 40, import_id=7)
    assert swept().removed == {}
    assert Call.objects.count() == 2
    assert MessageChunk.objects.values("key").distinct().count() == 2


def test_more_than_a_slice_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweeping, "SLICE", 2)
    store("good", 31, over=False)  # the oldest goes on, and holds nobody up
    for days in range(32, 37):
        store("busy", days)
    store("busy", 1)
    assert swept(messages=20).removed[DataKind.RECORDS] == 5
    assert Call.objects.count() == 2
    assert MessageChunk.objects.values("key").distinct().count() == 2


def test_every_kind_has_an_age_of_its_own() -> None:
    for days in (1, 3):
        at_us = NOW - days * DAY
        LossRange.objects.create(
            collector="c", observer="c/*", from_us=at_us, to_us=at_us, reason="gap", count=1, partition=0
        )
        DeadLetter.objects.create(partition=0, entry_id=str(days), reason="", stored_us=at_us, data=b"")
        Import.objects.create(name="", path="imports/none", size=0, state="done", created_us=at_us, finished_us=at_us)
        MeasureBucket.objects.create(bucket=at_us // BUCKET_US, dimension="d", key="", calls=1, tally=b"")
        CommitLog.objects.create(partition=0, watermark_us=0, committed_us=at_us, updates=b"", folded=1)
        alert(at_us)
    for kind, tables in (
        ("letters", (LossRange, DeadLetter)),
        ("imports", (Import,)),
        ("measures", (MeasureBucket,)),
        ("alerts", (Alert, Delivery, AlertOccurrence)),
        ("log", (CommitLog,)),
    ):
        StorageState.objects.all().delete()
        wide: dict[str, int] = dict.fromkeys(DataKind, 100)
        assert swept(**(wide | {kind: 2})).removed.keys() == {kind}
        for table in tables:
            assert table._default_manager.count() == 1, table


def alert(at_us: int, *, state: str = "resolved", sent: str = "sent") -> None:
    made = Alert.objects.create(
        fingerprint=str(at_us), rule="r", severity="major", title="", summary="", remedy="", state=state,
        opened_us=at_us, last_us=at_us, resolved_us=at_us if state == "resolved" else None,
    )  # fmt: skip
    made.occurrences.create(
        kind="call", slug="", code="", state="", at_us=at_us, from_uri="", to_uri="", hop="", cause=""
    )
    made.deliveries.create(event="opened", recipient="", message_id=str(made.pk), state=sent, created_us=at_us)


def test_open_alerts_unsent_mails_unfolded_commits_and_unread_imports_stay() -> None:
    old_us = NOW - 1000 * DAY
    alert(old_us, state="open")
    alert(old_us + 1, sent="pending")
    Delivery.objects.create(event="test", recipient="", message_id="m", state="sent", created_us=old_us)
    CommitLog.objects.create(partition=0, watermark_us=0, committed_us=old_us, updates=b"", folded=None)
    Import.objects.create(name="", path="imports/none", size=0, state="waiting", created_us=old_us)
    assert swept().removed == {DataKind.ALERTS: 1}
    assert (Alert.objects.count(), Delivery.objects.count(), CommitLog.objects.count()) == (2, 2, 1)
    assert Import.objects.exists()


def test_an_import_goes_with_all_that_was_read_out_of_it() -> None:
    old_us = NOW - 20 * DAY
    row = Import.objects.create(name="", path="imports/x", size=0, state="done", created_us=old_us, finished_us=old_us)
    store("good", 20, import_id=row.id)
    assert swept().removed == {DataKind.IMPORTS: 1}
    assert not Call.objects.exists()


def test_of_too_many_peers_and_dead_letters_the_newest_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweeping, "MOST_PEERS", 2)
    monkeypatch.setattr(sweeping, "MOST_DEAD_LETTERS", 2)
    for number in range(4):
        Peer.objects.create(address=f"10.0.0.{number}", since_us=number)
        DeadLetter.objects.create(partition=0, entry_id=str(number), reason="", stored_us=NOW + number, data=b"")
    swept()
    assert set(Peer.objects.values_list("since_us", flat=True)) == {2, 3}
    assert set(DeadLetter.objects.values_list("entry_id", flat=True)) == {"2", "3"}


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
    assert swept(records=14).removed == {DataKind.RECORDS: 1}
    assert sorted(SubjectRow.objects.values_list("import_id", flat=True)) == [0, 7]


def test_a_sweep_tells_what_each_kind_takes_and_how_far_it_reaches_back() -> None:
    for days in (1, 3):
        store("missing-ack", days)
    swept(messages=2)
    uses = {use.kind: use for use in StorageUse.objects.all()}
    assert set(uses) == set(DataKind)
    old, new = Call.objects.order_by("first_us")
    assert uses["records"].reaches_us == old.first_us
    assert uses["messages"].reaches_us == new.first_us
    assert uses["imports"].reaches_us is None
    assert StorageState.objects.get().octets > 0


def test_of_two_at_once_one_works_and_one_that_died_is_followed() -> None:
    store("good", 40)
    StorageState.objects.create(id=1, busy_until_us=clock_us() + 10**6)
    assert retention.sweep(policy(), clock_us) is None
    StorageState.objects.update(busy_until_us=clock_us() - 1)
    prune()
    assert not Call.objects.exists()
    assert StorageState.objects.get().busy_until_us == 0
