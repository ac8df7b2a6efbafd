"""Responses that were not captured: what their recipients do next shows that a request was answered all the same."""

import pytest

from collectors.wire.events import SipEvent
from monitor.core.updates import CallState
from tests.support.messages import Headers, request, response
from tests.support.watch import Watch

VISIBLE = [response(200, -9, f"alice>{place}", method="OPTIONS", call_id=place) for place in ("bob", "proxy", "edge")]


def invite(at: float = 0, on: str = "alice>bob", **fields: int) -> SipEvent:
    return request("INVITE", at, on, transport="tcp", cseq=fields.get("cseq", 1), vias=fields.get("vias", 1))


def reply(status: int, at: float, on: str = "alice>bob", **fields: int) -> SipEvent:
    return response(status, at, on, transport="tcp", cseq=fields.get("cseq", 1), vias=fields.get("vias", 1))


ACK = request("ACK", 9, to_tag="b", branch="own", transport="tcp")
THROUGH = [invite(0, "alice>proxy"), invite(0.1, "proxy>bob", vias=2)]

# The client's side of a conversation over TCP, of a server whose responses to others are seen.
ONE_SIDED: dict[str, list[SipEvent]] = {
    "answered: its ACK": [invite(), ACK],
    "refused: the ACK of that, on the same branch": [invite(), request("ACK", 6, to_tag="b", transport="tcp")],
    "answered, and hung up": [invite(), request("BYE", 20, to_tag="b", cseq=2, transport="tcp")],
    "ringing: it is cancelled": [invite(), request("CANCEL", 12, transport="tcp")],
    "challenged: it comes again": [invite(), invite(5, cseq=2), reply(100, 5.1, cseq=2)],
    "the proxy passes on what it was told": [
        *THROUGH,
        reply(100, 0.1, "alice>proxy"),
        reply(180, 7, "alice>proxy"),
    ],
    "refused beyond the proxy": [*THROUGH, reply(100, 0.1, "alice>proxy"), reply(404, 8, "alice>proxy")],
    "the proxy is answered, and sent it on": [*THROUGH, reply(180, 6, "proxy>bob", vias=2)],
}


def states(events: list[SipEvent], code: str = "invite-unanswered") -> set[str]:
    """In which states a code's findings ever were, and "cleared" where none stands at last."""
    watch = Watch([*VISIBLE, *events], until=300)
    ever = {state for state, _ in watch.story(code)} - {"cleared"}
    return ever if code in watch.standing() else {*ever, "cleared"}


@pytest.mark.parametrize("events", ONE_SIDED.values(), ids=ONE_SIDED)
def test_a_client_that_goes_on_was_answered(events: list[SipEvent]) -> None:
    assert states(events) == {"suspected", "cleared"}


def test_a_client_that_goes_on_soon_raises_no_doubt_at_all() -> None:
    events = [invite(), request("ACK", 1, to_tag="b", branch="own", transport="tcp")]
    assert Watch([*VISIBLE, *events], until=300).story("invite-unanswered") == []


UNANSWERED: dict[str, list[SipEvent]] = {
    "nothing more": [invite()],
    "the proxy says of its own accord that nobody answered": [*THROUGH, reply(480, 31.9, "alice>proxy")],
    "another branch was answered, and acknowledged": [
        *THROUGH,
        invite(0.1, "proxy>carol", vias=2),
        reply(200, 3, "proxy>carol", vias=2),
        reply(200, 3.1, "alice>proxy"),
        request("ACK", 3.2, "alice>proxy", to_tag="b", branch="own", transport="tcp"),
        request("ACK", 3.3, "proxy>carol", to_tag="b", branch="own", vias=2, transport="tcp"),
    ],
    "a re-INVITE, after which somebody hangs up": [
        invite(),
        reply(200, 1),
        request("ACK", 1.1, to_tag="b", branch="own", transport="tcp"),
        request("INVITE", 10, to_tag="b", cseq=2, transport="tcp"),
        request("BYE", 45, to_tag="b", cseq=3, transport="tcp"),
    ],
    "another number under another tag": [invite(), request("INVITE", 5, from_tag="aa", cseq=2, transport="tcp")],
}


