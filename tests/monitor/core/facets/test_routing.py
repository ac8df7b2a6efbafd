"""The way of requests: too large for a datagram, in circles, or past the proxies of the call."""

import pytest
from msgspec.structs import replace

from collectors.wire.events import Observation, SideEvent, SipEvent
from monitor.core.updates import Severity
from tests.support.messages import Headers, hop, request, response, us
from tests.support.watch import Watch

LARGE: Headers = [("X-Padding", "x" * 1_300)]
ACK = request("ACK", 1.2, to_tag="b", branch="own")

# --- udp-fragmentation-risk


def test_a_large_request_over_udp_is_told_of() -> None:
    watch = Watch([request("INVITE", 0, headers=LARGE), response(200, 1), ACK], until=60)
    assert watch.story("udp-fragmentation-risk") == [("confirmed", 0.0)]
    finding = watch.finding("udp-fragmentation-risk")
    assert (finding.severity, finding.messages, finding.hop) == (Severity.INFO, (1,), hop("alice>bob"))
    assert finding.cause.startswith("The INVITE of 10.0.0.1:5060 to 10.0.0.3:5060 has 15")
    assert finding.cause.endswith("octets over UDP: it may be sent in fragments.")


def test_it_is_worse_when_a_peer_that_answers_others_does_not_answer_it() -> None:
    other = response(200, 0, method="OPTIONS", call_id="other")
    watch = Watch([other, request("INVITE", 1, headers=LARGE)], until=20)
    assert watch.finding("udp-fragmentation-risk").severity == Severity.INFO
    finding = watch.wait(40).finding("udp-fragmentation-risk")
    assert (finding.severity, finding.variant) == (Severity.MINOR, "unanswered")
    assert "octets over UDP, and got no response: it may be sent" in finding.cause
    watch.see([response(100, 41)])
    assert watch.finding("udp-fragmentation-risk").severity == Severity.INFO


def test_of_a_large_request_that_was_sent_again_the_first_counts_whichever_comes_first() -> None:
    sends = [request("INVITE", at, headers=LARGE) for at in (0.5, 0)]
    watch = Watch([*sends, response(200, 0.6, to_tag="b"), request("ACK", 0.7, to_tag="b", branch="own")], until=60)
    assert watch.finding("udp-fragmentation-risk").at_us == us(0)


def test_of_a_peer_that_is_never_heard_silence_means_nothing() -> None:
    finding = Watch([request("INVITE", 0, headers=LARGE)], until=40).finding("udp-fragmentation-risk")
    assert finding.severity == Severity.INFO


@pytest.mark.parametrize(
    "event",
    [
        request("INVITE", 0, headers=[("X-Padding", "x" * 900)]),
        request("INVITE", 0, headers=LARGE, transport="tcp"),
        response(200, 0, headers=LARGE),
    ],
)
def test_smaller_ones_streams_and_responses_are_not(event: SipEvent) -> None:
    assert Watch([event], until=2).story("udp-fragmentation-risk") == []


def test_on_the_loopback_nothing_is_fragmented() -> None:
    event = replace(request("MESSAGE", 0, headers=LARGE), destination="127.0.0.1")
    assert Watch([event], until=40).findings() == {}


def test_other_records_are_looked_at_too_and_large_ones_are_bounded() -> None:
    for method in ("REGISTER", "MESSAGE"):
        assert Watch([request(method, 0, headers=LARGE)]).findings() == {"udp-fragmentation-risk": "confirmed"}
    many = [request("INVITE", at, headers=LARGE, branch=f"b{at}") for at in range(20)]
    assert "udp-fragmentation-risk" in Watch(many).findings()


# --- call-loop


def visit(vias: int, at: float, on: str, forwards: int | None = 70, route: str = "") -> SipEvent:
    headers = [("Max-Forwards", str(forwards - vias))] if forwards else []
    headers += [("Route", route)] if route else []
    return request("INVITE", at, on, vias=vias, branch=f"{on}-{vias}", headers=headers)


