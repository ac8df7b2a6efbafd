"""Registrations that are refused, that fail to log in, or that nobody answers."""

import pytest

from collectors.scenario import Scenario
from collectors.scenario.phone import Phone
from collectors.scenario.server import Server
from collectors.wire.events import SipEvent
from monitor.core.updates import RegistrationOutcome, RegistrationRecord
from tests.support.messages import hop, request, response
from tests.support.watch import Watch

CHALLENGE = "WWW-Authenticate", 'Digest realm="home", nonce="{}"'


def registering(*, password: str = "secret", challenged: bool = True) -> tuple[Scenario, Phone, Server]:
    scenario = Scenario("registering", latency_ms=0)
    alice, server = scenario.phone("alice@10.0.0.1", password=password), scenario.registrar("10.0.0.2")
    if challenged:
        server.challenges("REGISTER", accounts={"alice": "secret"})
    return scenario, alice, server


def register(at: float, cseq: int, nonce: str = "", answer: str = "0f", extra: str = "") -> SipEvent:
    """A REGISTER, with credentials where a nonce is given."""
    digest = f'Digest username="alice", realm="home", nonce="{nonce}", response="{answer}"{extra}'
    headers = [("Contact", "<sip:alice@10.0.0.1>"), *([("Authorization", digest)] if nonce else [])]
    return request("REGISTER", at, "alice>edge", cseq=cseq, headers=headers)


def answer(status: int, at: float, cseq: int, nonce: str = "", extra: str = "") -> SipEvent:
    name, value = CHALLENGE
    headers = [(name, value.format(nonce) + extra)] if nonce else [("Contact", "<sip:alice@10.0.0.1>;expires=600")]
    return response(status, at, "alice>edge", method="REGISTER", cseq=cseq, headers=headers)


def outcome(watch: Watch) -> RegistrationOutcome:
    return watch.registration.outcome


# --- registration-rejected


def test_a_refused_registration_is_found_with_what_the_registrar_said() -> None:
    scenario, alice, server = registering(challenged=False)
    server.refuses("REGISTER", 403)
    alice.registers(server)
    watch = Watch(scenario.events(), until=60)
    assert watch.story("registration-rejected") == [("confirmed", 0.0)]
    finding = watch.finding("registration-rejected")
    assert finding.hop == hop("alice>proxy")
    assert finding.cause == (
        "10.0.0.2:5060 refused the registration with 403 Forbidden: it understood and will not do it."
    )
    assert finding.messages == (1, 2)
    assert (outcome(watch), watch.registration.status) == (RegistrationOutcome.FAILED, 403)


def test_refusals_of_one_session_are_one_finding_that_is_told_again() -> None:
    events = [register(0, 1), answer(403, 0.1, 1), register(60, 2), answer(403, 60.1, 2)]
    watch = Watch(events, until=100)
    assert watch.story("registration-rejected") == [("confirmed", 0.1), ("confirmed", 60.1)]
    finding = watch.finding("registration-rejected")
    assert "refused the registration twice, last with 403" in finding.cause
    assert finding.messages == (2, 3, 4)


def test_a_registration_that_succeeds_clears_it() -> None:
    events = [register(0, 1), answer(403, 0.1, 1), register(60, 2), answer(200, 60.1, 2)]
    watch = Watch(events, until=100)
    assert watch.story("registration-rejected") == [("confirmed", 0.1), ("cleared", 60.1)]
    assert outcome(watch) == RegistrationOutcome.REGISTERED


def test_after_a_success_another_refusal_is_found_anew() -> None:
    events = [
        *(register(0, 1), answer(403, 0.1, 1), register(60, 2), answer(200, 60.1, 2)),
        *(register(120, 3), answer(403, 120.1, 3)),
    ]
    watch = Watch(events, until=150)
    assert watch.story("registration-rejected") == [("confirmed", 0.1), ("cleared", 60.1), ("confirmed", 120.1)]
    assert "refused the registration with 403" in watch.finding("registration-rejected").cause


