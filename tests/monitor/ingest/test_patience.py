"""Waiting longer each time, and saying so once."""

import logging

import pytest

from monitor.ingest.patience import Patience

ERROR = OSError("gone")


def test_it_waits_longer_each_time_up_to_a_bound_and_begins_anew_when_all_is_well() -> None:
    patience = Patience()
    waits = [patience.failed("the store is away", ERROR) for _ in range(10)]
    assert waits[:3] == [0.1, 0.2, 0.4]
    assert waits[-1] == 2.0
    patience.succeeded()
    assert patience.failed("the store is away", ERROR) == 0.1


def test_it_says_what_is_away_once_and_when_it_is_back(caplog: pytest.LogCaptureFixture) -> None:
    patience = Patience()
    with caplog.at_level(logging.WARNING):
        for what in ("the store is away", "the store is away", "the database is away"):
            patience.failed(what, ERROR)
        patience.succeeded()
        patience.succeeded()
    first, second, third = [record.getMessage() for record in caplog.records]
    assert first == "the store is away: gone; trying again"
    assert second == "the database is away: gone; trying again"
    assert third.startswith("no longer 'the database is away', after 0.")


def test_another_reason_is_said_at_once(caplog: pytest.LogCaptureFixture) -> None:
    patience = Patience()
    with caplog.at_level(logging.WARNING):
        for error in (ERROR, ERROR, OSError("wrong password"), OSError("wrong password")):
            patience.failed("the store is away", error)
    assert [record.getMessage() for record in caplog.records] == [
        "the store is away: gone; trying again",
        "the store is away: wrong password; trying again",
    ]
