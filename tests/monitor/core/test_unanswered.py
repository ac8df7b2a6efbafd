"""INVITEs that nobody answers: suspected by their resends, confirmed by time, failover, or the sender's own word."""

import pytest

from collectors.scenario import Scenario
from collectors.wire.events import SipEvent
from monitor.core.updates import CallState
from tests.support.messages import hop, request, response
from tests.support.watch import Watch

SENDS = [0.0, 0.5, 1.5, 3.5, 7.5, 15.5, 31.5]  # Timer A


def silent_callee(*, heard: bool, transport: str = "udp") -> Scenario:
    """Bob is called at second 10 and says nothing; `heard`: he answered something before."""
    scenario = Scenario("silent", latency_ms=0)
    alice = scenario.phone("alice@10.0.0.1", transport=transport)
    bob = scenario.phone("bob@10.0.0.3", transport=transport)
    if heard:
        alice.pings(bob)
    bob.silent(since=5)
    alice.invites(bob, at=10)
    return scenario


def invites(on: str = "alice>bob", times: list[float] = SENDS, *, cseq: int = 1, vias: int = 1) -> list[SipEvent]:
    return [request("INVITE", at, on, cseq=cseq, vias=vias) for at in times]


def heard(place: str, at: float = -10) -> SipEvent:
    """A place answered something else before."""
    return response(200, at, f"alice>{place}", method="OPTIONS", call_id=f"other-{place}")


def in_order(*events: SipEvent) -> list[SipEvent]:
    return sorted(events, key=lambda event: event.captured_us)


def test_it_is_suspected_at_the_third_send_and_confirmed_at_timer_b() -> None:
    watch = Watch(silent_callee(heard=True).events(), until=41.99)
    assert watch.story("invite-unanswered") == [("suspected", 11.5)]
    before = watch.call
    watch.wait(42)
    assert watch.story("invite-unanswered") == [("suspected", 11.5), ("confirmed", 42.0)]
    finding = watch.finding("invite-unanswered")
    assert finding.hop == hop("alice>bob")
    assert finding.cause == (
        "10.0.0.3:5060 answers nothing: 10.0.0.1:5060 sent INVITE 7 times over 32 s, and not even a 100 Trying came "
        "back."
    )
    assert "Is 10.0.0.3:5060 up" in finding.remedy
    assert finding.messages == tuple(range(1, 8))
    assert (before.state, watch.call.state) == (CallState.TRYING, CallState.FAILED)


def test_a_client_that_soon_stops_resending_may_have_got_a_response_out_of_sight() -> None:
    watch = Watch([heard("bob"), *invites(times=SENDS[:5])], until=60)
    assert watch.story("invite-unanswered") == [("suspected", 1.5)]
    assert Watch([heard("bob"), *invites(times=SENDS[:6])], until=60).findings()["invite-unanswered"] == "confirmed"


def test_a_peer_of_which_only_requests_are_seen_may_answer_out_of_sight() -> None:
    """They come another way, as through two firewalls of which one is tapped."""
    asks = request("OPTIONS", -10, "bob>alice", call_id="other")
    watch = Watch([asks, *invites()], until=60)
    assert watch.story("invite-unanswered") == [("suspected", 1.5)]


def test_a_peer_that_was_never_heard_may_be_out_of_sight_and_is_no_more_than_suspected() -> None:
    watch = Watch(silent_callee(heard=False).events(), until=200)
    assert watch.story("invite-unanswered") == [("suspected", 11.5)]
    assert watch.call.state == CallState.FAILED


def test_two_sends_are_no_suspicion() -> None:
    watch = Watch([*invites(times=SENDS[:2]), response(100, 0.6), response(200, 5)], until=60)
    assert watch.story("invite-unanswered") == []


def test_a_response_clears_it() -> None:
    watch = Watch([*invites(times=SENDS[:4]), response(100, 4)], until=60)
    assert watch.story("invite-unanswered") == [("suspected", 1.5), ("cleared", 4.0)]
    assert watch.call.state == CallState.TRYING


def test_the_third_send_is_the_third_on_the_wire_whatever_arrives_last() -> None:
    watch = Watch([request("INVITE", 0), response(100, 0.3), request("INVITE", 0.4), request("INVITE", 0.2)], until=9)
    assert watch.story("invite-unanswered") == []


def test_a_response_after_timer_b_comes_too_late() -> None:
    watch = Watch([heard("bob"), *invites(), response(180, 33)], until=60)
    assert watch.story("invite-unanswered") == [("suspected", 1.5), ("confirmed", 32.0)]
    assert watch.call.state == CallState.FAILED


def test_a_client_that_does_not_resend_may_have_got_its_response() -> None:
    watch = Watch([heard("bob"), *invites(times=[0.0])], until=60)
    assert watch.findings() == {}
    assert watch.call.state == CallState.FAILED


def test_a_response_whose_request_was_never_seen_is_no_silence() -> None:
    assert Watch([response(100, 0)], until=60).findings() == {}


@pytest.mark.parametrize("transport", ["tcp", "tls"])
def test_over_reliable_transports_it_is_suspected_after_4_s(transport: str) -> None:
    watch = Watch(silent_callee(heard=True, transport=transport).events(), until=42)
    assert watch.story("invite-unanswered") == [("suspected", 14.0), ("confirmed", 42.0)]
    assert "sent one INVITE" in watch.finding("invite-unanswered").cause