def test_an_interval_too_brief_that_is_retried_longer_is_normal() -> None:
    scenario, alice, server = registering()
    server.min_expires = 300
    alice.registers(server, expires=60)
    watch = Watch(scenario.events(), until=60)
    assert watch.findings() == {}
    assert outcome(watch) == RegistrationOutcome.REGISTERED
    assert any(event.status == 423 for event in scenario.events())


@pytest.mark.parametrize("status", [302, 423, 503])
def test_what_asks_for_another_attempt_and_gets_none_in_4_s_is_a_refusal(status: int) -> None:
    watch = Watch([register(0, 1), answer(status, 1, 1)], until=4.99)
    assert watch.findings() == {}
    assert watch.wait(5).story("registration-rejected") == [("confirmed", 5.0)]


def test_a_retry_that_is_refused_too_is_the_refusal() -> None:
    events = [register(0, 1), answer(423, 0.1, 1), register(0.2, 2), answer(403, 0.3, 2)]
    watch = Watch(events, until=60)
    assert watch.story("registration-rejected") == [("confirmed", 0.3)]
    assert "refused the registration with 403" in watch.finding("registration-rejected").cause


def test_behind_a_proxy_the_registrar_that_refuses_is_named() -> None:
    events = [
        request("REGISTER", 0, "alice>edge"),
        request("REGISTER", 0.01, "edge>proxy", vias=2),
        response(404, 0.02, "edge>proxy", method="REGISTER", vias=2),
        response(404, 0.03, "alice>edge", method="REGISTER"),
    ]
    watch = Watch(events, until=60)
    assert watch.finding("registration-rejected").hop == hop("edge>proxy")
    assert (watch.registration.client, watch.registration.registrar) == ("10.0.0.1:5060", "10.0.0.5:5060")


# --- registration-auth-failed


def test_credentials_with_the_latest_nonce_that_are_challenged_again_are_wrong() -> None:
    scenario, alice, server = registering(password="wrong")
    alice.registers(server)
    watch = Watch(scenario.events(), until=60)
    assert watch.story("registration-auth-failed") == [("confirmed", 0.0)]
    finding = watch.finding("registration-auth-failed")
    assert finding.cause == (
        "10.0.0.2:5060 challenged 10.0.0.1:5060 again, although it had sent credentials for the latest nonce: "
        "the password, or the user name, of sip:alice@example.com is wrong."
    )
    assert finding.messages == (3, 4)
    assert (outcome(watch), watch.registration.status) == (RegistrationOutcome.FAILED, 401)


def test_failed_logins_of_one_session_are_one_finding_that_is_told_again() -> None:
    events = [
        *(register(0, 1), answer(401, 0.1, 1, "n1"), register(0.2, 2, "n1"), answer(401, 0.3, 2, "n2")),
        *(register(60, 3, "n2"), answer(401, 60.1, 3, "n3"), register(60.2, 4, "n3"), answer(401, 60.3, 4, "n4")),
    ]
    watch = Watch(events, until=100)
    assert watch.story("registration-auth-failed") == [("confirmed", 0.3), ("confirmed", 60.1), ("confirmed", 60.3)]
    assert "again, 3 times, although" in watch.finding("registration-auth-failed").cause


def test_the_right_password_clears_it() -> None:
    events = [
        *(register(0, 1), answer(401, 0.1, 1, "n1"), register(0.2, 2, "n1"), answer(401, 0.3, 2, "n2")),
        *(register(9, 3, "n2"), answer(200, 9.1, 3)),
    ]
    watch = Watch(events, until=60)
    assert watch.story("registration-auth-failed") == [("confirmed", 0.3), ("cleared", 9.1)]
    assert outcome(watch) == RegistrationOutcome.REGISTERED


def test_a_challenge_that_is_answered_rightly_is_no_failure() -> None:
    scenario, alice, server = registering()
    for at in (0, 60, 120):
        alice.registers(server, at=at, expires=120)
    watch = Watch(scenario.events(), until=130)
    assert (watch.findings(), outcome(watch)) == ({}, RegistrationOutcome.REGISTERED)


