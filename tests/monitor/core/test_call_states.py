"""How calls stand: each state, and what it takes to get there through proxies, forks, retries and holes."""

import msgspec
import pytest

from collectors.scenario import Scenario
from collectors.scenario.library import play
from collectors.wire.events import SipEvent
from monitor.core.updates import CallAnswered, CallEnded, CallRang, CallStarted, CallState, RecordClosed
from tests.support.messages import hop, request, response, us
from tests.support.watch import Watch

INVITE = request("INVITE", 0)
RINGING = response(180, 1)
OK = response(200, 2)
ACK = request("ACK", 2.1, to_tag="b", branch="own")
BYE = request("BYE", 9, to_tag="b")
PING = request("OPTIONS", 4, to_tag="b")


def bye_of_bob(at: float, *, from_tag: str = "b", to_tag: str = "a") -> SipEvent:
    return request("BYE", at, "bob>alice", from_tag=from_tag, to_tag=to_tag)


@pytest.mark.parametrize(
    ("events", "until", "state", "status", "answered", "acked"),
    [
        ([INVITE], 0, CallState.TRYING, None, False, None),
        ([INVITE, response(100, 1)], 2, CallState.TRYING, 0, False, None),
        ([INVITE, RINGING], 2, CallState.RINGING, None, False, None),
        ([INVITE, response(183, 1)], 2, CallState.RINGING, None, False, None),
        ([INVITE, OK], 3, CallState.ANSWERED, 200, True, False),
        ([INVITE, OK, ACK], 3, CallState.ANSWERED, 200, True, True),
        ([INVITE, OK, ACK, BYE], 10, CallState.ENDED, 200, True, True),
        ([INVITE, OK, ACK, bye_of_bob(9)], 10, CallState.ENDED, 200, True, True),
        ([INVITE, OK, BYE], 10, CallState.ENDED, 200, True, False),
        ([INVITE, RINGING, response(486, 3)], 4, CallState.FAILED, 486, False, None),
        ([INVITE, response(401, 3)], 4, CallState.FAILED, 401, False, None),
        ([INVITE, response(404, 3, to_tag="")], 4, CallState.FAILED, 404, False, None),
        ([INVITE, RINGING, request("CANCEL", 3), response(487, 3.1)], 4, CallState.CANCELLED, 487, False, None),
        ([INVITE, response(302, 3)], 4, CallState.REDIRECTED, 302, False, None),
        ([INVITE], 32, CallState.FAILED, None, False, None),  # Timer B
        ([INVITE, RINGING], 181, CallState.FAILED, None, False, None),  # Timer C
        ([INVITE, RINGING, request("CANCEL", 3)], 35, CallState.FAILED, None, False, None),  # §9.1
        ([INVITE, RINGING, request("CANCEL", 3)], 34.9, CallState.RINGING, None, False, None),
    ],
)
def test_a_call_stands_where_its_last_attempt_has_come(
    events: list[SipEvent], until: float, state: CallState, status: int | None, answered: bool, acked: bool | None
) -> None:
    call = Watch(events, until=until).call
    assert (call.state, call.status, call.answered, call.acked) == (state, status or None, answered, acked)


def test_a_call_tells_what_happens_to_it_once() -> None:
    watch = Watch([INVITE, RINGING, RINGING, OK, ACK, BYE, bye_of_bob(9.1)], until=60)
    told = [type(update) for update in watch.told if type(update).__name__.startswith(("Call", "Record"))]
    assert told == [CallStarted, CallRang, CallAnswered, CallEnded, RecordClosed]


def test_its_times_are_measured_from_the_first_invite() -> None:
    call = Watch([INVITE, request("INVITE", 0.5), RINGING, OK, ACK, BYE, response(200, 9.1, method="BYE")]).call
    assert (call.pdd_ms, call.setup_ms, call.duration_ms) == (1000, 2000, 7000)
    assert (call.first_us, call.answered_us, call.ended_us, call.last_us) == (us(0), us(2), us(9), us(9.1))
    assert (call.messages, call.retransmissions) == (7, 1)


