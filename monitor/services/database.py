"""The database's clock and sessions, and whose fault it is when it does not take something."""

from collections.abc import Sequence
from typing import Final

from django.db import Error, InterfaceError, InternalError, OperationalError, connection

from monitor.services.sql import NOW_US

# PostgreSQL's class "invalid transaction state": it ended a session that idled within a transaction, or it is
# read-only for now, as a standby is, and a server whose disk is full.
_TRANSACTION_STATE: Final = "25"


def now_us() -> int:
    """The database's clock, µs since the epoch: one for all processes, however far apart their own are."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {NOW_US[connection.vendor]}")
        (now,) = cursor.fetchone()
    return int(now)


def is_away(error: Error) -> bool:
    """Whether the database could not take anything, or not for now: what it was given is not to blame."""
    if isinstance(error, OperationalError | InterfaceError):
        return True
    state = getattr(error.__cause__, "sqlstate", None) or ""
    return isinstance(error, InternalError) and state.startswith(_TRANSACTION_STATE)


def name_session(name: str) -> None:
    """Call this process's session so, that others may end it; SQLite knows no sessions."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT set_config('application_name', %s, false)", (name,))


def end_sessions(names: Sequence[str]) -> None:
    """End sessions of frozen processes, which hold what they locked.

    PostgreSQL does that itself to a session that idles within a transaction, but not to one that was
    frozen between the statements of a pipeline, for which it waits as long as it takes.
    """
    if connection.vendor == "postgresql" and names:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = ANY(%s)",
                (list(names),),
            )
