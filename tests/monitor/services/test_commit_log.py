"""The commit log: nothing is skipped, nothing folded twice, and the order is the same for ever."""

import threading

import pytest
from django.db import connection, connections, transaction

from monitor.core.updates import AlertAcknowledged, Committed
from monitor.models import CommitLog
from monitor.services import commit_log
from tests.monitor.core.told import raised, started
from tests.monitor.overview.stage import log

pytestmark = pytest.mark.django_db(transaction=True)


def test_what_waits_comes_in_the_order_of_its_ids_up_to_a_limit() -> None:
    ids = [log(started(n), watermark_us=n, partition=n % 2) for n in range(5)]
    assert [entry.id for entry in commit_log.unfolded(3)] == ids[:3]
    assert commit_log.unfolded(1)[0].committed == Committed(0, 0, [started(0)])
    commit_log.mark(commit_log.unfolded(3), 1)
    assert [entry.id for entry in commit_log.unfolded(10)] == ids[3:]


def test_a_row_that_commits_late_is_not_skipped() -> None:
    """On SQLite nobody overtakes: it has one writer at a time."""
    began, go = threading.Event(), threading.Event()
    numbers: list[int] = []

    def slow() -> None:
        try:
            with transaction.atomic():
                numbers.append(log(started(1), watermark_us=1, partition=1))
                began.set()
                go.wait(5)
        finally:
            connections.close_all()

    thread = threading.Thread(target=slow)
    thread.start()
    assert began.wait(5)
    if connection.vendor == "postgresql":
        numbers.append(log(started(2), watermark_us=2, partition=2))
        entries = commit_log.unfolded(10)
        assert [entry.id for entry in entries] == [numbers[1]]
        commit_log.mark(entries, 1)
    go.set()
    thread.join()
    assert [entry.id for entry in commit_log.unfolded(10)] == [numbers[0]]


def test_what_was_folded_comes_again_in_the_order_of_the_fold() -> None:
    first, second, third = (log(started(n), watermark_us=n, committed_us=10**9) for n in range(3))
    for number, folded in ((first, 2), (second, 1), (third, 2)):
        CommitLog.objects.filter(pk=number).update(folded=folded)
    log(started(9), watermark_us=9)  # waits
    (chunk,) = commit_log.folded_since(0)
    assert [one.watermark_us for one in chunk] == [1, 0, 2]


def test_what_was_folded_comes_in_chunks() -> None:
    for n in range(1200):
        CommitLog.objects.filter(pk=log(watermark_us=n, committed_us=n)).update(folded=n)
    assert commit_log.last_folded_us() == 1199
    chunks = list(commit_log.folded_since(200))
    assert [len(chunk) for chunk in chunks] == [500, 500]
    assert chunks[0][0].watermark_us == 200
    assert chunks[-1][-1].watermark_us == 1199


def test_nothing_folded_is_nothing_to_fold_again() -> None:
    log(watermark_us=1)
    assert commit_log.last_folded_us() is None
    assert list(commit_log.folded_since(0)) == []


@pytest.mark.parametrize("damaged", [b"", b"junk", b"\x28\xb5\x2f\xfd\x00\x00\x01\x00\x00"])
def test_a_row_that_can_not_be_read_is_passed_over(damaged: bytes, caplog: pytest.LogCaptureFixture) -> None:
    number = log(raised(1), watermark_us=1, partition=4)
    CommitLog.objects.filter(pk=number).update(updates=damaged)
    (entry,) = commit_log.unfolded(10)
    assert entry == commit_log.Entry(number, Committed(4, 0, []))
    assert "can't be read" in caplog.text


def test_only_what_is_folded_and_old_is_forgotten() -> None:
    kinds = {name: log(watermark_us=1, committed_us=at) for name, at in (("old", 1), ("waiting", 1), ("new", 99))}
    CommitLog.objects.filter(pk__in=(kinds["old"], kinds["new"])).update(folded=1)
    assert commit_log.forget(before_us=50) == 1
    assert set(CommitLog.objects.values_list("pk", flat=True)) == {kinds["waiting"], kinds["new"]}


def test_what_a_person_did_waits_like_any_other() -> None:
    what = Committed(-1, 0, [AlertAcknowledged(1, 2, "ann")])
    commit_log.append(what, now_us=5)
    commit_log.append(Committed(-1, 7, []), now_us=6, folded=3)
    assert [entry.committed for entry in commit_log.unfolded(10)] == [what]
