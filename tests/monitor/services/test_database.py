"""The database's clock, and whose fault it is when it does not take something."""

import time
from contextlib import closing
from copy import deepcopy
from typing import Any, cast

import pytest
from django.db import DatabaseError, DataError, Error, InterfaceError, OperationalError, connection, transaction

from monitor.models import Peer
from monitor.services import database
from tests.support.database import read_only

pytestmark = pytest.mark.django_db(transaction=True)


def test_its_clock_is_in_microseconds() -> None:
    assert abs(database.now_us() - time.time_ns() // 1_000) < 60_000_000


def test_who_only_reads_does_not_wait_for_who_commits() -> None:
    with transaction.atomic():
        Peer.objects.create(address="10.0.0.1:5060", since_us=1)
        other = connection.copy()
        other.settings_dict = deepcopy(other.settings_dict)
        if other.vendor == "sqlite":
            other.settings_dict["OPTIONS"]["timeout"] = 0.1  # else, 20 s
        with closing(cast("Any", other)), other.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM monitor_peer")
            assert cursor.fetchone() == (0,)


def test_a_file_can_give_pages_back() -> None:
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA auto_vacuum")
            assert cursor.fetchone() == (2,)


def test_a_database_that_is_read_only_for_now_is_away() -> None:
    with read_only(), pytest.raises(DatabaseError) as caught:
        Peer.objects.create(address="10.0.0.1:5060", since_us=1)
    assert database.is_away(caught.value)


def test_a_session_that_idled_too_long_in_its_transaction_was_away() -> None:
    if connection.vendor != "postgresql":
        return  # SQLite ends no transactions
    with connection.cursor() as cursor:
        cursor.execute("SET idle_in_transaction_session_timeout = 50")
        cursor.execute("BEGIN")
        time.sleep(0.3)
        with pytest.raises(DatabaseError) as caught:
            cursor.execute("SELECT 1")
    connection.close()
    assert database.is_away(caught.value)


@pytest.mark.parametrize(
    ("error", "away"),
    [
        (OperationalError("connection refused"), True),
        (InterfaceError("the connection is closed"), True),
        (DataError("value too long"), False),
        (DatabaseError("what?"), False),
    ],
)
def test_others_by_their_kind(error: Error, away: bool) -> None:
    assert database.is_away(error) is away


def test_a_server_whose_power_failed_is_given_up_within_half_a_minute() -> None:
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            told = cursor.connection.info.get_parameters()
        assert (told["connect_timeout"], told["tcp_user_timeout"], told["keepalives_idle"]) == ("10", "30000", "10")
