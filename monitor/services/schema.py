"""Whether the database's tables are those of this version, and how they are brought up to date under traffic.

A program may find itself on the tables of an older version, of a newer one, or on tables that are being changed.
Whoever commits without people asking for it (ingest, the overview, imports) first *holds* the schema: on PostgreSQL by
an advisory lock that many may share, and that `migrate` takes for itself alone; on SQLite by the transaction, of which
there is one at a time. So nothing is ever written into tables of another version: whoever finds them stands by.
"""

import fcntl
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, Final

from django.core.management import call_command
from django.db import Error, OperationalError, ProgrammingError, connection, transaction
from django.db.migrations.loader import MigrationLoader

log = logging.getLogger(__name__)

_APP: Final = "monitor"
_LOCK: Final = 0x0FF_400C_5C4E_3A  # of ours among PostgreSQL's advisory locks
# DDL that waits for a long query holds up all who come behind it: rather again than long.
_PATIENCE: Final = "5s"
_TRIES: Final = 60
_LOCKED: Final = "55P03"
_NO_TABLE: Final = "42P01"


class OtherSchemaError(Exception):
    """The tables are not those of this version, or not yet; the text says what to do."""


class NewerSchemaError(OtherSchemaError):
    """They are of a newer version: only that can work with them."""


@cache
def expected() -> frozenset[str]:
    """The migrations that this version knows: of the code that runs, also when it was replaced on disk since."""
    loader = MigrationLoader(None, ignore_no_migrations=True)
    return frozenset(name for app, name in loader.disk_migrations if app == _APP)


def hold() -> None:
    """Keep the tables as they are until the end of this transaction, as its first statement.

    Raises `OtherSchemaError` where they are not this version's.
    """
    if connection.vendor == "postgresql" and not _ask("SELECT pg_try_advisory_xact_lock_shared(%s)", _LOCK):
        raise OtherSchemaError("the tables are being changed (offhook migrate)")
    _compare(_applied())


def require() -> None:
    """Raises `OtherSchemaError` where the tables are not this version's at this moment."""
    with transaction.atomic():
        hold()


def migrate(verbosity: int = 0) -> None:
    """Make the tables this version's, one process at a time, between the commits of those that work.

    Raises `NewerSchemaError`, and what the database raises.
    """
    with _alone():
        if newer := _applied() - expected():
            raise _newer(newer)
        for attempt in range(1, _TRIES + 1):
            try:
                call_command("migrate", interactive=False, verbosity=verbosity)
            except OperationalError as error:
                if getattr(error.__cause__, "sqlstate", None) != _LOCKED or attempt == _TRIES:
                    raise
                log.warning("somebody uses a table that is to be changed; trying again")
            else:
                return


def make_ready(**_told: Any) -> None:
    """Before the first table: a SQLite file can give pages back (`retention`) only where it was made so.

    A receiver of `pre_migrate`; what is no SQLite, or has tables, stays as it is.
    """
    if connection.vendor == "sqlite" and not connection.introspection.table_names():
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA auto_vacuum=INCREMENTAL")
            cursor.execute("VACUUM")  # a file that has its header already takes it with this only


def _applied() -> frozenset[str]:
    """The migrations that the database has had; none where there are no tables at all."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT name FROM django_migrations WHERE app = %s", (_APP,))
            return frozenset(name for (name,) in cursor.fetchall())
    except (OperationalError, ProgrammingError) as error:
        if "no such table" in str(error) or getattr(error.__cause__, "sqlstate", None) == _NO_TABLE:
            return frozenset()
        raise


def _compare(applied: frozenset[str]) -> None:
    if newer := applied - expected():
        raise _newer(newer)
    if missing := expected() - applied:
        raise OtherSchemaError(f"the tables lack {', '.join(sorted(missing))}: run offhook migrate")


def _newer(names: frozenset[str]) -> NewerSchemaError:
    return NewerSchemaError(
        f"the tables are of a newer version ({', '.join(sorted(names))}): this program must be replaced by that version"
    )


@contextmanager
def _alone() -> Iterator[None]:
    """Nobody else changes tables meanwhile; on PostgreSQL nobody commits what `hold` guards, either."""
    if connection.vendor == "sqlite":
        with Path(f"{connection.settings_dict['NAME']}.migrate").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield
        return
    if not _ask("SELECT pg_try_advisory_lock(%s)", _LOCK):
        log.warning("waiting for commits that are under way, or for another offhook migrate")
        _ask("SELECT pg_advisory_lock(%s)", _LOCK)
    try:
        _ask("SELECT set_config('lock_timeout', %s, false)", _PATIENCE)
        yield
    finally:
        _let_go()


def _let_go() -> None:
    try:
        _ask("SELECT pg_advisory_unlock(%s), set_config('lock_timeout', '0', false)", _LOCK)
    except Error as error:
        log.warning("the lock on the tables went with its session: %s", error)


def _ask(statement: str, value: Any) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(statement, (value,))
        return cursor.fetchone()[0]
