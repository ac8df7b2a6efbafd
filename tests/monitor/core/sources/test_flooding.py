"""Too much from one source; and much that is as it should be."""

from monitor.core.updates import Happened
from tests.monitor.core.sources.traffic import (
    THEM,
    Look,
    account,
    answered,
    call,
    grew,
    hung_up,
    rang,
    registered,
    seen,
    session,
    unregistered,
    wrong,
)


def flood(seconds: int, rate: int) -> list[Happened]:
    return [seen(number / rate, call(f"c{number}")) for number in range(seconds * rate)]


def test_a_flood_is_suspected_after_ten_seconds_and_confirmed_when_it_goes_on() -> None:
    look = Look(flood(30, 100))
    assert look.told("flood") == [("suspected", 4.99), ("confirmed", 14.99)]
    found = look.one("flood")
    assert found.finding.cause == (
        "203.0.113.7 sends 100 requests a second over 10 s, and next to nothing of it succeeds."
    )
    assert len(found.evidence) == 10


def test_what_goes_on_is_told_again_each_minute_and_not_each_message() -> None:
    look = Look(flood(180, 60))
    assert [round(at) for _, at in look.told("flood")] == [8, 18, 78, 138]


def test_a_burst_is_a_suspicion_only() -> None:
    assert Look(flood(8, 100)).found() == [("flood", "203.0.113.7", "suspected")]


def test_a_flood_under_one_call_id_counts_too() -> None:
    key = call("c")
    assert Look([seen(0, key), *(grew(number / 4, key) for number in range(120))]).found() == [
        ("flood", "203.0.113.7", "confirmed")
    ]


def test_a_trunk_with_fifty_calls_a_second_is_none() -> None:
    """They ring after two seconds; half are answered."""
    updates: list[Happened] = []
    for number in range(50 * 60):
        at, key = number / 50, call(f"c{number}")
        updates += [seen(at, key), rang(at + 2, key)]
        if number % 2:
            updates += [answered(at + 3, key), hung_up(at + 20, key)]
    updates.sort(key=lambda update: update.at_us)
    assert Look(updates).found() == []


def test_a_peer_that_is_named_is_none_whatever_it_sends() -> None:
    assert Look(flood(30, 100), trusted=["203.0.113.7/32"]).found() == []


def test_a_pbx_that_registers_five_hundred_phones_after_a_reboot_is_neither_flood_nor_attack() -> None:
    updates: list[Happened] = []
    for number in range(500):
        at, key = number / 100, session(f"r{number}")
        updates += [seen(at, key, to=account(number)), registered(at + 0.1, key, account(number))]
    assert {code for code, _, _ in Look(updates).found()} <= {"registration-storm"}


def test_a_pbx_whose_registrar_is_away_is_no_flood_for_certain() -> None:
    updates: list[Happened] = [seen(n / 100, session(f"r{n}"), to=account(n)) for n in range(600)]
    assert ("flood", "203.0.113.7", "confirmed") not in Look(updates, until=60).found()


def test_thirty_phones_behind_one_address_are_nothing() -> None:
    updates: list[Happened] = []
    for minute in range(10):
        for phone in range(30):
            at, key, source = minute * 60 + phone, session(f"r{phone}"), f"203.0.113.7:{20000 + phone}"
            if not minute:
                updates.append(seen(at, key, source, to=account(phone)))
            if phone == 3:  # its password is wrong
                updates += [
                    wrong(at, key, account(phone), source),
                    unregistered(at, key, account(phone), source, credentials=True),
                ]
            else:
                updates.append(registered(at, key, account(phone), source))
    assert Look(updates).found() == []


def test_a_flood_that_stops_and_comes_again_later_is_another_one() -> None:
    later = [
        seen(2000 + number / 100, call(f"d{number}"), THEM)  # half an hour later
        for number in range(600)
    ]
    assert Look([*flood(8, 100), *later]).found() == [("flood", "203.0.113.7", "suspected")] * 2
