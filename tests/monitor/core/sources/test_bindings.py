"""Bindings as they run out, flap, come back all at once, are taken over, and lose their way in."""

from msgspec.structs import replace

from collectors.wire.events import Loss
from monitor.core.limits import Limits
from monitor.core.updates import (
    Finding,
    FindingCleared,
    FindingConfirmed,
    FindingRaised,
    FindingState,
    Happened,
    LossRecorded,
    RegistrationOutcome,
    Severity,
)
from tests.monitor.core.sources.traffic import Look, account, call, registered, session, unregistered, wrong
from tests.monitor.core.told import us

ALICE = "sip:alice@example.com"
DESK, MOBILE = "sip:alice@192.168.1.10:5060", "sip:alice@192.168.1.20:5060"
HOME, ELSEWHERE = "203.0.113.7:31000", "198.51.100.9:31000"


def removed(at: float, name: str, identity: str, source: str = HOME, who: str = ALICE) -> Happened:
    return unregistered(
        at, session(name), who, source, outcome=RegistrationOutcome.UNREGISTERED, status=200, identity=identity
    )


# --- registration-expired

AT_WORK = registered(590, session("other"), account(1), "192.0.2.1:5060", "sip:1@192.0.2.1", 36_000)


def test_a_binding_that_nobody_renews_is_expired_after_its_own_time_and_a_little_grace() -> None:
    look = Look([registered(0, session("r"), ALICE, HOME, DESK, 600), AT_WORK], until=700)
    assert look.told("registration-expired") == [("confirmed", 605)]
    assert look.one("registration-expired").finding.cause == (
        f"The registration of {ALICE} at {DESK} ran out: 203.0.113.7 had 600 s to renew it, and did not."
    )
    assert Look([registered(0, session("r"), ALICE, HOME, DESK, 600)], until=606).found() == []  # commits may be late


def test_where_nothing_is_seen_of_the_registrar_any_more_it_is_a_suspicion() -> None:
    over = unregistered(600, session("r"), ALICE, HOME, outcome=RegistrationOutcome.EXPIRED, status=200)
    look = Look([registered(0, session("r"), ALICE, HOME, DESK, 600), over], until=700)
    assert look.told("registration-expired") == [("suspected", 605)]


def test_a_binding_may_be_renewed_under_another_call_id() -> None:
    renewals = [registered(300 * number, session(f"r{number}"), ALICE, HOME, DESK, 600) for number in range(10)]
    assert Look(renewals, until=2800).found() == []


def test_an_instance_may_be_bound_anew_at_another_contact() -> None:
    moves = [
        registered(0, session("a"), ALICE, HOME, DESK, 600, identity="urn:uuid:1 1"),
        registered(300, session("b"), ALICE, ELSEWHERE, MOBILE, 6000, identity="urn:uuid:1 1"),
    ]
    assert Look(moves, until=2000).found() == []


def test_another_instance_does_not_renew_it() -> None:
    two = [
        registered(0, session("a"), ALICE, HOME, DESK, 600, identity="urn:uuid:1"),
        registered(1, session("b"), ALICE, ELSEWHERE, MOBILE, 6000, identity="urn:uuid:2"),
    ]
    assert Look(two, until=700).found() == [("registration-expired", ALICE, "confirmed")]


def test_a_phone_that_got_a_new_port_has_not_expired() -> None:
    moved = [
        registered(0, session("a"), ALICE, HOME, DESK, 600),
        registered(300, session("b"), ALICE, "203.0.113.7:40000", "sip:alice@192.168.1.10:6000", 6000),
    ]
    assert Look(moved, until=700).found() == []


def test_what_was_removed_does_not_expire() -> None:
    made = registered(0, session("a"), ALICE, HOME, DESK, 600)
    assert Look([made, removed(300, "b", DESK)], until=700).found() == []
    both = registered(1, session("c"), ALICE, ELSEWHERE, MOBILE, 600)
    assert Look([made, both, removed(300, "b", "*")], until=700).found() == []
    assert Look([made, both, removed(300, "b", DESK), AT_WORK], until=700).found() == [
        ("registration-expired", ALICE, "confirmed")
    ]


def test_a_phone_that_comes_back_clears_it() -> None:
    late = [
        registered(0, session("a"), ALICE, HOME, DESK, 600),
        AT_WORK,
        registered(800, session("a"), ALICE, HOME, DESK, 6000),
    ]
    assert Look(late, until=900).told("registration-expired") == [("confirmed", 605), ("cleared", 800)]


