"""Who hears whom, addresses that lead nowhere, and changes that were refused: where a rule fires, and where not."""

import pytest
from msgspec.structs import replace

from collectors.wire.events import SipEvent
from monitor.core.updates import Severity
from tests.support.messages import hop, request, response
from tests.support.sdp import PCMA, PCMU, audio, fax, sdp, video
from tests.support.watch import Watch

ALICE, BOB = "10.0.0.1", "10.0.0.3"


def one(direction: str = "sendrecv", *, of: str = ALICE, address: str = "") -> str:
    """A description with one audio stream of this direction."""
    return sdp(audio(PCMU, attributes=(direction,)), address=address or of)


def exchange(at: float, offer: str, answer: str, *, cseq: int = 1, by: str = "alice") -> list[SipEvent]:
    """An INVITE with its 200 and ACK; beyond the first, within the dialog."""
    on, tags = ("alice>bob", ("a", "b")) if by == "alice" else ("bob>alice", ("b", "a"))
    first = cseq == 1
    return [
        request("INVITE", at, on, cseq=cseq, from_tag=tags[0], to_tag="" if first else tags[1], body=offer),
        response(200, at + 0.1, on, cseq=cseq, from_tag=tags[0], to_tag=tags[1], body=answer),
        request("ACK", at + 0.2, on, cseq=cseq, from_tag=tags[0], to_tag=tags[1]),
    ]


def bye(at: float) -> list[SipEvent]:
    return [
        request("BYE", at, cseq=99, to_tag="b"),
        response(200, at + 0.1, method="BYE", cseq=99),
    ]


def call(*then: SipEvent) -> Watch:
    """A call where both hear each other, and what follows."""
    return Watch([*exchange(0, one(), one(of=BOB)), *then])


# --- direction-mismatch


DIRECTIONS = [
    ("sendrecv", "sendrecv", ""),
    ("sendrecv", "recvonly", "10.0.0.1:5060 hears nothing"),
    ("sendrecv", "sendonly", "10.0.0.3:5060 does not listen"),
    ("sendrecv", "inactive", "neither side hears the other"),
    ("sendonly", "recvonly", ""),
    ("sendonly", "sendrecv", ""),  # a device that knows no hold
    ("sendonly", "sendonly", "10.0.0.3:5060 does not listen"),
    ("recvonly", "recvonly", "10.0.0.1:5060 hears nothing"),
    ("inactive", "inactive", ""),
    ("inactive", "sendrecv", ""),
]


@pytest.mark.parametrize(("offer", "answer", "effect"), DIRECTIONS)
def test_an_answer_that_leaves_a_side_silent_without_a_hold_is_suspect(offer: str, answer: str, effect: str) -> None:
    watch = Watch(exchange(0, one(offer), one(answer, of=BOB)))
    assert watch.findings() == ({"direction-mismatch": "suspected"} if effect else {})
    if effect:
        cause = watch.finding("direction-mismatch").cause
        assert cause == (
            f"10.0.0.1:5060 offered audio a={offer} and 10.0.0.3:5060 answered a={answer}, "
            f"with nothing on hold: {effect}."
        )


def test_a_call_that_ends_silent_confirms_it_unless_it_was_brief() -> None:
    silent = exchange(0, one(), one("recvonly", of=BOB))
    assert Watch([*silent, *bye(9)]).findings() == {"direction-mismatch": "confirmed"}
    assert "direction-mismatch" in Watch([*silent, *bye(5)]).findings()
    assert Watch([*silent, *bye(5)]).findings()["direction-mismatch"] == "suspected"


def test_an_announcement_that_ends_by_a_reinvite_clears_it() -> None:
    silent = exchange(0, one(), one("sendonly", of=BOB))
    watch = Watch([*silent, *exchange(5, one(of=BOB), one(), cseq=2, by="bob"), *bye(30)])
    assert watch.story("direction-mismatch") == [("suspected", 0.1), ("cleared", 5.1)]


def test_hold_and_resume_by_either_side_is_as_it_should_be() -> None:
    for by, holder, held in (("alice", ALICE, BOB), ("bob", BOB, ALICE)):
        watch = call(
            *exchange(10, one("sendonly", of=holder), one("recvonly", of=held), cseq=2, by=by),
            *exchange(20, one(of=holder), one(of=held), cseq=3, by=by),
            *bye(30),
        )
        assert watch.findings() == {}


