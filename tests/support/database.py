"""A database that is not as it should be."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection
from django.db.migrations.recorder import MigrationRecorder

_NEXT = "0999_next"


@contextmanager
def read_only() -> Iterator[None]:
    """It takes nothing from this process's session: as a standby, or a server whose disk is full."""
    if connection.vendor == "sqlite":
        begin, end = "PRAGMA query_only = 1", "PRAGMA query_only = 0"
    else:
        begin, end = "SET default_transaction_read_only = on", "SET default_transaction_read_only = off"
    with connection.cursor() as cursor:
        cursor.execute(begin)
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute(end)


@contextmanager
def newer_tables() -> Iterator[None]:
    """The database has had a migration that this version doesn't know."""
    recorder = MigrationRecorder(connection)
    recorder.record_applied("monitor", _NEXT)
    try:
        yield
    finally:
        recorder.record_unapplied("monitor", _NEXT)


@contextmanager
def older_tables() -> Iterator[str]:
    """It lacks one."""
    recorder = MigrationRecorder(connection)
    latest = recorder.migration_qs.filter(app="monitor").latest("id").name
    recorder.record_unapplied("monitor", latest)
    try:
        yield latest
    finally:
        recorder.record_applied("monitor", latest)
