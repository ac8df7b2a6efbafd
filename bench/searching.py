"""Searches in many calls, in the database of this environment: `python -m bench.searching CALLS ROUNDS` prints JSON.

With 0 calls, it searches in those that are there.
"""

import os
import random
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any, Final, TypeAlias

import django
import msgspec

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "monitor.settings")
django.setup()

from django.db import connection  # noqa: E402 - Django must be set up first

from bench.many_calls import DAYS, TRUNKS, fill  # noqa: E402 - as above
from bench.search import Found, Searched  # noqa: E402 - as above
from monitor.core.updates import Kind, RecordKey  # noqa: E402 - as above
from monitor.models import Call  # noqa: E402 - as above
from monitor.queries import Cursor, RecordFilter, page  # noqa: E402 - as above

PAGE: Final = 50
SEED: Final = 5060
DAY_US: Final = 86_400_000_000
_SAMPLE: Final = 2_000
_KNOWN: Final = ("key", "shelf", "call_id", "from_uri", "to_uri", "caller", "callee")

# What a search asks for: other values each time.
Ask: TypeAlias = Callable[[], tuple[RecordFilter, Cursor | None]]


def searches(until_us: int, dice: random.Random, days: int = DAYS) -> Iterator[tuple[str, bool, Ask]]:
    """(kind, whether by index, what to ask)."""
    some: list[Any] = []
    for _ in range(20):
        known = Call.objects.filter(first_us__gte=until_us - dice.randrange(1, days * DAY_US)).order_by("first_us")
        some += list(known.values(*_KNOWN)[: _SAMPLE // 20])
    for row in some:
        # PostgreSQL, which made the rows, can't hash as we do: what is asked for by its Call-ID gets its key now.
        key = RecordKey(Kind.CALL, row["call_id"], "", day=0).hash
        Call.objects.filter(key=row["key"], shelf=row["shelf"]).update(key=key)

    def asks(cursor: Cursor | None = None, **wanted: Any) -> tuple[RecordFilter, Cursor | None]:
        return RecordFilter(**wanted), cursor

    def one(column: str) -> str:
        return str(dice.choice(some)[column])

    def user(column: str) -> str:
        return one(column).removeprefix("sip:").partition("@")[0]

    def moment() -> int:
        return until_us - dice.randrange(1, days * DAY_US)

    def within(length_us: int, **wanted: Any) -> tuple[RecordFilter, Cursor | None]:
        from_us = moment()
        return asks(since_us=from_us, until_us=from_us + length_us, **wanted)

    yield "newest", True, asks
    yield "a page of some other day", True, lambda: asks(Cursor("older", moment(), 0))
    yield "Call-ID", True, lambda: asks(text=one("call_id"))
    yield "Call-ID that is not there", True, lambda: asks(text=f"{dice.getrandbits(64):x}@nowhere")
    yield "number", True, lambda: asks(text=user("from_uri"))
    yield "number in national form", True, lambda: asks(text="0" + user("to_uri")[4:])
    yield "number that calls most", True, lambda: asks(text="+421900000000")
    yield "number within a day", True, lambda: within(DAY_US, text=user("from_uri"))
    yield "URI", True, lambda: asks(text=one("from_uri"))
    yield "peer: a phone", True, lambda: asks(text=f"10.{dice.randrange(200)}.200.{dice.randrange(250)}")
    yield "peer: a trunk", True, lambda: asks(text=f"198.51.100.{dice.randrange(TRUNKS)}")
    yield "peer with its port", True, lambda: asks(text=one("callee"))
    yield "an hour of some day", True, lambda: within(DAY_US // 24)
    yield "state", True, lambda: asks(state=dice.choice(("failed", "cancelled")))
    yield "state on some other day", True, lambda: asks(Cursor("older", moment(), 0), state="failed")
    yield "common finding", True, lambda: asks(code="rejected")
    yield "rare finding", True, lambda: asks(code="missing-ack")
    yield "active calls", True, lambda: asks(state="active")
    yield "part of a word", False, lambda: asks(text=user("from_uri")[6:11])


def measure(calls: int, rounds: int) -> Searched:
    """Fill the database and search in it."""
    until = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    begun = time.monotonic()
    if calls:
        fill(calls, until)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM (ANALYZE)" if calls else "SELECT 1")
    filled_s = time.monotonic() - begun
    dice = random.Random(SEED)  # noqa: S311 - the same searches each time
    kinds = [
        _found(kind, ask, rounds, indexed=indexed)
        for kind, indexed, ask in searches(int(until.timestamp()) * 1_000_000, dice)
    ]
    octets, terms_octets = _octets()
    return Searched(
        calls=Call.objects.count(), filled_s=filled_s, octets=octets, terms_octets=terms_octets, kinds=kinds
    )


def _found(kind: str, ask: Ask, rounds: int, *, indexed: bool) -> Found:
    took_ms: list[float] = []
    rows: list[int] = []
    for _ in range(max(rounds, 2)):
        wanted, cursor = ask()
        begun = time.perf_counter()
        rows.append(len(page(Kind.CALL, wanted, cursor, PAGE).rows))
        took_ms.append(1e3 * (time.perf_counter() - begun))
    print(f"  {kind}: {statistics.median(took_ms):.1f} ms", file=sys.stderr, flush=True)
    return Found(
        kind=kind,
        indexed=indexed,
        median_ms=statistics.median(took_ms),
        p95_ms=statistics.quantiles(took_ms, n=20)[-1],
        rows=statistics.mean(rows),
    )


def _octets() -> tuple[int, int]:
    """Of all tables and indexes, and of the index of terms."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT sum(pg_relation_size(oid))::bigint, "
            "coalesce(sum(pg_relation_size(oid)) FILTER (WHERE relname LIKE '%_terms'), 0)::bigint "
            "FROM pg_class WHERE relkind IN ('r', 'i') AND relname LIKE 'monitor%'"
        )
        octets, terms_octets = cursor.fetchone()
    return octets, terms_octets


if __name__ == "__main__":
    print(msgspec.json.encode(measure(int(sys.argv[1]), int(sys.argv[2]))).decode())