def test_over_reliable_transports_a_response_within_4_s_is_in_time() -> None:
    events = [request("INVITE", 0, transport="tcp"), response(100, 3.9, transport="tcp")]
    assert Watch(events, until=60).story("invite-unanswered") == []


def test_over_reliable_transports_a_later_response_clears_it() -> None:
    events = [request("INVITE", 0, transport="tcp"), response(183, 6, transport="tcp")]
    watch = Watch(events[:1], until=5)
    watch.see(events[1:]).wait(60)
    assert watch.story("invite-unanswered") == [("suspected", 4.0), ("cleared", 6.0)]


def test_a_proxy_that_reports_a_timeout_confirms_it_although_the_peer_was_never_heard() -> None:
    scenario = Scenario("timeout", latency_ms=0)
    alice, proxy, bob = scenario.phone("alice@10.0.0.1"), scenario.proxy("10.0.0.2"), scenario.phone("bob@10.0.0.3")
    proxy.processing_us = 0
    bob.silent()
    alice.invites(bob, through=[proxy])
    watch = Watch(scenario.events(), until=100)
    assert watch.story("invite-unanswered") == [("suspected", 1.5), ("confirmed", 32.0)]
    assert watch.finding("invite-unanswered").hop == hop("proxy>bob")
    assert (watch.call.state, watch.call.status) == (CallState.FAILED, 408)


def test_a_refusal_of_the_proxy_that_is_no_timeout_confirms_nothing() -> None:
    events = in_order(
        *invites("alice>proxy", [0.0]),
        response(100, 0.01, "alice>proxy"),
        *invites("proxy>bob", [0.02, 0.52, 1.52], vias=2),
        response(503, 5, "alice>proxy"),
    )
    assert Watch(events, until=60).findings() == {"invite-unanswered": "suspected", "rejected": "confirmed"}


def test_a_proxy_that_tries_another_peer_confirms_it() -> None:
    events = in_order(
        heard("bob"),
        *invites("alice>proxy", [0.0]),
        response(100, 0.01, "alice>proxy"),
        *invites("proxy>bob", [0.02, 0.52, 1.52], vias=2),
        *invites("proxy>carol", [3.0], vias=2),
        response(200, 4, "proxy>carol", vias=2),
        response(200, 4.01, "alice>proxy"),
        request("ACK", 4.02, "alice>carol", to_tag="b", branch="own"),
    )
    watch = Watch(events, until=100)
    assert watch.story("invite-unanswered") == [("suspected", 1.52), ("confirmed", 3.0)]
    assert watch.finding("invite-unanswered").hop == hop("proxy>bob")
    assert watch.call.state == CallState.ANSWERED
    unheard = Watch(events[1:], until=100)
    assert unheard.story("invite-unanswered") == [("suspected", 1.52)]


def test_a_fork_at_the_same_time_is_no_failover() -> None:
    events = in_order(
        heard("bob"),
        *invites("proxy>bob", [0.0, 0.5, 1.5], vias=2),
        *invites("proxy>carol", [0.0], vias=2),
        response(200, 4, "proxy>carol", vias=2),
    )
    assert Watch(events, until=31).story("invite-unanswered") == [("suspected", 1.5)]


def test_a_caller_that_tries_another_peer_confirms_it() -> None:
    events = in_order(heard("bob"), *invites(times=SENDS[:3]), *invites("alice>carol", [2.0], cseq=2))
    watch = Watch(events, until=10)
    assert watch.story("invite-unanswered") == [("suspected", 1.5), ("confirmed", 2.0)]


def test_another_try_at_the_same_peer_confirms_nothing() -> None:
    events = in_order(
        heard("bob"), *invites(times=SENDS[:3]), *invites(times=[2.0], cseq=2), response(100, 2.1, cseq=2)
    )
    assert Watch(events, until=10).story("invite-unanswered") == [("suspected", 1.5)]


def test_two_branches_to_one_peer_are_judged_apart() -> None:
    events = in_order(
        *(request("INVITE", at, "proxy>bob", branch="one", vias=2) for at in SENDS[:3]),
        *(request("INVITE", at, "proxy>bob", branch="two", vias=2) for at in (3.0, 3.5)),
        response(100, 3.6, "proxy>bob", branch="two", vias=2),
    )
    assert Watch(events, until=10).story("invite-unanswered") == [("suspected", 1.5)]


def test_behind_a_proxy_that_keeps_no_state_the_farthest_hop_is_to_blame() -> None:
    times = (0, 0.5, 1.5, 3.5)
    near = [request("INVITE", at, "alice>proxy") for at in times]
    far = [request("INVITE", at + 0.01, "proxy>bob", vias=2) for at in times]
    events = sorted([*near, *far], key=lambda event: event.captured_us)
    assert Watch(events, until=20).finding("invite-unanswered").hop == hop("proxy>bob")
    # It had an answer, and kept it.
    watch = Watch([*events, response(180, 4, "proxy>bob", vias=2)], until=20)
    assert {
        finding.hop: str(finding.state) for finding in watch.call.findings if finding.code == "invite-unanswered"
    } == {
        hop("proxy>bob"): "cleared",
    }
    watch.wait(40)
    assert hop("alice>proxy") in {finding.hop for finding in watch.call.findings if finding.state != "cleared"}
