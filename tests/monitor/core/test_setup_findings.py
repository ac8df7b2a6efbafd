"""Calls that nobody decides, that somebody refuses, or that take too long to ring."""

import pytest

from collectors.scenario import Scenario
from collectors.scenario.phone import Phone
from collectors.scenario.server import Server
from collectors.wire.events import SipEvent
from monitor.core.updates import CallState, Severity
from tests.support.messages import hop, request, response
from tests.support.watch import Watch


def proxied() -> tuple[Scenario, Phone, Server, Phone]:
    scenario = Scenario("proxied", latency_ms=0)
    alice, proxy, bob = scenario.phone("alice@10.0.0.1"), scenario.proxy("10.0.0.2"), scenario.phone("bob@10.0.0.3")
    proxy.processing_us = 0
    alice.invites(bob, through=[proxy])
    return scenario, alice, proxy, bob


# --- no-final-response


def test_a_call_that_rings_for_180_s_and_no_more_has_no_final_response() -> None:
    scenario, _, _, bob = proxied()
    bob.rings(at=2)
    watch = Watch(scenario.events(), until=181.99)
    assert watch.story("no-final-response") == []
    watch.wait(182)
    assert watch.story("no-final-response") == [("confirmed", 182.0)]
    finding = watch.finding("no-final-response")
    assert finding.hop == hop("proxy>bob")
    assert "no final response for 180 s after its last provisional one" in finding.cause
    assert watch.call.state == CallState.FAILED


def test_each_ringing_begins_the_180_s_again_and_a_100_does_not() -> None:
    events = [request("INVITE", 0), response(180, 1), response(180, 150), response(100, 160)]
    watch = Watch(events, until=329.9)
    assert watch.story("no-final-response") == []
    assert watch.wait(330).story("no-final-response") == [("confirmed", 330.0)]


def test_only_100_for_180_s_fails_the_call_without_a_finding() -> None:
    watch = Watch([request("INVITE", 0), response(100, 1)], until=300)
    assert (watch.findings(), watch.call.state) == ({}, CallState.FAILED)


@pytest.mark.parametrize("end", [response(487, 179), request("CANCEL", 179), response(200, 179)])
def test_a_call_that_is_decided_in_time_has_its_final_response(end: SipEvent) -> None:
    events = [request("INVITE", 0), response(180, 1), end]
    assert Watch(events, until=300).story("no-final-response") == []


@pytest.mark.parametrize(
    "sign",
    [
        request("ACK", 3, to_tag="b"),
        request("ACK", 3, "alice>carol", to_tag="b", branch="own"),
        request("BYE", 90, "bob>alice", from_tag="b", to_tag="a"),
        response(200, 90, method="BYE"),
    ],
)
def test_an_ack_or_a_bye_tells_of_a_final_response_that_was_not_seen(sign: SipEvent) -> None:
    events = [request("INVITE", 0), response(180, 1), sign]
    assert Watch(events, until=300).story("no-final-response") == []


def test_a_final_response_that_was_not_seen_all_the_way_is_suspected_to_be_stuck_where_it_came_last() -> None:
    events = [
        *(request("INVITE", 0, "alice>proxy"), request("INVITE", 0.01, "proxy>bob", vias=2)),
        *(response(180, 1, "proxy>bob", vias=2), response(180, 1.01, "alice>proxy")),
        response(486, 20, "proxy>bob", vias=2),
    ]
    watch = Watch(events, until=300)
    assert watch.story("no-final-response") == [("suspected", 181.01)]
    finding = watch.finding("no-final-response")
    assert finding.hop == hop("alice>proxy")
    assert "10.0.0.2:5060 was ringing" in finding.cause


def test_a_final_response_after_that_does_not_take_it_back() -> None:
    watch = Watch([request("INVITE", 0), response(180, 1)], until=185)
    watch.see([response(486, 190)]).wait(400)
    assert watch.story("no-final-response") == [("confirmed", 181.0)]
    assert watch.call.status == 486