@pytest.mark.parametrize("events", UNANSWERED.values(), ids=UNANSWERED)
def test_what_says_nothing_of_a_response_leaves_it_unanswered(events: list[SipEvent]) -> None:
    assert states(events) == {"suspected", "confirmed"}


def test_a_new_number_while_the_old_one_is_resent_over_udp_is_no_reaction() -> None:
    events = [*VISIBLE, *(request("INVITE", at) for at in (0, 0.5, 1.5)), request("INVITE", 2, cseq=2)]
    assert Watch(events, until=31).story("invite-unanswered") == [("suspected", 1.5)]


def register(at: float, cseq: int, nonce: str = "", transport: str = "tcp") -> SipEvent:
    proof: Headers = [("Authorization", f'Digest realm="r", nonce="{nonce}", response="0f"')] if nonce else []
    headers: Headers = [("Contact", "<sip:a@h>"), *proof]
    return request("REGISTER", at, "alice>edge", cseq=cseq, headers=headers, transport=transport)


def registered(at: float, cseq: int, transport: str = "tcp") -> SipEvent:
    return response(200, at, "alice>edge", method="REGISTER", cseq=cseq, transport=transport)


def test_a_registration_of_which_one_side_is_seen_is_no_more_than_suspected() -> None:
    watch = Watch([*VISIBLE, register(0, 1)], until=300)
    assert watch.story("registration-unanswered") == [("suspected", 4.0)]


def test_one_whose_responses_were_seen_before_is_unanswered() -> None:
    watch = Watch([*VISIBLE, register(0, 1), registered(0.1, 1), register(50, 2)], until=300)
    assert watch.story("registration-unanswered") == [("suspected", 54.0), ("confirmed", 82.0)]


def test_credentials_for_a_nonce_that_was_not_seen_tell_of_a_challenge() -> None:
    assert states([register(0, 1), register(5, 2, "n1")], "registration-unanswered") == {"suspected"}  # of the second
    watch = Watch([*VISIBLE, register(0, 1), register(5, 2, "n1")], until=8)
    assert watch.standing() == set()


def test_the_same_credentials_again_tell_of_nothing() -> None:
    events = [register(-4, 1, "n1"), registered(-3, 1), register(0, 2, "n1"), register(20, 3, "n1")]
    watch = Watch([*VISIBLE, *events], until=300)
    assert watch.findings()["registration-unanswered"] == "confirmed"


# --- a capture that is played again, or comes round in a loop


def played(times: int, apart: float, events: list[tuple[str, float]]) -> list[SipEvent]:
    return [request(method, at + turn * apart) for turn in range(times) for method, at in events]


def test_an_invite_that_is_played_again_much_later_was_not_resent() -> None:
    watch = Watch([*VISIBLE, *played(4, 60, [("INVITE", 0)])], until=400)
    assert watch.story("invite-unanswered") == []
    assert watch.call.retransmissions == 3  # the same octets, all the same
    assert watch.call.state == CallState.FAILED


def test_a_client_that_waits_longer_each_time_resends() -> None:
    sends = [request("INVITE", at) for at in (0, 2, 6, 14, 30, 62, 126)]
    watch = Watch([*VISIBLE, *sends], until=400)
    assert watch.finding("invite-unanswered").messages == tuple(range(1, 8))


def test_a_2xx_that_comes_round_in_a_loop_and_not_by_a_timer_is_not_resent() -> None:
    answers = [response(200, 2 + 0.15 * turn) for turn in range(6)]
    hung_up = request("BYE", 12, "bob>alice", from_tag="b", to_tag="a")
    for events in ([*answers], [*answers, hung_up]):
        watch = Watch([request("INVITE", 0), *events], until=60)
        assert watch.findings().get("missing-ack") == "suspected"


