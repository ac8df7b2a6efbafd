"""Peers of which one direction is out of sight."""

from msgspec.structs import replace

from monitor.core.updates import Happened, SourceSeen
from tests.monitor.core.sources.traffic import (
    THEM,
    Look,
    account,
    answered,
    call,
    ping,
    rang,
    refused_call,
    registered,
    seen,
    session,
    unregistered,
)

SERVER = "10.0.0.9:5060"


def overheard(at: float, name: str, source: str = THEM) -> SourceSeen:
    """Only a response was seen."""
    return replace(seen(at, call(name), source), asked=False)


def asked(count: int = 6, every: float = 10) -> list[Happened]:
    """Somebody calls the server, which is seen to ask something itself."""
    own = seen(0, ping("own"), SERVER, destination="10.0.0.8:5060")
    return [own, *(seen(1 + number * every, call(f"c{number}")) for number in range(count))]


def in_order(*updates: Happened) -> list[Happened]:
    return sorted(updates, key=lambda update: update.at_us)


def test_a_peer_that_asks_and_is_never_seen_to_answer_is_seen_in_one_direction() -> None:
    look = Look(asked())
    assert look.told("one-sided-capture") == [("confirmed", 41)]
    assert look.one("one-sided-capture").name == "10.0.0.9"
    assert "to 6 calls or registrations" in look.one("one-sided-capture").finding.cause


def test_a_peer_that_is_merely_silent_or_was_asked_only_now_is_not() -> None:
    assert Look(asked()[1:]).found() == []  # nothing of it is seen at all
    assert Look(asked(every=5)).found() == []
    assert Look(asked(4, every=30)).found() == []


def test_any_answer_shows_the_other_direction() -> None:
    answers: list[Happened] = [
        rang(2, call("c0")),
        answered(2, call("c0")),
        refused_call(2, call("c0"), 503),
        registered(2, session("r"), account(1)),
        unregistered(2, session("r"), account(1)),
        overheard(2, "x"),
    ]
    for answer in answers:
        assert Look(in_order(*asked(), answer)).found() == []
    silent: list[Happened] = [refused_call(2, call("c0"), None), unregistered(2, session("r"), account(1), status=None)]
    assert [code for code, _, _ in Look(in_order(*asked(), *silent)).found()] == ["one-sided-capture"]


def test_an_answer_to_a_call_that_was_given_up_shows_the_other_direction() -> None:
    late: list[Happened] = [refused_call(1.5, call("c0"), None), rang(2, call("c0"))]
    assert Look(in_order(*asked(), *late)).found() == []


def test_a_late_answer_clears_it() -> None:
    assert Look([*asked(), rang(60, call("c5"))]).found() == [("one-sided-capture", "10.0.0.9", "cleared")]


def test_responses_without_their_requests_are_one_direction_too() -> None:
    look = Look([overheard(number * 10, f"c{number}") for number in range(6)])
    assert look.told("one-sided-capture") == [("confirmed", 40)]
    assert "not one of the 6 requests that they are for" in look.one("one-sided-capture").finding.cause
    quick = Look([overheard(number, f"c{number}") for number in range(6)])
    assert quick.told("one-sided-capture") == [("suspected", 4)]


def test_answers_to_what_was_asked_before_the_capture_began_are_none() -> None:
    early = [overheard(number / 10, f"c{number}") for number in range(6)]
    assert Look(early[:4]).found() == []
    later = seen(2, call("d"))
    assert Look([*early, later]).found() == [("one-sided-capture", "203.0.113.7", "cleared")]
    assert Look([seen(0, call("d")), *(overheard(1 + n, f"c{n}") for n in range(9))]).found() == []
