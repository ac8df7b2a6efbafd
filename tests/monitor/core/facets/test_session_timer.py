"""Session timers that run out or do not fit, and calls of which nothing is heard any more."""

import pytest

from collectors.wire.events import SipEvent
from monitor.core.message import message_of
from monitor.core.session_timer import Intervals
from monitor.core.settings import Settings
from monitor.core.updates import CallEnded, CallState, RecordClosed
from tests.support.messages import Headers, hop, request, response
from tests.support.watch import Watch, seconds

HOUR = 3600


def timer(interval: str = "1800;refresher=uac", least: str = "") -> Headers:
    return [("Session-Expires", interval), *([("Min-SE", least)] if least else [])]


TIMER = timer()


def call(headers: Headers = TIMER, *, asked: Headers = ()) -> list[SipEvent]:
    """Answered at second 1."""
    ack = request("ACK", 1.1, to_tag="b", branch="own")
    return [request("INVITE", 0, headers=asked), response(200, 1, headers=headers), ack]


def refresh(at: float, method: str = "UPDATE", headers: Headers = TIMER, cseq: int = 2) -> list[SipEvent]:
    asked = request(method, at, cseq=cseq, to_tag="b", headers=headers)
    return [asked, response(200, at + 0.1, method=method, cseq=cseq, headers=headers)]


BYE = request("BYE", 100, to_tag="b")


# --- session-expired


def test_an_interval_that_passes_without_refresh_or_bye_is_told() -> None:
    watch = Watch(call(), until=1800.9)
    assert watch.findings() == {}
    watch.wait(1900)
    assert watch.story("session-expired") == [("suspected", 1801.0), ("confirmed", 1833.0)]
    finding = watch.finding("session-expired")
    assert (finding.hop, finding.messages) == (hop("alice>bob"), (2,))
    assert finding.cause == (
        "The session interval of 30 min has passed: 10.0.0.1:5060, which was to refresh it, was silent since the "
        "call was answered, and nobody hung up."
    )


@pytest.mark.parametrize("method", ["UPDATE", "INVITE"])
def test_a_refresh_begins_it_again(method: str) -> None:
    again = request("ACK", 901, cseq=2, to_tag="b", branch="again")
    watch = Watch([*call(), *refresh(900, method), again], until=2699)
    assert watch.findings() == {}
    assert watch.wait(2800).story("session-expired") == [("suspected", 2700.1), ("confirmed", 2732.1)]
    assert "was silent since the last refresh" in watch.finding("session-expired").cause


def test_the_callee_may_be_the_refresher_and_is_then_named() -> None:
    cause = Watch(call(timer("120;refresher=uas")), until=200).finding("session-expired").cause
    assert "of 2 min has passed: 10.0.0.3:5060, which was to refresh it" in cause
    cause = Watch(call(timer("100")), until=200).finding("session-expired").cause
    assert "of 100 s has passed: Nobody was named to refresh it, and it was silent" in cause


@pytest.mark.parametrize(
    "events",
    [
        [*call(), BYE],
        call(()),
        [*call(), *refresh(100, headers=())],
        [*call(), request("BYE", 100, "bob>alice", from_tag="x", to_tag="y")],
        [request("INVITE", 0, headers=timer()), response(486, 1)],
        [request("INVITE", 0, headers=timer()), response(183, 1, headers=timer())],
    ],
)
def test_a_call_that_ends_or_agrees_on_no_timer_does_not_expire(events: list[SipEvent]) -> None:
    assert Watch(events, until=2 * HOUR).story("session-expired") == []


def test_a_late_refresh_clears_it() -> None:
    watch = Watch(call(timer("100;refresher=uac")), until=120).see(refresh(125, headers=timer("100;refresher=uac")))
    assert watch.story("session-expired") == [("suspected", 101.0), ("cleared", 125.1)]


def test_a_bye_that_the_expiry_brings_clears_it() -> None:
    watch = Watch(call(timer("90;refresher=uac")), until=95).see([BYE]).wait(200)
    assert watch.story("session-expired") == [("suspected", 91.0), ("cleared", 100.0)]


def test_without_an_ack_refreshes_may_be_out_of_sight_too() -> None:
    watch = Watch(call()[:2], until=1900)
    assert watch.story("session-expired") == [("suspected", 1801.0)]


def test_a_proxy_may_add_the_timer_for_a_callee_that_has_none() -> None:
    events = [
        request("INVITE", 0, "alice>proxy"),
        request("INVITE", 0.01, "proxy>bob", vias=2),
        response(200, 1, "proxy>bob", vias=2),
        response(200, 1.01, "alice>proxy", headers=timer("100;refresher=uas")),
        request("ACK", 1.1, "alice>bob", to_tag="b", branch="own"),
    ]
    finding = Watch(events, until=101.5).finding("session-expired")
    assert finding.hop == hop("alice>proxy")
    assert finding.messages == (4,)


