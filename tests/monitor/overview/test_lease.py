"""One active overview: whoever lost its lease commits nothing."""

import os
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any, cast

import pytest
from django.db import DatabaseError, connection

from monitor.models import Overview
from monitor.overview import lease as module
from monitor.overview.lease import LEASE_US, RENEW_US, FencedError, Lease, is_gone, myself, session
from tests.support.processes import wait_for

pytestmark = pytest.mark.django_db(transaction=True)

T0 = 1_800_000_000_000_000


def test_the_first_gets_it_and_the_second_waits() -> None:
    first, second = Lease("elsewhere 1"), Lease("elsewhere 2")
    assert first.acquire(T0)
    assert not second.acquire(T0 + 1)
    assert second.acquire(T0 + LEASE_US)
    assert second.epoch == first.epoch + 1


def test_who_was_overtaken_is_fenced_whatever_it_believes() -> None:
    first, second = Lease("elsewhere 1"), Lease("elsewhere 2")
    first.acquire(T0)
    first.committed(first.commit(T0, watermark_us=1))
    second.acquire(T0 + LEASE_US)
    assert second.sequence == 1
    with pytest.raises(FencedError):
        first.commit(T0 + LEASE_US, watermark_us=2)
    with pytest.raises(FencedError):
        first.renew(T0 + 2 * LEASE_US)
    second.committed(second.commit(T0 + LEASE_US, watermark_us=3))
    assert Overview.objects.get().watermark_us == 3


def test_a_commit_whose_outcome_is_not_known_can_not_be_made_twice() -> None:
    lease = Lease("elsewhere 1")
    lease.acquire(T0)
    lease.commit(T0, watermark_us=1)  # and the connection broke before it heard so
    with pytest.raises(FencedError):
        lease.commit(T0, watermark_us=1)


def test_its_own_lease_needs_no_waiting() -> None:
    lease = Lease("elsewhere 1")
    assert lease.acquire(T0)
    assert lease.acquire(T0 + 1)


def test_it_is_renewed_when_it_is_time_to() -> None:
    lease = Lease("elsewhere 1")
    lease.acquire(T0)
    lease.renew(T0 + RENEW_US - 1)
    assert Overview.objects.get().lease_until_us == T0 + LEASE_US
    lease.renew(T0 + RENEW_US)
    assert Overview.objects.get().lease_until_us == T0 + RENEW_US + LEASE_US


def test_released_it_is_free_at_once_and_another_s_stays() -> None:
    first, second = Lease("elsewhere 1"), Lease("elsewhere 2")
    first.acquire(T0)
    first.release()
    assert second.acquire(T0 + 1)
    first.release()
    assert not first.acquire(T0 + 2)


def test_a_dead_process_of_this_host_needs_no_waiting() -> None:
    code = "from monitor.overview.lease import myself; print(myself())"
    environment = os.environ | {"PYTHONPATH": str(Path.cwd())}
    prelude = "import django; django.setup(); "
    done = subprocess.run(
        [sys.executable, "-c", prelude + code], capture_output=True, text=True, check=True, env=environment
    )
    dead = done.stdout.strip()
    assert is_gone(dead)
    assert Lease(dead).acquire(T0)
    assert Lease().acquire(T0 + 1)


def test_a_living_process_or_one_of_another_host_is_not_gone() -> None:
    assert not is_gone(myself())
    assert not is_gone("otherhost boot pid:[1]/ 1 1")
    assert not is_gone("")
    assert not is_gone(myself().rpartition("/")[0] + "/ no number")


def test_a_process_id_that_was_given_out_again_is_another_process() -> None:
    assert is_gone(f"{myself()}0")


def test_without_proc_leases_run_out_by_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "Path", lambda _: (_ for _ in ()).throw(OSError))
    assert "? ?/" in myself()


def test_an_owner_that_is_frozen_with_its_row_locked_is_put_to_rest() -> None:
    if connection.vendor != "postgresql":
        return  # on SQLite the supervisor kills it
    frozen, spare = Lease("elsewhere 1"), Lease("elsewhere 2")
    frozen.acquire(T0)
    with closing(cast("Any", connection.copy())) as other:
        cursor = other.cursor()
        # Its session in the midst of a commit.
        cursor.execute("SELECT set_config('application_name', %s, false)", (session(frozen.owner),))
        cursor.execute("BEGIN")
        cursor.execute("UPDATE monitor_overview SET sequence = 7")
        assert not spare.acquire(T0 + LEASE_US)  # without waiting for the row
        cursor.execute("SELECT 1")  # it may only be slow: nothing was done to it
        assert not spare.acquire(T0 + 2 * LEASE_US + 1)
        with pytest.raises(DatabaseError):
            cursor.execute("SELECT 1")
    wait_for(lambda: spare.acquire(T0 + 2 * LEASE_US + 2))
    assert spare.sequence == 0


def test_a_session_is_named_after_its_overview() -> None:
    if connection.vendor == "postgresql":
        lease = Lease()
        lease.acquire(T0)
        with connection.cursor() as cursor:
            cursor.execute("SHOW application_name")
            assert cursor.fetchone() == (session(lease.owner),)