def test_a_hold_may_be_taken_without_listening_to_its_music() -> None:
    held = exchange(10, one("sendonly"), one("inactive", of=BOB), cseq=2)
    assert call(*held, *bye(60)).findings() == {}
    from_the_first = exchange(0, one("sendonly"), one("inactive", of=BOB))
    assert Watch([*from_the_first, *bye(60)]).findings() == {"direction-mismatch": "confirmed"}


def test_a_side_that_both_hold_stays_silent_when_one_resumes() -> None:
    watch = call(
        *exchange(10, one("sendonly"), one("recvonly", of=BOB), cseq=2),
        *exchange(20, one("inactive", of=BOB), one("inactive"), cseq=2, by="bob"),
        *exchange(30, one(), one("sendonly", of=BOB), cseq=3),
        *bye(60),
    )
    assert watch.findings() == {}


def test_a_resume_that_is_answered_as_if_on_hold_is_told() -> None:
    watch = call(
        *exchange(10, one("sendonly"), one("recvonly", of=BOB), cseq=2),
        *exchange(20, one(), one("recvonly", of=BOB), cseq=3),
        *bye(60),
    )
    assert watch.findings() == {"direction-mismatch": "confirmed"}


def test_hold_by_the_address_zero_is_a_hold() -> None:
    held = sdp(audio(PCMU), address="0.0.0.0")
    watch = call(*exchange(10, held, one(of=BOB), cseq=2), *bye(60))
    assert watch.findings() == {}
    answered = Watch(exchange(0, one(), held))
    assert "answered c=IN IP4 0.0.0.0, with nothing on hold" in answered.finding("direction-mismatch").cause


def test_video_that_only_one_side_sends_is_no_fault() -> None:
    receiving = f"{video()}\na=recvonly"
    watch = Watch(exchange(0, sdp(audio(PCMU), video()), sdp(audio(PCMU), receiving, address=BOB)))
    assert watch.findings() == {}


# --- private-media-address


def moved(event: SipEvent, source: str, destination: str) -> SipEvent:
    return replace(event, source=source, destination=destination)


EXPOSED = [
    # media address, sender, receiver, what it is; "" where nothing is to be said
    ("192.168.1.2", "203.0.113.1", "198.51.100.2", "a private address (RFC 1918)"),
    ("192.168.1.2", "192.168.1.2", "198.51.100.2", "a private address (RFC 1918)"),
    ("192.168.1.2", "203.0.113.1", "10.0.0.3", "a private address (RFC 1918)"),
    ("192.168.1.2", "192.168.1.2", "10.0.0.3", ""),  # one network, for all we know
    ("100.64.3.4", "203.0.113.1", "198.51.100.2", "an address within a carrier's NAT (RFC 6598)"),
    ("169.254.3.4", "203.0.113.1", "198.51.100.2", "a link-local address"),
    ("127.0.0.1", "10.0.0.1", "10.0.0.3", "the loopback address"),
    ("127.0.0.1", "127.0.0.1", "127.0.0.1", ""),
    ("203.0.113.1", "203.0.113.1", "198.51.100.2", ""),
    ("0.0.0.0", "203.0.113.1", "198.51.100.2", ""),
]


@pytest.mark.parametrize(("address", "source", "destination", "what"), EXPOSED)
def test_a_private_media_address_before_the_public_is_suspect(
    address: str, source: str, destination: str, what: str
) -> None:
    watch = Watch([moved(request("INVITE", 0, body=one(address=address)), source, destination)])
    assert watch.findings() == ({"private-media-address": "suspected"} if what else {})
    if what:
        finding = watch.finding("private-media-address")
        assert (finding.severity, finding.hop) == (Severity.MINOR, f"{source}:5060>{destination}:5060")
        assert finding.cause == (
            f"{source}:5060 told {destination}:5060 to send audio to c=IN IP4 {address} port 4000, "
            f"which is {what} and may not be reachable from there."
        )


def test_ice_or_a_stream_that_is_refused_needs_no_such_address() -> None:
    ice = sdp(audio(PCMU, attributes=("ice-ufrag:abcd",)), address="192.168.1.2")
    refused = sdp(audio(PCMU, port=0), address="192.168.1.2")
    for body in (ice, refused):
        assert Watch([moved(request("INVITE", 0, body=body), "203.0.113.1", "198.51.100.2")]).findings() == {}


def test_of_several_streams_the_one_that_is_told_of_is_the_first_that_is_not_refused() -> None:
    body = sdp(audio(PCMU, port=0), video(), address="192.168.1.2")
    watch = Watch([moved(request("INVITE", 0, body=body), "203.0.113.1", "198.51.100.2")])
    assert "to send video to c=IN IP4 192.168.1.2" in watch.finding("private-media-address").cause


