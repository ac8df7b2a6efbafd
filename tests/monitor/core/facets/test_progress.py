"""Calls on their way: hesitant servers, endless ringing, PRACKs that never come, answers that cross a CANCEL."""

import pytest

from collectors.scenario.library import play
from collectors.wire.events import SipEvent
from monitor.core.settings import Settings
from tests.support.messages import hop, request, response, us
from tests.support.watch import Watch

INVITE = request("INVITE", 0)
RELIABLE = [("Require", "100rel"), ("RSeq", "4711")]


def invites(*times: float) -> list[SipEvent]:
    return [request("INVITE", at) for at in times]


# --- no-trying


def test_a_server_that_takes_long_to_say_anything_is_told_of() -> None:
    watch = Watch([*invites(0, 0.5), response(100, 0.9)], until=10)
    assert watch.story("no-trying") == [("confirmed", 0.9)]
    finding = watch.finding("no-trying")
    assert (finding.variant, finding.hop, finding.messages) == ("slow", hop("alice>bob"), (1, 2))
    assert "10.0.0.3:5060 said nothing for 0.9 s, and 10.0.0.1:5060 sent its INVITE twice by then" in finding.cause


def test_one_that_answers_the_last_copy_at_once_never_got_the_first_ones() -> None:
    finding = Watch([*invites(0, 0.5, 1.5), response(100, 1.51)], until=10).finding("no-trying")
    assert finding.variant == "lost"
    assert "sent its INVITE 3 times by then: it answered the last one at once" in finding.cause


@pytest.mark.parametrize(
    "events",
    [
        [*invites(0), response(100, 0.9)],
        [*invites(0), response(100, 0.4), *invites(0.5)],
        [request("INVITE", at, transport="tcp") for at in (0, 0.5)] + [response(100, 1, transport="tcp")],
    ],
)
def test_a_response_before_the_second_send_or_a_reliable_transport_is_in_order(events: list[SipEvent]) -> None:
    assert Watch(events, until=10).story("no-trying") == []


def test_a_second_send_that_arrives_behind_the_response_counts_by_its_time() -> None:
    watch = Watch([*invites(0), response(100, 0.9), *invites(0.5)])
    assert watch.findings() == {"no-trying": "confirmed"}


# --- unanswered-ringing


def test_a_phone_that_rings_for_60_s_is_told_of() -> None:
    watch = Watch([INVITE, response(180, 1)], until=60.9)
    assert watch.findings() == {}
    assert watch.wait(61).story("unanswered-ringing") == [("confirmed", 61.0)]
    assert watch.finding("unanswered-ringing").cause == "10.0.0.3:5060 rings for more than 60 s, and nobody answers."


def test_the_time_is_a_setting() -> None:
    watch = Watch([INVITE, response(180, 1)], until=20, settings=Settings(ringing_us=15_000_000))
    assert watch.story("unanswered-ringing") == [("confirmed", 16.0)]


@pytest.mark.parametrize("end", [response(200, 60), response(486, 30), request("CANCEL", 59)])
def test_a_call_that_is_decided_before_does_not_ring_long(end: SipEvent) -> None:
    assert Watch([INVITE, response(180, 1), end], until=70).story("unanswered-ringing") == []


def test_an_end_that_arrives_late_takes_it_back() -> None:
    watch = Watch([INVITE, response(180, 1)], until=61).see([response(486, 60.9)])
    assert watch.story("unanswered-ringing") == [("confirmed", 61.0), ("cleared", 60.9)]


def test_progress_alone_or_the_ringing_of_a_reinvite_is_no_ringing_phone() -> None:
    assert Watch([INVITE, response(183, 1)], until=70).findings() == {}
    again = [request("INVITE", 5, cseq=2, to_tag="b"), response(180, 5.1, cseq=2)]
    talk = [INVITE, response(200, 1), request("ACK", 1.1, to_tag="b", branch="own")]
    assert Watch([*talk, *again], until=70).findings() == {}


def test_the_phone_that_rings_first_begins_it_and_the_deepest_hop_is_named() -> None:
    events = [
        request("INVITE", 0, "alice>proxy"),
        request("INVITE", 0.01, "proxy>bob", vias=2),
        response(180, 1, "proxy>bob", vias=2),
        response(180, 1.01, "alice>proxy"),
    ]
    watch = Watch(events, until=70)
    assert watch.story("unanswered-ringing") == [("confirmed", 61.0)]
    assert watch.finding("unanswered-ringing").hop == hop("proxy>bob")
    assert Watch(play("long-ringing").events(), until=200).findings()["unanswered-ringing"] == "confirmed"


