"""Who holds which partition: taken when free, kept by renewal, shared fairly, given back."""

import os
import subprocess
import sys
from contextlib import closing
from typing import Any, cast

import pytest
from django.db import DatabaseError, connection

from monitor.ingest.lease import Leases
from monitor.models import IngestWorker, Partition
from monitor.services.apply_updates import LEASE_US
from monitor.services.database import now_us

pytestmark = pytest.mark.django_db


def prepared(partitions: int = 4) -> Leases:
    leases = Leases(partitions)
    leases.prepare()
    return leases


def numbers(leases: Leases) -> list[int]:
    return sorted(leases.epochs)


def test_free_partitions_are_taken_once_with_a_new_epoch_each_time() -> None:
    one, two = prepared(), prepared()
    assert [place.number for place in one.acquire(3)] == [0, 1, 2]
    assert [place.number for place in two.acquire(4)] == [3]
    assert one.acquire(4) == []
    Partition.objects.filter(number__in=[0, 1]).update(lease_until_us=0)
    assert [(place.number, place.epoch) for place in two.acquire(4)] == [(0, 2), (1, 2)]


def test_what_another_took_meanwhile_is_lost_at_the_next_renewal() -> None:
    one, two = prepared(), prepared()
    one.acquire(4)
    assert one.renew() == []
    Partition.objects.filter(number=2).update(lease_until_us=0)
    two.acquire(4)
    assert one.renew() == [2]
    assert numbers(one) == [0, 1, 3]
    assert one.renew() == []


def test_a_renewal_prolongs_the_lease() -> None:
    leases = prepared()
    leases.acquire(4)
    Partition.objects.update(lease_until_us=1)
    leases.renew()
    assert all(until > now_us() for until in Partition.objects.values_list("lease_until_us", flat=True))


def test_what_is_given_back_is_free_at_once() -> None:
    one, two = prepared(), prepared()
    one.acquire(4)
    one.release([1, 3])
    assert [place.number for place in two.acquire(4)] == [1, 3]
    one.leave()
    assert [place.number for place in two.acquire(4)] == [0, 2]


def test_giving_back_what_was_lost_takes_nothing_from_its_new_owner() -> None:
    one, two = prepared(1), prepared(1)
    one.acquire(1)
    Partition.objects.update(lease_until_us=0)
    two.acquire(1)
    one.leave()
    assert Partition.objects.get().owner == two.owner


def test_its_own_lease_does_not_keep_a_worker_from_beginning_anew() -> None:
    leases = prepared(1)
    leases.acquire(1)
    leases.epochs.clear()
    assert [place.epoch for place in leases.acquire(1)] == [2]


def test_the_lease_of_a_process_of_this_machine_that_is_gone_need_not_run_out() -> None:
    one, two = prepared(1), prepared(1)
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    one.owner = one.owner.replace(f":{os.getpid()}:", f":{child.pid}:")
    one.acquire(1)
    assert [place.epoch for place in two.acquire(1)] == [2]


@pytest.mark.parametrize("owner", ["elsewhere:1:abc", f"{os.uname().nodename}:1:abc", "odd", ""])
def test_the_lease_of_anybody_else_must_run_out(owner: str) -> None:
    leases = prepared(1)
    Partition.objects.update(owner=owner, lease_until_us=now_us() + 1_000_000)
    assert leases.acquire(1) == []


def test_partitions_beyond_the_configured_number_are_left_alone() -> None:
    prepared(4)
    assert [place.number for place in prepared(2).acquire(4)] == [0, 1]


def test_where_several_can_write_they_share_and_where_one_can_it_holds_all() -> None:
    one, two = prepared(5), prepared(5)
    alone = one.share()
    shared = two.share(), one.share()
    assert alone == 5
    assert sorted(shared) == ([5, 5] if connection.vendor == "sqlite" else [2, 3])
    IngestWorker.objects.update(alive_until_us=0)
    assert one.share() == 5


@pytest.mark.django_db(transaction=True)
def test_an_owner_that_is_frozen_with_its_rows_locked_is_put_to_rest() -> None:
    if connection.vendor != "postgresql":
        return  # on SQLite one worker does all, and the supervisor kills it when it is frozen
    frozen, other = prepared(), prepared()
    frozen.acquire(4)
    Partition.objects.update(lease_until_us=now_us() - 1)
    with closing(cast("Any", connection.copy())) as session:
        cursor = session.cursor()
        # As `share` names it: the session of the frozen one, in the midst of a commit.
        name = f"offhook {frozen.owner.rpartition(':')[2]}"
        cursor.execute("SELECT set_config('application_name', %s, false)", (name,))
        cursor.execute("BEGIN")
        cursor.execute("UPDATE monitor_partition SET version = 1")
        assert other.acquire(4) == []
        cursor.execute("SELECT 1")  # it may only be slow: nothing was done to it
        cursor.execute("ROLLBACK")
        Partition.objects.update(lease_until_us=now_us() - 2 * LEASE_US)
        cursor.execute("BEGIN")
        cursor.execute("UPDATE monitor_partition SET version = 1")
        assert other.acquire(4) == []
        with pytest.raises(DatabaseError):
            cursor.execute("SELECT 1")
    assert [place.version for place in other.acquire(4)] == [0, 0, 0, 0]


@pytest.mark.django_db(transaction=True)
def test_who_begins_does_not_wait_for_an_owner_that_is_frozen_with_its_rows_locked() -> None:
    if connection.vendor != "postgresql":
        return  # as above
    prepared().acquire(4)
    with closing(cast("Any", connection.copy())) as session, connection.cursor() as mine:
        cursor = session.cursor()
        cursor.execute("BEGIN")
        cursor.execute("UPDATE monitor_partition SET version = 1")
        mine.execute("SET lock_timeout = '2s'")
        try:
            assert prepared().acquire(4) == []
        finally:
            mine.execute("RESET lock_timeout")


def test_a_session_is_named_after_its_worker() -> None:
    if connection.vendor == "postgresql":
        leases = prepared()
        leases.share()
        with connection.cursor() as cursor:
            cursor.execute("SHOW application_name")
            assert cursor.fetchone() == (f"offhook {leases.owner.rpartition(':')[2]}",)


def test_a_process_that_is_gone_from_this_machine_has_no_share_any_more() -> None:
    one, two = prepared(5), prepared(5)
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    one.owner = one.owner.replace(f":{os.getpid()}:", f":{child.pid}:")
    one.share()
    assert two.share() == 5