@pytest.mark.parametrize("apart", [0.03, 0.11])
def test_nor_is_it_where_the_callee_hangs_up_soon(apart: float) -> None:
    answers = [response(200, 2 + apart * turn) for turn in range(8)]
    hung_up = request("BYE", 3, "bob>alice", from_tag="b", to_tag="a")
    watch = Watch([request("INVITE", 0), *answers, hung_up], until=60)
    assert "confirmed" not in dict(watch.story("missing-ack"))


# --- an ACK over a way that is not seen


def test_a_2xx_whose_resends_end_soon_was_acknowledged_out_of_sight() -> None:
    answers = [response(200, at) for at in (2, 2.5, 3.5, 5.5)]
    watch = Watch([request("INVITE", 0), *answers], until=300)
    assert watch.story("missing-ack") == [("suspected", 5.5)]


def test_a_callee_that_gives_up_after_six_resends_had_no_ack() -> None:
    answers = [response(200, at) for at in (2, 2.5, 3.5, 5.5, 9.5, 13.5, 17.5)]
    watch = Watch([request("INVITE", 0), *answers], until=300)
    assert watch.story("missing-ack") == [("suspected", 5.5), ("confirmed", 34.0)]


# --- a CANCEL that overtakes its INVITE


def test_a_cancel_that_overtakes_its_invite_on_a_hop_cancels_it() -> None:
    cancel = request("CANCEL", 3, "proxy>bob", vias=2)
    own = [request("INVITE", 0, "alice>proxy"), response(180, 1, "alice>proxy")]
    late = Watch([*own, cancel, request("INVITE", 0.1, "proxy>bob", vias=2)], until=300)
    usual = Watch([*own, request("INVITE", 0.1, "proxy>bob", vias=2), cancel], until=300)
    assert late.findings() == usual.findings()


def test_a_cancel_that_overtakes_a_second_try_cancels_it() -> None:
    own = [
        request("INVITE", 0),
        response(407, 0.1, headers=[("Proxy-Authenticate", 'Digest realm="r", nonce="n"')]),
        request("ACK", 0.2, to_tag="b"),
    ]
    again, cancel = [request("INVITE", 0.3, cseq=2), response(180, 0.5, cseq=2)], request("CANCEL", 0.6, cseq=2)
    watch = Watch([*own, cancel, *again], until=300)
    assert watch.call.state == CallState.FAILED
    assert watch.call.ended_us == Watch([*own, *again, cancel], until=300).call.ended_us
    assert "no-final-response" not in watch.findings()


INVITE = request("INVITE", 0)
RESENT = [request("INVITE", at) for at in (0.0, 0.5, 1.5, 3.5, 7.5, 15.5, 31.5)]
ACKED = request("ACK", 9, to_tag="b", branch="own")
BYE = request("BYE", 60, to_tag="b", cseq=2)


@pytest.mark.parametrize(
    ("events", "state", "doubted"),
    [
        ([INVITE, ACKED, BYE], CallState.TRYING, True),
        ([INVITE, ACKED], CallState.TRYING, True),
        ([INVITE, BYE], CallState.TRYING, True),  # told failed after 64·T1, and then it was not
        ([*RESENT, ACKED], CallState.TRYING, True),
        ([*RESENT, BYE], CallState.FAILED, False),  # some hang up what never was
        ([INVITE], CallState.FAILED, False),
        ([INVITE, response(180, 1), request("CANCEL", 3), BYE], CallState.FAILED, False),
    ],
)
def test_a_call_whose_responses_are_out_of_sight_is_no_failed_one(
    events: list[SipEvent], state: CallState, doubted: bool
) -> None:
    call = Watch(events, until=120).call
    assert (call.state, call.status, call.answered) == (state, None, False)
    told = [(finding.code, str(finding.state)) for finding in call.findings if finding.code == "one-sided-capture"]
    assert told == ([("one-sided-capture", "suspected")] if doubted else [])


def test_it_leaves_memory_as_it_stands_and_a_response_settles_the_doubt() -> None:
    assert len(Watch([INVITE, ACKED], until=120).correlator) == 0
    late = Watch([INVITE, ACKED], until=40).see([response(200, 41)])
    assert (late.call.state, late.findings()["one-sided-capture"]) == (CallState.ANSWERED, "cleared")
