"""`offhook check` finds what keeps an installation from working."""

import pytest
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder

from monitor.doctor import examine
from tests.support.cluster import RedisCluster
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


@pytest.mark.any_database
def test_a_cluster_is_examined_node_by_node(
    valkey: Valkey, cluster: RedisCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OFFHOOK_BUS_URL", valkey.url)
    monkeypatch.setenv("OFFHOOK_STREAM_URL", cluster.url)
    assert examine() == []
    strict = next(node for node in cluster.nodes if node is not cluster.spare)
    strict.ask("CONFIG", "SET", "cluster-require-full-coverage", "yes")
    try:
        (problem,) = examine()
    finally:
        strict.ask("CONFIG", "SET", "cluster-require-full-coverage", "no")
    assert f"{strict.port} stops when another is away: set cluster-require-full-coverage no" in problem
    monkeypatch.setenv("OFFHOOK_STREAM_URL", "redis+cluster://127.0.0.1:1")
    (problem,) = examine()
    assert problem.startswith("the stream store does not answer: ")
