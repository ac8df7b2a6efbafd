"""The 2xx that nobody acknowledges, and the call that drops for it: the timelines of FINDINGS."""

import pytest

from collectors.scenario import Scenario
from collectors.scenario.phone import Phone
from collectors.scenario.server import Server
from collectors.sip.timers import SECOND, Timers
from collectors.wire.events import SipEvent
from monitor.core.settings import Settings
from monitor.core.updates import CallEnded, CallState
from tests.support.messages import hop, request, response
from tests.support.watch import Watch, seconds

# When a callee sends its 200 OK of second 2 without an ACK (§13.3.1.4).
SENDS = [2.0, 2.5, 3.5, 5.5, 9.5, 13.5, 17.5, 21.5, 25.5, 29.5, 33.5]


def direct(transport: str = "udp") -> tuple[Scenario, Phone, Phone]:
    """Alice calls bob, who answers at second 2."""
    scenario = Scenario("direct", latency_ms=0)
    alice = scenario.phone("alice@10.0.0.1", transport=transport)
    bob = scenario.phone("bob@10.0.0.3", transport=transport)
    alice.invites(bob)
    bob.answers(at=2)
    return scenario, alice, bob


def proxied() -> tuple[Scenario, Phone, Server, Phone]:
    """The same through a proxy."""
    scenario = Scenario("proxied", latency_ms=0)
    alice, proxy, bob = scenario.phone("alice@10.0.0.1"), scenario.proxy("10.0.0.2"), scenario.phone("bob@10.0.0.3")
    proxy.processing_us = 0
    alice.invites(bob, through=[proxy])
    bob.answers(at=2)
    return scenario, alice, proxy, bob


def sent_without_ack(times: list[float], on: str = "alice>bob", to_tag: str = "b", vias: int = 1) -> list[SipEvent]:
    """A 200 OK again and again."""
    return [response(200, at, on, to_tag=to_tag, vias=vias) for at in times]


# --- missing-ack


@pytest.mark.parametrize("acked", ["alice>bob", "alice>carol"])
def test_a_call_that_is_played_again_with_all_its_names_resends_nothing(acked: str) -> None:
    def played(at: float) -> list[SipEvent]:
        ack = request("ACK", at + 2.6, acked, to_tag="b", branch="own")
        bye = request("BYE", at + 30, "bob>alice", from_tag="b", to_tag="a")
        return [request("INVITE", at), *sent_without_ack([at + 2, at + 2.5]), ack, bye]

    watch = Watch([*played(0), *played(62)], until=200, settings=Settings(linger_us=None))
    assert watch.findings() == {}


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_it_is_suspected_at_the_third_resend_and_confirmed_when_the_callee_hangs_up(transport: str) -> None:
    scenario, alice, _ = direct(transport)
    alice.never_acks()
    watch = Watch(scenario.events(), until=80)
    assert watch.story("missing-ack") == [("suspected", 5.5), ("confirmed", 34.0)]
    finding = watch.finding("missing-ack")
    assert finding.hop == hop("alice>bob")
    assert "The ACK never came: 10.0.0.3:5060 sent its 200 OK to 10.0.0.1:5060 11 times" in finding.cause
    assert "no ACK was seen" in finding.cause
    assert "10.0.0.3:5060 hung up 32 s after answering" in finding.cause
    assert watch.call.acked is False


@pytest.mark.parametrize(("resends", "suspected"), [(1, 2.5), (2, 3.5), (4, 9.5)])
def test_how_many_resends_are_a_suspicion_is_a_setting(resends: int, suspected: float) -> None:
    scenario, alice, _ = direct()
    alice.never_acks()
    watch = Watch(scenario.events(), until=80, settings=Settings(suspect_resends=resends))
    assert watch.story("missing-ack")[0] == ("suspected", suspected)


def test_its_evidence_is_every_copy_of_the_200_and_the_bye() -> None:
    scenario, alice, _ = direct()
    alice.never_acks()
    events = scenario.events()
    watch = Watch(events, until=80)
    numbers = [number for number, event in enumerate(events, 1) if event.status == 200 and event.cseq_method != "BYE"]
    bye = next(number for number, event in enumerate(events, 1) if event.method == "BYE")
    assert watch.finding("missing-ack").messages == (*numbers, bye)


def test_it_is_confirmed_64_t1_after_the_200_where_the_callee_falls_silent() -> None:
    scenario, alice, bob = direct()
    alice.never_acks()
    bob.ends_unacked = False
    events = scenario.events()
    assert Watch(events, until=33.99).story("missing-ack") == [("suspected", 5.5)]
    assert Watch(events, until=34).story("missing-ack") == [("suspected", 5.5), ("confirmed", 34.0)]


