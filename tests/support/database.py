"""A database that is not as it should be."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection


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
