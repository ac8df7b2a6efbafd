"""How calls end: BYEs that nobody answers, somebody refuses, or that come for a technical reason."""

import pytest

from collectors.scenario.library import play
from collectors.wire.events import SipEvent
from monitor.core.settings import Settings
from monitor.core.updates import Severity
from tests.support.messages import hop, request, response
from tests.support.watch import Watch

CALL = [request("INVITE", 0), response(200, 1), request("ACK", 1.1, to_tag="b", branch="own")]
BYE = request("BYE", 9, to_tag="b")
BYE_OF_BOB = request("BYE", 9.05, "bob>alice", from_tag="b", to_tag="a")
SENDS = (9, 9.5, 10.5, 12.5, 16.5)


def byes(
    times: tuple[float, ...] = SENDS, on: str = "alice>bob", vias: int = 1, transport: str = "udp"
) -> list[SipEvent]:
    return [request("BYE", at, on, to_tag="b", vias=vias, transport=transport) for at in times]


def refused(status: int, at: float = 9.2, cseq: int = 1) -> SipEvent:
    return response(status, at, method="BYE", cseq=cseq)


# --- bye-unanswered


def test_a_bye_that_nobody_answers_is_suspected_at_the_third_send_and_confirmed_after_64_t1() -> None:
    watch = Watch([*CALL, *byes((*SENDS, 20.5, 24.5, 28.5, 32.5, 36.5, 40.5))], until=60)
    assert watch.story("bye-unanswered") == [("suspected", 10.5), ("confirmed", 41.0)]
    finding = watch.finding("bye-unanswered")
    assert finding.hop == hop("alice>bob")
    assert "10.0.0.1:5060 sent BYE 11 times over 32 s, and no response came back" in finding.cause
    assert finding.messages == tuple(range(4, 15))


def test_a_client_that_soon_stops_resending_it_may_have_got_a_response_out_of_sight() -> None:
    watch = Watch([*CALL, *byes()], until=60)
    assert watch.story("bye-unanswered") == [("suspected", 10.5)]


def test_over_a_reliable_transport_time_alone_tells() -> None:
    watch = Watch([*CALL, *byes((9,), transport="tcp")], until=60)
    assert watch.story("bye-unanswered") == [("suspected", 13.0), ("confirmed", 41.0)]


def test_a_late_response_clears_it() -> None:
    watch = Watch([*CALL, *byes(), response(200, 17, method="BYE")], until=60)
    assert watch.story("bye-unanswered") == [("suspected", 10.5), ("cleared", 17.0)]


def test_a_bye_that_crosses_that_of_the_other_side_needs_no_answer() -> None:
    watch = Watch([*CALL, BYE, BYE_OF_BOB, *byes()[1:]], until=60)
    assert watch.standing() == set()


def test_a_bye_that_is_sent_twice_and_answered_is_none() -> None:
    assert Watch([*CALL, *byes((9, 9.5)), response(200, 9.6, method="BYE")], until=60).findings() == {}


def test_only_the_hop_that_it_did_not_get_beyond_is_blamed() -> None:
    watch = Watch(play("bye-unanswered").events(), until=200)
    (finding,) = [each for each in watch.call.findings if each.code == "bye-unanswered"]
    deepest = max((event for event in play("bye-unanswered").events() if event.method == "BYE"), key=lambda e: e.vias)
    assert finding.hop == f"{deepest.source}:{deepest.source_port}>{deepest.destination}:{deepest.destination_port}"


def test_a_response_to_a_bye_that_was_not_seen_says_nothing() -> None:
    assert Watch([*CALL, response(200, 9, method="BYE")], until=60).findings() == {}


# --- bye-rejected


def test_a_refused_bye_is_told_at_once() -> None:
    watch = Watch([*CALL, BYE, refused(403)], until=60)
    assert watch.story("bye-rejected") == [("confirmed", 9.2)]
    assert watch.finding("bye-rejected").cause == (
        "10.0.0.1:5060 hung up, and 10.0.0.3:5060 refused its BYE with 403 Because: it understood and will not do it."
    )


def test_a_481_says_that_the_dialog_is_unknown() -> None:
    finding = Watch([*CALL, BYE, refused(481)], until=60).finding("bye-rejected")
    assert (finding.variant, finding.severity) == ("no-dialog", Severity.MINOR)
    assert "it knows no such dialog (any more)" in finding.cause


@pytest.mark.parametrize("order", [(BYE, BYE_OF_BOB, refused(481)), (BYE, refused(481, 9.02), BYE_OF_BOB)])
def test_the_481_of_crossing_byes_is_how_that_goes(order: tuple[SipEvent, ...]) -> None:
    assert "bye-rejected" not in Watch([*CALL, *order], until=60).standing()