def test_at_the_end_of_a_capture_it_is_no_more_than_suspected() -> None:
    scenario, alice, _ = direct()
    alice.never_acks()
    assert Watch(scenario.events(until=20), until=20).findings() == {"missing-ack": "suspected"}


@pytest.mark.parametrize("seconds_late", [0, 0.4, 1.4, 3.4])
def test_an_ack_before_the_third_resend_is_in_time(seconds_late: float) -> None:
    scenario, alice, _ = direct()
    alice.acks_late(seconds_late)
    alice.hangs_up(at=60)
    watch = Watch(scenario.events(), until=120)
    assert watch.story("missing-ack") == []
    assert watch.call.acked is True


def test_a_late_ack_clears_the_suspicion() -> None:
    scenario, alice, _ = direct()
    alice.acks_late(6)
    alice.hangs_up(at=60)
    watch = Watch(scenario.events(), until=120)
    assert watch.story("missing-ack") == [("suspected", 5.5), ("cleared", 8.0)]
    assert "The ACK came late, 6.0 s after the 200 OK" in watch.finding("missing-ack").cause
    assert watch.standing() == set()


def test_a_suspicion_that_was_over_before_it_could_arise_is_told_as_such() -> None:
    """The third resend arrives behind the ACK that followed it on the wire."""
    events = [request("INVITE", 0), *sent_without_ack(SENDS[:3])]
    ack, resend = request("ACK", 5.7, to_tag="b", branch="own"), response(200, 5.5)
    watch = Watch([*events, ack, resend], until=80)
    assert watch.story("missing-ack") == [("suspected", 5.5), ("cleared", 5.5)]


def test_the_evidence_of_a_2xx_that_is_resent_for_ever_is_bounded() -> None:
    watch = Watch([request("INVITE", 0), *sent_without_ack([2.0 + 2 * n for n in range(15)])], until=32)
    finding = watch.finding("missing-ack")
    assert len(finding.messages) == 12
    assert "sent its 200 OK to 10.0.0.1:5060 15 times" in finding.cause


def test_an_ack_after_64_t1_is_too_late() -> None:
    scenario, alice, bob = direct()
    alice.acks_late(33)
    bob.ends_unacked = False
    watch = Watch(scenario.events(), until=80)
    assert watch.story("missing-ack") == [("suspected", 5.5), ("confirmed", 34.0)]


def test_a_callee_that_hangs_up_after_one_resend_confirms_it_at_once() -> None:
    scenario, alice, bob = direct()
    alice.never_acks()
    bob.hangs_up(at=3)
    assert Watch(scenario.events(), until=80).story("missing-ack") == [("confirmed", 3.0)]


@pytest.mark.parametrize(("sends", "bye"), [(2, 4.6), (2, 27), (3, 7.6), (4, 13.6)])
def test_a_callee_that_had_stopped_resending_when_it_hung_up_got_an_ack_that_went_another_way(
    sends: int, bye: float
) -> None:
    bob_hangs_up = request("BYE", bye, "bob>alice", from_tag="b", to_tag="a")
    watch = Watch([request("INVITE", 0), *sent_without_ack(SENDS[:sends]), bob_hangs_up], until=80)
    assert ("confirmed", bye) not in watch.story("missing-ack")
    assert watch.story("missing-ack") == ([("suspected", 5.5)] if sends > 3 else [])


def test_an_ack_that_was_lost_with_the_first_200_is_no_more_than_suspected_to_be_missing() -> None:
    watch = Watch([request("INVITE", 0)])
    watch.lose(1.9, 2.4).see(sent_without_ack(SENDS[1:5])).wait(80)
    assert watch.story("missing-ack") == [("suspected", 9.5)]


def test_a_callee_that_hangs_up_before_it_resends_tells_nothing() -> None:
    scenario, alice, bob = direct()
    alice.never_acks()
    bob.hangs_up(at=2.3)
    assert Watch(scenario.events(until=3), until=80).story("missing-ack") == []


def test_a_caller_that_hangs_up_soon_tells_nothing() -> None:
    scenario, alice, _ = direct()
    alice.never_acks()
    alice.hangs_up(at=3)
    assert Watch(scenario.events(), until=80).story("missing-ack") == []


def test_an_ack_that_follows_the_bye_of_the_callee_does_not_clear_it() -> None:
    events = [
        request("INVITE", 0),
        *sent_without_ack([2, 2.5]),
        request("BYE", 3, "bob>alice", from_tag="b", to_tag="a"),
        request("ACK", 3.2, to_tag="b", branch="own"),
    ]
    assert Watch(events, until=80).story("missing-ack") == [("confirmed", 3.0)]


