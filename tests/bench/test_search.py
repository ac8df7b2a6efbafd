"""The search bench makes calls in the real tables and finds them by each kind of search. How fast is not looked at."""

import random
from datetime import UTC, datetime
from io import StringIO

import pytest
from django.db import connection
from rich.console import Console

from bench import search
from bench.many_calls import fill
from bench.search import Found, Searched
from bench.searching import searches
from monitor.core.updates import Kind
from monitor.models import Call
from monitor.queries import page

UNTIL = datetime(2026, 11, 22, tzinfo=UTC)


@pytest.mark.django_db
def test_each_kind_of_search_finds_what_was_made_up() -> None:
    if connection.vendor != "postgresql":
        return
    fill(1_000, UNTIL, days=2)
    assert Call.objects.count() == 1_010
    asked = searches(int(UNTIL.timestamp()) * 1_000_000, random.Random(1), days=2)
    rows = {kind: len(page(Kind.CALL, *ask(), 50).rows) for kind, _, ask in asked}
    assert rows["newest"] == rows["state"] == rows["common finding"] == 50
    assert min(rows[kind] for kind in ("Call-ID", "number", "number in national form", "URI", "peer with its port")) > 0
    assert rows["Call-ID that is not there"] == 0
    assert rows["active calls"] == 10


def test_a_slow_kind_is_told_unless_it_has_no_index() -> None:
    kinds = [
        Found(kind=kind, indexed=indexed, median_ms=1, p95_ms=p95_ms, rows=1)
        for kind, indexed, p95_ms in (("quick", True, 199.0), ("slow", True, 200.0), ("apart", False, 900.0))
    ]
    found = Searched(calls=10, filled_s=1, octets=1_000, terms_octets=100, kinds=kinds)
    assert found.slow == ["slow"]
    console = Console(record=True, width=120, file=StringIO())
    search.show(found, console)
    said = console.export_text()
    assert "Search in 10 calls (100 octets a call, 10 of" in said
    assert "apart (no index)" in said