def test_a_2xx_outranks_a_487() -> None:
    cancelled = [INVITE, RINGING, request("CANCEL", 3), response(487, 3.1, to_tag="c")]
    assert Watch([*cancelled, response(200, 3.2)]).call.state == CallState.ANSWERED
    assert Watch([INVITE, OK, response(487, 2.1, to_tag="c")]).call.state == CallState.ANSWERED


def test_a_2xx_that_crosses_the_cancel_is_answered_and_ended() -> None:
    call = Watch(play("cancel-crosses-answer").events(), until=60).call
    assert (call.state, call.status, call.acked) == (CallState.ENDED, 200, True)


def test_the_answer_of_one_fork_answers_the_call() -> None:
    scenario = Scenario("forks", latency_ms=0)
    alice, proxy = scenario.phone("alice@10.0.0.1"), scenario.proxy("10.0.0.2")
    bob, carol = scenario.phone("bob@10.0.0.3"), scenario.phone("bob@10.0.0.4")
    proxy.forks("bob", bob, carol)
    alice.invites(bob, through=[proxy])
    bob.rings(at=1)
    carol.rings(at=1.5)
    carol.answers(at=3)
    alice.hangs_up(at=9)
    watch = Watch(scenario.events(), until=60)
    call = watch.call
    assert (call.state, call.acked, watch.findings()) == (CallState.ENDED, True, {})
    assert call.callee == "10.0.0.4:5060"
    assert set(call.hops) == {hop("alice>proxy"), hop("proxy>bob"), hop("proxy>carol")}


def test_forks_seen_without_their_proxy_end_with_the_response_that_it_would_choose() -> None:
    """§16.7 step 6: 6xx before all, then the lowest class."""
    forks = [request("INVITE", 0, "proxy>bob", vias=2), request("INVITE", 0, "proxy>carol", vias=2)]
    one = response(503, 1, "proxy>bob", vias=2)
    assert Watch([*forks, one]).call.state == CallState.TRYING
    other = response(404, 2, "proxy>carol", to_tag="c", vias=2)
    assert Watch([*forks, one, other]).call.status == 404
    first, second = response(404, 1, "proxy>bob", vias=2), response(503, 2, "proxy>carol", to_tag="c", vias=2)
    assert Watch([*forks, first, second]).call.status == 404
    everywhere = response(603, 2, "proxy>carol", to_tag="c", vias=2)
    assert Watch([*forks, one, everywhere]).call.status == 603
    cancelled = response(487, 2, "proxy>carol", to_tag="c", vias=2)
    assert Watch([*forks, response(404, 1, "proxy>bob", vias=2), cancelled]).call.state == CallState.CANCELLED


def test_a_fork_that_stays_silent_leaves_the_word_to_the_others() -> None:
    forks = [request("INVITE", 0, "proxy>bob", vias=2), request("INVITE", 0, "proxy>carol", vias=2)]
    refused = response(404, 1, "proxy>bob", vias=2)
    watch = Watch([*forks, refused], until=31.9)
    assert (watch.call.state, watch.findings()) == (CallState.TRYING, {})
    watch.wait(32)
    assert (watch.call.status, watch.findings()) == (404, {"rejected": "confirmed"})
    assert not watch.wait(65).call.open


def test_a_hop_whose_responses_are_out_of_sight_leaves_the_word_to_the_next() -> None:
    events = [INVITE, request("INVITE", 0.01, "bob>carol", vias=2), response(404, 1, "bob>carol", vias=2)]
    watch = Watch(events, until=31.9)
    assert watch.call.state == CallState.TRYING
    watch.wait(32)
    assert (watch.call.status, watch.standing()) == (404, {"rejected"})
    late = Watch([*events, response(486, 33)], until=60)
    assert late.call.status == 486


