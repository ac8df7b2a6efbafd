"""Calls, as RFC 3261 has them flow: who says what to whom, and when again."""

import pytest

from collectors.scenario import Scenario
from collectors.scenario.phone import Phone
from collectors.scenario.server import Server
from collectors.sip.message import body, header, headers
from collectors.sip.timers import MILLISECOND, SECOND, Timers
from tests.collectors.scenario.timeline import flow, seconds, times

TIMER_A = [0, 0.5, 1.5, 3.5, 7.5, 15.5, 31.5]  # doubles without end
TIMER_E = [0, 0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5]  # doubles up to T2


def direct() -> tuple[Scenario, Phone, Phone]:
    scenario = Scenario("direct")
    alice, bob = scenario.phone("alice@10.0.0.1"), scenario.phone("bob@10.0.0.3")
    alice.invites(bob)
    return scenario, alice, bob


def proxied() -> tuple[Scenario, Phone, Server, Phone]:
    scenario = Scenario("proxied")
    alice, proxy, bob = scenario.phone("alice@10.0.0.1"), scenario.proxy("10.0.0.2"), scenario.phone("bob@10.0.0.3")
    alice.invites(bob, through=[proxy])
    return scenario, alice, proxy, bob


def test_a_call_between_two_phones_flows_as_in_rfc_3665() -> None:
    scenario, alice, bob = direct()
    bob.rings(at=0.4)
    bob.answers(at=2)
    alice.hangs_up(at=9)
    assert flow(scenario.events()) == [
        "1>3 INVITE",
        "3>1 100 INVITE",
        "3>1 180 INVITE",
        "3>1 200 INVITE",
        "1>3 ACK",
        "1>3 BYE",
        "3>1 200 BYE",
    ]


def test_a_call_through_a_proxy_crosses_it_both_ways() -> None:
    scenario, _, _, bob = proxied()
    bob.rings(at=0.4)
    bob.answers(at=2)
    bob.hangs_up(at=9)
    assert flow(scenario.events()) == [
        *("1>2 INVITE", "2>1 100 INVITE", "2>3 INVITE", "3>2 100 INVITE"),
        *("3>2 180 INVITE", "2>1 180 INVITE"),
        *("3>2 200 INVITE", "2>1 200 INVITE", "1>2 ACK", "2>3 ACK"),
        *("3>2 BYE", "2>1 BYE", "1>2 200 BYE", "2>3 200 BYE"),
    ]


def test_every_message_parses_without_fault_and_with_the_length_of_its_body() -> None:
    scenario, alice, proxy, bob = proxied()
    proxy.challenges("INVITE", accounts={"alice": "secret"})
    alice.password = "secret"
    bob.progresses(at=0.4)
    bob.answers(at=2)
    alice.holds(at=4)
    alice.resumes(at=6)
    bob.hangs_up(at=9)
    events = scenario.events()
    assert {event.fault for event in events} == {""}
    assert all(header(event.raw, "content-length") == str(len(body(event.raw))) for event in events)
    assert {event.call_id for event in events} == {events[0].call_id}


def test_each_hop_adds_its_via_and_responses_shed_them() -> None:
    scenario, _, _, bob = proxied()
    bob.answers(at=1)
    vias = [(line, event.vias) for line, event in zip(flow(scenario.events()), scenario.events(), strict=True)]
    assert ("1>2 INVITE", 1) in vias
    assert ("2>3 INVITE", 2) in vias
    assert ("3>2 200 INVITE", 2) in vias
    assert ("2>1 200 INVITE", 1) in vias
    invites = [event for event in scenario.events() if event.method == "INVITE"]
    assert len({event.branch for event in invites}) == 2


def test_requests_within_a_dialog_follow_the_recorded_route_to_the_contact() -> None:
    scenario, alice, _, bob = proxied()
    bob.answers(at=1)
    alice.hangs_up(at=3)
    first, second = (event for event in scenario.events() if event.method == "BYE")
    assert header(first.raw, "route") == "<sip:10.0.0.2:5060;lr>"
    assert header(second.raw, "route") is None
    assert second.raw.startswith(b"BYE sip:bob@10.0.0.3:5060 SIP/2.0\r\n")


def test_the_ack_of_an_answer_has_a_branch_of_its_own_and_that_of_a_refusal_does_not() -> None:
    scenario, _, bob = direct()
    bob.answers(at=1)
    answered = {event.method: event.branch for event in scenario.events() if event.method}
    assert answered["ACK"] != answered["INVITE"]
    scenario, _, bob = direct()
    bob.refuses(486, at=1)
    refused = {event.method: event.branch for event in scenario.events() if event.method}
    assert refused["ACK"] == refused["INVITE"]