def test_one_of_two_phones_that_comes_back_does_not_clear_the_other() -> None:
    two = [
        registered(0, session("a"), ALICE, HOME, DESK, 600),
        registered(1, session("b"), ALICE, ELSEWHERE, MOBILE, 600),
        AT_WORK,
        registered(800, session("a"), ALICE, HOME, DESK, 6000),
    ]
    look = Look(two, until=900)
    assert look.told("registration-expired") == [("confirmed", 605)]
    assert look.one("registration-expired").count == 2


def test_where_messages_were_lost_it_is_a_suspicion() -> None:
    made = registered(0, session("r"), ALICE, HOME, DESK, 600)
    lost = LossRecorded("edge-1", Loss("edge-1/eth0", us(500), us(510), "kernel", 3))
    look = Look([made, AT_WORK])
    for echo in (True, False):  # each partition tells it
        look.sources.take(replace(lost, echo=echo))
    look.sources.advance(us(1_200))
    assert look.see([]).found() == []  # it may have been renewed unseen, and would come again
    look.sources.advance(us(1_220))
    assert look.see([]).found() == [("registration-expired", ALICE, "suspected")]
    before = LossRecorded("edge-1", Loss("edge-1/eth0", us(-20), us(-10), "kernel", 3))
    look = Look([made, AT_WORK])
    look.sources.take(before)
    look.sources.advance(us(700))
    assert look.see([]).found() == [("registration-expired", ALICE, "confirmed")]


def test_a_query_of_bindings_is_none() -> None:
    assert Look([registered(0, session("r"), ALICE, HOME, "", 600)], until=700).found() == []


def test_many_renewals_leave_no_heap_of_deadlines() -> None:
    renewals = [registered(number, session("r"), ALICE, HOME, DESK, 6_000) for number in range(3_000)]
    look = Look(renewals, until=3_000)
    assert look.found() == []
    assert look.see([registered(3_001, session("x"), account(1), HOME, DESK, 10)]).found() == []


def test_only_so_many_bindings_of_an_account_are_remembered() -> None:
    many = [registered(n, session(f"r{n}"), ALICE, f"203.0.{n}.7:1", f"sip:a@10.0.0.{n}", 600) for n in range(20)]
    assert Look(many, until=900).one("registration-expired").count == 16


def test_of_two_phones_behind_one_port_one_may_leave() -> None:
    both = [registered(n, session(f"r{n}"), ALICE, HOME, contact, 600) for n, contact in enumerate((DESK, MOBILE))]
    assert Look([*both, removed(10, "r0", DESK), removed(11, "r1", MOBILE)], until=900).found() == []


# --- registration-flapping


def test_a_device_that_moves_to_and_fro_is_flapping() -> None:
    moves = [
        registered(30 * n, session("r"), ALICE, HOME, (DESK, MOBILE)[n % 2], 600, identity="urn:uuid:1")
        for n in range(6)
    ]
    look = Look(moves)
    assert look.told("registration-flapping") == [("confirmed", 150)]
    assert "moved 5 times within 600 s" in look.one("registration-flapping").finding.cause


def test_a_phone_that_leaves_and_comes_back_again_and_again_is_flapping() -> None:
    turns: list[Happened] = []
    for number in range(6):
        turns += [registered(60 * number, session("r"), ALICE, HOME, DESK), removed(60 * number + 30, "r", DESK)]
    assert Look(turns).found() == [("registration-flapping", ALICE, "confirmed")]


def test_slow_turns_other_devices_and_new_ports_are_no_flapping() -> None:
    slow = [registered(300 * n, session("r"), ALICE, HOME, (DESK, MOBILE)[n % 2], 600) for n in range(12)]
    assert Look(slow).found() == []
    devices = [registered(n, session(f"r{n % 3}"), ALICE, HOME, f"sip:a@192.168.1.{n % 3}") for n in range(30)]
    assert Look(devices).found() == []
    ports = [
        registered(n, session("r"), ALICE, HOME, f"sip:a@192.168.1.10:{5060 + n}", identity="urn:uuid:1")
        for n in range(30)
    ]
    assert Look(ports).found() == []
    stranger = removed(0, "never-seen", DESK)
    assert Look([stranger]).found() == []


# --- registration-storm


def storm(at: float, expires: float = 3600) -> list[Happened]:
    return [registered(at + n / 100, session(f"s{n}"), account(n), expires=expires) for n in range(500)]


