"""Calls where money is made of calls."""

from monitor.core.limits import Limits
from monitor.core.updates import FindingState, Happened
from tests.monitor.core.sources.traffic import Look, call, ping, seen, session

NOON, NIGHT = 4 * 3600, 15 * 3600  # the timeline begins at 8 in the morning
HOME = Limits(home_prefixes=("+421",))


def calls(to: str, count: int, begin: float = NOON, every: float = 10) -> list[Happened]:
    return [seen(begin + number * every, call(f"c{begin}-{number}"), to=to.format(number)) for number in range(count)]


def suspects(updates: list[Happened], limits: Limits = HOME) -> bool:
    return "toll-fraud-suspect" in {code for code, _, _ in Look(updates, limits=limits).found()}


def test_calls_to_premium_numbers_are_suspect_after_the_fifth() -> None:
    look = Look(calls("sip:+97912345678{}@trunk", 5))
    found = look.one("toll-fraud-suspect")
    assert (found.name, found.finding.state, found.count) == ("sip:alice@example.com", FindingState.SUSPECTED, 5)
    assert "premium or satellite numbers 5 times within 600 s, 5 different ones" in found.finding.cause
    assert not suspects(calls("sip:+97912345678{}@trunk", 4))
    assert not suspects(calls("sip:+97912345678{}@trunk", 9, every=300))


def test_a_number_is_international_however_it_is_dialled() -> None:
    assert suspects(calls("sip:0088212345678{}@trunk", 5))
    assert suspects(calls("tel:01188212345678{}", 5))
    assert not suspects(calls("sip:88212345678{}@trunk", 9))
    assert not suspects(calls("sip:+882@trunk", 9))
    assert not suspects(calls("sip:bob{}@example.com", 9))


def test_a_burst_to_countries_that_are_new_is_suspect_sooner_at_night() -> None:
    assert suspects(calls("sip:+25212345{}@trunk", 20))
    assert not suspects(calls("sip:+25212345{}@trunk", 19))
    assert suspects(calls("sip:+25212345{}@trunk", 8, NIGHT))
    assert not suspects(calls("sip:+25212345{}@trunk", 7, NIGHT))


def test_a_night_may_end_before_it_begins_by_the_clock() -> None:
    early = Limits(home_prefixes=("+421",), night_hours=(1, 5))
    assert suspects(calls("sip:+25212345{}@trunk", 8, 18 * 3600), early)
    assert not suspects(calls("sip:+25212345{}@trunk", 8, NIGHT), early)


def test_home_and_countries_that_it_calls_all_along_are_no_burst() -> None:
    assert not suspects(calls("sip:+42112345{}@trunk", 50))
    before = calls("sip:+4912345{}@trunk", 1, 0)
    assert not suspects([*before, *calls("sip:+4912345{}@trunk", 50)])
    assert not suspects(calls("sip:+25212345{}@trunk", 50), Limits())  # nobody said what is home


def test_peers_that_are_named_and_other_requests_are_left_alone() -> None:
    updates = calls("sip:+97912345678{}@trunk", 9)
    assert Look(updates, trusted=["203.0.113.0/24"]).found() == []
    others: list[Happened] = [
        each
        for number in range(9)
        for each in (
            seen(number, ping(f"o{number}"), to=f"sip:+9791234567{number}@trunk"),
            seen(number, session(f"r{number}"), to=f"sip:+9791234567{number}@trunk"),
        )
    ]
    assert Look(others).found() == []


def test_only_so_many_countries_of_an_account_are_remembered() -> None:
    world: list[Happened] = [
        seen(number * 100, call(f"w{number}"), to=f"sip:+{100 + number}1234567@trunk") for number in range(250)
    ]
    assert not suspects(world)