def test_an_answer_names_its_sender_and_is_told_once() -> None:
    invite = moved(request("INVITE", 0, body=one(of="198.51.100.2")), "198.51.100.2", "203.0.113.1")
    answers = [
        moved(response(status, at, body=one(address="192.168.1.9")), "203.0.113.1", "198.51.100.2")
        for status, at in ((183, 1), (200, 2))
    ]
    assert Watch([invite, *reversed(answers)]).finding("private-media-address").messages == (3,)
    finding = Watch([invite, *answers]).finding("private-media-address")
    assert finding.messages == (2,)
    assert finding.cause.startswith("203.0.113.1:5060 told 198.51.100.2:5060")


def test_an_element_that_writes_its_own_address_in_repairs_it() -> None:
    first = moved(request("INVITE", 0, "alice>proxy", body=one(address="192.168.1.2")), "192.168.1.2", "203.0.113.5")
    relayed = moved(
        request("INVITE", 0.01, "proxy>bob", vias=2, body=one(address="203.0.113.5")), "203.0.113.5", "198.51.100.2"
    )
    passed = moved(
        request("INVITE", 0.01, "proxy>bob", vias=2, body=one(address="192.168.1.2")), "203.0.113.5", "198.51.100.2"
    )
    assert Watch([first]).findings() == {"private-media-address": "suspected"}
    assert Watch([first, relayed]).story("private-media-address") == [("suspected", 0.0), ("cleared", 0.01)]
    assert Watch([relayed, first]).findings() == {}
    for events in ([first, passed], [passed, first]):
        assert Watch(events).finding("private-media-address").hop == "192.168.1.2:5060>203.0.113.5:5060"


# --- unanswered-reinvite, t38-failed


def refused(at: float, status: int, body: str, *, cseq: int = 2, by: str = "alice") -> list[SipEvent]:
    on, tags = ("alice>bob", ("a", "b")) if by == "alice" else ("bob>alice", ("b", "a"))
    return [
        request("INVITE", at, on, cseq=cseq, from_tag=tags[0], to_tag=tags[1], body=body),
        response(status, at + 0.1, on, cseq=cseq, from_tag=tags[0], to_tag=tags[1]),
        request("ACK", at + 0.2, on, cseq=cseq, from_tag=tags[0], to_tag=tags[1], branch=f"z9hG4bK-{on}-{cseq}"),
    ]


def test_a_reinvite_that_is_refused_is_confirmed_when_nothing_repairs_it() -> None:
    watch = call(*refused(10, 488, one("sendonly"))).wait(20)
    assert watch.story("unanswered-reinvite") == [("suspected", 10.1), ("confirmed", 14.1)]
    finding = watch.finding("unanswered-reinvite")
    assert (finding.severity, finding.hop) == (Severity.MINOR, hop("alice>bob"))
    assert finding.cause == (
        "10.0.0.3:5060 refused the re-INVITE of 10.0.0.1:5060 with 488 Because, which asked for "
        "m=audio 4000 RTP/AVP 0 (a=sendonly)."
    )


def test_a_reinvite_without_a_description_may_be_refused_too() -> None:
    assert call(*refused(10, 500, "")).finding("unanswered-reinvite").cause.endswith("with 500 Because.")


@pytest.mark.parametrize(
    "then",
    [
        exchange(12, one("sendonly"), one("recvonly", of=BOB), cseq=3),
        exchange(11, one("sendonly", of=BOB), one("recvonly"), cseq=2, by="bob"),
    ],
    ids=["again", "the other side's turn"],
)
def test_glare_that_is_tried_again_is_none(then: list[SipEvent]) -> None:
    watch = call(*refused(10, 491, one("sendonly")), *then).wait(20)
    assert watch.finding("unanswered-reinvite").state == "cleared"


def test_what_was_tried_again_before_its_refusal_was_never_one() -> None:
    again = request("INVITE", 10.1, cseq=3, to_tag="b", body=one("sendonly"), branch="z9hG4bK-3")
    first, *rest = refused(10, 491, one("sendonly"))
    assert "unanswered-reinvite" not in call(first, again, *rest).wait(20).findings()
    taken = exchange(10.02, sdp(fax()), sdp(fax(), address=BOB), cseq=3)[:1]
    done = exchange(10.02, sdp(fax()), sdp(fax(), address=BOB), cseq=3)[1:]
    first, *rest = refused(10, 488, sdp(fax()))
    assert "t38-failed" not in call(first, *taken, *done, *rest).wait(20).findings()
    other = request("INVITE", 0.5, cseq=2, body=one(), branch="z9hG4bK-2")
    serial = Watch([request("INVITE", 0, body=one()), other, response(488, 1)])
    assert "no-common-codec" not in serial.wait(20).findings()


