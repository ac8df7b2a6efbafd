"""Challenges of calls, subscriptions and messages: wrong passwords, and clients that never try again."""

import pytest

from collectors.scenario.library import play
from collectors.wire.events import SipEvent
from monitor.core.updates import LoginFailed, Severity
from tests.support.messages import Headers, hop, request, response
from tests.support.watch import Watch


def asked(
    at: float,
    cseq: int,
    nonce: str = "",
    method: str = "INVITE",
    *,
    realm: str = "r",
    on: str = "alice>bob",
    vias: int = 1,
) -> SipEvent:
    proof: Headers = (
        [("Proxy-Authorization", f'Digest realm="{realm}", nonce="{nonce}", response="0f"')] if nonce else []
    )
    return request(method, at, on, cseq=cseq, headers=proof, vias=vias)


def challenged(
    at: float, cseq: int, nonce: str = "n1", method: str = "INVITE", *, realm: str = "r", more: str = "", vias: int = 1
) -> SipEvent:
    headers = [("Proxy-Authenticate", f'Digest realm="{realm}", nonce="{nonce}"{more}')]
    return response(407, at, method=method, cseq=cseq, headers=headers, vias=vias)


# --- auth-failed


def test_a_second_challenge_to_the_latest_nonce_is_a_wrong_password() -> None:
    watch = Watch([asked(0, 1), challenged(0.1, 1), asked(0.2, 2, "n1"), challenged(0.3, 2, "n2")], until=60)
    assert watch.story("auth-failed") == [("confirmed", 0.3)]
    finding = watch.finding("auth-failed")
    assert (finding.subject, finding.severity, finding.hop, finding.messages) == (
        "r",
        Severity.MAJOR,
        hop("alice>bob"),
        (3, 4),
    )
    assert finding.cause == (
        "10.0.0.3:5060 challenged the INVITE of 10.0.0.1:5060 again, although it had sent credentials for the latest "
        "nonce of 'r': the password, or the user name, is wrong."
    )
    assert watch.standing() == {"auth-failed"}
    (told,) = [update for update in watch.told if isinstance(update, LoginFailed)]
    assert (told.source, told.account, told.status) == ("10.0.0.1:5060", "sip:alice@example.com", 407)


def test_a_challenge_that_overtakes_the_request_that_it_refuses_is_no_less_of_one() -> None:
    first, answer, second, again = asked(0, 1), challenged(0.1, 1), asked(0.2, 2, "n1"), challenged(0.3, 2, "n2")
    assert Watch([first, answer, again, second]).standing() == {"auth-failed"}
    assert Watch([first, again, second, answer]).standing() == {"auth-failed"}


def test_a_nonce_whose_first_use_has_an_outcome_out_of_sight_may_be_stale() -> None:
    events = [asked(0, 1), challenged(0.1, 1), asked(0.2, 2, "n1"), asked(60, 3, "n1"), challenged(60.1, 3, "n2")]
    assert "auth-failed" not in Watch(events, until=90).standing()


def test_more_attempts_are_gathered_and_told() -> None:
    events = [asked(0, 1), challenged(0.1, 1)]
    for cseq in (2, 3):
        events += [asked(cseq, cseq, f"n{cseq - 1}"), challenged(cseq + 0.1, cseq, f"n{cseq}")]
    watch = Watch(events, until=60)
    assert [state for state, _ in watch.story("auth-failed")] == ["confirmed", "confirmed"]
    assert "again twice, although" in watch.finding("auth-failed").cause


def test_credentials_that_are_accepted_after_all_clear_it() -> None:
    events = [asked(0, 1), challenged(0.1, 1), asked(0.2, 2, "n1"), challenged(0.3, 2, "n2"), asked(0.4, 3, "n2")]
    watch = Watch([*events, response(180, 0.5, cseq=3)], until=60)
    assert watch.story("auth-failed") == [("confirmed", 0.3), ("cleared", 0.5)]


@pytest.mark.parametrize(
    "events",
    [
        [asked(0.2, 2, "n0"), challenged(0.3, 2, "n2")],  # an older nonce
        [asked(0.2, 2, "n1"), challenged(0.3, 2, "n2", more=", stale=true")],
        [asked(0.2, 2, "n1"), challenged(0.3, 2, "m1", realm="other"), asked(0.4, 3, "m1", realm="other")],
        [asked(0.2, 2, "n1"), response(200, 1, cseq=2)],
        [asked(0.2, 2, "n1"), response(100, 0.3, cseq=2)],
    ],
)
def test_stale_nonces_and_other_realms_are_no_failure(events: list[SipEvent]) -> None:
    assert Watch([asked(0, 1), challenged(0.1, 1), *events]).findings() == {}


def test_a_nonce_that_has_served_may_have_run_out() -> None:
    events = [asked(0, 1), challenged(0.1, 1), asked(0.2, 2, "n1"), response(200, 1, cseq=2)]
    again = [asked(30, 3, "n1"), challenged(30.1, 3, "n2"), asked(30.2, 4, "n2"), response(200, 30.3, cseq=4)]
    assert Watch([*events, *again], until=40).story("auth-failed") == []