def test_ringing_after_that_does_not_take_it_back() -> None:
    ringing = [request("INVITE", 0), response(180, 1), response(180, 182)]
    prompt = Watch(ringing[:2], until=181.5).see(ringing[2:]).wait(500)
    late = Watch(ringing, until=500)
    assert prompt.story("no-final-response") == late.story("no-final-response") == [("confirmed", 181.0)]


# --- rejected


@pytest.mark.parametrize(
    ("status", "reason", "meaning", "severity"),
    [
        *((status, "", "does not know the number", Severity.MINOR) for status in (404, 410, 484, 485, 604)),
        (403, "", "understood and will not do it", Severity.MAJOR),
        (480, "", "can't be reached just now", Severity.MINOR),
        *((status, "", "waited for an answer further on", Severity.MAJOR) for status in (408, 504)),
        (503, "", "overloaded, out of channels", Severity.MAJOR),
        *((status, "", "in circles", Severity.MAJOR) for status in (482, 483)),
        (422, "", "session interval is too small", Severity.MINOR),
        *((status, "", "an extension", Severity.MAJOR) for status in (420, 421)),
        *((status, "", "no common way to carry the media", Severity.MAJOR) for status in (415, 488, 606)),
        *((status, "", "screening", Severity.MINOR) for status in (433, 607, 608)),
        *((status, "", "STIR/SHAKEN", Severity.MAJOR) for status in (428, 436, 437, 438)),
        (580, "", "preconditions", Severity.MAJOR),
        (430, "", "can't be reached just now", Severity.MINOR),
        *((status, "", "failed on a request that seems valid", Severity.MAJOR) for status in (500, 502, 513)),
        *((status, "", "will not take the request as it is", Severity.MAJOR) for status in (400, 481, 499)),
        (699, "", "no other place will take the call", Severity.MINOR),
        # A Q.850 cause says more than the status that carries it, where it says anything.
        (480, "Q.850;cause=34;text=no-circuit", "overloaded, out of channels", Severity.MAJOR),
        (500, 'SIP;cause=500, Q.850 ;text="x";cause=42', "overloaded, out of channels", Severity.MAJOR),
        *((503, f"Q.850;cause={cause}", "does not know the number", Severity.MINOR) for cause in (1, 3, 28)),
        (500, "Q.850;cause=19", "can't be reached just now", Severity.MINOR),
        (500, "SIP;cause=404", "does not know the number", Severity.MINOR),
        (404, "SIP;cause=503", "does not know the number", Severity.MINOR),
        (480, "SIP;cause=34", "can't be reached just now", Severity.MINOR),
    ],
)
def test_a_refusal_is_explained_by_its_class(status: int, reason: str, meaning: str, severity: Severity) -> None:
    headers = [("Reason", reason)] if reason else []
    watch = Watch([request("INVITE", 0), response(status, 1, headers=headers)], until=60)
    finding = watch.finding("rejected")
    assert meaning in finding.cause
    assert f"{status} Because" in finding.cause
    assert (finding.state, finding.severity, finding.messages) == ("confirmed", severity, (1, 2))


@pytest.mark.parametrize("status", [408, 480])
def test_a_phone_that_rang_until_a_server_gave_up_was_not_answered(status: int) -> None:
    finding = Watch([request("INVITE", 0), response(180, 1), response(status, 30)], until=60).finding("rejected")
    assert (finding.variant, finding.severity) == ("unavailable", Severity.MINOR)
    assert "it rang there, and nobody answered in time" in finding.cause


@pytest.mark.parametrize("reason", ["Q.850;cause=17", 'q.850;cause=17;text="x"', 'SIP;cause=486;text="Busy"'])
def test_a_refusal_that_says_busy_by_its_reason_is_no_failure(reason: str) -> None:
    assert Watch([request("INVITE", 0), response(480, 1, headers=[("Reason", reason)])], until=60).findings() == {}


