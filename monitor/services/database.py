"""The database's clock, and whose fault it is when the database does not take something."""

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
