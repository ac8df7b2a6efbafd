"""What is asked again and again costs by what is looked for, and not by what is stored: SQLite's plans, which know
nothing of what the tables hold.
"""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection

from collectors.sip.timers import SECOND
from monitor import queries
from monitor.core.updates import Kind
from monitor.ingest import archive
from monitor.services.retention.cuts import Messages, Records
from monitor.services.shelving import put_away
from tests.monitor.services.retention.store import clock_us, store

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.any_database,
    pytest.mark.skipif("connection.vendor != 'sqlite'", reason="PostgreSQL plans by what its tables hold"),
]

SLUG = "20260101-0000000000000001-1"
_RECORDS = ("monitor_call", "monitor_registration", "monitor_transaction", "monitor_messagechunk", "monitor_findingrow")


def plans(act: Callable[[], Any]) -> list[str]:
    """How the rows are found that are read, changed or deleted by what happens here."""
    found: list[str] = []

    def explain(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if not many and sql.startswith(("SELECT", "UPDATE", "DELETE")):
            with connection.cursor() as cursor:
                cursor.cursor.execute(f"EXPLAIN QUERY PLAN {sql}", params)
                found.extend(step for _, _, _, step in cursor.cursor.fetchall())
        return execute(sql, params, many, context)

    with connection.execute_wrapper(explain):
        act()
    return [step for step in found if any(table in step for table in _RECORDS)]


@pytest.mark.parametrize("names", [1, 100])
def test_records_that_ingest_may_go_on_with_are_found_by_their_keys(names: int) -> None:
    wanted = [(kind, f"{number}@here", "") for kind in Kind for number in range(names)]
    found = plans(lambda: archive.latest(wanted, clock_us() - 86_400 * SECOND))
    assert len(found) == len(Kind)
    assert all("(key=?" in step for step in found), found


@pytest.mark.parametrize("rows", [queries.call_rows, queries.registration_rows])
def test_rows_of_frames_are_found_by_their_keys(rows: Callable[[list[str]], list[Any]]) -> None:
    found = plans(lambda: rows([SLUG]))
    assert found
    assert all("(key=?" in step for step in found), found


def test_what_is_over_is_found_among_what_is_not_put_away_and_moved_by_its_keys() -> None:
    store("missing-ack", 3)
    found = plans(lambda: put_away(clock_us()))
    assert [step for step in found if "_over" in step], found
    assert [step for step in found if "(key=?" in step], found
    assert all("_over" in step or "(key=?" in step for step in found), found


@pytest.mark.parametrize("cutter", [Messages, Records])
def test_what_is_old_is_removed_by_its_keys(cutter: type[Messages | Records]) -> None:
    for days in range(3, 8):
        store("missing-ack", days)
    found = plans(lambda: cutter().cut(10, clock_us()))
    by_key = [step for step in found if "(key=?" in step]
    assert by_key, found
    # The oldest are found in their order, a slice at a time.
    in_order = [step for step in found if "rowid>?" in step or "first_us" in step]
    assert len(by_key) + len(in_order) == len(found), found