@pytest.mark.parametrize(
    ("status", "warning", "meaning"),
    [
        (400, '305 pbx "Incompatible media format"', "no common way to carry the media"),
        (500, '399 pbx "whatever"', "failed on a request that seems valid"),
        (404, '304 pbx "Media type not available"', "does not know the number"),
    ],
)
def test_a_warning_about_the_description_makes_it_one_of_media(status: int, warning: str, meaning: str) -> None:
    watch = Watch([request("INVITE", 0), response(status, 1, headers=[("Warning", warning)])], until=60)
    assert meaning in watch.finding("rejected").cause


def test_what_the_refusal_says_of_itself_is_quoted() -> None:
    headers = [("Warning", '304 h "no codec"'), ("Retry-After", "30"), ("Reason", "Q.850;cause=42")]
    watch = Watch([request("INVITE", 0), response(503, 1, headers=headers)], until=60)
    quoted = '503 Because (Reason: Q.850;cause=42; Warning: 304 h "no codec"; Retry-After: 30)'
    assert quoted in watch.finding("rejected").cause


def test_a_refusal_is_pinned_to_the_element_that_it_came_from() -> None:
    scenario, _, _, bob = proxied()
    bob.refuses(403, at=1)
    finding = Watch(scenario.events(), until=60).finding("rejected")
    assert finding.hop == hop("proxy>bob")
    assert finding.cause.startswith("10.0.0.3:5060 refused the call")


@pytest.mark.parametrize("status", [486, 487, 600, 603])
def test_busy_decline_and_the_callers_own_cancel_are_no_fault(status: int) -> None:
    assert Watch([request("INVITE", 0), response(status, 1)], until=60).story("rejected") == []


@pytest.mark.parametrize("status", [302, 401, 407])
def test_redirections_and_challenges_are_no_refusals(status: int) -> None:
    assert Watch([request("INVITE", 0), response(status, 1)], until=60).story("rejected") == []


def test_what_asks_for_another_attempt_is_given_4_s_for_it() -> None:
    watch = Watch([request("INVITE", 0), response(488, 1)], until=4.99)
    assert watch.story("rejected") == [("suspected", 1.0)]
    assert watch.call.state == CallState.FAILED
    assert watch.wait(5).story("rejected") == [("suspected", 1.0), ("confirmed", 5.0)]


def test_another_attempt_within_these_repairs_it() -> None:
    events = [
        *(request("INVITE", 0), response(422, 1), request("INVITE", 2, cseq=2)),
        *(response(200, 3, cseq=2), request("ACK", 3.1, cseq=2, to_tag="b", branch="own")),
    ]
    watch = Watch(events, until=60)
    assert watch.story("rejected") == [("suspected", 1.0), ("cleared", 2.0)]
    assert (watch.standing(), watch.call.state) == (set(), CallState.ANSWERED)


def test_another_attempt_after_these_clears_it() -> None:
    watch = Watch([request("INVITE", 0), response(503, 1)], until=6)
    watch.see([request("INVITE", 7, cseq=2), response(200, 8, cseq=2)])
    assert watch.story("rejected") == [("suspected", 1.0), ("confirmed", 5.0), ("cleared", 7.0)]


def test_another_attempt_clears_a_refusal_that_asks_for_none() -> None:
    events = [request("INVITE", 0), response(404, 1), request("INVITE", 2, cseq=2), response(404, 3, cseq=2)]
    watch = Watch(events, until=60)
    assert watch.story("rejected") == [("confirmed", 1.0), ("cleared", 2.0), ("confirmed", 3.0)]
    assert [finding.subject for finding in watch.call.findings] == ["1 a", "2 a"]


def test_a_refusal_that_another_attempt_overtook_is_none() -> None:
    events = [request("INVITE", 0), request("INVITE", 1, cseq=2), response(404, 2), response(180, 3, cseq=2)]
    assert Watch(events, until=60).findings() == {}


