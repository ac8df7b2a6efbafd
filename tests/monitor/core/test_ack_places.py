"""Where an ACK was lost: kept by an element, sent to a Contact that nobody reaches, or not taken by the callee."""

from collections.abc import Sequence

import pytest
from msgspec.structs import replace

from collectors.scenario import Scenario
from collectors.wire.events import SideEvent, SipEvent
from collectors.wire.trouble import Trouble
from tests.support.beside import beside
from tests.support.messages import hop, request, response
from tests.support.watch import Watch

SENDS = (2.0, 2.5, 3.5, 5.5, 9.5, 13.5, 17.5, 21.5, 25.5, 29.5, 33.5)
INVITE = request("INVITE", 0)


def oks(times: Sequence[float] = SENDS, on: str = "alice>bob", vias: int = 1, contact: str = "") -> list[SipEvent]:
    headers = [("Contact", f"<{contact}>")] if contact else []
    return [response(200, at, on, vias=vias, headers=headers) for at in times]


def ack(at: float, on: str = "alice>bob", vias: int = 1) -> SipEvent:
    return request("ACK", at, on, to_tag="b", branch=f"own-{on}", vias=vias)


def bye_of_bob(at: float) -> SipEvent:
    return request("BYE", at, "bob>alice", from_tag="b", to_tag="a")


def moved(event: SipEvent, **addresses: str) -> SipEvent:
    return replace(event, **addresses)


def seen(*events: SipEvent | list[SipEvent], until: float = 80) -> Watch:
    flat = [event for each in events for event in (each if isinstance(each, list) else [each])]
    return Watch(sorted(flat, key=lambda event: event.captured_us), until=until)


# --- missing-ack: the element that kept it


def test_the_first_of_two_proxies_that_keeps_the_ack_is_named() -> None:
    scenario = Scenario("two proxies", latency_ms=0)
    alice, bob = scenario.phone("alice@10.0.0.1"), scenario.phone("bob@10.0.0.3")
    first, second = scenario.proxy("10.0.0.2"), scenario.proxy("10.0.0.6")
    alice.invites(bob, through=[first, second])
    bob.answers(at=2)
    first.drops("ACK")
    watch = Watch(scenario.events(), until=80)
    assert [state for state, _ in watch.story("missing-ack")] == ["suspected", "confirmed"]
    finding = watch.finding("missing-ack")
    assert finding.variant == "not-sent-on"
    assert finding.hop == "10.0.0.2:5060>10.0.0.6:5060"
    assert finding.cause.startswith("10.0.0.2:5060 received the ACK and did not send it on: 10.0.0.3:5060 sent its 200")


def test_a_proxy_with_two_addresses_is_named_by_that_which_got_the_ack() -> None:
    inner = [
        moved(event, source="10.0.0.9") if event.method else moved(event, destination="10.0.0.9")
        for event in (request("INVITE", 0.01, "proxy>bob", vias=2), *oks(on="proxy>bob", vias=2))
    ]
    watch = seen(request("INVITE", 0, "alice>proxy"), oks(on="alice>proxy"), inner, ack(2.1, "alice>proxy"))
    finding = watch.finding("missing-ack")
    assert finding.hop == "10.0.0.9:5060>10.0.0.3:5060"
    assert finding.cause.startswith("10.0.0.2:5060 received the ACK")


# --- missing-ack: the Contact that nobody reaches


def test_an_ack_that_goes_to_the_private_contact_of_the_200_is_lost_there() -> None:
    lost = [moved(ack(at + 0.01), destination="192.168.1.20") for at in SENDS[:1]]
    watch = seen(INVITE, oks(contact="sip:bob@192.168.1.20:5060"), lost)
    assert watch.story("missing-ack") == [("suspected", 5.5), ("confirmed", 34.0)]
    finding = watch.finding("missing-ack")
    assert (finding.variant, finding.hop) == ("unreachable-contact", "10.0.0.1:5060>192.168.1.20:5060")
    assert finding.cause.startswith(
        "The ACK went to 192.168.1.20:5060, from where nothing was ever heard: 10.0.0.3:5060 sent its 200 OK 11 times"
    )
    assert "That is the Contact of the 200 OK (sip:bob@192.168.1.20:5060, a private address)." in finding.cause
    assert "external address (NAT)" in finding.remedy


def test_a_public_contact_that_nobody_hears_of_is_told_without_that_word() -> None:
    lost = moved(ack(2.1), destination="198.51.100.7")
    finding = seen(INVITE, oks(contact="sip:bob@198.51.100.7"), lost).finding("missing-ack")
    assert finding.variant == "unreachable-contact"
    assert finding.cause.endswith("That is the Contact of the 200 OK (sip:bob@198.51.100.7).")