def circle(turns: int, forwards: int | None = 70, routes: tuple[str, ...] = ("",)) -> list[SipEvent]:
    return [
        visit(vias, vias / 100, "proxy>edge" if vias % 2 else "edge>proxy", forwards, routes[vias % len(routes)])
        for vias in range(2, 2 * turns + 2)
    ]


def test_a_call_that_comes_back_again_and_again_is_a_loop() -> None:
    watch = Watch([request("INVITE", 0, "alice>proxy"), *circle(5)], until=2)
    assert watch.story("call-loop")[0][0] == "confirmed"
    finding = watch.finding("call-loop")
    assert finding.severity == Severity.MAJOR
    assert "The call goes in circles: 10.0.0.2 got it 4 times for sip:bob@example.com" in finding.cause
    assert "with Max-Forwards falling from 66 to 60" in finding.cause


@pytest.mark.parametrize(
    "events",
    [
        circle(3),  # twice each, since four Vias are seen
        circle(9, forwards=None),
        circle(
            9, routes=("<sip:a;lr>", "<sip:b;lr>", "<sip:c;lr>", "<sip:d;lr>", "<sip:e;lr>", "<sip:f;lr>", "<sip:g;lr>")
        ),
        [visit(4, vias, "proxy>edge", 70) for vias in range(9)],
    ],
)
def test_a_long_way_is_none(events: list[SipEvent]) -> None:
    assert Watch([request("INVITE", 0, "alice>proxy"), *events], until=2).story("call-loop") == []


def test_a_loop_without_end_is_bounded() -> None:
    watch = Watch([*circle(100, forwards=300), response(482, 4)], until=5)
    assert len(watch.finding("call-loop").messages) <= 80
    wide = [visit(4, at / 100, "proxy>edge", route=f"<sip:r{at}>") for at in range(70)]
    assert Watch(wide, until=1).story("call-loop") == []


# --- route-set-ignored

RECORDED = [("Record-Route", "<sip:10.0.0.5;lr>, <sip:10.0.0.2;lr>")]
CALLER: Headers = [("Route", "<sip:10.0.0.2;lr>"), ("Route", "<sip:10.0.0.5;lr>")]
CALLEE: Headers = [("Route", "<sip:10.0.0.5;lr>,<sip:10.0.0.2;lr>")]
CALL = [
    request("INVITE", 0, "alice>proxy"),
    request("INVITE", 0.01, "edge>bob", vias=3),
    response(200, 1, "edge>bob", vias=3, headers=RECORDED),
    response(200, 1.02, "alice>proxy", headers=RECORDED),
]


def bye(headers: Headers, on: str = "alice>proxy") -> SipEvent:
    tags = ("a", "b") if on.startswith("alice") else ("b", "a")
    return request("BYE", 9, on, from_tag=tags[0], to_tag=tags[1], headers=headers)


def test_a_request_that_takes_another_way_is_told() -> None:
    watch = Watch([*CALL, bye([("Route", "<sip:10.0.0.9;lr>")])], until=10)
    assert watch.story("route-set-ignored") == [("confirmed", 9.0)]
    finding = watch.finding("route-set-ignored")
    assert (finding.hop, finding.messages) == (hop("alice>proxy"), (4, 5))
    assert finding.cause == (
        "10.0.0.1:5060 sent its BYE with sip:10.0.0.9; the route set of the call is sip:10.0.0.2, sip:10.0.0.5."
    )
    ack = request("ACK", 1.1, "alice>bob", to_tag="b", branch="own")
    assert "sent its ACK with no Route" in Watch([*CALL, ack], until=2).finding("route-set-ignored").cause


def test_the_callee_keeps_the_order_that_the_caller_reverses() -> None:
    assert Watch([*CALL, bye(CALLEE, "bob>edge")], until=10).findings() == {}
    finding = Watch([*CALL, bye(CALLER, "bob>edge")], until=10).finding("route-set-ignored")
    assert (
        "sent its BYE with sip:10.0.0.2, sip:10.0.0.5; the route set of the call is sip:10.0.0.5, sip:10"
        in finding.cause
    )


