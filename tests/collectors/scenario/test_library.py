"""The library of situations: each is what its name says, and correct SIP."""

from collections import Counter

import pytest

from collectors.scenario import library
from collectors.scenario.cast import Cast, Role
from collectors.scenario.dialects import PBXS, PHONES, PROXIES, Dialect
from collectors.sip.message import body, header
from collectors.wire.events import SipEvent
from tests.collectors.scenario.timeline import seconds

# The last response of each.
ENDS = {
    "good": "200 BYE",
    "busy": "486 INVITE",
    "declined": "603 INVITE",
    "no-answer": "487 INVITE",
    "not-found": "404 INVITE",
    "forbidden": "403 INVITE",
    "unavailable": "480 INVITE",
    "overloaded": "503 INVITE",
    "not-acceptable": "488 INVITE",
    "wrong-password": "407 INVITE",
    "never-authenticates": "407 INVITE",
    "redirected-unfollowed": "302 INVITE",
    "unanswered-invite": "408 INVITE",
    "no-final-response": "487 INVITE",
    "refreshed": "200 REGISTER",
    "unregistered": "200 REGISTER",
    "registration-wrong-password": "401 REGISTER",
    "registration-challenged": "401 REGISTER",
    "registration-forbidden": "403 REGISTER",
    "registration-too-brief": "200 REGISTER",
    "pings": "200 OPTIONS",
}


def responses(events: list[SipEvent]) -> list[str]:
    return [f"{event.status} {event.cseq_method}" for event in events if event.status]


@pytest.mark.parametrize("name", library.SITUATIONS)
def test_a_situation_is_correct_sip_from_one_call_id_a_call(name: str) -> None:
    events = library.play(name).events()
    assert {event.fault for event in events} == {""}
    assert all(header(event.raw, "content-length") == str(len(body(event.raw))) for event in events)
    assert len({event.call_id for event in events}) == (3 if name == "pings" else 1)
    assert [event.captured_us for event in events] == sorted(event.captured_us for event in events)
    assert library.summary(name).endswith((".", "?"))


@pytest.mark.parametrize(("name", "last"), ENDS.items())
def test_a_situation_ends_as_its_name_says(name: str, last: str) -> None:
    assert responses(library.play(name).events())[-1] == last


@pytest.mark.parametrize("name", ["unanswered-proxy", "registration-unanswered", "pings-unanswered"])
def test_a_silent_server_says_nothing(name: str) -> None:
    assert not responses(library.play(name).events())


@pytest.mark.parametrize("name", ["missing-ack", "proxy-drops-ack", "dropped-at-32s"])
def test_an_unacknowledged_answer_ends_with_the_callees_bye_after_32_s(name: str) -> None:
    events = library.play(name).events()
    answers = [event for event in events if event.status == 200 and event.cseq_method == "INVITE"]
    bye = next(event for event in events if event.method == "BYE")
    assert Counter(event.vias for event in answers) == {2: 11, 1: 11}
    assert seconds(bye) - seconds(answers[0]) == pytest.approx(32)
    assert bye.source == answers[0].source


def test_a_late_ack_saves_the_call() -> None:
    events = library.play("late-ack", talk=30).events()
    answer, ack, bye = (
        next(event for event in events if (event.status, event.cseq_method) == what or event.method == what)
        for what in ((200, "INVITE"), "ACK", "BYE")
    )
    assert seconds(ack) - seconds(answer) == pytest.approx(6.005)
    assert seconds(bye) - seconds(answer) == pytest.approx(30)


@pytest.mark.parametrize("name", library.CALLS)
def test_other_casts_play_it_too(name: str) -> None:
    cast = Cast(
        caller=Role("1001@[2001:db8::11]:5062", PHONES[6], display="Ann, desk"),
        callee=Role("+15550100@[2001:db8::22]", PBXS[0]),
        proxies=(Role("[2001:db8::5]", PROXIES[0]), Role("[2001:db8::6]:5070", PROXIES[1])),
        challenged=True,
        jitter_ms=8,
    )
    events = library.play(name, "other", cast).events()
    assert {event.fault for event in events} == {""}
    assert {event.from_uri for event in events if event.method == "INVITE"} == {"sip:1001@example.com"}


@pytest.mark.parametrize("dialect", [*PHONES, *PBXS], ids=lambda dialect: dialect.product)
def test_every_make_of_phone_says_the_same_in_its_own_way(dialect: Dialect) -> None:
    cast = Cast(caller=Role("alice@192.0.2.10", dialect), callee=Role("bob@198.51.100.20", dialect))
    events = library.play("good", "makes", cast).events()
    assert Counter(event.method or str(event.status) for event in events) == {
        "INVITE": 2,
        "100": 2,
        "180": 2,
        "200": 4,
        "ACK": 2,
        "BYE": 2,
    }
    assert {event.fault for event in events} == {""}
    assert header(events[0].raw, "user-agent") == dialect.product


def test_a_redirection_behind_a_proxy_reaches_the_phone_that_it_names() -> None:
    events = library.play("redirected").events()
    assert any(event.destination_port == 5078 and event.method == "INVITE" for event in events)
    assert any(event.source_port == 5078 and event.status == 200 for event in events)