def test_a_reinvite_that_crosses_the_end_or_is_cancelled_is_none() -> None:
    crossing = call(*refused(10, 481, one())[:1], *bye(10.05), *refused(10, 481, one())[1:]).wait(20)
    assert "unanswered-reinvite" not in crossing.findings()
    assert "unanswered-reinvite" not in call(*refused(10, 487, one())).wait(20).findings()


def test_a_fax_that_is_refused_is_minor_while_the_call_goes_on_and_major_when_it_ends() -> None:
    offer = sdp(fax())
    watch = call(*refused(10, 488, offer)).wait(20)
    assert watch.story("t38-failed") == [("suspected", 10.1), ("confirmed", 14.1)]
    assert watch.finding("t38-failed").severity == Severity.MINOR
    assert "unanswered-reinvite" not in watch.findings()
    over = call(*refused(10, 488, offer), *bye(12))
    assert over.finding("t38-failed").severity == Severity.MAJOR
    assert over.story("t38-failed") == [("suspected", 10.1), ("confirmed", 12.0)]
    assert "The call ended with that." in over.finding("t38-failed").cause


def test_a_fax_that_gets_port_0_is_refused() -> None:
    finding = call(*exchange(10, sdp(fax()), sdp(fax(0), address=BOB), cseq=2)).finding("t38-failed")
    assert "refused with port 0 the fax (T.38) that 10.0.0.1:5060 offered: m=image 4002 udptl t38." in finding.cause


def test_a_fax_that_is_taken_at_the_second_attempt_has_not_failed() -> None:
    taken = exchange(20, sdp(fax()), sdp(fax(), address=BOB), cseq=3)
    for first in (refused(10, 488, sdp(fax())), exchange(10, sdp(fax()), sdp(fax(0), address=BOB), cseq=2)):
        watch = call(*first, *taken).wait(60)
        assert watch.finding("t38-failed").state == "cleared"


def test_a_fax_from_the_beginning_is_a_call_like_any_other() -> None:
    invite, *rest = refused(0, 488, sdp(fax()), cseq=1)
    begin = request("INVITE", 0, body=sdp(fax()))
    assert "t38-failed" not in Watch([begin, *rest]).wait(20).findings()
    assert invite.to_tag


# --- no-common-codec, by the refusal


def test_an_offer_that_488_refuses_is_a_suspicion_and_with_a_warning_a_fact() -> None:
    begin = request("INVITE", 0, body=one())
    plain = Watch([begin, response(488, 1)]).wait(30).finding("no-common-codec")
    assert (plain.state, plain.severity) == ("suspected", Severity.MINOR)
    warning = (("Warning", '305 pbx "Incompatible media format"'),)
    watch = Watch([begin, response(488, 1, headers=warning)])
    assert watch.finding("no-common-codec").state == "suspected"
    watch.wait(30)
    assert watch.story("no-common-codec") == [("suspected", 1.0), ("confirmed", 5.0)]
    assert watch.finding("no-common-codec").severity == Severity.MAJOR
    assert "what 10.0.0.1:5060 offered: m=audio 4000 RTP/AVP 0." in watch.finding("no-common-codec").cause


def test_a_488_of_one_branch_is_told_when_the_other_has_refused_too() -> None:
    """Without the hop before the fork, the client got the better of the two (RFC 3261 §16.7)."""
    branches = [
        request("INVITE", 0, "proxy>bob", branch="z9hG4bK1", body=one()),
        request("INVITE", 0, "proxy>carol", branch="z9hG4bK2", body=one()),
        response(488, 1, "proxy>bob", branch="z9hG4bK1"),
        response(503, 2, "proxy>carol", branch="z9hG4bK2"),
    ]
    assert "no-common-codec" not in Watch(branches[:3]).findings()
    assert "no-common-codec" in Watch(branches).findings()


def test_a_reinvite_that_waits_for_its_offer_says_nothing_of_what_others_agree_on() -> None:
    late = request("INVITE", 3, cseq=2, to_tag="b")
    assert call(late, *exchange(3.1, one(of=BOB), one(), cseq=5, by="bob")).findings() == {}


def test_an_offer_that_is_tried_again_with_other_codecs_has_not_failed() -> None:
    other = request("INVITE", 2, cseq=2, body=sdp(audio(PCMA)), branch="z9hG4bK-2")
    watch = Watch(
        [request("INVITE", 0, body=one()), response(488, 1), other, response(200, 3, cseq=2, body=one(of=BOB))]
    )
    assert watch.wait(30).story("no-common-codec")[-1] == ("confirmed", 3.0)  # of the second: PCMA against PCMU
    assert {str(each.state) for each in watch.call.findings if each.code == "no-common-codec"} == {
        "cleared",
        "confirmed",
    }


