"""Two at once remove the same once; one that is killed in the midst leaves nothing half done, and the next goes on."""

from collections.abc import Iterator
from threading import Thread

import pytest
from django.db import connection

from monitor.core.retention import HOUR_US, DataKind
from monitor.models import Call, FindingRow, MessageChunk, Removal, StorageState
from monitor.services import retention
from monitor.services.retention import sweeping
from monitor.services.retention.cuts import Messages, Records
from tests.monitor.services.retention.store import clock_us, policy
from tests.monitor.services.retention.test_size import pour

pytestmark = pytest.mark.django_db(transaction=True)


class KilledError(Exception):
    """Stands for the end of the process."""


def an_hour_on() -> int:
    """The clock, when what was poured is a day old."""
    return clock_us() + HOUR_US


def dying(after: int) -> Iterator[int]:
    """A clock that is looked at so often, and never again."""
    for _ in range(after):
        yield an_hour_on()
    raise KilledError


def test_two_that_remove_the_same_remove_it_once(monkeypatch: pytest.MonkeyPatch) -> None:
    pour(300)
    removed: list[int] = []
    problems: list[BaseException] = []

    def remove() -> None:
        try:
            for cut in (Messages(), Records()):
                while (done := cut.cut(20, None)).more:
                    removed.append(done.rows)
        except BaseException as error:
            problems.append(error)
            raise
        finally:
            connection.close()

    threads = [Thread(target=remove) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []
    assert sum(removed) == 600  # chunks, then calls
    assert not Call.objects.exists()
    assert not MessageChunk.objects.exists()


@pytest.mark.parametrize("after", [3, 4, 6, 9])
def test_one_that_is_killed_is_followed_when_its_claim_has_run_out(after: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweeping, "SLICE", 20)
    monkeypatch.setattr(sweeping, "_LARGEST", 20)
    pour(200)
    clock = dying(after)
    with pytest.raises((KilledError, StopIteration)):
        retention.sweep(policy(records=1), lambda: next(clock))
    left = Call.objects.count()
    assert left > 0
    # What is there is whole.
    assert FindingRow.objects.values("key").distinct().count() == left
    assert set(Call.objects.values_list("key", flat=True)) >= set(MessageChunk.objects.values_list("key", flat=True))
    assert retention.sweep(policy(records=1), an_hour_on) is None
    StorageState.objects.update(busy_until_us=0)
    retention.sweep(policy(records=1), an_hour_on)
    assert not Call.objects.exists()
    assert not FindingRow.objects.exists()
    noted = Removal.objects.get(kind=DataKind.RECORDS).rows
    assert 200 - 20 <= noted <= 200  # the slice that it was killed behind may not be noted
