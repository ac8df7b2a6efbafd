"""`offhook check` finds what keeps an installation from working."""

import pytest
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder

from monitor.doctor import examine
from tests.support.valkey import Valkey

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_good_installation_has_no_problems(valkey: Valkey) -> None:
    assert valkey.url
    assert examine() == []


def test_a_store_that_is_away_is_named(valkey: Valkey) -> None:
    valkey.stop()
    try:
        (problem,) = examine()
    finally:
        valkey.start()
    assert problem.startswith("the stream store does not answer: ")


@pytest.mark.parametrize(
    ("app", "told"),
    [
        ("monitor", "the tables lack {}: run offhook migrate"),
        ("auth", "the database lacks 1 migrations: run offhook migrate"),
    ],
)
def test_missing_migrations_are_told(valkey: Valkey, app: str, told: str) -> None:
    assert valkey.url
    recorder = MigrationRecorder(connection)
    latest = recorder.migration_qs.filter(app=app).latest("id").name
    recorder.record_unapplied(app, latest)
    try:
        (problem,) = examine()
    finally:
        recorder.record_applied(app, latest)
    assert problem == told.format(latest)