def test_an_address_beside_the_path_that_speaks_got_an_ack_that_was_not_its_own() -> None:
    other = request("OPTIONS", 0.5, "carol>alice", call_id="other")
    finding = seen(INVITE, other, oks(), ack(2.1, "alice>carol")).finding("missing-ack")
    assert (finding.variant, finding.hop) == ("astray", hop("alice>carol"))
    assert "The ACK went to 10.0.0.4:5060, which is not in the path of the call" in finding.cause


def test_an_ack_that_goes_round_everything_seen_is_one_while_nothing_speaks_against_it() -> None:
    assert seen(INVITE, oks(SENDS[:2]), moved(ack(2.6), destination="192.168.1.20")).story("missing-ack") == []


def test_a_private_contact_from_a_public_address_is_where_an_ack_went_that_was_not_seen() -> None:
    events = [moved(event, destination="203.0.113.9") for event in (INVITE,)]
    answers = [moved(event, source="203.0.113.9") for event in oks(contact="sip:bob@192.168.1.20")]
    finding = seen(events, answers).finding("missing-ack")
    assert finding.variant == "private-contact"
    assert "The Contact of the 200 OK (sip:bob@192.168.1.20) is a private address" in finding.cause


def test_a_private_contact_among_private_addresses_says_nothing() -> None:
    assert seen(INVITE, oks(contact="sip:bob@192.168.1.20")).finding("missing-ack").variant == "never-seen"


def unreachable(about: SipEvent, text: str = Trouble.PORT, **values: float) -> SideEvent:
    return replace(
        beside(about, text=text),
        hop=f"{about.source}:{about.source_port}>{about.destination}:{about.destination_port}",
        values={"type": 3.0, "code": 3.0, **values},
    )


@pytest.mark.parametrize("early", [True, False])
def test_an_icmp_error_that_quotes_the_ack_tells_where_it_ended(early: bool) -> None:
    events = [INVITE, *oks(SENDS[:1]), ack(2.1), *oks(SENDS[1:])]
    watch = Watch(events[:3])
    told = [unreachable(ack(2.1))]
    watch.see([*told, *events[3:]] if early else [*events[3:], *told]).wait(80)
    finding = watch.finding("missing-ack")
    assert (finding.variant, str(finding.state)) == ("unreachable", "confirmed")
    assert "The ACK went to 10.0.0.3:5060, and the network says: port unreachable" in finding.cause


# --- ack-ignored


def test_an_ack_that_the_callee_does_not_take_is_suspected_at_the_second_resend_and_confirmed_when_it_hangs_up() -> (
    None
):
    watch = seen(INVITE, oks(SENDS[:-1]), ack(2.1), bye_of_bob(34))
    assert watch.story("ack-ignored") == [("suspected", 5.5), ("confirmed", 34.0)]
    assert watch.story("missing-ack") == []
    finding = watch.finding("ack-ignored")
    assert finding.hop == hop("alice>bob")
    assert finding.cause == (
        "10.0.0.3:5060 does not take the ACK: it was sent there 0.1 s after the 200 OK, which was resent 8 times "
        "all the same."
    )


def test_it_is_confirmed_when_the_resends_go_on_to_the_end() -> None:
    assert seen(INVITE, oks(), ack(2.1)).story("ack-ignored") == [("suspected", 5.5), ("confirmed", 34.0)]


@pytest.mark.parametrize("end", [[], [bye_of_bob(60)], [bye_of_bob(16)], [request("BYE", 20, to_tag="b")]])
def test_resends_that_stop_clear_it(end: list[SipEvent]) -> None:
    """Some ACKs were lost behind the point of capture; one got through."""
    watch = seen(INVITE, oks(SENDS[:4]), ack(2.1), end)
    assert [state for state, _ in watch.story("ack-ignored")] == ["suspected", "cleared"]


def test_a_caller_that_hangs_up_meanwhile_leaves_it_a_suspicion() -> None:
    watch = seen(INVITE, oks(SENDS[:4]), ack(2.1), request("BYE", 6, to_tag="b"))
    assert watch.story("ack-ignored") == [("suspected", 5.5)]


def test_resends_within_the_round_trip_are_on_their_way_already() -> None:
    far = [request("INVITE", 0), response(100, 1.8)]
    assert seen(far, oks((2.0, 2.5, 3.5)), ack(2.1)).story("ack-ignored") == []
    near = [request("INVITE", 0), response(100, 0.1)]
    assert seen(near, oks((2.0, 2.8, 3.5)), ack(2.1)).story("ack-ignored") == [("suspected", 3.5), ("cleared", 34.0)]


def test_one_resend_after_the_ack_proves_nothing() -> None:
    assert seen(INVITE, oks(SENDS[:3]), ack(2.6)).story("ack-ignored") == []


def test_an_icmp_error_that_quotes_a_bye_confirms_that_nobody_answers_it() -> None:
    bye = request("BYE", 9, to_tag="b")
    watch = Watch([INVITE, response(200, 1), ack(1.1), bye, unreachable(bye)])
    assert watch.findings() == {"bye-unanswered": "confirmed"}
    assert "port unreachable" in watch.finding("bye-unanswered").cause
