"""How registrations stand: outcomes, bindings and their end, sessions that last for months."""

import gc
import tracemalloc
from collections.abc import Callable

import pytest

from collectors.scenario.library import play
from collectors.wire.events import SipEvent
from monitor.core.correlator import Correlator
from monitor.core.updates import (
    FindingRaised,
    LoginFailed,
    MessageAdded,
    RecordClosed,
    RegistrationEnded,
    RegistrationOutcome,
    RegistrationRecord,
    RegistrationSucceeded,
)
from tests.support.messages import Headers, hop, request, response, us
from tests.support.watch import Watch, seconds

CONTACT = ("Contact", "<sip:alice@10.0.0.1>")


def register(at: float, cseq: int = 1, headers: Headers = (CONTACT,)) -> SipEvent:
    return request("REGISTER", at, "alice>edge", cseq=cseq, headers=headers)


def answer(status: int, at: float, cseq: int = 1, headers: Headers = ()) -> SipEvent:
    return response(status, at, "alice>edge", method="REGISTER", cseq=cseq, headers=headers)


def ends(watch: Watch) -> list[tuple[float, RegistrationOutcome]]:
    return [(seconds(update.at_us), update.outcome) for update in watch.told if isinstance(update, RegistrationEnded)]


@pytest.mark.parametrize(
    ("events", "until", "outcome", "status"),
    [
        ([register(0)], 1, RegistrationOutcome.PENDING, None),
        ([register(0), answer(100, 0.5)], 1, RegistrationOutcome.PENDING, None),
        ([register(0), answer(200, 0.5)], 1, RegistrationOutcome.REGISTERED, 200),
        ([register(0), answer(401, 0.5)], 1, RegistrationOutcome.CHALLENGED, 401),
        ([register(0), answer(407, 0.5)], 60, RegistrationOutcome.CHALLENGED, 407),
        ([register(0), answer(403, 0.5)], 1, RegistrationOutcome.FAILED, 403),
        ([register(0), answer(302, 0.5)], 1, RegistrationOutcome.FAILED, 302),
        ([register(0)], 31.9, RegistrationOutcome.PENDING, None),
        ([register(0)], 32, RegistrationOutcome.UNANSWERED, None),
        ([register(0), answer(100, 0.5)], 40, RegistrationOutcome.UNANSWERED, None),
        ([answer(100, 0.5)], 40, RegistrationOutcome.UNANSWERED, None),
        ([register(0), answer(100, 33)], 40, RegistrationOutcome.UNANSWERED, None),
        ([register(0), answer(200, 33)], 40, RegistrationOutcome.REGISTERED, 200),
        ([register(0), answer(401, 0.5), register(1, 2)], 60, RegistrationOutcome.CHALLENGED, 401),
        ([register(0), answer(200, 0.5), register(9, 2), answer(403, 9.5, 2)], 60, RegistrationOutcome.FAILED, 403),
        ([answer(200, 0.5)], 1, RegistrationOutcome.REGISTERED, 200),  # joined behind the request
    ],
)
def test_the_last_final_response_makes_the_outcome(
    events: list[SipEvent], until: float, outcome: RegistrationOutcome, status: int | None
) -> None:
    registration = Watch(events, until=until).registration
    assert (registration.outcome, registration.status) == (outcome, status)


def test_of_two_tags_the_register_that_was_sent_later_has_the_word() -> None:
    """A phone that has lost its count begins anew, with another tag."""
    events = [
        register(0, 7),
        request("REGISTER", 1, "alice>edge", cseq=1, from_tag="b"),
        response(200, 1.1, "alice>edge", method="REGISTER", cseq=1, from_tag="b"),
        answer(403, 1.2, 7),
    ]
    assert Watch(events, until=60).registration.outcome == RegistrationOutcome.REGISTERED


def test_a_response_with_altered_tags_belongs_to_its_request() -> None:
    altered = response(200, 1, "alice>edge", method="REGISTER", from_tag="altered")
    assert Watch([register(0), altered], until=60).registration.outcome == RegistrationOutcome.REGISTERED