def test_a_challenge_that_is_never_answered_is_no_failure() -> None:
    watch = Watch([register(0, 1), answer(401, 0.1, 1, "n1")], until=60)
    assert (watch.findings(), outcome(watch)) == ({}, RegistrationOutcome.CHALLENGED)


@pytest.mark.parametrize(
    ("second", "again"),
    [
        (register(0.2, 2, "older"), answer(401, 0.3, 2, "n2")),  # not the nonce that was asked for
        (register(0.2, 2, "n1"), answer(401, 0.3, 2, "n2", ", stale=TRUE")),
        (register(0.2, 2, "n1", answer=""), answer(401, 0.3, 2, "n2")),  # IMS AKA: no response yet
        (register(0.2, 2, "n1", extra=', auts="x"'), answer(401, 0.3, 2, "n2")),  # AKA resynchronisation
    ],
    ids=["older nonce", "stale", "empty response", "resynchronisation"],
)
def test_credentials_that_could_not_be_right_are_no_failed_login(second: SipEvent, again: SipEvent) -> None:
    events = [register(0, 1), answer(401, 0.1, 1, "n1"), second, again, register(0.4, 3, "n2"), answer(200, 0.5, 3)]
    assert Watch(events[:4], until=60).findings() == {}
    assert Watch(events, until=60).findings() == {}


def test_a_nonce_whose_first_use_has_an_outcome_out_of_sight_may_have_served() -> None:
    first = [register(0, 1), answer(401, 0.1, 1, "n1"), register(0.2, 2, "n1")]
    watch = Watch([*first, register(60, 3, "n1"), answer(401, 60.1, 3, "n2")], until=62)
    assert watch.standing() == set()


def test_a_nonce_that_has_served_is_stale_when_it_is_challenged() -> None:
    events = [
        *(register(0, 1), answer(401, 0.1, 1, "n1"), register(0.2, 2, "n1"), answer(200, 0.3, 2)),
        *(register(300, 3, "n1"), answer(401, 300.1, 3, "n2")),
    ]
    watch = Watch(events, until=310)
    assert watch.findings() == {}
    watch.see([register(311, 4, "n2"), answer(401, 311.1, 4, "n3")])
    assert watch.findings() == {"registration-auth-failed": "confirmed"}


def test_a_challenge_of_another_realm_is_no_failure() -> None:
    challenge = [("Proxy-Authenticate", 'Digest realm="p", nonce="x"')]
    asked = response(407, 0.3, "alice>edge", method="REGISTER", cseq=2, headers=challenge)
    watch = Watch([register(0, 1), answer(401, 0.1, 1, "n1"), register(0.2, 2, "n1"), asked], until=60)
    assert watch.findings() == {}


def test_a_login_that_another_overtook_is_no_failure() -> None:
    events = [
        *(register(0, 1), answer(401, 0.1, 1, "n1"), register(1, 2, "n1"), register(1.1, 3, "n1")),
        *(answer(200, 1.2, 3), answer(401, 1.3, 2, "n2")),
    ]
    watch = Watch(events, until=60)
    assert (watch.findings(), outcome(watch)) == ({}, RegistrationOutcome.REGISTERED)


def test_a_refusal_that_another_register_overtook_is_none() -> None:
    events = [register(0, 1), register(1, 2), answer(200, 1.1, 2), answer(403, 1.2, 1)]
    watch = Watch(events, until=60)
    assert (watch.findings(), outcome(watch)) == ({}, RegistrationOutcome.REGISTERED)


def test_a_response_to_a_register_long_forgotten_says_nothing() -> None:
    session = [event for n in range(1, 9) for event in (register(n, n), answer(200, n + 0.1, n))]
    watch = Watch([*session, answer(403, 10, 1)], until=60)
    assert (watch.findings(), outcome(watch)) == ({}, RegistrationOutcome.REGISTERED)


# --- registration-unanswered


def silent_registrar(*, heard: bool) -> list[SipEvent]:
    scenario, alice, server = registering(challenged=False)
    if heard:
        alice.pings(server)
    server.silent(since=5)
    alice.registers(server, at=10)
    return scenario.events()