def test_credentials_that_overtake_their_challenge_are_read_all_the_same() -> None:
    watch = Watch([asked(0, 1), asked(0.2, 2, "n1"), challenged(0.1, 1), challenged(0.3, 2, "n2")])
    assert watch.findings() == {"auth-failed": "confirmed"}


def test_credentials_without_a_response_count_for_nothing_beside_those_that_have_one() -> None:
    empty = [("Proxy-Authorization", 'Digest realm="r", nonce="n1", response=""')]
    first = request("INVITE", 0.2, "alice>proxy", cseq=2, headers=empty)
    events = [asked(0, 1), challenged(0.1, 1), first, asked(0.21, 2, "n1", on="proxy>bob", vias=2)]
    watch = Watch([*events, challenged(0.3, 2, "n2")], until=60)
    assert watch.standing() == {"auth-failed"}


def test_credentials_in_an_unusual_spelling_are_read_on_whichever_hop() -> None:
    spelled = [("Proxy-Authorization", 'Digest realm = "r", nonce = "n1", response = "0f"')]
    hops = [
        request("INVITE", 0.2 + vias / 100, on, cseq=2, headers=spelled, vias=vias)
        for vias, on in ((1, "alice>proxy"), (2, "proxy>edge"), (3, "edge>bob"))
    ]
    later = asked(0.24, 2, "n0", on="bob>carol", vias=4)
    watch = Watch([asked(0, 1), challenged(0.1, 1), *hops, later, challenged(0.3, 2, "n2")], until=60)
    assert watch.standing() == {"auth-failed"}


def test_a_proxy_that_takes_the_credentials_out_does_not_hide_them() -> None:
    events = [asked(0, 1), challenged(0.1, 1), asked(0.21, 2, on="proxy>carol", vias=2), asked(0.2, 2, "n1")]
    assert Watch([*events, challenged(0.3, 2, "n2")]).findings() == {"auth-failed": "confirmed"}
    assert Watch([*events, challenged(0.29, 2, "n2", vias=2), challenged(0.3, 2, "n2")]).finding("auth-failed").hop == (
        hop("alice>bob")
    )


def test_credentials_that_were_accepted_before_the_challenge_arrived_leave_nothing_to_say() -> None:
    events = [asked(0, 1), challenged(0.1, 1), asked(0.2, 2, "n1"), asked(0.22, 3, "n1"), response(180, 0.25, cseq=3)]
    assert Watch([*events, challenged(0.3, 2, "n2")]).findings() == {}


def test_the_challenge_next_to_the_client_is_the_evidence() -> None:
    events = [asked(0, 1), challenged(0.1, 1), challenged(0.12, 1, vias=2)]
    assert Watch(events, until=60).finding("auth-not-attempted").messages == (1, 2)


def test_other_requests_than_calls_are_judged_too() -> None:
    for method in ("SUBSCRIBE", "MESSAGE", "PUBLISH"):
        events = [asked(0, 1, method=method), challenged(0.1, 1, method=method)]
        again = [asked(0.2, 2, "n1", method), challenged(0.3, 2, "n2", method)]
        assert Watch([*events, *again]).findings() == {"auth-failed": "confirmed"}


def test_the_library_knows_both() -> None:
    assert "auth-failed" in Watch(play("wrong-password").events(), until=60).standing()
    assert "auth-not-attempted" in Watch(play("never-authenticates").events(), until=60).standing()
    assert Watch(play("challenged").events(), until=900).standing() == set()


# --- auth-not-attempted


def test_a_challenge_that_nobody_answers_is_suspected_after_4_s_and_confirmed_after_64_t1() -> None:
    watch = Watch([asked(0, 1), challenged(0.1, 1), request("ACK", 0.2, to_tag="b")], until=60)
    assert watch.story("auth-not-attempted") == [("suspected", 4.1), ("confirmed", 32.1)]
    finding = watch.finding("auth-not-attempted")
    assert (finding.severity, finding.messages) == (Severity.MINOR, (1, 2))
    assert finding.cause == (
        "10.0.0.3:5060 asked 10.0.0.1:5060 for credentials with 407 (realm 'r'), and its INVITE did not come again."
    )


def test_a_late_retry_clears_it() -> None:
    watch = Watch([asked(0, 1), challenged(0.1, 1)], until=6).see([asked(6, 2, "n1"), response(200, 7, cseq=2)])
    assert watch.story("auth-not-attempted") == [("suspected", 4.1), ("cleared", 6.0)]


@pytest.mark.parametrize("method", ["OPTIONS", "BYE"])
def test_challenged_pings_and_byes_are_left_alone(method: str) -> None:
    events = [asked(0, 1, method=method), challenged(0.1, 1, method=method)]
    assert Watch(events, until=60).story("auth-not-attempted") == []


def test_of_a_client_out_of_sight_it_stays_a_suspicion() -> None:
    assert Watch([challenged(0.1, 1)], until=60).story("auth-not-attempted") == [("suspected", 4.1)]


def test_tries_without_end_are_bounded() -> None:
    many = [event for cseq in range(1, 60) for event in (asked(cseq, cseq), challenged(cseq + 0.1, cseq, f"n{cseq}"))]
    assert set(Watch(many, until=61).standing()) == set()