def test_a_straggling_response_of_an_earlier_register_does_not() -> None:
    events = [register(0), register(1, 2), answer(200, 1.1, 2), answer(401, 1.2, 1)]
    assert Watch(events, until=2).registration.outcome == RegistrationOutcome.REGISTERED


@pytest.mark.parametrize(
    ("asked", "given", "expires"),
    [
        ([CONTACT], [], 3600),
        ([CONTACT, ("Expires", "60")], [], 60),
        ([("Contact", "<sip:alice@10.0.0.1>;expires=90"), ("Expires", "60")], [], 90),
        ([CONTACT, ("Expires", "60")], [("Expires", "30")], 30),
        ([CONTACT], [("Contact", "<sip:alice@10.0.0.1>;expires=45"), ("Expires", "30")], 45),
        # The one that was asked for, among all bindings of the address of record.
        ([CONTACT], [("Contact", "<sip:x@h>;expires=7, <sip:alice@10.0.0.1>;q=1;expires=45")], 45),
        ([CONTACT], [("Contact", "<sip:x@h>;expires=7, <sip:y@h>;expires=8")], 8),  # rewritten on the way
        ([CONTACT], [("Contact", '<sip:alice@10.0.0.1>;Expires = "45"')], 45),
        ([CONTACT, ("Expires", "never")], [("Contact", "<sip:alice@10.0.0.1>;expires=x")], 3600),
        ([CONTACT], [("Expires", "99999999999999999999")], 3600),
        ([CONTACT], [("Expires", "9999999999999999999")], 2**31),
    ],
)
def test_a_binding_lasts_as_long_as_the_2xx_gives_to_that_contact(
    asked: list[tuple[str, str]], given: list[tuple[str, str]], expires: int
) -> None:
    watch = Watch([register(0, headers=asked), answer(200, 1, headers=given)])
    assert watch.registration.expires_us == us(1 + expires)


def test_a_binding_ends_when_it_is_not_refreshed() -> None:
    events = [register(0, headers=[CONTACT, ("Expires", "60")]), answer(200, 1)]
    watch = Watch(events, until=60.9)
    before = watch.registration
    watch.wait(61)
    assert (before.outcome, watch.registration.outcome) == (RegistrationOutcome.REGISTERED, RegistrationOutcome.EXPIRED)
    assert ends(watch) == [(61.0, RegistrationOutcome.EXPIRED)]
    assert watch.wait(93.5).registration.open is False


def test_a_refresh_prolongs_it() -> None:
    expires = [CONTACT, ("Expires", "60")]
    events = [register(0, headers=expires), answer(200, 1), register(50, 2, expires), answer(200, 51, 2)]
    watch = Watch(events, until=110.9)
    assert (watch.registration.outcome, ends(watch)) == (RegistrationOutcome.REGISTERED, [])
    assert (watch.registration.registered_us, watch.registration.expires_us) == (us(1), us(111))
    assert len([update for update in watch.told if isinstance(update, RegistrationSucceeded)]) == 2


@pytest.mark.parametrize("pace", ["prompt", "late"])
def test_a_register_after_the_end_is_a_new_binding(pace: str) -> None:
    expires = [CONTACT, ("Expires", "60")]
    first, second = [register(0, headers=expires), answer(200, 1)], [register(70, 2, expires), answer(200, 71, 2)]
    watch = Watch()
    if pace == "prompt":
        watch.see(first).wait(69)
    else:
        for event in (*first, *second[:1]):  # the watermark stands still
            watch.correlator.feed(event)
        second = second[1:]
    watch.see(second)
    assert ends(watch) == [(61.0, RegistrationOutcome.EXPIRED)]
    assert (watch.registration.registered_us, watch.registration.expires_us) == (us(71), us(131))