def test_five_hundred_phones_at_once_are_a_storm_at_a_registrar_that_is_known() -> None:
    usual = [registered(number, session(f"u{number}"), account(9_000 + number)) for number in range(120)]
    look = Look([*usual, *storm(130)])
    assert look.found() == [("registration-storm", "10.0.0.9", "confirmed")]
    assert "9 are usual" in look.one("registration-storm").finding.cause


def test_at_a_registrar_that_is_new_to_us_they_are_a_suspicion() -> None:
    assert Look(storm(0)).found() == [("registration-storm", "10.0.0.9", "suspected")]


def test_registrations_that_are_renewed_each_half_minute_are_no_storm() -> None:
    assert Look(storm(0, expires=60)).found() == []
    steady = [registered(n / 20, session(f"r{n % 600}"), account(n % 600), expires=60) for n in range(3_000)]
    assert Look(steady).found() == []


def test_a_registrar_that_was_quiet_for_long_is_known_as_quiet() -> None:
    one = registered(0, session("u"), account(9_000))
    assert Look([one, *storm(2_000)]).found() == [("registration-storm", "10.0.0.9", "confirmed")]


def test_refusals_make_a_storm_too_and_expiries_do_not() -> None:
    usual = [registered(number, session(f"u{number}"), account(9_000)) for number in range(0, 120, 10)]
    refused = [unregistered(130 + n / 100, session(f"x{n}"), account(1), status=503) for n in range(300)]
    assert Look([*usual, *refused]).found() == [("registration-storm", "10.0.0.9", "confirmed")]
    over = [
        unregistered(130 + n / 100, session(f"x{n}"), account(1), outcome=RegistrationOutcome.EXPIRED, status=200)
        for n in range(300)
    ]
    assert Look([*usual, *over]).found() == []


# --- registration-hijack-suspect

KNOWN = registered(0, session("own"), ALICE, HOME, DESK, 36_000)


def test_an_account_bound_from_elsewhere_after_failed_logins_is_suspect() -> None:
    failures = [wrong(100 + n, session("x"), ALICE, ELSEWHERE) for n in range(3)]
    look = Look([KNOWN, *failures, registered(110, session("x"), ALICE, ELSEWHERE, MOBILE)])
    found = look.one("registration-hijack-suspect")
    assert (found.finding.state, found.finding.severity) == (FindingState.SUSPECTED, Severity.MAJOR)
    assert "from 198.51.100.9" in found.finding.cause
    assert "after 3 failed logins from there" in found.finding.cause


def test_removing_what_another_bound_and_binding_oneself_is_suspect_too() -> None:
    taken = [KNOWN, removed(100, "x", "*", ELSEWHERE), registered(101, session("x"), ALICE, ELSEWHERE, MOBILE)]
    found = Look(taken).one("registration-hijack-suspect")
    assert found.finding.severity == Severity.MINOR
    assert "after removing the binding" in found.finding.cause


def test_who_travels_is_no_hijacker() -> None:
    away = registered(110, session("x"), ALICE, ELSEWHERE, MOBILE)
    assert Look([KNOWN, away]).found() == []
    mistyped = [wrong(100, session("x"), ALICE, ELSEWHERE)]
    assert Look([KNOWN, *mistyped, away]).found() == []
    own = [KNOWN, removed(100, "own", DESK, ELSEWHERE), registered(101, session("own"), ALICE, ELSEWHERE, MOBILE)]
    assert Look(own).found() == []
    neighbour = removed(100, "x", "*", "203.0.113.8:5060")  # of the same network
    assert Look([KNOWN, neighbour, registered(101, session("x"), ALICE, "203.0.113.8:5060", MOBILE)]).found() == []
    late = [KNOWN, removed(100, "x", "*", ELSEWHERE), registered(4_000, session("x"), ALICE, ELSEWHERE, MOBILE)]
    assert Look(late).found() == []


def test_a_trusted_network_and_one_that_was_used_before_are_none() -> None:
    failures = [wrong(100 + n, session("x"), ALICE, ELSEWHERE) for n in range(3)]
    bound = registered(110, session("x"), ALICE, ELSEWHERE, MOBILE)
    assert Look([KNOWN, *failures, bound], trusted=["198.51.100.0/24"]).found() == []
    before = registered(50, session("m"), ALICE, ELSEWHERE, MOBILE)
    assert Look([KNOWN, before, *failures, bound]).found() == []


def test_only_so_many_networks_of_an_account_are_remembered() -> None:
    travels = [registered(n, session(f"t{n}"), ALICE, f"198.51.{n}.9:5060", MOBILE) for n in range(12)]
    assert Look([KNOWN, *travels]).found() == []