def test_a_silent_registrar_is_suspected_at_the_third_send_and_confirmed_at_timer_f() -> None:
    watch = Watch(silent_registrar(heard=True), until=41.9)
    assert watch.story("registration-unanswered") == [("suspected", 11.5)]
    watch.wait(42)
    assert watch.story("registration-unanswered") == [("suspected", 11.5), ("confirmed", 42.0)]
    cause = watch.finding("registration-unanswered").cause
    assert cause.endswith("sent REGISTER 11 times over 32 s, and no response came back.")
    assert outcome(watch) == RegistrationOutcome.UNANSWERED


def test_a_registrar_that_was_never_heard_is_no_more_than_suspected() -> None:
    watch = Watch(silent_registrar(heard=False), until=100)
    assert watch.story("registration-unanswered") == [("suspected", 11.5)]


def test_two_sends_of_a_register_are_no_suspicion() -> None:
    assert Watch([register(0, 1), register(0.5, 1), answer(200, 0.6, 1)], until=60).findings() == {}


def test_a_response_to_a_register_clears_it() -> None:
    watch = Watch([*(register(at, 1) for at in (0, 0.5, 1.5)), answer(200, 3, 1)], until=60)
    assert watch.story("registration-unanswered") == [("suspected", 1.5), ("cleared", 3.0)]


def test_another_registrar_that_answers_clears_it() -> None:
    elsewhere = [
        request("REGISTER", 10, "alice>proxy", cseq=2),
        response(200, 10.1, "alice>proxy", method="REGISTER", cseq=2),
    ]
    watch = Watch([*(register(at, 1) for at in (0, 0.5, 1.5)), *elsewhere], until=100)
    assert watch.story("registration-unanswered") == [("suspected", 1.5), ("cleared", 10.1)]
    assert (outcome(watch), watch.registration.registrar) == (RegistrationOutcome.REGISTERED, "10.0.0.2:5060")


def test_over_tcp_a_silent_registrar_is_suspected_after_4_s() -> None:
    watch = Watch([request("REGISTER", 0, transport="tcp")], until=3.9)
    assert watch.findings() == {}
    assert watch.wait(4).story("registration-unanswered") == [("suspected", 4.0)]


def test_the_record_is_a_registration_and_no_call() -> None:
    watch = Watch([register(0, 1), answer(200, 0.1, 1)])
    assert [type(record) for record in watch.records.values()] == [RegistrationRecord]


# --- slow-registration


def test_a_register_that_takes_long_to_be_accepted_is_slow() -> None:
    watch = Watch([register(0, 1), register(0.5, 1), register(1.5, 1), answer(200, 4.5, 1)], until=60)
    assert watch.story("slow-registration") == [("confirmed", 4.5)]
    finding = watch.finding("slow-registration")
    assert finding.cause == (
        "10.0.0.5:5060 took 4.5 s to accept the registration, and 10.0.0.1:5060 sent it 3 times (over 4.0 s is slow)."
    )
    assert finding.messages == (1, 4)


def test_a_challenge_and_the_time_to_answer_it_are_none_of_it() -> None:
    events = [register(0, 1), answer(401, 3, 1, "n"), register(9, 2, "n"), answer(200, 12.9, 2)]
    assert "slow-registration" not in Watch(events, until=60).standing()
    assert "slow-registration" not in Watch([answer(200, 9, 1)], until=60).standing()


def test_a_later_refresh_that_is_quick_takes_the_slow_one_back() -> None:
    events = [register(0, 1), answer(200, 5, 1), register(100, 2), answer(200, 100.1, 2)]
    assert Watch(events, until=160).story("slow-registration") == [("confirmed", 5.0), ("cleared", 100.1)]


def test_a_slow_answer_is_told_without_resends_where_the_transport_has_none() -> None:
    slow = request("REGISTER", 0, "alice>edge", transport="tcp")
    late = response(200, 5, "alice>edge", method="REGISTER", transport="tcp")
    cause = Watch([slow, late], until=60).finding("slow-registration").cause
    assert cause == "10.0.0.5:5060 took 5.0 s to accept the registration (over 4.0 s is slow)."