def test_a_fork_that_refuses_is_no_failure_of_a_call_that_another_answers() -> None:
    scenario, _, proxy, bob = proxied()
    carol = scenario.phone("bob@10.0.0.4")
    proxy.forks("bob", bob, carol)
    bob.refuses(404, at=1)
    carol.answers(at=2)
    carol.hangs_up(at=9)
    watch = Watch(scenario.events(), until=60)
    assert (watch.findings(), watch.call.state) == ({}, CallState.ENDED)


def test_a_refusal_whose_request_was_not_seen_may_be_that_of_a_reinvite() -> None:
    watch = Watch([response(488, 1, cseq=2)], until=20)
    assert watch.story("rejected") == [("suspected", 1.0)]
    watch.see([request("INVITE", 0.9, cseq=2, to_tag="b")])
    assert "rejected" not in watch.standing()


def test_a_refused_reinvite_is_no_refused_call() -> None:
    events = [
        *(request("INVITE", 0), response(200, 1), request("ACK", 1.1, to_tag="b", branch="own")),
        *(request("INVITE", 9, cseq=2, to_tag="b"), response(488, 9.1, cseq=2)),
    ]
    watch = Watch(events, until=60)
    assert (watch.findings(), watch.call.state) == ({}, CallState.ANSWERED)


# --- slow-setup


def test_a_callee_that_rings_late_makes_a_slow_setup() -> None:
    scenario, _, _, bob = proxied()
    bob.rings(at=8.1)
    watch = Watch(scenario.events(), until=20)
    assert watch.story("slow-setup") == [("confirmed", 8.1)]
    finding = watch.finding("slow-setup")
    assert finding.hop == hop("proxy>bob")
    assert finding.cause == ("The caller heard nothing for 8.1 s: 10.0.0.3:5060 took 8.1 s to ring (over 8 s is slow).")
    assert watch.call.pdd_ms == 8100


def test_a_proxy_that_forwards_late_is_the_one_that_delays() -> None:
    scenario, _, proxy, bob = proxied()
    proxy.processing_us = 9_000_000
    bob.rings(at=9.2)
    watch = Watch(scenario.events(until=19), until=19)
    assert watch.finding("slow-setup").hop == hop("alice>proxy")
    assert "10.0.0.2:5060 took" in watch.finding("slow-setup").cause


def test_8_s_are_not_yet_slow() -> None:
    scenario, _, _, bob = proxied()
    bob.rings(at=8)
    assert Watch(scenario.events(), until=20).story("slow-setup") == []


def test_without_ringing_the_answer_counts() -> None:
    scenario, alice, _, bob = proxied()
    bob.answers(at=9)
    alice.hangs_up(at=20)
    assert Watch(scenario.events(), until=60).story("slow-setup") == [("confirmed", 9.0)]


def test_once_it_rings_the_answer_may_take_its_time() -> None:
    scenario, alice, _, bob = proxied()
    bob.rings(at=1)
    bob.answers(at=60)
    alice.hangs_up(at=70)
    assert Watch(scenario.events(), until=100).findings() == {}


def test_a_reinvite_may_take_its_time_too() -> None:
    events = [
        *(request("INVITE", 0), response(200, 1), request("ACK", 1.1, to_tag="b", branch="own")),
        *(request("INVITE", 5, cseq=2, to_tag="b"), response(180, 20, cseq=2), response(200, 25, cseq=2)),
    ]
    watch = Watch(events, until=28)
    assert watch.story("slow-setup") == []
    assert watch.call.pdd_ms == 1000


def test_ringing_that_arrives_out_of_order_takes_it_back() -> None:
    watch = Watch([request("INVITE", 0), response(180, 8.2), response(183, 7.9)], until=20)
    assert watch.story("slow-setup") == [("confirmed", 8.2), ("cleared", 7.9)]
    assert watch.call.pdd_ms == 7900
