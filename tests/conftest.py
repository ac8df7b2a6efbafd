"""Fixtures of real parts, and the rules that hold for the whole run."""

import logging
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import django
import hypothesis
import pytest

from tests.support.environment import ROOT, corpus_path, prepare

STATE_DIR = prepare()
# Here and not by pytest-django: it would read the settings before the environment was made.
django.setup()
# The product's handler holds the stderr of this moment, which pytest replaces and closes; pytest shows logs itself.
logging.getLogger().handlers.clear()

from tests.support.cluster import RedisCluster  # noqa: E402 - after the environment is made
from tests.support.postgres import Postgres  # noqa: E402 - after the environment is made
from tests.support.smtp import SmtpServer  # noqa: E402 - as above
from tests.support.valkey import Valkey  # noqa: E402 - as above

# A busy machine is no fault of an example: what hangs is stopped by the test's own time limit.
hypothesis.settings.register_profile("busy", deadline=None)
hypothesis.settings.load_profile("busy")

CORPUS_MISSING = "no corpus of real captures in ../shared/corpus or $OFFHOOK_CORPUS"
PURE = tuple(
    ROOT / "tests" / folder
    for folder in (
        "collectors/sip",
        "collectors/wire",
        "collectors/decode",
        "collectors/scenario",
        "collectors/processors",
        "monitor/core",
        "monitor/ladder",
    )
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests of pure packages get no sockets; tests that use the database are marked so."""
    for item in items:
        if any(item.path.is_relative_to(folder) for folder in PURE):
            item.add_marker(pytest.mark.pure)
            item.add_marker(pytest.mark.disable_socket)
        fixtures = getattr(item, "fixturenames", ())
        uses = item.get_closest_marker("django_db") or {"db", "transactional_db", "database_url"} & set(fixtures)
        if uses and not item.get_closest_marker("any_database"):
            item.add_marker(pytest.mark.database)


def _wrongly_skipped(config: pytest.Config) -> list[str]:
    """In CI a skipped test is a failed run, save for the corpus, which only some machines have."""
    if os.environ.get("CI") != "true":
        return []
    reporter: Any = config.pluginmanager.get_plugin("terminalreporter")
    return [
        f"{report.nodeid}: {report.longrepr}"
        for report in reporter.stats.get("skipped", [])
        if CORPUS_MISSING not in str(report.longrepr)
    ]


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail a run in CI that skipped something."""
    if session.exitstatus == pytest.ExitCode.OK and _wrongly_skipped(session.config):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Say what was skipped there."""
    if skipped := _wrongly_skipped(config):
        terminalreporter.section("skipped in CI, where nothing may be")
        terminalreporter.write_line("\n".join(skipped))


@pytest.fixture(autouse=True)
def _log_handlers() -> Iterator[None]:
    """A program's main() that a test runs in this process may log to stderr, but only until the test ends."""
    yield
    root = logging.getLogger()
    root.handlers[:] = [handler for handler in root.handlers if type(handler) is not logging.StreamHandler]


@pytest.fixture(scope="session")
def corpus() -> Path:
    """The folder of real captures with their ground truth; skips where it is absent."""
    path = corpus_path()
    if not (path / "INDEX.tsv").exists():
        pytest.skip(CORPUS_MISSING)
    return path


@pytest.fixture(scope="session")
def valkey_server() -> Iterator[Valkey]:
    """The stream store that settings point to: valkey.sock in the state directory."""
    server = Valkey(STATE_DIR)
    yield server
    server.stop()


@pytest.fixture
def valkey(valkey_server: Valkey) -> Valkey:
    """The stream store, empty. `.url`, `.client()`; `.stop()`, `.kill()` and `.start()` for faults:
    a test that stops it starts it again.
    """
    with valkey_server.client() as client:
        client.flushall()
    return valkey_server


@pytest.fixture(scope="session")
def cluster_server() -> Iterator[RedisCluster]:
    """A Redis Cluster that is made for the first test that wants it."""
    folder = Path(tempfile.mkdtemp(prefix="offhook-cluster-", dir="/tmp"))
    server = RedisCluster(folder)
    yield server
    server.close()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def cluster(cluster_server: RedisCluster) -> RedisCluster:
    """A real Redis Cluster, empty. A test that stops a node or makes a replica puts it back."""
    cluster_server.flush()
    return cluster_server


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A PostgreSQL cluster of its own, for tests that need one whatever the run's database is."""
    cluster = Postgres()
    yield cluster
    cluster.stop()


@pytest.fixture(scope="session")
def _smtp_server() -> Iterator[SmtpServer]:
    server = SmtpServer()
    yield server
    server.close()


@pytest.fixture
def smtp_server(_smtp_server: SmtpServer) -> SmtpServer:
    """A real mail server; `.url`, `.messages`, `.refuse(…)`."""
    _smtp_server.reset()
    return _smtp_server


@pytest.fixture(scope="session")
def django_db_modify_db_settings() -> None:
    """SQLite's test database is a file, as in production: WAL and locking are part of what is tested."""
    from django.conf import settings

    default = settings.DATABASES["default"]
    if "sqlite" in default["ENGINE"]:
        default.setdefault("TEST", {})["NAME"] = str(STATE_DIR / "test.sqlite3")


@pytest.fixture
def database_url(transactional_db: None) -> str:
    """The test database as `OFFHOOK_DATABASE_URL` spells it, for processes that share it with the test."""
    from django.db import connection

    settings = connection.settings_dict
    if connection.vendor == "sqlite":
        return f"sqlite:///{settings['NAME']}"
    return f"postgresql://{settings['USER']}@/{settings['NAME']}?host={settings['HOST']}"