def test_expires_0_removes_it() -> None:
    watch = Watch(play("unregistered").events(), until=200)
    registration = watch.registration
    assert (registration.outcome, registration.expires_us) == (RegistrationOutcome.UNREGISTERED, None)
    assert [outcome for _, outcome in ends(watch)] == [RegistrationOutcome.UNREGISTERED]
    assert not registration.open


def test_a_removal_and_a_login_are_known_though_the_response_is_seen_first() -> None:
    removal = [CONTACT, ("Expires", "0")]
    watch = Watch([answer(200, 0.1), register(0, headers=removal)])
    assert watch.registration.outcome == RegistrationOutcome.UNREGISTERED
    login = [("Authorization", 'Digest realm="r", nonce="n", response="0f"')]
    watch = Watch([answer(401, 0.1), register(0, headers=login)])
    assert watch.registration.outcome == RegistrationOutcome.FAILED


def test_it_leaves_memory_some_time_after_its_end() -> None:
    watch = Watch([register(0), answer(403, 1)], until=33.4)
    assert watch.registration.open
    assert not watch.wait(33.5).registration.open
    assert isinstance(watch.told[-1], RecordClosed)


def test_another_hop_of_a_register_that_was_refused_does_not_keep_it_in_memory() -> None:
    behind = request("REGISTER", 0.9, "edge>proxy", vias=2)
    assert not Watch([register(0), answer(403, 1), behind], until=33.5).registration.open


def test_a_retry_keeps_it_in_memory() -> None:
    watch = Watch([register(0), answer(403, 1), register(30, 2)], until=40)
    assert watch.registration.open
    assert watch.wait(62).registration.outcome == RegistrationOutcome.FAILED
    assert not watch.wait(100).registration.open


def test_client_registrar_and_contact_are_those_of_the_last_register() -> None:
    moved = request("REGISTER", 60, "carol>edge", cseq=2, headers=[("Contact", "<sip:alice@10.0.0.4>")])
    watch = Watch([register(0), answer(200, 1), moved])
    registration = watch.registration
    assert (registration.client, registration.registrar) == ("10.0.0.4:5060", "10.0.0.5:5060")
    assert registration.contact == "sip:alice@10.0.0.4"
    assert registration.hops == (hop("alice>edge"), hop("carol>edge"))
    assert registration.aor == "sip:bob@example.com"


def test_through_a_proxy_the_response_at_the_client_counts() -> None:
    events = [
        register(0),
        request("REGISTER", 0.01, "edge>proxy", vias=2),
        response(200, 0.02, "edge>proxy", method="REGISTER", vias=2),
    ]
    watch = Watch(events)
    assert watch.registration.outcome == RegistrationOutcome.PENDING
    assert watch.see([answer(200, 0.03)]).registration.registered_us == us(0.03)


def test_a_binding_begins_at_the_client_whichever_hop_is_seen_first() -> None:
    behind = [
        request("REGISTER", 0.01, "edge>proxy", vias=2),
        response(200, 0.02, "edge>proxy", method="REGISTER", vias=2),
    ]
    watch = Watch([*behind, register(0), answer(200, 0.03)])
    assert watch.registration.registered_us == us(0.03)


def test_two_registrars_asked_at_once_are_answered_when_one_is() -> None:
    both = [register(0), request("REGISTER", 0, "alice>proxy")]
    assert Watch([*both, answer(200, 1)]).registration.outcome == RegistrationOutcome.REGISTERED
    assert Watch([*both, answer(403, 1)]).registration.outcome == RegistrationOutcome.FAILED
    assert Watch([request("REGISTER", 0.1, "alice>proxy"), register(0)]).registration.registrar == "10.0.0.5:5060"