def test_a_proxy_that_keeps_the_ack_to_itself_is_named() -> None:
    scenario, _, proxy, _ = proxied()
    proxy.drops("ACK")
    watch = Watch(scenario.events(), until=80)
    assert watch.story("missing-ack") == [("suspected", 5.5), ("confirmed", 34.0)]
    finding = watch.finding("missing-ack")
    assert finding.hop == hop("proxy>bob")
    assert finding.cause.startswith(
        "10.0.0.2:5060 received the ACK and did not send it on: 10.0.0.3:5060 sent its 200 OK 11 times over 32 s."
    )
    assert "Route set" in finding.remedy
    assert watch.call.acked is True  # one was seen


def test_a_proxy_that_lets_the_third_ack_pass_is_cleared() -> None:
    scenario, _, proxy, bob = proxied()
    proxy.drops("ACK", times=4)
    bob.hangs_up(at=60)
    watch = Watch(scenario.events(), until=120)
    assert watch.story("missing-ack") == [("suspected", 5.5), ("cleared", 9.5)]


def test_behind_a_proxy_the_hop_of_the_caller_is_named_when_no_ack_was_seen() -> None:
    scenario, alice, _, _ = proxied()
    alice.never_acks()
    watch = Watch(scenario.events(), until=80)
    missing, dropped = watch.finding("missing-ack"), watch.finding("dropped-at-32s")
    assert missing.hop == dropped.hop == hop("alice>proxy")
    # The proxy only passes on what the callee says, and hangs up on nobody.
    assert "10.0.0.2:5060 passed the 200 OK of 10.0.0.3:5060 to 10.0.0.1:5060 11 times" in missing.cause
    assert missing.cause.endswith("10.0.0.3:5060 hung up 32 s after answering.")
    assert dropped.cause.startswith("10.0.0.3:5060 hung up 32 s after its 200 OK")


def test_an_ack_that_goes_round_the_proxy_is_an_ack() -> None:
    scenario, _, proxy, bob = proxied()
    proxy.record_routes = False
    bob.hangs_up(at=60)
    events = scenario.events()
    assert any(event.method == "ACK" and event.destination == "10.0.0.3" for event in events)
    watch = Watch(events, until=120)
    assert (watch.findings(), watch.call.acked) == ({}, True)


def test_an_ack_with_a_wrong_cseq_is_named() -> None:
    events = [
        request("INVITE", 0, cseq=7),
        *(response(200, at, cseq=7) for at in SENDS[:4]),
        request("ACK", 2.01, cseq=8, to_tag="b"),
    ]
    finding = Watch(sorted(events, key=lambda event: event.captured_us), until=10).finding("missing-ack")
    assert "the ACK that came has CSeq 8, where its INVITE had 7" in finding.cause
    assert "CSeq number must be that of the INVITE" in finding.remedy
    assert len(finding.messages) == 5


def test_an_ack_with_a_wrong_tag_is_named() -> None:
    events = [request("INVITE", 0), *sent_without_ack(SENDS[:4]), request("ACK", 6, to_tag="x", branch="own")]
    watch = Watch(events, until=10)
    watch.see([response(200, 9.5)])
    assert "has the To tag 'x', where the 200 OK has 'b'" in watch.finding("missing-ack").cause
    watch.see([request("ACK", 9.6, to_tag="b", branch="right")])
    assert watch.story("missing-ack") == [("suspected", 5.5), ("cleared", 9.6)]


def test_copies_of_a_packet_are_no_resends() -> None:
    copies = [response(200, at + copy / 100, branch="b1") for at in SENDS[:3] for copy in range(4)]
    events = [request("INVITE", 0, branch="b1"), *copies]
    watch = Watch(events, until=10)
    assert watch.findings() == {}
    assert watch.call.retransmissions == 2
    watch.see([response(200, 5.5, branch="b1")])
    assert watch.findings() == {"missing-ack": "suspected"}


def test_a_call_that_passes_a_hop_twice_shows_no_resends() -> None:
    """A spiral (§16.3): each sending is seen twice within milliseconds, with different Vias."""
    sends = [
        response(200, at + place / 1000, branch=f"b{place}", vias=4 - place) for at in SENDS[:3] for place in (0, 1)
    ]
    watch = Watch([request("INVITE", 0, branch="b0", vias=4), request("INVITE", 0.1, branch="b1", vias=3), *sends])
    assert watch.wait(10).findings() == {}


def test_each_fork_is_asked_for_its_ack() -> None:
    events = [
        request("INVITE", 0),
        *sent_without_ack([2.0], to_tag="b"),
        request("ACK", 2.1, to_tag="b", branch="own"),
        *sent_without_ack(SENDS[:4], to_tag="c"),
    ]
    watch = Watch(sorted(events, key=lambda event: event.captured_us), until=6)
    watch.see([request("BYE", 7, to_tag="b")]).wait(10)
    assert watch.finding("missing-ack").subject == "1 a c"
    assert watch.story("missing-ack") == [("suspected", 5.5)]
    assert watch.call.acked is False