def test_two_dialogs_end_when_both_have() -> None:
    forks = [INVITE, OK, response(200, 2.2, to_tag="c"), ACK, request("ACK", 2.3, to_tag="c", branch="other")]
    watch = Watch([*forks, request("BYE", 3, to_tag="c")])
    assert watch.call.state == CallState.ANSWERED
    assert watch.see([BYE]).call.state == CallState.ENDED
    assert watch.call.acked is True


def test_a_retry_after_a_challenge_is_one_call() -> None:
    for name in ("challenged", "challenged-401"):
        watch = Watch(play(name).events(), until=700)
        assert (watch.call.state, watch.call.status, watch.findings()) == (CallState.ENDED, 200, {})
        assert len([update for update in watch.told if isinstance(update, CallEnded)]) == 1


def test_a_redirection_that_is_followed_is_one_call() -> None:
    events = [
        INVITE,
        response(302, 1),
        request("INVITE", 1.1, "alice>carol", cseq=2),
        response(200, 3, "alice>carol", cseq=2),
    ]
    call = Watch(events, until=20).call
    assert (call.state, call.callee) == (CallState.ANSWERED, "10.0.0.4:5060")


def test_an_attempt_after_the_end_of_an_answered_one_makes_the_state() -> None:
    """One Call-ID used again (RFC 3261 forbids it; SIPp does it)."""
    watch = Watch([INVITE, OK, ACK, BYE, request("INVITE", 12, cseq=5)])
    assert watch.call.state == CallState.TRYING
    assert watch.see([response(404, 13, cseq=5)]).call.state == CallState.FAILED
    assert watch.call.answered


def test_a_reinvite_changes_neither_state_nor_times() -> None:
    call = Watch(play("hold-resume").events(), until=700).call
    plain = Watch(play("good", "hold-resume").events(), until=700).call
    assert (call.state, call.setup_ms, call.acked) == (plain.state, plain.setup_ms, True)


def test_a_refused_reinvite_whose_response_is_seen_first_is_known_for_what_it_is() -> None:
    watch = Watch([INVITE, OK, ACK, response(488, 5.1, cseq=2), request("INVITE", 5, cseq=2, to_tag="b")], until=30)
    assert (watch.call.state, watch.standing()) == (CallState.ANSWERED, set())


def test_a_call_joined_at_a_reinvite_is_answered_by_it() -> None:
    events = [
        request("INVITE", 0, cseq=8, to_tag="b"),
        response(200, 0.5, cseq=8),
        request("ACK", 0.6, cseq=8, to_tag="b", branch="own"),
    ]
    watch = Watch(events)
    call = watch.call
    assert (call.state, call.acked, watch.findings()) == (CallState.ANSWERED, True, {})
    assert watch.see([bye_of_bob(9)]).call.state == CallState.ENDED


def test_a_failed_reinvite_in_a_call_joined_in_the_middle_is_all_that_is_known() -> None:
    call = Watch([request("INVITE", 0, cseq=8, to_tag="b"), response(488, 0.5, cseq=8)], until=9).call
    assert (call.state, call.status) == (CallState.FAILED, 488)


def test_responses_alone_are_a_call_too() -> None:
    watch = Watch([RINGING, OK])
    call = watch.call
    assert (call.state, call.status, call.hops) == (CallState.ANSWERED, 200, (hop("alice>bob"),))
    assert (call.caller, call.callee, call.pdd_ms, call.setup_ms) == ("10.0.0.1:5060", "10.0.0.3:5060", None, None)
    assert watch.see([BYE]).call.duration_ms == 7000


def test_a_bye_alone_is_no_call() -> None:
    watch = Watch([BYE])
    assert [record.method for record in watch.transactions] == ["BYE"]


def test_a_response_to_a_bye_that_was_not_seen_ends_the_call_too() -> None:
    answered = [request("INVITE", 0), response(200, 2), request("ACK", 2.1, to_tag="b", branch="own")]
    watch = Watch([*answered, response(200, 9, method="BYE")], until=10)
    assert (watch.call.state, watch.call.duration_ms) == (CallState.ENDED, 7000)