# --- nat-binding-lost


def unanswered(at: float, hop: str, state: FindingState = FindingState.SUSPECTED, name: str = "c") -> Happened:
    finding = Finding(
        code="invite-unanswered",
        subject="",
        severity=Severity.MAJOR,
        state=state,
        at_us=us(at),
        hop=hop,
        messages=(),
        cause="",
        remedy="",
    )
    about = (call(name), us(at), finding, "sip:bob@example.com", ALICE)
    if state == FindingState.CLEARED:
        return FindingCleared(*about)
    return FindingConfirmed(*about) if state == FindingState.CONFIRMED else FindingRaised(*about)


TO_HOME = f"10.0.0.9:5060>{HOME}"


def test_an_invite_to_a_binding_behind_a_nat_that_nobody_answers_has_lost_its_way() -> None:
    look = Look([KNOWN, unanswered(100, TO_HOME), unanswered(132, TO_HOME, FindingState.CONFIRMED)])
    assert look.told("nat-binding-lost") == [("suspected", 100), ("confirmed", 132)]
    assert [key.call_id for key in look.one("nat-binding-lost").evidence] == ["own", "c"]


def test_it_is_cleared_with_the_call_and_when_the_phone_registers() -> None:
    raised, cleared = unanswered(100, TO_HOME), unanswered(130, TO_HOME, FindingState.CLEARED)
    assert Look([KNOWN, raised, cleared]).found() == [("nat-binding-lost", ALICE, "cleared")]
    again = registered(120, session("own"), ALICE, HOME, DESK)
    assert Look([KNOWN, raised, again, cleared]).found() == [("nat-binding-lost", ALICE, "cleared")]
    other = unanswered(101, TO_HOME, name="d")
    assert Look([KNOWN, raised, other, cleared]).found() == [("nat-binding-lost", ALICE, "suspected")]


def test_no_nat_no_binding_and_no_live_one_are_no_lost_way() -> None:
    raised = unanswered(100, TO_HOME)
    straight = registered(0, session("own"), ALICE, HOME, "sip:alice@203.0.113.7:31000", 36_000)
    assert Look([straight, raised]).found() == []
    assert Look([raised, registered(200, session("own"), ALICE, HOME, DESK)]).found() == []
    assert Look([KNOWN, unanswered(100, "10.0.0.9:5060>192.0.2.1:5060")]).found() == []
    short = registered(0, session("own"), ALICE, HOME, DESK, 98)
    assert Look([short, raised], until=101).found() == []
    cleared = unanswered(103, TO_HOME, FindingState.CLEARED)
    assert Look([KNOWN, cleared]).found() == []


# --- nat-contact

TO_CONTACT = "10.0.0.9:5060>192.168.1.10:5060"


def test_an_invite_to_the_private_contact_of_a_registration_went_to_the_wrong_place() -> None:
    raised, certain = unanswered(100, TO_CONTACT), unanswered(132, TO_CONTACT, FindingState.CONFIRMED)
    look = Look([KNOWN, raised, certain])
    assert look.told("nat-contact") == [("suspected", 100), ("confirmed", 132)]
    found = look.one("nat-contact")
    assert (found.name, found.finding.severity) == (ALICE, Severity.MAJOR)
    assert f"from 203.0.113.7 with the Contact {DESK}" in found.finding.cause
    again = registered(200, session("own"), ALICE, HOME, DESK)
    assert Look([KNOWN, raised, again]).found() == [("nat-contact", ALICE, "cleared")]


def test_a_phone_inside_and_somebody_elses_private_address_are_none() -> None:
    raised = unanswered(100, TO_CONTACT)
    inside = registered(0, session("own"), ALICE, "10.1.1.1:5060", DESK, 36_000)
    assert Look([inside, raised]).found() == []
    other = registered(0, session("own"), account(1), HOME, DESK, 36_000)
    assert Look([other, raised]).found() == []
    elsewhere = registered(0, session("own"), ALICE, HOME, MOBILE, 36_000)
    assert Look([elsewhere, raised]).found() == []
    assert Look([registered(0, session("own"), ALICE, HOME, DESK, 98), raised], until=101).found() == []


def test_the_limits_are_settings() -> None:
    moves = [registered(n, session("r"), ALICE, HOME, (DESK, MOBILE)[n % 2], identity="urn:uuid:1") for n in range(3)]
    assert Look(moves, limits=Limits(flaps=2)).found() == [("registration-flapping", ALICE, "confirmed")]