def test_a_refusal_is_acknowledged_hop_by_hop() -> None:
    scenario, _, _, bob = proxied()
    bob.refuses(486, at=1)
    assert flow(scenario.events())[4:] == ["3>2 486 INVITE", "2>3 ACK", "2>1 486 INVITE", "1>2 ACK"]


def test_an_invite_that_nobody_hears_is_sent_seven_times() -> None:
    scenario, _, bob = direct()
    bob.silent()
    assert times(scenario.events(), "INVITE", "1>3") == TIMER_A


def test_a_proxy_answers_408_when_timer_b_ends() -> None:
    scenario, _, _, bob = proxied()
    bob.silent()
    events = scenario.events()
    assert times(events, "INVITE", "1>2") == [0]  # its 100 stopped the caller
    assert times(events, "INVITE", "2>3") == pytest.approx([0.003 + time for time in TIMER_A])
    assert times(events, "408 INVITE", "2>1") == pytest.approx([32.004])
    assert flow(events)[-1] == "1>2 ACK"


def test_another_request_is_sent_eleven_times_at_most_every_t2() -> None:
    scenario, alice, bob = direct()
    bob.answers(at=1)
    bob.silent(since=5)
    alice.hangs_up(at=10)
    assert times(scenario.events(), "BYE", "1>3") == pytest.approx([10 + time for time in TIMER_E])


def test_an_answer_without_ack_is_resent_ten_times_and_then_the_callee_hangs_up() -> None:
    scenario, alice, bob = direct()
    alice.never_acks()
    bob.answers(at=2)
    events = scenario.events()
    assert times(events, "200 INVITE", "3>1") == pytest.approx([2 + time for time in TIMER_E])
    assert times(events, "BYE", "3>1") == [34]
    assert not times(events, "ACK", "1>3")


def test_a_refusal_without_ack_is_resent_ten_times() -> None:
    scenario, _, bob = direct()
    scenario.loses("ACK")
    bob.refuses(603, at=1)
    events = scenario.events()
    assert times(events, "603 INVITE", "3>1") == pytest.approx([1 + time for time in TIMER_E])
    assert len(times(events, "ACK", "1>3")) == 11


def test_timers_follow_t1_and_t2() -> None:
    slow = Scenario(timers=Timers(t1_us=2 * SECOND, t2_us=16 * SECOND))
    alice, bob = slow.phone("alice@10.0.0.1"), slow.phone("bob@10.0.0.3")
    alice.invites(bob)
    bob.silent()
    assert times(slow.events(), "INVITE", "1>3") == [4 * time for time in TIMER_A]
    quick = Scenario(timers=Timers(t1_us=50 * MILLISECOND, t2_us=400 * MILLISECOND))
    alice, bob = quick.phone("alice@10.0.0.1"), quick.phone("bob@10.0.0.3")
    alice.never_acks()
    alice.invites(bob)
    bob.answers(at=0.1)
    assert times(quick.events(), "200 INVITE", "3>1") == pytest.approx([0.1 + time / 10 for time in TIMER_E])


def test_a_proxy_that_drops_the_ack_hears_it_again_with_each_answer() -> None:
    scenario, _, proxy, bob = proxied()
    proxy.drops("ACK")
    bob.answers(at=2)
    events = scenario.events()
    assert len(times(events, "200 INVITE", "3>2")) == 11
    acks = [event for event in events if event.method == "ACK"]
    assert len(acks) == 11
    assert {event.raw for event in acks} == {acks[0].raw}  # the same ACK again (§13.2.2.4)
    assert not times(events, "ACK", "2>3")
    assert times(events, "BYE", "3>2") == [34]


def test_a_late_ack_ends_the_resending() -> None:
    scenario, alice, bob = direct()
    alice.acks_late(6)
    bob.answers(at=2)
    events = scenario.events()
    assert times(events, "ACK", "1>3") == [8.002]
    assert times(events, "200 INVITE", "3>1") == [2, 2.5, 3.5, 5.5]


def test_a_lost_ack_is_sent_again_for_the_resent_answer() -> None:
    scenario, alice, bob = direct()
    scenario.loses("ACK", source=alice, times=1)
    bob.answers(at=2)
    assert times(scenario.events(), "200 INVITE", "3>1") == [2, 2.5]
    assert times(scenario.events(), "ACK", "1>3") == [2.002, 2.502]


