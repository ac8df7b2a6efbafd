"""The sample traffic: endless, in order, plausible, and soon worth a look."""

from ipaddress import ip_address, ip_network
from itertools import islice, takewhile

import pytest

from collectors.scenario import event
from collectors.scenario.dice import Dice
from collectors.scenario.traffic import traffic
from collectors.wire.events import SipEvent

DOCUMENTATION = [ip_network(net) for net in ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32")]


@pytest.fixture(scope="module")
def first_minutes() -> list[SipEvent]:
    """Two minutes of it."""
    messages = takewhile(lambda sent: sent.sent_us < 120_000_000, traffic("a first look"))
    return [event(sent, sent.sent_us, "lab/sample") for sent in messages]


def test_messages_come_in_order_of_time_and_without_fault(first_minutes: list[SipEvent]) -> None:
    times = [event.captured_us for event in first_minutes]
    assert times == sorted(times)
    assert {event.fault for event in first_minutes} == {""}


def test_calls_come_at_one_to_three_a_second(first_minutes: list[SipEvent]) -> None:
    calls = {event.call_id for event in first_minutes if event.method == "INVITE"}
    assert 120 <= len(calls) <= 360
    assert 15 <= len(first_minutes) / 120 <= 60  # messages a second


def test_within_ten_seconds_calls_are_up_and_phones_are_registered(first_minutes: list[SipEvent]) -> None:
    early = [event for event in first_minutes if event.captured_us < 10_000_000]
    answered = {event.call_id for event in early if event.status == 200 and event.cseq_method == "INVITE"}
    ended = {event.call_id for event in early if event.method == "BYE"}
    assert len(answered - ended) >= 2
    assert len({event.to_uri for event in early if event.status == 200 and event.cseq_method == "REGISTER"}) >= 15


def test_within_twenty_seconds_an_ack_is_missing(first_minutes: list[SipEvent]) -> None:
    early = [event for event in first_minutes if event.captured_us < 10_000_000]
    answers: dict[tuple[str, str, str], int] = {}
    for answer in early:
        if answer.status == 200 and answer.cseq_method == "INVITE":
            key = (answer.call_id, answer.source, answer.branch)
            answers[key] = answers.get(key, 0) + 1
    assert max(answers.values()) >= 4  # the third time again is what makes it suspect


def test_within_ten_seconds_two_registrations_fail(first_minutes: list[SipEvent]) -> None:
    replies: dict[str, list[int]] = {}
    for reply in first_minutes:
        if reply.status and reply.cseq_method == "REGISTER" and reply.captured_us < 10_000_000:
            replies.setdefault(reply.call_id, []).append(reply.status)
    assert [401, 401] in replies.values()
    assert [403] in replies.values()


def test_failures_are_varied(first_minutes: list[SipEvent]) -> None:
    finals = {event.status for event in first_minutes if event.status >= 300}
    assert finals >= {401, 403, 407, 486, 487}
    assert len(finals) >= 8


def test_every_address_is_reserved_for_documentation(first_minutes: list[SipEvent]) -> None:
    addresses = {seen.source for seen in first_minutes} | {seen.destination for seen in first_minutes}
    for address in addresses:
        assert any(ip_address(address) in net for net in DOCUMENTATION)
        assert str(ip_address(address)) == address


def test_another_seed_gives_other_calls() -> None:
    one, same, other = (list(islice(traffic(seed), 300)) for seed in ("one", "one", "other"))
    assert one == same
    assert not {sent.raw for sent in one} & {sent.raw for sent in other}


def test_a_larger_town_makes_more_calls() -> None:
    busy = list(takewhile(lambda sent: sent.sent_us < 2_000_000, traffic("busy", phones=300, calls_per_second=50)))
    calls = {event(sent, 0, "").call_id for sent in busy if sent.raw.startswith(b"INVITE")}
    assert 60 <= len(calls) <= 140


def test_dice_are_fair_and_repeatable() -> None:
    assert [Dice("a").below(1000) for _ in range(2)] == [Dice("a").below(1000)] * 2
    dice = Dice("fair")
    assert 450 < sum(dice.chance(0.5) for _ in range(1000)) < 550
    assert 400 < sum(dice.weighted((("a", 3), ("b", 1))) == "a" for _ in range(600)) < 500
    assert 0.9 < sum(dice.gap(1.0) for _ in range(2000)) / 2000 < 1.1
    assert len(dice.text(20)) == 20
    assert dice.digits(12).isdigit()