def test_whichever_place_is_seen_first_the_earliest_and_the_deepest_count() -> None:
    hops = [("alice>proxy", 1, 1.01), ("proxy>edge", 2, 1.005), ("edge>bob", 3, 1)]
    invites = [request("INVITE", vias / 100, on, vias=vias) for on, vias, _ in hops]
    rings = [response(180, at, on, vias=vias) for on, vias, at in hops]
    for order in (rings, rings[::-1], [rings[1], rings[0], rings[2]]):
        finding = Watch([*invites, *order], until=70).finding("unanswered-ringing")
        assert (finding.at_us, finding.hop) == (us(61), hop("edge>bob"))


def test_ringing_at_more_places_than_are_kept_changes_nothing() -> None:
    many = [response(180, 1 + port / 100, ports=(5060, 6000 + port), vias=2 + port) for port in range(40)]
    assert Watch([INVITE, *many], until=70).findings() == {"unanswered-ringing": "confirmed"}


# --- missing-prack


def ringing(*times: float, rseq: int = 4711, on: str = "alice>bob", vias: int = 1) -> list[SipEvent]:
    headers = [("Require", "100rel"), ("RSeq", str(rseq))]
    return [response(183, at, on, headers=headers, vias=vias) for at in times]


def prack(at: float, rack: str = "4711 1 INVITE", cseq: int = 2) -> SipEvent:
    return request("PRACK", at, cseq=cseq, to_tag="b", headers=[("RAck", rack)])


RESENDS = (1, 1.5, 2.5, 4.5)


def test_a_prack_that_never_comes_is_suspected_at_the_second_resend_and_confirmed_after_64_t1() -> None:
    watch = Watch([INVITE, *ringing(*RESENDS)], until=40)
    assert watch.story("missing-prack") == [("suspected", 2.5), ("confirmed", 33.0)]
    finding = watch.finding("missing-prack")
    assert (finding.variant, finding.subject, finding.messages) == ("never-seen", "4711 1 b", (2, 3, 4, 5))
    assert finding.cause == (
        "10.0.0.1:5060 does not acknowledge the 183: 10.0.0.3:5060 sent it 4 times over 3.5 s with RSeq 4711 and waits "
        "for its PRACK."
    )


def test_a_late_prack_clears_it() -> None:
    watch = Watch([INVITE, *ringing(*RESENDS), prack(5), prack(5.1, cseq=3)], until=40)
    assert watch.story("missing-prack") == [("suspected", 2.5), ("cleared", 5.0)]


def test_a_prack_for_another_response_is_told() -> None:
    watch = Watch([INVITE, *ringing(1), prack(1.1, "4712 1 INVITE"), *ringing(*RESENDS[1:])], until=10)
    assert watch.finding("missing-prack").variant == "wrong-rack"
    assert "A PRACK came, with RAck '4712 1 INVITE'." in watch.finding("missing-prack").cause


def test_a_prack_that_can_not_be_read_fits_nothing() -> None:
    watch = Watch([INVITE, *ringing(*RESENDS), prack(5, "soon")], until=10)
    assert watch.findings() == {"missing-prack": "suspected"}


@pytest.mark.parametrize(
    "events",
    [
        [*ringing(1), prack(1.1)],
        [*ringing(1, 1.5), prack(1.6)],
        [*ringing(1), prack(1.1), *ringing(1.5, 2.5)],
        [*ringing(1), *ringing(2, rseq=4712), prack(2.1), prack(2.2, "4712 1 INVITE", cseq=3)],
        [response(183, at) for at in RESENDS],
        [response(183, at, headers=[("Supported", "100rel")]) for at in RESENDS],
    ],
)
def test_what_is_acknowledged_or_not_reliable_needs_nothing(events: list[SipEvent]) -> None:
    assert Watch([INVITE, *events], until=40).standing() == set()


def test_other_provisionals_beside_a_reliable_one_are_left_alone() -> None:
    watch = Watch([INVITE, *ringing(1), response(181, 1.2), prack(1.3), response(200, 2)], until=40)
    assert watch.findings() == {}


def test_of_a_caller_out_of_sight_it_stays_a_suspicion() -> None:
    assert Watch(ringing(*RESENDS), until=40).story("missing-prack") == [("suspected", 2.5)]


