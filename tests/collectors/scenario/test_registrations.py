"""Registrations and keep-alives: challenges, refreshes, refusals, silence."""

import pytest

from collectors.scenario import Scenario
from collectors.scenario.phone import Phone
from collectors.scenario.server import Server
from collectors.sip.message import header, headers
from tests.collectors.scenario.test_calls import TIMER_E
from tests.collectors.scenario.timeline import flow, times


def scene(password: str | None = "secret") -> tuple[Scenario, Phone, Server]:
    scenario = Scenario("registration")
    alice = scenario.phone("alice@10.0.0.1", password=password)
    registrar = scenario.registrar("10.0.0.2")
    registrar.challenges("REGISTER", accounts={"alice": "secret"})
    return scenario, alice, registrar


CHALLENGED = ["1>2 REGISTER", "2>1 401 REGISTER", "1>2 REGISTER"]


def test_a_challenged_phone_registers_with_its_password() -> None:
    scenario, alice, registrar = scene()
    alice.registers(registrar, expires=600)
    events = scenario.events()
    assert flow(events) == [*CHALLENGED, "2>1 200 REGISTER"]
    assert header(events[-1].raw, "contact") == "<sip:alice@10.0.0.1:5060>;expires=600"
    assert {event.call_id for event in events} == {events[0].call_id}
    assert [event.cseq for event in events] == [1, 1, 2, 2]


def test_a_refresh_uses_the_nonce_again_and_counts_it_up() -> None:
    scenario, alice, registrar = scene()
    alice.registers(registrar)
    alice.registers(registrar, at=60)
    events = scenario.events()
    assert flow(events)[4:] == ["1>2 REGISTER", "2>1 200 REGISTER"]
    assert "nc=00000002" in (header(events[4].raw, "authorization") or "")


def test_unregistering_leaves_no_contact() -> None:
    scenario, alice, registrar = scene()
    alice.registers(registrar)
    alice.unregisters(at=60)
    events = scenario.events()
    assert header(events[4].raw, "expires") == "0"
    assert "contact" not in dict(headers(events[5].raw))


def test_a_wrong_password_is_challenged_again() -> None:
    scenario, alice, registrar = scene("guess")
    alice.registers(registrar)
    alice.registers(registrar, at=30)
    events = scenario.events()
    assert flow(events) == ["1>2 REGISTER", "2>1 401 REGISTER"] * 4
    nonces = {header(event.raw, "www-authenticate") for event in events if event.status}
    assert len(nonces) == 4


def test_without_a_password_the_challenge_stays() -> None:
    scenario, alice, registrar = scene(None)
    alice.registers(registrar)
    assert flow(scenario.events()) == CHALLENGED[:2]


def test_a_refused_phone_hears_so() -> None:
    scenario, alice, registrar = scene()
    registrar.refuses("REGISTER", 403)
    alice.registers(registrar)
    assert flow(scenario.events()) == ["1>2 REGISTER", "2>1 403 REGISTER"]


def test_a_silent_registrar_is_asked_eleven_times() -> None:
    scenario, alice, registrar = scene()
    registrar.silent()
    alice.registers(registrar)
    assert times(scenario.events(), "REGISTER", "1>2") == TIMER_E


def test_too_short_an_interval_is_tried_longer() -> None:
    scenario, alice, registrar = scene()
    registrar.min_expires = 300
    alice.registers(registrar, expires=60)
    events = scenario.events()
    assert flow(events) == [*CHALLENGED, "2>1 423 REGISTER", "1>2 REGISTER", "2>1 200 REGISTER"]
    assert header(events[4].raw, "expires") == "300"


def test_a_second_phone_of_a_user_is_bound_beside_the_first() -> None:
    scenario, alice, registrar = scene()
    mobile = scenario.phone("alice@10.0.0.9", password="secret")
    alice.registers(registrar)
    mobile.registers(registrar, at=10)
    last = scenario.events()[-1]
    assert [value for name, value in headers(last.raw) if name == "contact"] == [
        "<sip:alice@10.0.0.1:5060>;expires=3590",
        "<sip:alice@10.0.0.9:5060>;expires=3600",
    ]


def test_pings_are_answered_and_each_is_a_request_of_its_own() -> None:
    scenario, alice, registrar = scene()
    alice.pings(registrar, every=30, times=3)
    events = scenario.events()
    assert times(events, "OPTIONS", "1>2") == [0, 30, 60]
    assert times(events, "200 OPTIONS", "2>1") == pytest.approx([0.002, 30.002, 60.002])
    assert len({event.call_id for event in events}) == 3


def test_a_silent_spell_ends() -> None:
    scenario, alice, registrar = scene()
    registrar.silent(since=10, until=50)
    alice.pings(registrar, every=40, times=2, at=0)
    alice.registers(registrar, at=49)
    assert times(scenario.events(), "REGISTER", "1>2")[:3] == pytest.approx([49, 49.5, 50.5])