def test_a_hop_on_which_the_2xx_names_no_route_set_takes_none_away() -> None:
    bare = response(200, 1.03, "edge>bob", vias=3)
    call, wrong = [*CALL[:2], CALL[3], bare], [("Route", "<sip:10.0.0.9;lr>")]
    assert "route-set-ignored" in Watch([*call, bye(wrong)], until=10).findings()
    assert "route-set-ignored" not in Watch([*call, bye(wrong, "bob>edge")], until=10).findings()


def test_what_is_named_between_the_ends_of_the_way_binds_nobody() -> None:
    between = response(200, 1.01, "proxy>edge", vias=2, headers=[("Record-Route", "<sip:10.0.0.9;lr>")])
    for way in ([CALL[2], between, CALL[3]], [CALL[3], between, CALL[2]]):
        assert Watch([*CALL[:2], *way, bye(CALLER), bye(CALLEE, "bob>edge")], until=10).findings() == {}


def test_a_provisional_response_names_no_route_set_whatever_is_wrong_with_it() -> None:
    ringing = response(180, 1.01, "alice>proxy", headers=[("Record-Route", "<sip:10.0.0.9;lr>")])
    cut = replace(ringing, fault="truncated-body")  # shown to all
    assert "route-set-ignored" not in Watch([*CALL[:3], cut, CALL[3], bye(CALLER)], until=10).findings()


STRICT = request("BYE", 9, "alice>proxy", to_tag="b", headers=[("Route", "<sip:10.0.0.5>, <sip:bob@example.com>")])


@pytest.mark.parametrize(
    "events",
    [
        [bye(CALLER)],
        [request("BYE", 9, "carol>proxy", to_tag="b")],  # a proxy that ends the call itself
        [request("BYE", 9, "proxy>edge", to_tag="b", vias=2)],
        [request("PRACK", 9, "alice>proxy", to_tag="b")],
        [request("INFO", 9, "alice>proxy", to_tag="other")],
        [request("INVITE", 9, "alice>proxy", to_tag="b", cseq=2, headers=CALLER),
         response(200, 9.1, "alice>proxy", cseq=2, headers=[("Record-Route", "<sip:new;lr>")])],
    ],
)  # fmt: skip
def test_the_right_way_and_requests_of_others_are_silent(events: list[SipEvent]) -> None:
    assert Watch([*CALL, *events], until=10).story("route-set-ignored") == []


def test_a_strict_router_is_asked_in_the_request_uri() -> None:
    strict = [("Record-Route", "<sip:10.0.0.5>, <sip:bob@example.com>")]
    events = [CALL[0], response(200, 1, "alice>proxy", headers=strict)]
    ok = request("BYE", 9, "alice>proxy", to_tag="b", headers=[("Route", "<sip:10.0.0.5>, <sip:bob@10.0.0.3>")])
    assert Watch([*events, ok], until=10).findings() == {}
    wrong = request("BYE", 9, "alice>proxy", to_tag="b", headers=[("Route", "<sip:bob@10.0.0.3>")])
    assert "route-set-ignored" in Watch([*events, wrong], until=10).findings()


def test_who_recorded_itself_and_sends_leaves_itself_out() -> None:
    own = [("Record-Route", "<sip:10.0.0.1:6060;lr>")]
    events = [CALL[0], response(200, 1, "alice>proxy", headers=own), bye([])]
    assert Watch(events, until=10).findings() == {}


def test_where_the_hop_of_a_side_was_not_seen_nothing_is_known() -> None:
    events = [request("INVITE", 0, "proxy>bob", vias=2), response(200, 1, "proxy>bob", vias=2, headers=RECORDED)]
    assert Watch([*events, bye([])], until=10).findings() == {}
    late = [
        response(200, 1, "alice>proxy", cseq=2, headers=RECORDED),
        request("INVITE", 0.5, "alice>proxy", cseq=2, to_tag="b"),
    ]
    assert Watch([late[1], late[0], bye([])], until=10).findings() == {}


def test_a_request_that_arrives_before_the_answer_counts_too() -> None:
    events = [*CALL[:3], bye([]), CALL[3]]
    assert "route-set-ignored" in Watch(events, until=10).standing()
    events = [*CALL, bye([]), bye([], "bob>edge"), response(486, 9.5, cseq=3)]
    assert len([each for each in Watch(events, until=10).call.findings if each.code == "route-set-ignored"]) == 2