def test_a_bye_with_tags_that_fit_nothing_ends_the_only_dialog() -> None:
    assert Watch([INVITE, OK, ACK, bye_of_bob(9, from_tag="x", to_tag="y")]).call.state == CallState.ENDED
    forks = [INVITE, OK, response(200, 2.2, to_tag="c")]
    assert Watch([*forks, bye_of_bob(9, from_tag="x", to_tag="y")]).call.state == CallState.ANSWERED


def test_a_bye_of_an_early_fork_does_not_end_the_answered_one() -> None:
    early = [INVITE, response(180, 1, to_tag="c"), OK, ACK]
    assert Watch([*early, request("BYE", 9, to_tag="c")]).call.state == CallState.ANSWERED


def test_a_2xx_without_invite_seen_has_no_setup_time_and_one_without_ack_seen_is_not_acknowledged() -> None:
    call = Watch([OK]).call
    assert (call.setup_ms, call.acked) == (None, False)


def test_the_caller_is_known_from_the_hop_nearest_to_it_whichever_is_seen_first() -> None:
    second, first = request("INVITE", 0.01, "proxy>bob", vias=2), request("INVITE", 0, "alice>proxy")
    call = Watch([second, first]).call
    assert (call.caller, call.callee) == ("10.0.0.1:5060", "10.0.0.3:5060")
    assert call.hops == (hop("alice>proxy"), hop("proxy>bob"))


def test_a_call_over_ipv6_is_spelled_with_brackets() -> None:
    scenario = Scenario("six", latency_ms=0)
    alice, bob = scenario.phone("alice@[2001:db8::1]"), scenario.phone("bob@[2001:db8::2]")
    alice.invites(bob)
    alice.never_acks()
    bob.answers(at=2)
    watch = Watch(scenario.events(), until=60)
    assert watch.call.caller == "[2001:db8::1]:5060"
    assert watch.finding("missing-ack").hop == "[2001:db8::1]:5060>[2001:db8::2]:5060"


@pytest.mark.parametrize(
    ("events", "anomalies"),
    [
        ([INVITE, OK, response(180, 3)], ("provisional-after-final",)),
        ([INVITE, response(486, 2), response(180, 3)], ("provisional-after-final",)),
        ([INVITE, OK, response(486, 3)], ("failure-after-2xx",)),
        ([INVITE, response(486, 2), response(200, 3)], ("2xx-after-failure",)),
        ([INVITE, response(486, 2), request("ACK", 2.1, to_tag="b"), response(200, 3)], ("2xx-after-failure",)),
        ([INVITE, OK, RINGING], ()),  # out of order: the ringing was earlier
        ([INVITE, OK, ACK, PING, response(200, 5, method="OPTIONS"), response(100, 6, method="OPTIONS")],
         ("provisional-after-final",)),
        ([INVITE, OK, response(180, 3), response(486, 4)], ("failure-after-2xx", "provisional-after-final")),
    ],
)  # fmt: skip
def test_what_the_rfc_forbids_is_noted(events: list[SipEvent], anomalies: tuple[str, ...]) -> None:
    assert Watch(events).call.anomalies == anomalies


def test_a_response_of_another_port_or_branch_belongs_to_the_request_on_its_hop() -> None:
    from_elsewhere = response(200, 1, ports=(5060, 41000))
    without_branch = response(200, 1, branch="lost")
    behind_nat = response(200, 1, "alice>bob", ports=(1024, 5060))
    for event in (from_elsewhere, without_branch, behind_nat):
        call = Watch([INVITE, event]).call
        assert (call.state, call.hops) == (CallState.ANSWERED, (hop("alice>bob"),))