def test_a_cancelled_call_is_terminated_on_each_hop() -> None:
    scenario, alice, _, bob = proxied()
    bob.rings(at=0.5)
    alice.cancels(at=5)
    assert flow(scenario.events())[6:] == [
        *("1>2 CANCEL", "2>1 200 CANCEL", "2>3 CANCEL", "3>2 200 CANCEL", "3>2 487 INVITE"),
        *("2>3 ACK", "2>1 487 INVITE", "1>2 ACK"),
    ]
    cancel, invite = (
        next(event for event in scenario.events() if event.method == method) for method in ("CANCEL", "INVITE")
    )
    assert (cancel.branch, cancel.cseq) == (invite.branch, invite.cseq)


def test_a_cancel_waits_for_something_provisional() -> None:
    scenario, alice, bob = direct()
    bob.says_trying = False
    alice.cancels(at=0.2)
    bob.rings(at=1)
    assert times(scenario.events(), "CANCEL", "1>3") == [1.002]


def test_a_cancel_is_sent_once_whatever_still_comes() -> None:
    scenario, alice, _, bob = proxied()
    bob.rings(at=0.5)
    scenario.loses("CANCEL", to=bob, times=1)
    alice.cancels(at=2)
    bob.rings(at=2.2)
    alice.cancels(at=2.3)
    events = scenario.events()
    assert times(events, "CANCEL", "1>2") == [2]
    assert times(events, "CANCEL", "2>3") == pytest.approx([2.002, 2.502])  # Timer E


def test_an_answer_that_crosses_the_cancel_is_acknowledged_and_hung_up() -> None:
    scenario, alice, bob = direct()
    bob.rings(at=0.5)
    bob.answers(at=3)
    alice.cancels(at=3.001)
    assert flow(scenario.events())[3:] == [
        *("3>1 200 INVITE", "1>3 CANCEL", "1>3 ACK", "1>3 BYE", "3>1 200 CANCEL", "3>1 200 BYE"),
    ]


def test_a_challenged_caller_tries_again_with_credentials_that_are_right() -> None:
    scenario, alice, proxy, bob = proxied()
    proxy.challenges("INVITE", accounts={"alice": "secret"})
    alice.password = "secret"
    bob.answers(at=2)
    events = scenario.events()
    assert flow(events)[:4] == ["1>2 INVITE", "2>1 407 INVITE", "1>2 ACK", "1>2 INVITE"]
    assert [event.cseq for event in events if event.method == "INVITE"] == [1, 2, 2]
    assert "1>2 ACK" in flow(events)[4:]


def test_a_wrong_password_is_challenged_once_more_and_no_more() -> None:
    scenario, alice, proxy, _ = proxied()
    proxy.challenges("INVITE", accounts={"alice": "secret"}, status=401)
    alice.password = "guess"
    assert flow(scenario.events()) == ["1>2 INVITE", "2>1 401 INVITE", "1>2 ACK"] * 2


def test_a_redirected_caller_tries_the_new_contact() -> None:
    scenario, alice, bob = direct()
    carol = scenario.phone("carol@10.0.0.4")
    bob.redirects(carol, at=0.5)
    carol.answers(at=2)
    events = scenario.events()
    assert flow(events)[2:5] == ["3>1 302 INVITE", "1>3 ACK", "1>4 INVITE"]
    assert {event.call_id for event in events} == {events[0].call_id}
    assert alice.user == "alice"


def test_a_forked_call_that_two_answer_gets_two_acks_and_one_bye() -> None:
    scenario, alice, proxy, bob = proxied()
    desk = scenario.phone("bob@10.0.0.4")
    proxy.forks("bob", bob, desk)
    for phone in (bob, desk):
        phone.rings(at=1)
        phone.answers(at=3)
    alice.hangs_up(at=9)
    events = scenario.events()
    assert len({event.to_tag for event in events if event.status == 200 and event.cseq_method == "INVITE"}) == 2
    assert len(times(events, "ACK", "2>3")) == len(times(events, "ACK", "2>4")) == 1
    assert sorted([*times(events, "BYE", "2>3"), *times(events, "BYE", "2>4")]) == pytest.approx([3.008, 9.003])


def test_the_slower_branch_of_a_fork_is_cancelled() -> None:
    scenario, _, proxy, bob = proxied()
    desk = scenario.phone("bob@10.0.0.4")
    proxy.forks("bob", bob, desk)
    bob.rings(at=1)
    desk.rings(at=1)
    desk.answers(at=3)
    events = scenario.events()
    assert len(times(events, "CANCEL", "2>3")) == 1
    assert not times(events, "CANCEL", "2>4")
    assert not times(events, "487 INVITE", "2>1")


def test_the_best_refusal_of_a_fork_goes_back() -> None:
    scenario, _, proxy, bob = proxied()
    desk = scenario.phone("bob@10.0.0.4")
    proxy.forks("bob", bob, desk)
    bob.refuses(503, at=1)
    desk.refuses(486, at=2)
    assert [line for line in flow(scenario.events()) if line.startswith("2>1")] == ["2>1 100 INVITE", "2>1 486 INVITE"]


