"""Who looks for a way in, and who only looks so."""

import msgspec
import pytest

from monitor.core.message import message_of
from monitor.core.signatures import signature
from monitor.core.updates import Happened, RegistrationOutcome
from tests.monitor.core.sources.traffic import (
    Look,
    account,
    answered,
    call,
    hung_up,
    ping,
    rang,
    refused_call,
    refused_ping,
    registered,
    seen,
    session,
    unregistered,
)
from tests.support.messages import request
from tests.support.watch import Watch

SWEEP = [
    update
    for number in range(25)
    for update in (
        seen(number / 10, session(f"r{number}"), to=account(number)),
        unregistered(number / 10 + 0.05, session(f"r{number}"), account(number), status=404),
    )
]


@pytest.mark.parametrize(
    ("agent", "headers", "what"),
    [
        ("friendly-scanner", (), "User-Agent: friendly-scanner"),
        ("sundayddr", (), "User-Agent: sundayddr"),
        ("Asterisk PBX 18", (), ""),
        ("", (("Contact", "sip:123@1.1.1.1"),), "Contact: sip:123@1.1.1.1"),
        ("", (("Subject", "sipvicious"),), ""),
    ],
)
def test_a_known_tool_is_known_by_what_it_writes(agent: str, headers: tuple[tuple[str, str], ...], what: str) -> None:
    assert signature(message_of(request("OPTIONS", 0, headers=headers)), agent) == what


@pytest.mark.parametrize("name", ["sipvicious", "SIPVicious", "sIpViCiOuS"])
def test_sipvicious_is_known_by_the_name_that_it_calls_from(name: str) -> None:
    asked = request("OPTIONS", 0)
    named = asked.raw.replace(b"From: ", f'From: "{name}"'.encode())
    assert signature(message_of(msgspec.structs.replace(asked, raw=named)), "") == "From: sipvicious"


def test_the_shape_of_its_call_id_branch_and_tag_together_give_sipvicious_away() -> None:
    def shaped(branch: str, call_id: str = "279205998884020260561273", tag: str = "363030310131323132373437") -> str:
        asked = request("OPTIONS", 0, call_id=call_id, from_tag=tag, branch=branch)
        return signature(message_of(asked), "Cisco")

    assert "SIPVicious" in shaped("z9hG4bK-1767878550")
    assert shaped("z9hG4bK-x1767878550") == ""
    assert shaped("z9hG4bK-1767878550", call_id="a84b4c76e66710") == ""
    assert shaped("z9hG4bK-1767878550", tag="1767878550") == ""


def test_a_message_of_a_known_tool_is_a_scanner_with_its_record_as_evidence() -> None:
    watch = Watch([request("OPTIONS", 0, headers=[("User-Agent", "friendly-scanner")])], until=1)
    look = Look(watch.told)
    found = look.one("scanner")
    assert (found.name, str(found.finding.state), found.count) == ("10.0.0.1", "confirmed", 1)
    assert [key.call_id for key in found.evidence] == ["call-1"]
    assert "friendly-scanner" in found.finding.cause


def test_twenty_users_that_one_endpoint_asks_for_and_does_not_get_are_a_sweep() -> None:
    look = Look(SWEEP)
    assert look.found() == [("scanner", "203.0.113.7", "confirmed")]
    assert look.one("scanner").count == 25
    assert len(look.one("scanner").evidence) == 6


def test_a_sweep_by_options_or_invite_is_one_too() -> None:
    pings: list[Happened] = []
    calls: list[Happened] = []
    for number in range(20):
        pings += [seen(number, ping(f"o{number}")), refused_ping(number + 0.1, ping(f"o{number}"), to=account(number))]
        calls += [
            seen(number, call(f"c{number}"), to=account(number)),
            refused_call(number + 0.1, call(f"c{number}"), 407),
        ]
    assert Look(pings).found() == Look(calls).found() == [("scanner", "203.0.113.7", "confirmed")]


def test_a_call_that_nobody_answered_is_not_refused_afterwards() -> None:
    updates: list[Happened] = []
    for number in range(20):
        key = call(f"c{number}")
        updates += [seen(number, key, to=account(number)), refused_call(number + 0.1, key, None)]
        updates.append(refused_call(number + 0.2, key, 404))
    assert Look(updates).found() == []


def test_who_is_named_as_trusted_sweeps_and_signs_as_it_likes() -> None:
    signed = seen(9, ping("o"), signature="User-Agent: friendly-scanner")
    assert Look([*SWEEP, signed], trusted=["203.0.113.0/24", "2001:db8::/32"]).found() == []
    assert Look([*SWEEP, signed], trusted=["198.51.100.0/24"]).found() != []


def test_phones_behind_one_address_that_are_refused_are_no_sweep() -> None:
    """Thirty phones of an office whose accounts were deleted: each has a port of its own."""
    assert (
        Look(
            unregistered(
                number / 10, session(f"r{number}"), account(number), f"203.0.113.7:{30000 + number}", status=403
            )
            for number in range(30)
        ).found()
        == []
    )


def test_who_is_known_here_is_no_scanner_though_many_numbers_do_not_exist() -> None:
    """A PBX dials through a list of old numbers; one of its phones is registered."""
    known = registered(0, session("own"), account(1))
    assert Look([known, *SWEEP]).found() == []


def test_a_dialer_whose_calls_ring_now_and_then_is_no_scanner() -> None:
    updates: list[Happened] = []
    for number in range(200):
        key, at = call(f"c{number}"), number / 4
        updates.append(seen(at, key, to=account(number)))
        if number % 4:
            updates.append(refused_call(at + 0.2, key))
        else:
            updates += [rang(at + 0.1, key), answered(at + 0.1, key), hung_up(at + 0.2, key)]
    assert Look(updates).found() == []


@pytest.mark.parametrize(
    "updates",
    [
        [refused_ping(n, ping(f"o{n}"), to="sip:example.com") for n in range(30)],
        [refused_call(n, call(f"c{n}")) for n in range(30)],
        [unregistered(n, session(f"r{n}"), account(n), credentials=True) for n in range(30)],
        [
            unregistered(n, session(f"r{n}"), account(n), outcome=RegistrationOutcome.EXPIRED, status=200)
            for n in range(30)
        ],
        [
            update
            for n in range(30)
            for update in (seen(n, call(f"c{n}"), to=account(n)), refused_call(n + 0.1, call(f"c{n}"), 486))
        ],
    ],
    ids=["keep-alives", "calls-begun-out-of-sight", "logins", "expiries", "busy-lines"],
)
def test_what_is_refused_for_another_reason_is_no_sweep(updates: list[Happened]) -> None:
    assert Look(updates).found() == []


def test_a_sweep_slower_than_its_window_is_not_seen_as_one() -> None:
    slow = [unregistered(n * 10, session(f"r{n}"), account(n), status=404) for n in range(40)]
    assert Look(slow).found() == []