def test_the_hop_next_to_the_client_counts_whichever_is_seen_first() -> None:
    events = [
        request("INVITE", 0, "alice>proxy", headers=timer()),
        response(200, 1.01, "alice>proxy", headers=timer("100;refresher=uas")),
        response(200, 1, "proxy>bob", vias=2, headers=timer("1000;refresher=uas")),
        request("ACK", 1.1, "alice>bob", to_tag="b", branch="own"),
    ]
    finding = Watch(events, until=200).finding("session-expired")
    assert "of 100 s has passed: 10.0.0.3:5060, which was to refresh it" in finding.cause


def test_the_refresher_is_named_by_the_hop_that_is_next_to_it() -> None:
    events = [
        request("INVITE", 0, "alice>proxy", headers=TIMER),
        response(200, 1, "proxy>bob", vias=2, headers=timer("100;refresher=uas")),
        response(200, 1.01, "alice>proxy", headers=timer("100;refresher=uas")),
        request("ACK", 1.1, "alice>bob", to_tag="b", branch="own"),
    ]
    finding = Watch(events, until=200).finding("session-expired")
    assert (finding.hop, finding.messages) == (hop("alice>proxy"), (3,))
    assert "has passed: 10.0.0.3:5060, which was to refresh it" in finding.cause


# --- session-timer-misconfigured


@pytest.mark.parametrize(
    ("granted", "asked", "variant", "words"),
    [
        ("60;refresher=uac", (), "too-small", "set a session interval of 60 s, and 90 s are the least"),
        ("900;refresher=uac", timer(least="1800"), "too-small", "of 15 min, and 1800 s are the least"),
        ("172800;refresher=uac", (), "too-large", "of 48 h: that ends no dead call"),
        ("1800", (), "no-refresher", "of 30 min, and named nobody to refresh it"),
        ("1800;refresher=both", (), "no-refresher", "named nobody"),
    ],
)
def test_an_interval_that_does_not_fit_is_told(granted: str, asked: Headers, variant: str, words: str) -> None:
    finding = Watch(call(timer(granted), asked=asked), until=10).finding("session-timer-misconfigured")
    assert (finding.variant, finding.messages) == (variant, (2,))
    assert words in finding.cause


def test_what_is_sane_is_a_setting() -> None:
    settings = Settings(session_least_us=600_000_000)
    watch = Watch(call(timer("300;refresher=uas")), until=10, settings=settings)
    assert watch.findings() == {"session-timer-misconfigured": "confirmed"}


@pytest.mark.parametrize("granted", ["90;refresher=uac", "1800;refresher=uas", "86400;refresher=uac", "soon"])
def test_intervals_that_fit_are_silent(granted: str) -> None:
    assert Watch(call(timer(granted), asked=timer(least="90")), until=10).findings() == {}


def refused(at: float, cseq: int, asked: str, least: str = "1800") -> list[SipEvent]:
    ask = request("INVITE", at, cseq=cseq, headers=timer(asked) if asked else ())
    ack = request("ACK", at + 0.2, cseq=cseq, to_tag="b")
    return [ask, response(422, at + 0.1, cseq=cseq, headers=[("Min-SE", least)] if least else ()), ack]


def test_a_caller_that_does_not_raise_its_interval_goes_in_circles() -> None:
    watch = Watch([*refused(0, 1, "90"), *refused(1, 2, "90")], until=2)
    assert watch.finding("session-timer-misconfigured").cause == (
        "10.0.0.1:5060 asks for a session interval of 90 s, though it was told that 1800 s are the least, and "
        "10.0.0.3:5060 refuses it again."
    )


@pytest.mark.parametrize(
    "second",
    [refused(1, 2, "1800", "3600"), refused(1, 2, ""), [request("INVITE", 1, cseq=2), response(200, 2, cseq=2)]],
)
def test_one_that_raises_it_does_not(second: list[SipEvent]) -> None:
    assert Watch([*refused(0, 1, "90", "600"), *second], until=2.5).story("session-timer-misconfigured") == []


def test_a_422_without_min_se_says_nothing() -> None:
    assert (
        Watch([*refused(0, 1, "90", ""), *refused(1, 2, "90", "")], until=2).story("session-timer-misconfigured") == []
    )


def test_dialogs_requests_and_refreshes_without_end_are_bounded() -> None:
    forks = [response(200, 1 + number / 1000, to_tag=f"t{number}", headers=timer()) for number in range(40)]
    again = [event for number in range(40) for event in refresh(10 + number, cseq=2 + number)]
    watch = Watch([request("INVITE", 0, headers=timer()), *forks, *again], until=60)
    assert watch.story("session-timer-misconfigured") == watch.story("session-expired") == []


