"""What a search finds, by which index, on either database."""

from collections.abc import Iterable, Sequence

import pytest
from django.db import connection

from monitor.core.updates import Kind, RecordKey
from monitor.models import Call, Registration
from monitor.queries import RecordFilter, page, records, search
from monitor.queries.search import Wanted, wanted

START_US = 1_795_348_800_000_000  # 2026-11-22 12:00 UTC
PEOPLE = ("+421905123456", "00421905123456", "0905123456", "alice", "Christopher", "hristopher", "+420777000111")
PEOPLE_OF_NOTE = tuple(f"+4202{number:08}" for number in range(500))


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("+421905123456", Wanted("905123456")),
        ("0905 123-456", Wanted("905123456")),
        ("(0905) 123 456", Wanted("905123456")),
        ("1001", Wanted("1001")),
        (" Alice ", Wanted("alice")),
        ("christopher", Wanted("ristopher", uri=":christopher@")),
        ("sip:alice@example.com", Wanted("alice", uri="sip:alice@example.com")),
        ("alice@example", Wanted("alice", uri="alice@example")),
        ("tel:+421905123456", Wanted("905123456", uri=":+421905123456@")),
        ("192.0.2.1", Wanted("192.0.2.1:")),
        ("192.168.100.200", Wanted("192.168.100.200:")),
        ("192.0.2.1:5060", Wanted("192.0.2.1:", address="192.0.2.1:5060")),
        ("2001:DB8::1", Wanted("[2001:db8::1]:")),
        ("[2001:db8::1]", Wanted("[2001:db8::1]:")),
        ("[2001:db8::1]:5061", Wanted("[2001:db8::1]:", address="[2001:db8::1]:5061")),
        ("two words", None),
        ("sip:", None),
    ],
)
def test_a_text_means_a_number_a_user_a_uri_or_an_address(text: str, meant: Wanted | None) -> None:
    assert wanted(text) == meant


def store(numbers: Iterable[int], people: Sequence[str]) -> None:
    Call.objects.bulk_create(
        Call(
            day=20261122,
            key=RecordKey(Kind.CALL, f"{number:x}@pbx", "", day=0).hash,
            call_id=f"{number:x}@pbx",
            partition=0,
            shelf=20261122 if number % 2 or number >= 100 else 0,
            open=False,
            first_us=START_US + number,
            last_us=START_US + number,
            from_uri=f"sip:{people[number % len(people)]}@example.com",
            to_uri="sip:+43720111222@example.com",
            caller=f"192.0.{number // 100 % 200 + 2}.{number % 5}:506{number % 3}",
            callee="[2001:db8::1]:5060",
            state="ended",
            codes=" rejected " if number % 4 < 2 and number < 100 else "",
        )
        for number in numbers
    )


@pytest.fixture
def calls(db: None) -> None:
    store(range(70), PEOPLE)


def users(**wanted: object) -> set[str]:
    found = page(Kind.CALL, RecordFilter(**wanted), None, 100).rows  # type: ignore[arg-type]  # by name
    assert [row["first_us"] for row in found] == sorted((row["first_us"] for row in found), reverse=True)
    return {row["from_uri"].removeprefix("sip:").partition("@")[0] for row in found}


def count(text: str) -> int:
    return page(Kind.CALL, RecordFilter(text=text), None, 100).total


@pytest.mark.usefixtures("calls")
def test_a_number_is_found_however_its_country_is_written() -> None:
    same = {"+421905123456", "00421905123456", "0905123456"}
    for text in ("+421905123456", "0905 123 456", "905123456"):
        assert users(text=text) == same


@pytest.mark.usefixtures("calls")
def test_users_uris_addresses_and_call_ids_are_found() -> None:
    assert users(text="ALICE") == {"alice"}
    assert users(text="sip:alice@example.com") == {"alice"}
    assert users(text="christopher") == {"Christopher"}
    assert count("192.0.2.3") == 14
    assert count("192.0.2.3:5061") == 4
    assert count("2001:db8::1") == 70
    assert count("11@pbx") == 1
    assert count("nobody") == 0
    assert count("xample.c") == 70
    if connection.vendor == "postgresql":  # SQLite looks at the findings
        assert users(text="alice", code="rejected") == {"alice"}
    assert count("+43720111222") == 70


@pytest.mark.usefixtures("calls")
def test_a_range_of_time_ends_before_its_end() -> None:
    found = page(Kind.CALL, RecordFilter(since_us=START_US + 10, until_us=START_US + 20), None, 100)
    assert [row["first_us"] - START_US for row in found.rows] == list(range(19, 9, -1))


@pytest.mark.usefixtures("calls")
def test_pages_of_what_was_found_follow_each_other() -> None:
    older, seen = None, 0
    while True:
        found = page(Kind.CALL, RecordFilter(text="alice"), older, 3)
        seen += len(found.rows)
        older = found.older
        if older is None:
            break
    assert seen == 10


@pytest.mark.usefixtures("calls")
def test_parts_of_words_are_looked_for_among_the_newest_and_that_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("monitor.queries.search.NEWEST", 10)
    found = page(Kind.CALL, RecordFilter(text="lic"), None, 100)
    if connection.vendor == "postgresql":
        assert found.searched_us == START_US + 59
        assert found.total == 2
    else:
        assert found.searched_us == 0
        assert found.total == 10


def test_hostile_names_fit_into_the_index(db: None) -> None:
    for number, user in enumerate(("x" * 50_000, "'", "\u202e", "{}", "@:@")):
        Registration.objects.create(
            day=20261122, key=number, call_id="c", partition=0, shelf=20261122, open=False, outcome="failed",
            first_us=1, last_us=1, aor=f"sip:{user}@example.com", contact=user, client="9" * 9_000, registrar="",
        )  # fmt: skip
    assert page(Kind.REGISTRATION, RecordFilter(text="x" * 200), None, 10).total == 1


@pytest.mark.usefixtures("calls")
def test_postgresql_finds_it_by_an_index_and_asks_only_the_shelves_of_that_time() -> None:
    if connection.vendor != "postgresql":
        return
    store(range(100, 3_100), PEOPLE_OF_NOTE)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE monitor_call")
    for text in ("0905123456", "alice", "sip:alice@example.com", "192.0.2.3", "192.0.2.3:5061"):
        assert "monitor_call_other_terms" in explained(RecordFilter(text=text), way=1), text
    assert "key_idx" in explained(RecordFilter(text="11@pbx"), way=0)
    assert "monitor_call_other_terms" in explained(RecordFilter(code="rejected"), way=0)
    assert "monitor_call_imported" not in explained(RecordFilter(), way=0)
    assert "monitor_call_open" not in explained(RecordFilter(import_id=3), way=0)


def explained(wanted: RecordFilter, way: int) -> str:
    matching = records._matching(records._TABLES[Kind.CALL], wanted)
    return list(search.ways(matching, wanted.text))[way].records[:51].explain()
