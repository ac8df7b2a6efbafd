"""Lists: what a filter shows, how pages follow each other, and what they cost however long the table is."""

import re

import pytest
from django.db import connection
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries

from monitor import queries
from monitor.core.updates import Kind
from monitor.models import Call
from monitor.queries import Cursor, RecordFilter, records
from tests.dashboard import factories

SITUATIONS = ("good", "busy", "missing-ack", "good", "not-found", "unanswered-invite", "registration-forbidden")


def shown(client: Client, query: str, name: str = "calls") -> list[str]:
    """The slugs on a page, in their order."""
    page = client.get(f"{reverse(name)}?{query}").content.decode()
    return re.findall(r'data-key="([^"]+)"', page)


def slugs(**conditions: object) -> list[str]:
    return [call.slug for call in Call.objects.filter(**conditions).order_by("-first_us", "id")]


@pytest.fixture
def calls(db: None) -> None:
    factories.store_situations(SITUATIONS, ago_s=300)


@pytest.mark.usefixtures("calls")
def test_each_filter_shows_what_it_says(client: Client) -> None:
    assert shown(client, "") == slugs()
    assert shown(client, "state=failed") == slugs(state="failed")
    assert shown(client, "code=missing-ack") == slugs(codes__contains=" missing-ack ")
    assert shown(client, "code=missing") == []
    assert shown(client, "q=ada%40") == slugs(from_uri__contains="ada@")
    call = Call.objects.earliest("first_us")
    assert shown(client, f"q={call.caller.rpartition(':')[0]}") == slugs(
        caller__startswith=call.caller.rpartition(":")[0]
    )
    assert shown(client, f"q={call.call_id}") == [call.slug]
    assert shown(client, f"q={call.call_id[3:12].upper()}") == [call.slug]
    assert shown(client, "last=15m") == slugs()
    assert shown(client, "state=active") == slugs(open=True, state__in=("trying", "ringing", "answered"))


@pytest.mark.usefixtures("calls")
def test_what_an_import_made_is_not_among_what_is_live(client: Client) -> None:
    imported = factories.an_import()
    factories.store_situations(["good", "busy"], ago_s=5000, import_id=imported.pk)
    assert shown(client, "") == slugs(import_id=0)
    assert shown(client, f"import={imported.pk}") == slugs(import_id=imported.pk)
    page = client.get(f"{reverse('calls')}?import={imported.pk}").content.decode()
    assert imported.name in page
    assert f"?import={imported.pk}" in page
    slug = slugs(import_id=imported.pk)[0]
    assert client.get(f"{reverse('call', args=[slug])}?import={imported.pk}").status_code == 200
    assert client.get(f"{reverse('call', args=[slug])}?import=999").status_code == 404


@pytest.mark.usefixtures("calls")
def test_a_record_is_the_live_one_unless_an_import_is_named(client: Client) -> None:
    events = factories.events_of(["good"], factories.now_us() - 60_000_000)
    factories.store(events, factories.now_us())
    factories.store(events[:4], factories.now_us(), import_id=7)
    slug = Call.objects.get(import_id=7).slug
    live, imported = (queries.record(Kind.CALL, slug, import_id) for import_id in (None, 7))
    assert live is not None
    assert imported is not None
    assert (live["import_id"], imported["import_id"]) == (0, 7)
    assert len(queries.messages(live)) > len(queries.messages(imported)) == 4


@pytest.mark.usefixtures("calls")
def test_filters_are_chips_and_each_can_be_removed_alone(client: Client) -> None:
    page = client.get(f"{reverse('calls')}?state=failed&q=ada&older=5-1").content.decode()
    removals = re.findall(r'href="([^"]+)"\s+aria-label="Remove', page)
    assert sorted(removals) == ["?q=ada", "?state=failed"]


@pytest.mark.usefixtures("calls")
def test_two_times_are_asked_for_where_they_are_wanted_and_a_span_comes_before_them(client: Client) -> None:
    chosen = re.compile(r'<option value="between"\s+selected>')
    for query, slug_list, asked in (
        ("last=between", slugs(), True),
        ("from=2000-01-01T00:00&to=2000-01-02T00:00", [], True),
        ("last=between&from=2000-01-01T00:00", slugs(), True),
        ("last=1h&from=2000-01-01T00:00&to=2000-01-02T00:00", slugs(), False),
        ("", slugs(), False),
    ):
        assert shown(client, query) == slug_list, query
        page = client.get(f"{reverse('calls')}?{query}").content.decode()
        assert (chosen.search(page) is not None) == asked, query
        assert len(re.findall('aria-label="Remove', page)) == (query.count("2000") if asked else "last" in query), query