# --- zombie-call


def test_an_answered_call_of_which_nothing_is_heard_for_4_h_is_over() -> None:
    watch = Watch(call(()), until=4 * HOUR)
    assert (watch.findings(), watch.call.open) == ({}, True)
    watch.wait(4.4 * HOUR).wait(4.5 * HOUR)
    assert watch.story("zombie-call") == [("confirmed", 4 * HOUR + 1.1)]
    assert watch.finding("zombie-call").cause == (
        "Nothing was heard of this call for 4 h, and its end was not seen: it hangs on one side, or its BYE was "
        "missed here."
    )
    ended = [update for update in watch.told if isinstance(update, CallEnded)]
    assert [(update.state, update.duration_ms) for update in ended] == [(CallState.ANSWERED, None)]
    assert [type(watch.told[-1]), watch.call.open, watch.call.state] == [RecordClosed, False, CallState.ANSWERED]


def test_whatever_is_heard_of_it_shows_that_it_lives() -> None:
    watch = Watch(call(()), until=4.4 * HOUR).see([request("INFO", 4.41 * HOUR, cseq=2, to_tag="b")])
    assert [state for state, _ in watch.story("zombie-call")] == ["confirmed", "cleared"]
    assert watch.wait(5 * HOUR).call.open is True
    watch.wait(9 * HOUR).wait(10 * HOUR)
    assert [state for state, _ in watch.story("zombie-call")][2:] == ["confirmed"]


def test_a_call_that_ended_or_speaks_or_was_never_answered_is_none() -> None:
    assert Watch([*call(()), BYE], until=20).wait(5 * HOUR).story("zombie-call") == []
    pings = [request("INFO", at * HOUR, cseq=at + 1, to_tag="b") for at in range(1, 12)]
    assert Watch([*call(()), *pings], until=12 * HOUR).story("zombie-call") == []
    silent = Settings(linger_us=None)
    assert Watch([request("INVITE", 0)], until=5 * HOUR, settings=silent).story("zombie-call") == []


def test_where_messages_were_lost_or_no_ack_was_seen_it_is_a_suspicion_and_ends_all_the_same() -> None:
    for watch in (Watch().lose(50, 60).see(call(())), Watch(call(())[:2])):
        watch.wait(4.4 * HOUR).wait(4.5 * HOUR)
        assert [state for state, _ in watch.story("zombie-call")] == ["suspected"]
        assert watch.call.open is False


def test_twice_its_session_interval_is_enough() -> None:
    watch = Watch(call(timer("100;refresher=uac")), until=300)
    assert watch.story("zombie-call") == [("confirmed", 233.1)]
    assert "Nothing was heard of this call for 232 s" in watch.finding("zombie-call").cause
    assert watch.standing() == {"session-expired", "zombie-call"}


def test_other_requests_after_the_last_refresh_put_it_off() -> None:
    info = request("INFO", 150, cseq=2, to_tag="b")
    watch = Watch([*call(timer("100;refresher=uac"))], until=140).see([info]).wait(300)
    assert watch.story("zombie-call") == []
    assert watch.story("session-expired") == [("suspected", 101.0), ("confirmed", 133.0)]
    watch.wait(4.4 * HOUR)
    assert [(state, seconds(watch.finding("zombie-call").at_us)) for state, _ in watch.story("zombie-call")] == [
        ("confirmed", 382.0)
    ]


def test_of_two_grants_the_later_one_counts_whichever_came_first() -> None:
    intervals = Intervals("a b")
    for at, cseq in ((9, 2), (1, 1)):
        intervals.of(message_of(response(200, at, cseq=cseq)))
    assert [grant.name[1] for grant in intervals.grants] == [2, 1]
    last = intervals.last()
    assert last is not None
    assert last.name[1] == 2


def test_the_compact_form_is_as_good() -> None:
    for name in ("x", "session-expires", "Session-Expires "):
        watch = Watch(call([(name, "30;refresher=uac")]), until=2)
        assert watch.story("session-timer-misconfigured") == [("confirmed", 1.0)]


def test_a_hop_nearer_to_the_client_that_says_the_same_is_where_a_later_finding_points() -> None:
    invites = [request("INVITE", 0), request("INVITE", 0.01, "bob>carol", vias=2)]
    answers = [response(200, 1, "bob>carol", vias=2, headers=TIMER), response(200, 1.1, headers=TIMER)]
    watch = Watch([*invites, *answers, request("ACK", 1.2, to_tag="b", branch="own")], until=HOUR)
    assert watch.finding("session-expired").hop == hop("alice>bob")
    assert watch.finding("session-expired").messages == (4,)
