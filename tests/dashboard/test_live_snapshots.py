"""Snapshots are shared by all who asked before the read began, and by nobody else."""

import asyncio
import threading
from typing import Any

import pytest
from django.db import OperationalError

from dashboard.live import snapshots
from dashboard.live.snapshots import Snapshots, shared
from monitor import queries
from tests.support.processes import wait_for

ALL = frozenset(queries.LISTS)


class Reads:
    """A database that answers when it is told to."""

    def __init__(self) -> None:
        self.begun: list[frozenset[str]] = []
        self.free = threading.Semaphore(0)

    def __call__(self, lists: frozenset[str]) -> dict[str, Any]:
        self.begun.append(lists)
        assert self.free.acquire(timeout=10)
        return {"sequence": len(self.begun)}


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> Reads:
    made = Reads()
    monkeypatch.setattr(queries, "live_snapshot", made)
    monkeypatch.setattr(snapshots, "PACE_S", 0.0)
    return made


async def begun(reads: Reads) -> None:
    await asyncio.to_thread(wait_for, lambda: len(reads.begun) == 1, what="a read begins")


@pytest.mark.django_db
def test_who_asks_while_one_is_read_shares_the_next(reads: Reads) -> None:
    async def ask() -> list[int]:
        ours = Snapshots()
        asked = [asyncio.create_task(ours.fresh(ALL))]
        await begun(reads)
        asked += [asyncio.create_task(ours.fresh(ALL)) for _ in range(20)]
        await asyncio.sleep(0)
        reads.free.release(2)
        return [snapshot["sequence"] for snapshot in await asyncio.gather(*asked)]

    assert asyncio.run(ask()) == [1, *[2] * 20]


@pytest.mark.django_db
def test_other_lists_are_another_read_and_one_read_waits_for_the_other(reads: Reads) -> None:
    async def ask() -> None:
        ours = Snapshots()
        asked = [asyncio.create_task(ours.fresh(lists)) for lists in (ALL, frozenset({"alerts"}))]
        await begun(reads)
        reads.free.release(2)
        await asyncio.gather(*asked)

    asyncio.run(ask())
    assert reads.begun == [ALL, {"alerts"}]


@pytest.mark.django_db
def test_who_leaves_takes_nothing_from_those_who_stay_and_a_failure_is_told_to_all_who_asked(
    reads: Reads, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def ask() -> list[Any]:
        ours = Snapshots()
        leaves, stays = (asyncio.create_task(ours.fresh(ALL)) for _ in range(2))
        await begun(reads)
        leaves.cancel()
        reads.free.release()
        found: list[Any] = [(await stays)["sequence"]]

        def fails(_lists: frozenset[str]) -> dict[str, Any]:
            raise OperationalError("database is locked")

        monkeypatch.setattr(queries, "live_snapshot", fails)
        found += await asyncio.gather(*(ours.fresh(ALL) for _ in range(2)), return_exceptions=True)
        monkeypatch.setattr(queries, "live_snapshot", reads)
        reads.free.release()
        return [*found, (await ours.fresh(ALL))["sequence"]]

    first, *failed, last = asyncio.run(ask())
    assert (first, last) == (1, 2)
    assert [type(error) for error in failed] == [OperationalError, OperationalError]


def test_each_loop_has_its_own() -> None:
    async def twice() -> tuple[Snapshots, Snapshots]:
        return shared(), shared()

    one, again = asyncio.run(twice())
    other, _ = asyncio.run(twice())
    assert one is again
    assert one is not other