@pytest.mark.usefixtures("calls")
def test_hostile_parameters_are_no_errors(client: Client) -> None:
    for query in ("older=x", "newer=9-", "import=999999999999999999999", "q=%00%27", "state=%F0%9F%92%A9", "last=9y"):
        assert client.get(f"{reverse('calls')}?{query}").status_code == 200


def test_pages_follow_each_other_without_a_hole_or_a_repeat_both_ways(db: None) -> None:
    _many_calls(57, same_time=5)
    everything = slugs()
    older, seen = None, []
    pages = []
    while True:
        page = queries.page(Kind.CALL, RecordFilter(), older, 10)
        pages.append([row["slug"] for row in page.rows])
        seen += pages[-1]
        older = page.older
        if older is None:
            break
    assert seen == everything
    assert page.newer is not None
    back = [pages[-1]]
    newer: Cursor | None = page.newer
    while newer is not None:
        page = queries.page(Kind.CALL, RecordFilter(), newer, 10)
        back.append([row["slug"] for row in page.rows])
        newer = page.newer
    assert back[::-1][1:] == pages[1:]
    assert {slug for rows in back for slug in rows} == set(everything)


def test_a_count_stops_at_its_bound_and_says_so(db: None, monkeypatch: pytest.MonkeyPatch, client: Client) -> None:
    _many_calls(30)
    monkeypatch.setattr("monitor.queries.records.COUNT_BOUND", 20)
    assert "50 of more than 20" not in client.get(reverse("calls")).content.decode()
    page = queries.page(Kind.CALL, RecordFilter(), None, 10)
    assert (page.total, page.beyond_total) == (20, True)
    assert re.search(r"30 of more than 20\s+calls", client.get(reverse("calls")).content.decode())


@pytest.mark.parametrize(
    "name", ["calls", "registrations", "transactions", "alerts", "collectors", "imports", "outbox"]
)
def test_a_list_costs_the_same_however_long_it_is(
    client: Client, name: str, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    factories.store_situations(ago_s=400)
    for number in range(10):
        alert = factories.an_alert("rejected", fingerprint=f"f{number}")
        factories.a_delivery(alert)
        factories.an_import()
        factories.a_collector(f"edge-{number}")
        factories.a_loss(f"edge-{number}")
    with django_assert_max_num_queries(9):
        client.get(reverse(name))


def test_a_records_page_costs_the_same_however_long_the_call_was(
    client: Client, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    factories.store_situations(["missing-ack"], ago_s=100)
    slug = Call.objects.get().slug
    with django_assert_max_num_queries(12):
        client.get(reverse("call", args=[slug]))
    with django_assert_max_num_queries(5):
        client.get(reverse("call-message", args=[slug, 3]))


def test_an_alerts_page_costs_the_same_however_often_it_happened(
    client: Client, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    factories.store_situations(["missing-ack"] * 12, ago_s=300)
    alert = factories.an_alert()
    with django_assert_max_num_queries(16):
        client.get(reverse("alert", args=[alert.pk]))


@pytest.mark.parametrize("cursor", [None, Cursor("older", 10**15, 4), Cursor("newer", 10**15, 4)])
@pytest.mark.parametrize(
    ("wanted", "index"),
    [
        (RecordFilter(), "call_first"),
        (RecordFilter(since_us=5), "call_first"),
        (RecordFilter(import_id=3), "call_first"),
        (RecordFilter(state="failed"), "call_state"),
        (RecordFilter(state="active"), "call_open"),
        (RecordFilter(code="missing-ack"), "PRIMARY KEY"),
    ],
)
def test_a_page_of_a_long_list_is_read_from_an_index(
    db: None, wanted: RecordFilter, index: str, cursor: Cursor | None
) -> None:
    factories.store_situations(["missing-ack"], ago_s=100)
    matching = records._matching(records._TABLES[Kind.CALL], wanted)
    if connection.vendor == "sqlite":
        assert index in records._beyond(matching, cursor)[:51].explain()
        return
    with connection.cursor() as settings:
        # Which index it takes hangs on figures that an empty table has not; that there is one does not.
        settings.execute("SET LOCAL enable_seqscan = off")
    assert "Index" in records._beyond(matching, cursor)[:51].explain()


def _many_calls(count: int, same_time: int = 1) -> None:
    """Calls of which each `same_time` in a row began in the same microsecond."""
    start_us = factories.now_us() - 10**9
    Call.objects.bulk_create(
        Call(
            day=20261122,
            key=number,
            call_id=f"call-{number}",
            partition=0,
            first_us=start_us + number // same_time,
            last_us=start_us + number,
            from_uri="sip:ada@example.com",
            to_uri="sip:ben@example.com",
            caller="192.0.2.1:5060",
            callee="192.0.2.2:5060",
            state="ended",
            open=False,
        )
        for number in range(count)
    )