def test_one_branch_over_several_hops_is_several_transactions() -> None:
    """Captured before and behind a NAT that leaves SIP alone."""
    hops = [request("INVITE", 0, branch="same"), request("INVITE", 0.01, "edge>bob", branch="same")]
    watch = Watch([*hops, request("INVITE", 0.02, "carol>bob", branch="same")])
    watch.see([response(100, 0.5, "proxy>proxy", branch="same", ports=(7, 7))])
    watch.see([response(200, 1, "edge>bob", branch="same"), response(200, 1.01, branch="same")])
    assert len(watch.call.hops) == 4
    acks = [request("ACK", 1.1, on, branch="same", to_tag="b") for on in ("alice>bob", "carol>bob", "proxy>bob")]
    assert watch.see(acks).call.acked is True


def test_ringing_without_a_tag_rings_too() -> None:
    assert Watch([INVITE, response(180, 1, to_tag="")]).call.state == CallState.RINGING


def test_a_request_is_taken_by_its_own_method_whatever_its_cseq_says() -> None:
    def mismatched(event: SipEvent) -> SipEvent:
        return msgspec.structs.replace(event, cseq_method="INVITE")

    watch = Watch([mismatched(request("BYE", 0)), mismatched(request("ACK", 1)), mismatched(request("REGISTER", 2))])
    assert [str(key.kind) for key in watch.records] == ["transaction", "registration"]
    assert Watch([INVITE, OK, mismatched(BYE)]).call.state == CallState.ENDED


def test_a_last_word_counts_among_refusals() -> None:
    """A server that says two things on one hop; what comes out of order doesn't count as the last."""
    assert Watch([INVITE, response(486, 1), response(480, 2)]).call.status == 480
    assert Watch([INVITE, response(480, 2), response(486, 1.8)]).call.status == 480
    assert Watch([INVITE, response(202, 1), response(200, 2)]).call.status == 202  # the first 2xx of the call


def test_a_cancel_counts_from_where_the_client_sent_it() -> None:
    forwarded = [request("INVITE", 0.01, "proxy>bob", vias=2), request("CANCEL", 3.2, "proxy>bob", vias=2)]
    events = [INVITE, forwarded[0], RINGING, request("CANCEL", 3), forwarded[1], request("CANCEL", 3.4)]
    call = Watch(events, until=35).call
    assert (call.state, call.ended_us) == (CallState.FAILED, us(35))


def test_a_cancel_whose_invite_was_not_seen_may_be_the_clients() -> None:
    events = [request("INVITE", 0, "proxy>bob", vias=2), request("CANCEL", 3, "alice>proxy")]
    call = Watch([*events, response(180, 1, "proxy>bob", vias=2)], until=35).call
    assert (call.state, call.ended_us) == (CallState.FAILED, us(35))


def test_a_proxy_that_cancels_one_branch_and_tries_another_does_not_end_the_call() -> None:
    """Serial forking: nobody answers at the first place, and it rings on at the next."""
    events = [
        request("INVITE", 0, "alice>proxy"),
        request("INVITE", 0.01, "proxy>bob", vias=2),
        response(180, 0.5, "proxy>bob", vias=2),
        response(180, 0.51, "alice>proxy"),
        request("CANCEL", 20, "proxy>bob", vias=2),
        response(487, 20.1, "proxy>bob", vias=2),
        request("INVITE", 20.2, "proxy>carol", vias=2),
        response(180, 20.5, "proxy>carol", to_tag="c", vias=2),
        response(180, 20.51, "alice>proxy", to_tag="c"),
    ]
    watch = Watch(events, until=59)
    assert (watch.call.state, watch.call.ended_us, watch.findings()) == (CallState.RINGING, None, {})