def test_dialogs_and_requests_are_bounded() -> None:
    forks = [response(200, 1 + n / 1000, "alice>proxy", to_tag=f"t{n}", headers=RECORDED) for n in range(20)]
    infos = [request("INFO", 2 + n, "alice>proxy", to_tag="t1", cseq=2 + n, headers=CALLER) for n in range(40)]
    others = [request("INFO", 50 + n, "alice>proxy", to_tag=f"u{n}", cseq=99) for n in range(40)]
    assert Watch([CALL[0], *forks, *infos, *others], until=99).story("route-set-ignored") == []


# --- udp-fragmentation-risk, by the fragments that were seen


def in_fragments(event: SipEvent, at: float, pieces: int = 0, *, of: str = "alice>bob") -> SideEvent:
    """What a collector tells of a message that came in pieces; without `pieces`, of one that did not come whole."""
    values = {"fragments": float(pieces), "octets": 1200.0} if pieces else {"seen_octets": 900.0}
    return SideEvent(
        us(at),
        us(at),
        event.source,
        event.source_port,
        event.destination,
        event.destination_port,
        "udp",
        event.observer,
        "fragments",
        event.call_id,
        event.cseq_method,
        event.cseq,
        event.from_tag,
        event.branch,
        "in fragments" if pieces else "a fragment is missing",
        values | ({"status": float(event.status)} if event.status else {}),
        hop=hop(of),
    )


def test_a_request_that_came_in_fragments_is_told_of_whatever_its_size() -> None:
    small, large = request("INVITE", 0), request("INVITE", 0, headers=LARGE)
    for invite in (small, large):
        watch = Watch([invite, in_fragments(invite, 0.001, 2), in_fragments(invite, 0.5, 3)], until=2)
        finding = watch.finding("udp-fragmentation-risk")
        assert (finding.severity, finding.variant, finding.messages) == (Severity.INFO, "fragmented", (1,))
        assert finding.cause.endswith("octets over UDP: it came in 2 fragments.")


def test_a_message_of_which_a_fragment_is_missing_is_suspect_until_it_comes_whole() -> None:
    first, again = request("INVITE", 0), request("INVITE", 1, cseq=2)
    watch = Watch([first, in_fragments(again, 31)], until=40)
    finding = watch.finding("udp-fragmentation-risk")
    assert (finding.severity, finding.state, finding.variant) == (Severity.MINOR, "suspected", "fragment-lost")
    assert finding.cause.startswith("The INVITE from 10.0.0.1:5060 to 10.0.0.3:5060 went in IP fragments, of which not")
    watch.see([request("INVITE", 40.5, cseq=2), response(100, 41, cseq=2)])
    assert watch.findings()["udp-fragmentation-risk"] == "cleared"


def test_a_response_likewise() -> None:
    invite, answer = request("INVITE", 0), response(200, 5)
    watch = Watch([invite, response(180, 1), in_fragments(answer, 35)], until=40)
    finding = watch.finding("udp-fragmentation-risk")
    assert finding.cause.startswith("The 200 to the INVITE from 10.0.0.3:5060 to 10.0.0.1:5060 went in IP fragments")
    assert watch.see([response(200, 40.5)]).findings()["udp-fragmentation-risk"] == "cleared"


def test_fragments_of_responses_that_came_and_of_what_is_not_known_say_nothing() -> None:
    invite, answer = request("INVITE", 0), response(180, 1)
    events: list[Observation] = [
        invite,
        in_fragments(invite, 0.5, 2, of="alice>carol"),
        answer,
        in_fragments(answer, 1.1, 3),
    ]
    assert Watch(events, until=40).story("udp-fragmentation-risk") == []


def test_what_is_told_of_fragments_is_bounded() -> None:
    events: list[Observation] = [request("INVITE", 0)]
    events += [in_fragments(request("INFO", 0, cseq=number), 31) for number in range(2, 40)]
    events.append(in_fragments(request("INFO", 0, cseq=2), 32))
    assert len(Watch(events, until=40).call.findings) == 16