def test_a_password_that_is_refused_behind_a_proxy_is_one_failed_login() -> None:
    challenge = [("WWW-Authenticate", 'Digest realm="r", nonce="n"')]
    login = [CONTACT, ("Authorization", 'Digest realm="r", nonce="n", response="0f"')]
    events = [
        register(0),
        answer(401, 0.1, headers=challenge),
        register(1, 2, login),
        request("REGISTER", 1.01, "edge>proxy", vias=2, cseq=2, headers=login),
        response(403, 1.02, "edge>proxy", method="REGISTER", vias=2, cseq=2),
        answer(403, 1.03, 2),
    ]
    failed = [update for update in Watch(events).told if isinstance(update, LoginFailed)]
    assert [(update.source, update.status) for update in failed] == [("10.0.0.1:5060", 403)]


def test_of_many_registers_at_once_the_last_is_waited_for() -> None:
    watch = Watch([register(number / 10, number + 1) for number in range(20)], until=33.8)
    assert watch.registration.outcome == RegistrationOutcome.PENDING
    assert watch.wait(33.9).registration.outcome == RegistrationOutcome.UNANSWERED


def grown(correlator: Correlator, exchange: Callable[[int], list[SipEvent]]) -> int:
    """How much memory the 400th to 2,000th exchange take, in octets."""
    exchanges = [exchange(number) for number in range(2_000)]
    for number, events in enumerate(exchanges):
        if number == 400:
            tracemalloc.start()
        for event in events:
            correlator.feed(event)
        correlator.advance(events[-1].captured_us)
    gc.collect()  # what Python keeps for the next object of a kind is none of ours
    try:
        return tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()


def test_a_session_of_months_stays_diagnosed_in_little_memory() -> None:
    correlator, expires = Correlator(), [CONTACT, ("Expires", "60")]
    size = grown(
        correlator, lambda number: [register(50 * number, number, expires), answer(200, 50 * number + 1, number)]
    )
    assert size < 20_000
    (key,) = correlator.open_keys()
    registration = correlator.record(key)
    assert isinstance(registration, RegistrationRecord)
    assert (registration.outcome, registration.registered_us) == (RegistrationOutcome.REGISTERED, us(1))
    assert (registration.messages, registration.retransmissions) == (4_000, 0)
    correlator.feed(register(100_000, 9_000))
    told = [type(update) for update in correlator.feed(answer(403, 100_001, 9_000))]
    assert told == [MessageAdded, FindingRaised, RegistrationEnded]


def test_a_login_that_fails_for_months_takes_little_memory_too() -> None:
    def failure(number: int) -> list[SipEvent]:
        challenge = [("WWW-Authenticate", f'Digest realm="r", nonce="n{number}"')]
        login = [CONTACT, ("Authorization", f'Digest realm="r", nonce="n{number - 1}", response="0f"')]
        return [register(20 * number, number, login), answer(401, 20 * number + 1, number, challenge)]

    correlator = Correlator()
    assert grown(correlator, failure) < 60_000
    (key,) = correlator.open_keys()
    (finding,) = correlator.record(key).findings
    assert "again, 10 times or more, although" in finding.cause
    assert len(finding.messages) <= 13


@pytest.mark.parametrize(
    ("contact", "identity"),
    [
        ("<sip:alice@10.0.0.1>;expires=60", "sip:alice@10.0.0.1"),
        ('<sip:a@10.0.0.1>;+sip.instance="<urn:uuid:F81D4FAE>";reg-id=2', "urn:uuid:f81d4fae 2"),
        ("<sip:a@10.0.0.1>;+SIP.Instance=<urn:uuid:f81d4fae>", "urn:uuid:f81d4fae"),
    ],
)
def test_a_binding_is_known_by_instance_and_flow_or_else_by_its_contact(contact: str, identity: str) -> None:
    watch = Watch([register(0, 1, [("Contact", contact)]), answer(200, 0.1)], until=1)
    assert [update.identity for update in watch.told if isinstance(update, RegistrationSucceeded)] == [identity]


def test_removing_all_bindings_is_told_as_such() -> None:
    events = [register(0, 1, [("Contact", "*"), ("Expires", "0")]), answer(200, 0.1)]
    told = [update for update in Watch(events, until=1).told if isinstance(update, RegistrationEnded)]
    assert [(update.identity, update.credentials) for update in told] == [("*", False)]
