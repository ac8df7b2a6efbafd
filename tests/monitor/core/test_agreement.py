"""The negotiation of a call as its page and its report show it."""

from msgspec.structs import replace

from collectors.wire.events import RTCP, SipEvent
from monitor.core.review import review
from monitor.core.reviewed import NOTHING
from monitor.core.stream_row import Side
from tests.support.beside import beside
from tests.support.messages import request, response
from tests.support.sdp import PCMA, PCMU, audio, sdp, video

BOB = "10.0.0.3"


def states(events: list[SipEvent]) -> list[tuple[str, str]]:
    return [(row.kind, row.state) for row in review(events).streams]


def test_each_stream_of_each_offer_is_a_row_with_both_sides() -> None:
    offer = sdp(audio(PCMU, PCMA, "101", attributes=("ptime:20", "ice-ufrag:abcd")), video())
    answer = sdp(audio(PCMA, port=4010, attributes=("sendonly",)), video(0), address="2001:db8::3")
    first, second = review([request("INVITE", 0, body=offer), response(200, 1, body=answer)]).streams
    assert first.offer == Side(
        party="10.0.0.1:5060",
        address="10.0.0.1:4000",
        codecs=("PCMU/8000", "PCMA/8000"),
        direction="sendrecv",
        security="",
        ptime=20,
        dtmf="101",
        ice=True,
    )
    assert first.answer is not None
    assert (first.answer.party, first.answer.address) == ("10.0.0.3:5060", "[2001:db8::3]:4010")
    assert (first.kind, first.state, first.common, first.messages) == ("audio", "agreed", ("PCMA/8000",), (1, 2))
    assert (second.kind, second.state, second.method) == ("video", "rejected", "INVITE")


def test_how_far_an_offer_has_come_is_its_state() -> None:
    offer, answer = request("INVITE", 0, body=sdp(audio(PCMU))), sdp(audio(PCMU), address=BOB)
    assert states([]) == []
    assert states([offer]) == [("audio", "offered")]
    assert states([offer, response(183, 1, body=answer)]) == [("audio", "early")]
    assert states([offer, response(183, 1, body=answer), response(200, 2)]) == [("audio", "agreed")]
    assert states([offer, response(200, 2)]) == [("audio", "unanswered")]
    assert states([offer, response(486, 2)]) == [("audio", "refused")]
    assert states([request("INVITE", 0), response(486, 2)]) == []


def test_an_answer_with_fewer_streams_leaves_the_others_without() -> None:
    offer = request("INVITE", 0, body=sdp(audio(PCMU), video()))
    found = review([offer, response(200, 1, body=sdp(audio(PCMU), address=BOB))]).streams
    assert [(row.kind, row.answer is None) for row in found] == [("audio", False), ("video", True)]


def test_what_was_seen_beside_the_messages_is_reviewed_with_them() -> None:
    invite = request("INVITE", 0, body=sdp(audio(PCMU)))
    report = replace(beside(invite, RTCP), values={"ssrc": 1.0, "source_ssrc": 2.0, "lost_pct": 3.0})
    found = review([invite], [report])
    assert [row.loss_pct for row in found.quality] == [3]
    assert review([request("OPTIONS", 0)], [report]) == NOTHING


def test_a_late_offer_is_the_callees() -> None:
    (row,) = review(
        [
            request("INVITE", 0),
            response(200, 1, body=sdp(audio(PCMU), address=BOB)),
            request("ACK", 1.1, to_tag="b", body=sdp(audio(PCMU))),
        ]
    ).streams
    assert (row.offer.party, row.messages) == ("10.0.0.3:5060", (2, 3))
    assert row.answer is not None
    assert row.answer.party == "10.0.0.1:5060"