def test_a_call_through_two_proxies_keeps_to_both() -> None:
    scenario = Scenario()
    alice, bob = scenario.phone("alice@10.0.0.1"), scenario.phone("bob@10.0.0.4")
    one, two = scenario.proxy("10.0.0.2"), scenario.proxy("10.0.0.3")
    alice.invites(bob, through=[one, two])
    bob.answers(at=1)
    alice.hangs_up(at=2)
    events = scenario.events()
    assert [line for line in flow(events) if "BYE" in line] == [
        *("1>2 BYE", "2>3 BYE", "3>4 BYE", "4>3 200 BYE", "3>2 200 BYE", "2>1 200 BYE")
    ]
    answer = next(event for event in events if event.status == 200)
    assert [value for name, value in headers(answer.raw) if name == "record-route"] == [
        "<sip:10.0.0.3:5060;lr>",
        "<sip:10.0.0.2:5060;lr>",
    ]


def test_a_hold_offers_sendonly_and_is_answered_recvonly() -> None:
    scenario, alice, bob = direct()
    bob.answers(at=1)
    alice.holds(at=3)
    events = [event for event in scenario.events() if seconds(event) >= 3]
    assert flow(events) == ["1>3 INVITE", "3>1 200 INVITE", "1>3 ACK"]
    assert b"a=sendonly" in events[0].raw
    assert b"a=recvonly" in events[1].raw


def test_a_phone_behind_a_nat_is_seen_at_the_outside_and_writes_the_inside() -> None:
    scenario = Scenario()
    alice = scenario.phone("alice@192.168.1.10", behind="203.0.113.9:40123")
    proxy, bob = scenario.proxy("10.0.0.2"), scenario.phone("bob@10.0.0.3")
    alice.invites(bob, through=[proxy])
    bob.answers(at=1)
    bob.hangs_up(at=3)
    first, trying = scenario.events()[:2]
    assert (first.source, first.source_port) == ("203.0.113.9", 40123)
    assert "192.168.1.10" in first.contact
    assert b";rport=40123" in trying.raw
    assert b";received=203.0.113.9" in trying.raw
    bye = next(event for event in scenario.events() if event.method == "BYE" and event.source == "10.0.0.2")
    assert (bye.destination, bye.destination_port) == ("203.0.113.9", 40123)
    assert bye.raw.startswith(b"BYE sip:alice@192.168.1.10:5060 SIP/2.0")


def test_what_the_capture_misses_arrives_all_the_same() -> None:
    scenario, alice, bob = direct()
    scenario.misses("ACK")
    bob.answers(at=1)
    alice.hangs_up(at=2)
    assert flow(scenario.events())[2:] == ["3>1 200 INVITE", "1>3 BYE", "3>1 200 BYE"]


def test_a_capture_near_a_party_sees_what_reaches_it_and_when() -> None:
    scenario, _, _, bob = proxied()
    scenario.loses("180", source=bob)
    bob.rings(at=0.4)
    bob.answers(at=2)
    assert [round(seconds(event), 3) for event in scenario.events(near=bob)] == [0.005, 0.005, 0.4, 2, 2.01]


def test_a_capture_may_end_early() -> None:
    scenario, _, bob = direct()
    bob.answers(at=2)
    assert flow(scenario.events(until=1)) == ["1>3 INVITE", "3>1 100 INVITE"]


def test_the_same_seed_gives_the_same_bytes_and_another_does_not() -> None:
    def play(seed: str) -> list[bytes]:
        scenario = Scenario(seed, jitter_ms=5)
        alice, bob = scenario.phone("alice@10.0.0.1"), scenario.phone("bob@10.0.0.3")
        alice.invites(bob)
        bob.answers(at=2)
        return [event.raw for event in scenario.events()]

    assert play("a") == play("a")
    assert not set(play("a")) & set(play("b"))


def test_over_tcp_only_the_answer_is_resent() -> None:
    scenario = Scenario()
    alice = scenario.phone("alice@10.0.0.1", transport="tcp")
    bob = scenario.phone("bob@10.0.0.3", transport="tcp")
    alice.invites(bob)
    alice.never_acks()
    bob.answers(at=1)
    events = scenario.events()
    assert len(times(events, "200 INVITE", "3>1")) == 11
    assert {event.transport for event in events} == {"tcp"}
    lost = Scenario()
    alice = lost.phone("alice@10.0.0.1", transport="tcp")
    alice.invites(lost.phone("bob@10.0.0.3", transport="tcp"))
    lost.loses("INVITE")
    assert times(lost.events(), "INVITE", "1>3") == [0]
