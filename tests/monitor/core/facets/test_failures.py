"""Refusals that nobody acknowledges, and dialogs that the other side has forgotten."""

import pytest

from collectors.wire.events import SipEvent
from tests.support.messages import hop, request, response
from tests.support.watch import Watch

INVITE = request("INVITE", 0)
SENDS = (1, 1.5, 2.5, 4.5, 8.5)


def refusals(*times: float, transport: str = "udp") -> list[SipEvent]:
    return [response(486, at, transport=transport) for at in times]


def ack(at: float) -> SipEvent:
    return request("ACK", at, to_tag="b")


# --- unacked-failure


def test_a_refusal_without_ack_is_suspected_at_the_third_resend_and_confirmed_after_64_t1() -> None:
    watch = Watch([INVITE, *refusals(*SENDS)], until=40)
    assert watch.story("unacked-failure") == [("suspected", 4.5), ("confirmed", 33.0)]
    finding = watch.finding("unacked-failure")
    assert (finding.hop, finding.messages) == (hop("alice>bob"), (2, 3, 4, 5, 6))
    assert finding.cause == ("10.0.0.1:5060 does not acknowledge the 486: 10.0.0.3:5060 sent it 5 times over 7.5 s.")


def test_over_a_reliable_transport_64_t1_tell() -> None:
    events = [request("INVITE", 0, transport="tcp"), *refusals(1, transport="tcp")]
    watch = Watch(events, until=40)
    assert watch.story("unacked-failure") == [("confirmed", 33.0)]
    assert "10.0.0.3:5060 sent it once." in watch.finding("unacked-failure").cause


@pytest.mark.parametrize("late", [1.1, 3])
def test_an_ack_in_time_is_how_it_should_go(late: float) -> None:
    events = sorted([INVITE, *refusals(1, 1.5, 2.5), ack(late)], key=lambda event: event.captured_us)
    assert Watch(events, until=40).story("unacked-failure") == []


def test_a_late_ack_clears_it() -> None:
    watch = Watch([INVITE, *refusals(*SENDS), ack(9)], until=40)
    assert watch.story("unacked-failure") == [("suspected", 4.5), ("cleared", 9.0)]


def test_of_a_client_out_of_sight_it_stays_a_suspicion() -> None:
    assert Watch(refusals(*SENDS), until=40).story("unacked-failure") == [("suspected", 4.5)]


def test_each_hop_has_an_ack_of_its_own() -> None:
    events = [
        request("INVITE", 0, "alice>proxy"),
        request("INVITE", 0.01, "proxy>bob", vias=2),
        *(response(486, at, "proxy>bob", vias=2) for at in SENDS),
        request("ACK", 9, "alice>proxy", to_tag="b"),
    ]
    watch = Watch([*events[:2], response(486, 1.2, "alice>proxy"), *events[2:]], until=40)
    assert watch.finding("unacked-failure").hop == hop("proxy>bob")


def test_resends_refusals_and_other_failures_are_bounded() -> None:
    long = Watch([INVITE, *refusals(*range(1, 20))], until=40)
    assert len(long.finding("unacked-failure").messages) == 12
    wide = [
        event
        for port in range(70)
        for event in (
            request("INVITE", 0, ports=(5060, 6000 + port)),
            *(response(486, at, ports=(5060, 6000 + port)) for at in (SENDS if port < 2 else SENDS[:2])),
        )
    ]
    watch = Watch(sorted(wide, key=lambda event: event.captured_us), until=9)
    watch.see([request("ACK", 10, ports=(5060, 6069), to_tag="b")])
    assert len(watch.call.findings) == 2


def test_an_answer_after_the_refusal_settles_it() -> None:
    events = [INVITE, *refusals(1), response(200, 1.2, to_tag="c"), request("ACK", 1.3, to_tag="c", branch="own")]
    assert Watch([*events, *refusals(1.5, 2.5)], until=40).story("unacked-failure") == []


# --- dialog-lost

CALL = [INVITE, response(200, 1), request("ACK", 1.1, to_tag="b", branch="own")]


def within(method: str, status: int, at: float = 20) -> list[SipEvent]:
    return [request(method, at, cseq=2, to_tag="b"), response(status, at + 0.1, method=method, cseq=2)]


@pytest.mark.parametrize("method", ["UPDATE", "INFO", "INVITE", "OPTIONS"])
@pytest.mark.parametrize(("status", "words"), [(481, "knows no such dialog"), (408, "got no answer for it")])
def test_a_request_within_the_call_that_finds_no_dialog_is_told(method: str, status: int, words: str) -> None:
    watch = Watch([*CALL, *within(method, status)], until=30)
    assert watch.story("dialog-lost") == [("confirmed", 20.1)]
    finding = watch.finding("dialog-lost")
    assert finding.cause.startswith(
        f"10.0.0.3:5060 answered the {method} of 10.0.0.1:5060 within the call with {status}: it {words}"
    )
    assert (finding.variant, finding.messages) == (str(status), (5,))


@pytest.mark.parametrize(
    "events",
    [
        [INVITE, response(481, 1)],
        [INVITE, response(408, 1)],
        [*CALL, *within("BYE", 481)],
        [*CALL, *within("NOTIFY", 481)],
        [INVITE, response(183, 1), *within("UPDATE", 481)],
        [*CALL, *within("INFO", 415)],
        [*CALL, request("BYE", 19.9, "bob>alice", from_tag="b", to_tag="a"), *within("INFO", 481)],
    ],
)
def test_before_the_answer_or_after_the_end_there_is_no_dialog_to_lose(events: list[SipEvent]) -> None:
    assert Watch(events, until=40).story("dialog-lost") == []


def test_a_bye_that_arrives_late_takes_it_back() -> None:
    bye = request("BYE", 20.05, "bob>alice", from_tag="b", to_tag="a")
    watch = Watch([*CALL, *within("INFO", 481), bye])
    assert watch.story("dialog-lost") == [("confirmed", 20.1), ("cleared", 20.05)]


def test_the_farthest_hop_is_where_it_was_lost_and_they_are_bounded() -> None:
    near, far = within("INFO", 481), response(481, 20.09, "proxy>bob", method="INFO", cseq=2, vias=2)
    assert Watch([*CALL, *near, far], until=30).finding("dialog-lost").hop == hop("proxy>bob")
    assert Watch([*CALL, near[0], far, near[1]], until=30).finding("dialog-lost").hop == hop("proxy>bob")
    many = [response(481, 20 + cseq, method="INFO", cseq=cseq) for cseq in range(2, 30)]
    assert len(Watch([*CALL, *many], until=60).call.findings) == 16
