"""PostgreSQL: a file for each table and index. Rows that go leave room in it, which VACUUM makes usable again;
the file itself keeps its size, save for what is free at its end.

How much room there is inside can't be asked without an extension. But a file grows only when it has none:
what the table holds at such a moment is what the file can hold, and from the rows of now follows how much is used.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from django.db import connection, transaction
from django.db.models import Model
from django.db.utils import OperationalError

from monitor.services.retention.values import Table, Tables

_SAMPLED: Final = 500  # pages
# A table that is rewritten can't be written to meanwhile: a second or two at most.
_REWRITTEN_MOST: Final = 64 * 1024 * 1024
_COUNTED_MOST: Final = 256 * 1024 * 1024
_BESIDE: Final = 128 * 1024  # maps of free space and the like, which come and go

# Without the page that each index has from the start. The statistics begin anew after a crash; then what the
# planner knows is nearer.
_SIZES: Final = """
SELECT coalesce(p.relname, c.relname),
       sum(pg_total_relation_size(c.oid) - 8192 * (SELECT count(*) + (c.reltoastrelid > 0)::int
                                                   FROM pg_index WHERE indrelid = c.oid)),
       sum(pg_relation_size(c.oid)),
       sum(CASE WHEN coalesce(s.last_vacuum, s.last_autovacuum, s.last_analyze, s.last_autoanalyze) IS NULL
           THEN greatest(c.reltuples, 0) + s.n_live_tup ELSE s.n_live_tup END),
       sum(s.n_dead_tup)
FROM pg_class c
JOIN pg_stat_user_tables s ON s.relid = c.oid
LEFT JOIN pg_inherits i ON i.inhrelid = c.oid
LEFT JOIN pg_class p ON p.oid = i.inhparent
WHERE c.relkind = 'r' AND s.schemaname = current_schema()
GROUP BY 1
"""


def whole() -> Tables:
    """The database with its catalogue; its write-ahead log belongs to the server, and is bounded there."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_database_size(current_database())")
        (octets,) = cursor.fetchone()
    return Tables({}, octets, octets)


def tables(models: Iterable[type[Model]], packed: Mapping[str, tuple[int, int]]) -> Tables:
    """These tables with their partitions. `packed`: octets and rows of each when it was seen without room."""
    with connection.cursor() as cursor:
        cursor.execute(_SIZES)
        found = {name: tuple(map(int, sizes)) for name, *sizes in cursor.fetchall()}
    of = {}
    for model in models:
        name = model._meta.db_table
        octets, heap, rows, dead = found.get(name, (0, 0, 0, 0))
        # Rows that are removed take their room until VACUUM has seen them.
        full = repacked(packed.get(name), octets, rows + dead)
        used = octets if rows + dead >= full[1] else octets * (rows + dead) // full[1]
        imported = _imported(name, heap) if any(field.column == "import_id" for field in model._meta.fields) else 0.0
        of[name] = Table(octets=octets, used=used, rows=rows, dead=dead, imported=imported, packed=full)
    octets = whole().octets
    free = sum(table.octets - table.used for table in of.values())
    return Tables(of, octets, octets - free)


def repacked(before: tuple[int, int] | None, octets: int, rows: int) -> tuple[int, int]:
    """What is known of a table without room for reuse, after it was seen with so many octets and rows."""
    if before is None or octets > before[0] + before[0] // 50 + _BESIDE:
        return octets, rows  # it grew: there was no room
    if octets < before[0] - before[0] // 50 - _BESIDE:
        return octets, max(rows, before[1] * octets // before[0])  # the end was cut off
    return before[0], max(rows, before[1])


def make_room(tables: Mapping[str, int]) -> None:
    """Make what was removed from these tables usable again, without holding anybody up; with the octets of each."""
    with connection.cursor() as cursor:
        # Else what this process removed would be taken off once more, from what VACUUM counts.
        cursor.execute("SELECT pg_stat_force_next_flush()")
    for name, octets in tables.items():
        # Of pages that it passes over, VACUUM guesses how many rows there are: of a small table it need not.
        whole = ", DISABLE_PAGE_SKIPPING" if octets < _COUNTED_MOST else ""
        with connection.cursor() as cursor:
            # As gentle as the server's own: a pause after each 100 pages or so that it dirtied.
            cursor.execute("SET vacuum_cost_delay = '2ms'; SET vacuum_cost_limit = 2000")
            cursor.execute(f'VACUUM (SKIP_LOCKED, INDEX_CLEANUP ON{whole}) "{name}"')
            cursor.execute("RESET vacuum_cost_delay; RESET vacuum_cost_limit")


def rewrite(name: str, used: int) -> bool:
    """Give a table's room back to the disk, if that takes no more than a moment; whether it was done."""
    if used > _REWRITTEN_MOST:
        return False
    try:
        with connection.cursor() as cursor:
            cursor.execute("SET lock_timeout = '2s'")
            cursor.execute(f'VACUUM (FULL) "{name}"')
    except OperationalError:  # somebody reads it all the time: at the next look, then
        return False
    finally:
        with connection.cursor() as cursor:
            cursor.execute("RESET lock_timeout")
    return True


def _imported(name: str, heap: int) -> float:
    """The part of a table's rows that came of imports, from some of its pages."""
    from monitor.models import Import

    if not heap or not Import.objects.exists():
        return 0.0
    percent = min(100.0, 100 * _SAMPLED * 8192 / heap)
    statement = f'SELECT avg((import_id <> 0)::int) FROM "{name}" TABLESAMPLE SYSTEM ({percent:.6f})'  # noqa: S608 - our names
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)
        row: tuple[Any, ...] = cursor.fetchone()
    return float(row[0] or 0.0)
