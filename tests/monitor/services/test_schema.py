"""Tables of another version: found, and left alone; brought up to date by one at a time, between commits."""

import threading
import time
from contextlib import closing
from typing import Any, cast

import pytest
from django.db import OperationalError, connection, connections, transaction
from psycopg.errors import LockNotAvailable

from monitor.celery import app
from monitor.cli import main
from monitor.models import Delivery
from monitor.notify import outbox
from monitor.services import schema
from monitor.services.schema import NewerSchemaError, OtherSchemaError
from monitor.tasks import deliver
from monitor.up import command
from monitor.up.state import StateError
from tests.support.database import newer_tables, older_tables

pytestmark = pytest.mark.django_db(transaction=True)


def test_the_tables_of_this_version_are_held() -> None:
    with transaction.atomic():
        schema.hold()
    schema.require()


def test_older_tables_are_found_and_what_to_do_is_said() -> None:
    with older_tables() as latest, pytest.raises(OtherSchemaError, match=f"lack {latest}: run offhook migrate"):
        schema.require()


def test_newer_tables_are_found_and_never_changed() -> None:
    with newer_tables():
        with pytest.raises(NewerSchemaError, match=r"newer version .0999_next.: this program must be replaced"):
            schema.require()
        with pytest.raises(NewerSchemaError):
            schema.migrate()


def test_who_starts_on_newer_tables_is_told_so_in_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    with newer_tables():
        assert main(["migrate"]) == 1
        with pytest.raises(StateError, match="this program must be replaced"):
            command._prepare_database()
    assert capsys.readouterr().err.startswith("offhook: the tables are of a newer version")


def test_a_table_that_somebody_uses_is_tried_again_and_not_for_ever(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    tries = 0

    def in_use(*_arguments: object, **_options: object) -> None:
        nonlocal tries
        tries += 1
        if tries < 3:
            raise OperationalError("canceling statement due to lock timeout") from LockNotAvailable()

    monkeypatch.setattr(schema, "call_command", in_use)
    schema.migrate()
    assert (tries, caplog.text.count("somebody uses a table")) == (3, 2)
    monkeypatch.setattr(schema, "_TRIES", 1)
    tries = 0
    with pytest.raises(OperationalError):
        schema.migrate()


def test_without_any_tables_it_says_so_as_well() -> None:
    with closing(cast("Any", connection.copy())) as empty:
        empty.settings_dict = empty.settings_dict | {
            "NAME": ":memory:" if connection.vendor == "sqlite" else "postgres"
        }
        real = connections["default"]
        connections["default"] = empty
        try:
            with pytest.raises(OtherSchemaError, match="run offhook migrate"):
                schema.require()
        finally:
            connections["default"] = real


def test_a_task_that_finds_other_tables_is_left_for_later() -> None:
    row = Delivery.objects.create(
        event="test", recipient="", message_id="<a@b>", state="pending", created_us=outbox.clock_us()
    )
    assert deliver.app is app
    with newer_tables():
        deliver(row.pk)
    row.refresh_from_db()
    assert (row.state, row.attempts) == ("pending", 0)
    deliver(row.pk)
    row.refresh_from_db()
    assert row.state == "kept"


def test_a_task_whose_database_is_away_is_left_for_later_in_a_line(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def away() -> None:
        raise OperationalError("connection refused")

    assert deliver.app is app
    monkeypatch.setattr(schema, "require", away)
    deliver(1)
    assert "monitor.tasks.deliver is left for later: connection refused" in caplog.text


def test_they_are_brought_up_to_date_by_one_at_a_time_and_not_within_a_commit() -> None:
    begun, done = threading.Event(), threading.Event()

    def migrate() -> None:
        begun.set()
        schema.migrate()
        connections.close_all()
        done.set()

    thread = threading.Thread(target=migrate)
    with transaction.atomic():
        schema.hold()
        thread.start()
        assert begun.wait(5)
        if connection.vendor == "postgresql":  # on SQLite, of changes there is one at a time, and nothing to change
            time.sleep(0.3)
            assert not done.is_set()
    assert done.wait(20)
    thread.join()
    schema.require()


def test_while_they_are_changed_nobody_waits_for_it() -> None:
    if connection.vendor != "postgresql":
        return  # there, every writer waits for every other
    with schema._alone(), closing(cast("Any", connection.copy())) as other:
        real = connections["default"]
        connections["default"] = other
        try:
            with pytest.raises(OtherSchemaError, match="are being changed"):
                schema.require()
        finally:
            connections["default"] = real
    schema.require()