def test_where_only_branches_of_a_fork_are_seen_all_must_be_cancelled() -> None:
    forks = [request("INVITE", 0, on, vias=2, branch=on) for on in ("proxy>bob", "proxy>carol")]
    cancels = [request("CANCEL", at, on, vias=2, branch=on) for at, on in ((3, "proxy>bob"), (4, "proxy>carol"))]
    ringing = [response(180, 1, on, vias=2, branch=on) for on in ("proxy>bob", "proxy>carol")]
    assert Watch([*forks, *ringing, cancels[0]], until=50).call.state == CallState.RINGING
    assert Watch([*forks, *ringing, *cancels], until=50).call.state == CallState.FAILED
    refused = response(486, 2, "proxy>carol", to_tag="c", vias=2, branch="proxy>carol")
    assert Watch([*forks, *ringing, refused, cancels[0]], until=50).call.state == CallState.FAILED


def beyond_a_b2bua(*answers: SipEvent) -> list[SipEvent]:
    """Some keep the Call-ID for the leg that they make: its tags and numbers are another dialog's."""
    legs = [request("INVITE", 0, "alice>proxy"), request("INVITE", 0.1, "proxy>bob", from_tag="a2", cseq=200)]
    return [*legs, response(100, 0.11, "alice>proxy"), *answers]


def test_behind_a_b2bua_that_keeps_the_call_id_the_caller_is_who_called_it() -> None:
    silent = [
        request("CANCEL", 3, "alice>proxy"),
        response(487, 3.1, "alice>proxy"),
        request("ACK", 3.2, "alice>proxy"),
    ]
    call = Watch(beyond_a_b2bua(*silent), until=60).call
    assert (call.state, call.status, call.ended_us) == (CallState.CANCELLED, 487, us(3.1))
    ringing = [response(180, 1, "proxy>bob", from_tag="a2", cseq=200), response(180, 1.1, "alice>proxy")]
    answered = [response(200, 2, "proxy>bob", from_tag="a2", cseq=200), response(200, 2.1, "alice>proxy")]
    call = Watch(beyond_a_b2bua(*ringing, *answered), until=3).call
    assert (call.state, call.status, call.caller, call.callee) == (
        CallState.ANSWERED,
        200,
        "10.0.0.1:5060",
        "10.0.0.2:5060",
    )


def test_what_a_b2bua_tries_next_does_not_repair_what_it_told_the_caller() -> None:
    refused = response(404, 1, "alice>proxy")
    watch = Watch(beyond_a_b2bua(refused), until=60)
    assert (watch.call.state, watch.call.status) == (CallState.FAILED, 404)
    assert watch.finding("rejected").hop == hop("alice>proxy")
    # Where it was refused beyond, that is where it comes from, and told once.
    watch = Watch(beyond_a_b2bua(response(404, 0.5, "proxy>bob", from_tag="a2", cseq=200), refused), until=60)
    told = [(finding.hop, str(finding.state)) for finding in watch.call.findings if finding.code == "rejected"]
    assert (hop("proxy>bob"), "confirmed") in told
    assert (hop("alice>proxy"), "confirmed") not in told


def test_what_a_b2bua_tries_elsewhere_repairs_its_first_try() -> None:
    refused = response(503, 0.2, "proxy>bob", from_tag="a2", cseq=200)
    elsewhere = request("INVITE", 0.3, "proxy>carol", from_tag="a3", cseq=300)
    taken = [response(200, 2, "proxy>carol", from_tag="a3", cseq=300, to_tag="c"), response(200, 2.1, "alice>proxy")]
    assert "rejected" not in Watch(beyond_a_b2bua(refused, elsewhere, *taken), until=20).standing()


def test_a_caller_that_calls_itself_tries_again() -> None:
    """All on one host: the address tells nothing, and the last try counts."""
    again = [
        request("INVITE", 0, "alice>alice", ports=(5060, 5080)),
        response(486, 1, "alice>alice", ports=(5060, 5080)),
        request("INVITE", 9, "alice>alice", from_tag="a2", cseq=2, ports=(5060, 5080)),
        response(603, 10, "alice>alice", from_tag="a2", cseq=2, ports=(5060, 5080)),
    ]
    assert Watch(again, until=60).call.status == 603