def test_what_has_no_offer_is_not_refused_for_its_codecs() -> None:
    assert "no-common-codec" not in Watch([request("INVITE", 0), response(488, 1)]).wait(30).findings()
    busy = Watch([request("INVITE", 0, body=one()), response(486, 1)]).wait(30)
    assert busy.findings() == {}


# --- hops, forks, order, bounds


def test_each_fork_negotiates_for_itself() -> None:
    watch = Watch(
        [
            request("INVITE", 0, body=one()),
            response(183, 1, body=sdp(audio(PCMA)), to_tag="c"),
            response(200, 2, body=one(of=BOB), to_tag="b"),
        ]
    )
    assert watch.findings() == {}
    watch.see([response(200, 2.2, body=sdp(audio(PCMA)), to_tag="c")])
    assert watch.findings() == {"no-common-codec": "confirmed"}


def test_a_relay_that_changes_codecs_is_judged_on_both_its_sides() -> None:
    def relayed(answer: str) -> list[SipEvent]:
        return [
            request("INVITE", 0, "alice>proxy", body=sdp(audio(PCMU))),
            request("INVITE", 0.01, "proxy>bob", vias=2, body=sdp(audio(PCMA))),
            response(200, 1, "proxy>bob", vias=2, body=sdp(audio(answer), address=BOB)),
            response(200, 1.01, "alice>proxy", body=sdp(audio(PCMU), address=BOB)),
        ]

    assert Watch(relayed(PCMA)).findings() == {}
    assert Watch(relayed(PCMU)).finding("no-common-codec").hop == hop("proxy>bob")


def test_messages_in_any_order_give_the_same() -> None:
    events = [
        request("INVITE", 0, "alice>proxy", body=sdp(audio(PCMU))),
        request("INVITE", 0.01, "proxy>bob", vias=2, body=sdp(audio(PCMU))),
        response(200, 0.1, "proxy>bob", vias=2, body=sdp(audio(PCMA), address=BOB)),
        response(200, 0.11, "alice>proxy", body=sdp(audio(PCMA), address=BOB)),
    ]
    expected = Watch(events).finding("no-common-codec")
    backwards = Watch(reversed(events)).finding("no-common-codec")
    assert (backwards.cause, backwards.hop, backwards.state) == (expected.cause, expected.hop, expected.state)


def test_a_call_of_many_reinvites_keeps_the_first_and_the_last_offers() -> None:
    first = exchange(0, one(), one("recvonly", of=BOB))
    refreshes = [
        event for number in range(2, 20) for event in exchange(number * 10, one(), one("recvonly", of=BOB), cseq=number)
    ]
    watch = Watch([*first, *refreshes])
    assert all(each.code == "direction-mismatch" for each in watch.call.findings)


def test_what_a_later_offer_pushed_out_stays_as_it_was_told() -> None:
    public = request("INVITE", 0, body=one(address="203.0.113.1"))
    private = moved(
        request("INVITE", 1, cseq=2, to_tag="b", body=one(address="192.168.1.2")), "10.0.0.1", "198.51.100.2"
    )
    more = [
        moved(
            request("INVITE", number, cseq=number, to_tag="b", body=one(address="203.0.113.1")),
            "10.0.0.1",
            "198.51.100.2",
        )
        for number in range(3, 12)
    ]
    watch = Watch([public, private, *more, response(200, 20, cseq=11, body=one(of=BOB))])
    assert watch.finding("private-media-address").state == "suspected"


def test_only_so_many_forks_are_kept() -> None:
    forks = [response(183, 1, body=one(of=BOB), to_tag=f"fork-{number}") for number in range(100)]
    assert Watch([request("INVITE", 0, body=one()), *forks]).findings() == {}


def test_other_requests_with_descriptions_are_none_of_ours() -> None:
    options = request("OPTIONS", 5, cseq=2, to_tag="b", body=one(address="127.0.0.1"))
    info = request("INFO", 6, cseq=3, to_tag="b")
    assert call(options, info, response(200, 6.1, method="OPTIONS", cseq=2), *bye(9)).findings() == {}
    refresh = [request("UPDATE", 5, cseq=2, to_tag="b"), response(500, 5.1, method="UPDATE", cseq=2)]
    assert "unanswered-reinvite" not in call(*refresh).wait(20).findings()