def test_a_second_bye_after_one_that_was_accepted_is_excused() -> None:
    second = [request("BYE", 9.5, to_tag="b", cseq=2), refused(481, 9.6, cseq=2)]
    assert Watch([*CALL, BYE, response(200, 9.1, method="BYE"), *second], until=60).findings() == {}


def test_a_challenge_that_is_retried_is_none() -> None:
    retry = [request("BYE", 9.3, to_tag="b", cseq=2), response(200, 9.4, method="BYE", cseq=2)]
    assert Watch([*CALL, BYE, refused(407), *retry], until=60).standing() == set()


def test_a_retry_that_came_before_the_challenge_leaves_nothing_to_say() -> None:
    assert Watch([*CALL, BYE, request("BYE", 9.1, to_tag="b", cseq=2), refused(407)], until=60).findings() == {}


def test_a_challenge_that_is_never_retried_is_confirmed_after_4_s() -> None:
    watch = Watch([*CALL, BYE, refused(407)], until=60)
    assert watch.story("bye-rejected") == [("suspected", 9.2), ("confirmed", 13.2)]


# --- abnormal-release


def released(*reasons: str) -> Watch:
    return Watch([*CALL, request("BYE", 9, to_tag="b", headers=[("Reason", reason) for reason in reasons])], until=10)


@pytest.mark.parametrize(
    ("reasons", "severity", "words"),
    [
        (['Q.850;cause=38;text="whatever"'], Severity.MAJOR, "Q.850 cause 38 (network out of order)"),
        (["Q.850;cause=41"], Severity.MAJOR, "Q.850 cause 41 (temporary failure)"),
        (["Q.850;cause=20"], Severity.MINOR, "Q.850 cause 20 (subscriber absent)"),
        (['SIP;cause=500;text="RTP timeout"'], Severity.MAJOR, "SIP cause 500 (RTP timeout)"),
        (["SIP;cause=480"], Severity.MINOR, "SIP cause 480."),
        (["SIP;cause=503, Q.850;cause=42"], Severity.MAJOR, "Q.850 cause 42"),
    ],
)
def test_a_bye_for_a_technical_reason_is_an_abnormal_release(
    reasons: list[str], severity: Severity, words: str
) -> None:
    finding = released(*reasons).finding("abnormal-release")
    assert finding.severity == severity
    assert "10.0.0.1:5060 ended the call for a reason of its own" in finding.cause
    assert words in finding.cause
    assert finding.messages == (4,)


@pytest.mark.parametrize(
    "reasons",
    [
        [],
        ["Q.850;cause=16"],
        ["Q.850;cause=31", "SIP;cause=500"],
        ['SIP;cause=200;text="Call completed elsewhere"'],
        ["SIP;cause=486"],
        ["Q.850;cause=0"],
        ["Q.850"],
        ["X.int;reasoncode=0x00000402"],
        ["preemption"],
    ],
)
def test_a_normal_end_is_none(reasons: list[str]) -> None:
    assert released(*reasons).findings() == {}


def test_its_place_is_the_hop_of_who_hung_up() -> None:
    reason = [("Reason", "Q.850;cause=38")]
    forwarded = request("BYE", 9.01, "proxy>bob", to_tag="b", vias=2, headers=reason)
    watch = Watch([*CALL, forwarded, request("BYE", 9, "alice>proxy", to_tag="b", headers=reason)], until=10)
    assert watch.finding("abnormal-release").hop == hop("alice>proxy")


# --- short-call


def test_a_call_that_ends_within_3_s_is_short() -> None:
    watch = Watch([*CALL, request("BYE", 3.9, to_tag="b")], until=60)
    assert watch.story("short-call") == [("confirmed", 3.9)]
    assert watch.finding("short-call").cause == "The call lasted 2.9 s: then 10.0.0.1:5060 hung up."


@pytest.mark.parametrize(("end", "short_us"), [(4.0, 3_000_000), (1.5, 0)])
def test_longer_ones_are_not_and_the_limit_is_a_setting(end: float, short_us: int) -> None:
    settings = Settings(short_call_us=short_us)
    assert Watch([*CALL, request("BYE", end, to_tag="b")], until=60, settings=settings).findings() == {}


def test_a_bye_to_one_of_two_answers_is_no_short_call() -> None:
    events = [*CALL, response(200, 1.1, to_tag="c"), request("BYE", 1.2, to_tag="c")]
    assert "short-call" not in Watch(events, until=10).standing()