def test_each_hop_counts_for_itself_and_their_number_is_bounded() -> None:
    forwarded = [INVITE, *ringing(1, on="proxy>bob", vias=2), *ringing(1.01, 1.5)]
    assert Watch(forwarded, until=40).findings() == {}
    far = [
        response(183, 1 + port / 1000, headers=RELIABLE, ports=(5060, 6000 + port), branch="one") for port in range(70)
    ]
    assert Watch([INVITE, *far], until=20).findings() == {}


def test_the_evidence_of_one_that_is_sent_for_ever_is_bounded() -> None:
    finding = Watch([INVITE, *ringing(*range(1, 20))], until=20).finding("missing-prack")
    assert len(finding.messages) == 12
    assert "sent it 19 times" in finding.cause


def test_responses_without_end_are_bounded() -> None:
    many = [event for rseq in range(1, 140) for event in ringing(1 + rseq / 10, rseq=rseq)]
    watch = Watch([INVITE, *many, *ringing(20, 21, rseq=139)], until=30)
    assert watch.findings() == {}


# --- cancel-race

RACE = [INVITE, response(180, 1), request("CANCEL", 5), response(200, 5.05, method="CANCEL")]
ANSWER = [response(200, 5.02), request("ACK", 5.1, to_tag="b", branch="own")]


def test_an_answer_that_crosses_the_cancel_and_stands_is_told() -> None:
    watch = Watch([*RACE, *ANSWER], until=60)
    assert watch.story("cancel-race") == [("suspected", 9.02), ("confirmed", 37.02)]
    assert watch.finding("cancel-race").cause == (
        "10.0.0.1:5060 cancelled the call when 10.0.0.3:5060 had just answered it, and did not hang up."
    )


@pytest.mark.parametrize("bye", [5.2, 8])
def test_a_bye_is_how_it_should_go(bye: float) -> None:
    assert Watch([*RACE, *ANSWER, request("BYE", bye, to_tag="b")], until=60).story("cancel-race") == []


def test_a_late_bye_clears_it() -> None:
    watch = Watch([*RACE, *ANSWER], until=11).see([request("BYE", 12, to_tag="b")]).wait(60)
    assert watch.story("cancel-race") == [("suspected", 9.02), ("cleared", 12.0)]


def test_without_an_ack_the_rest_may_be_out_of_sight() -> None:
    assert Watch([*RACE, ANSWER[0]], until=60).story("cancel-race") == [("suspected", 9.02)]


def test_a_reinvite_that_is_answered_after_its_cancel_ends_nothing() -> None:
    talk = [INVITE, response(200, 1), request("ACK", 1.1, to_tag="b", branch="own")]
    again = [
        request("INVITE", 9, cseq=2, to_tag="b"),
        request("CANCEL", 9.5, cseq=2),
        response(200, 9.6, cseq=2),
        request("ACK", 9.7, cseq=2, to_tag="b", branch="own-2"),
    ]
    assert Watch([*talk, *again], until=60).findings() == {}


def test_a_cancel_long_after_the_answer_is_no_race() -> None:
    events = [INVITE, response(200, 2), request("ACK", 2.1, to_tag="b", branch="own"), request("CANCEL", 9)]
    assert Watch(events, until=60).story("cancel-race") == []


def test_the_branch_that_a_proxy_cancels_is_not_the_one_that_answers() -> None:
    events = [
        request("INVITE", 0, "alice>proxy"),
        *(request("INVITE", 0.01, on, vias=2, branch=on) for on in ("proxy>bob", "proxy>carol")),
        response(200, 2, "proxy>bob", vias=2, branch="proxy>bob"),
        response(200, 2.01, "alice>proxy"),
        request("CANCEL", 2.02, "proxy>carol", vias=2, branch="proxy>carol"),
        response(487, 2.1, "proxy>carol", to_tag="c", vias=2, branch="proxy>carol"),
        request("ACK", 2.2, "alice>bob", to_tag="b", branch="own"),
    ]
    assert Watch(events, until=60).findings() == {}
    again = [request("INVITE", 9, "alice>proxy", cseq=2, to_tag="b"), response(200, 9.1, "alice>proxy", cseq=2)]
    both = [*events[:-2], response(200, 2.05, "proxy>carol", to_tag="c", vias=2, branch="proxy>carol"), *events[-1:]]
    assert Watch([*both, *again], until=30).findings() == {"cancel-race": "suspected"}
