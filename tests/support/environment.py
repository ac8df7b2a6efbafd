"""The environment of a test run, made before Django reads its settings.

The state directory is a temporary one. OFFHOOK_TEST_DATABASE=postgresql runs the database tests on a
throw-away PostgreSQL; SQLite is the default.
"""

import atexit
import os
import shutil
import tempfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
KEPT = ("OFFHOOK_TEST_DATABASE", "OFFHOOK_CORPUS")


def prepare() -> Path:
    """Set the variables; returns the state directory."""
    if "DJANGO_SETTINGS_MODULE" in os.environ:
        # pytest-django has read the settings by now, from the environment of whoever runs the tests.
        raise pytest.UsageError("unset DJANGO_SETTINGS_MODULE: the tests set it, after the environment of their own")
    for name in [name for name in os.environ if name.startswith("OFFHOOK_") and name not in KEPT]:
        del os.environ[name]
    # Short, under /tmp: a unix socket's path has room for 107 characters.
    state_dir = Path(tempfile.mkdtemp(prefix="offhook-test-", dir="/tmp"))
    atexit.register(shutil.rmtree, state_dir, ignore_errors=True)
    os.environ["DJANGO_SETTINGS_MODULE"] = "monitor.settings"
    os.environ["OFFHOOK_STATE_DIR"] = str(state_dir)
    # Playwright's loop runs in the thread of the test, which also uses the ORM.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    if os.environ.get("OFFHOOK_TEST_DATABASE", "sqlite") == "postgresql":
        from tests.support.postgres import Postgres

        cluster = Postgres()
        atexit.register(cluster.stop)
        os.environ["OFFHOOK_DATABASE_URL"] = cluster.url("offhook")
    return state_dir


def corpus_path() -> Path:
    """Where the corpus of real captures is, when it is there: beside the repository."""
    return Path(os.environ.get("OFFHOOK_CORPUS") or ROOT.parent / "shared" / "corpus")