def test_a_reinvite_without_ack_is_found_though_the_call_was_acknowledged() -> None:
    events = [
        request("INVITE", 0),
        response(200, 1),
        request("ACK", 1.1, to_tag="b", branch="own"),
        request("INVITE", 5, "bob>alice", cseq=9, from_tag="b", to_tag="a"),
        *(response(200, 3 + at, "bob>alice", cseq=9, from_tag="b", to_tag="a") for at in SENDS[:4]),
    ]
    watch = Watch(events, until=12)
    assert watch.story("missing-ack") == [("suspected", 8.5)]
    assert watch.finding("missing-ack").hop == hop("bob>alice")
    assert watch.call.acked is True


def test_a_peer_with_a_longer_t1_is_given_its_time() -> None:
    settings = Settings(timers=Timers(t1_us=2 * SECOND, t2_us=16 * SECOND))
    events = [request("INVITE", 0), *sent_without_ack([2, 4, 8, 16, 32, 48, 64, 80])]
    watch = Watch(events, until=129.9, settings=settings)
    assert watch.story("missing-ack") == [("suspected", 16.0)]
    assert watch.wait(130).story("missing-ack")[1:] == [("confirmed", 130.0)]


# --- dropped-at-32s


def test_a_callee_that_hangs_up_at_32_s_drops_the_call() -> None:
    scenario, alice, _ = direct()
    alice.never_acks()
    watch = Watch(scenario.events(), until=80)
    assert watch.story("dropped-at-32s") == [("confirmed", 34.0)]
    assert watch.finding("dropped-at-32s").cause == (
        "10.0.0.3:5060 hung up 32 s after its 200 OK, because the ACK never came: that is 64·T1, and the call is gone."
    )
    assert watch.call.state == CallState.ENDED


def test_a_callee_that_stops_resending_at_32_s_drops_the_call() -> None:
    scenario, alice, bob = direct()
    alice.never_acks()
    bob.ends_unacked = False
    watch = Watch(scenario.events(), until=37.99)
    assert watch.story("dropped-at-32s") == []
    watch.wait(38)
    assert watch.story("dropped-at-32s") == [("confirmed", 38.0)]
    assert "stopped resending its 200 OK after 32 s" in watch.finding("dropped-at-32s").cause
    ended = [update for update in watch.told if isinstance(update, CallEnded)]
    assert [(seconds(update.at_us), update.state) for update in ended] == [(38.0, CallState.ANSWERED)]
    assert watch.wait(80).call.open is False  # nothing more will come of it


def test_a_dropped_call_behind_a_proxy_that_keeps_the_ack_is_pinned_there() -> None:
    scenario, _, proxy, _ = proxied()
    proxy.drops("ACK")
    watch = Watch(scenario.events(), until=80)
    assert watch.story("dropped-at-32s") == [("confirmed", 34.0)]
    assert watch.finding("dropped-at-32s").hop == hop("proxy>bob")


def test_a_call_whose_ack_is_lost_behind_the_capture_drops_too() -> None:
    scenario, _, _, bob = proxied()
    scenario.loses("ACK", to=bob)
    watch = Watch(scenario.events(), until=80)
    assert watch.story("dropped-at-32s") == [("confirmed", 34.0)]
    finding = watch.finding("dropped-at-32s")
    assert finding.hop == hop("proxy>bob")
    assert "although an ACK was sent, none reached it" in finding.cause
    assert "firewall" in finding.remedy
    assert watch.story("missing-ack") == []


@pytest.mark.parametrize(
    ("ack_late", "callee_hangs_up", "caller_hangs_up"),
    [
        (30.0, None, 60.0),  # the ACK came at last: resends ended by it
        (0.0, 34.0, None),  # acknowledged; that it ends at 32 s is chance
        (None, None, 30.0),  # the caller hung up: no wonder that the resends end
        (None, 10.0, None),  # the callee gave up, but not for 64·T1
    ],
)
def test_a_call_that_ends_otherwise_is_not_dropped_at_32_s(
    ack_late: float | None, callee_hangs_up: float | None, caller_hangs_up: float | None
) -> None:
    scenario, alice, bob = direct()
    if ack_late is None:
        alice.never_acks()
    else:
        alice.acks_late(ack_late)
    if callee_hangs_up is not None:
        bob.hangs_up(at=callee_hangs_up)
    if caller_hangs_up is not None:
        alice.hangs_up(at=caller_hangs_up)
    assert Watch(scenario.events(), until=120).story("dropped-at-32s") == []
