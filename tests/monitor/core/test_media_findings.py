"""What offers and answers of a call make of each other: each rule where it must fire, and where it must not."""

import pytest
from msgspec.structs import replace

from collectors.scenario.library import play
from collectors.wire.events import SipEvent
from monitor.core.updates import FindingState, Severity
from tests.support.messages import hop, request, response
from tests.support.sdp import G729, PCMA, PCMU, audio, fax, sdp, video
from tests.support.watch import Watch

ALICE, BOB = "10.0.0.1", "10.0.0.3"
SRTP = ("crypto:1 AES_CM_128_HMAC_SHA1_80 inline:abc",)


def answered(offer: str, answer: str, *, at: float = 2) -> list[SipEvent]:
    """An INVITE and its 200, each with a description, and the ACK."""
    return [
        request("INVITE", 0, body=offer),
        response(180, 1),
        response(200, at, body=answer),
        request("ACK", at + 0.1, to_tag="b"),
    ]


def both(offer: str, answer: str, alice: str = ALICE, bob: str = BOB) -> Watch:
    """The call where these are the only streams of offer and answer."""
    return Watch(answered(sdp(offer, address=alice), sdp(answer, address=bob)))


# --- what the terms of a stream tell


MISMATCHES = [
    # offer, answer, code or "" where nothing is to be said
    (audio(PCMU), audio(PCMU), ""),
    (audio(PCMU, PCMA), audio(PCMA), ""),
    (audio(PCMU), audio(PCMA), "no-common-codec"),
    (audio(PCMU, "101"), audio(PCMA, "101"), "no-common-codec"),  # tones are no codec
    (audio("101"), audio("101"), ""),
    (audio("96", attributes=("rtpmap:96 opus/48000/2",)), audio("111", attributes=("rtpmap:111 OPUS/48000/2",)), ""),
    (audio("96", attributes=("rtpmap:96 G729A/8000",)), audio(G729), ""),
    (audio("96"), audio(PCMA), ""),  # nothing says what 96 is
    (audio(PCMU), audio("96"), ""),
    (audio(PCMU, proto="RTP/SAVP", attributes=SRTP), audio(PCMU), "srtp-mismatch"),
    (audio(PCMU), audio(PCMU, proto="RTP/SAVP", attributes=SRTP), "srtp-mismatch"),
    (audio(PCMU, attributes=SRTP), audio(PCMU, proto="RTP/SAVP", attributes=SRTP), ""),  # either will do
    (audio(PCMU, attributes=SRTP), audio(PCMU), ""),
    (audio(PCMU, proto="RTP/SAVP"), audio(PCMU, proto="UDP/TLS/RTP/SAVPF"), ""),
    (audio(PCMU), audio(PCMU, proto="RTP/AVPF"), ""),
    (audio(PCMU, "101"), audio(PCMU), "dtmf-mismatch"),
    (audio(PCMU), audio(PCMU, "101"), "dtmf-mismatch"),
    (audio(PCMU, "101"), audio(PCMU, "96"), ""),  # 96 may be it
    (audio(PCMU, "101"), audio(PCMU, "101"), ""),
    (audio(PCMU, attributes=("ptime:30",)), audio(PCMU, attributes=("ptime:20",)), "ptime-mismatch"),
    (audio(PCMU, attributes=("ptime:30",)), audio(PCMU), ""),
    (audio(PCMU, attributes=("ptime:30",)), audio(PCMU, port=0, attributes=("ptime:20",)), "rejected-stream"),
    (audio(PCMU, port=0), audio(PCMU, port=0), ""),
]


@pytest.mark.parametrize(("offer", "answer", "code"), MISMATCHES)
def test_what_two_sides_say_of_a_stream_must_fit(offer: str, answer: str, code: str) -> None:
    assert list(both(offer, answer).findings()) == ([code] if code else [])


def test_no_common_codec_quotes_both_lines_and_where_they_met() -> None:
    finding = both(audio(PCMU, G729), audio(PCMA, port=4010)).finding("no-common-codec")
    assert (finding.severity, finding.state, finding.messages) == (Severity.MAJOR, FindingState.CONFIRMED, (1, 3))
    assert finding.hop == hop("alice>bob")
    assert finding.cause == (
        "The two sides have no audio codec in common: 10.0.0.1:5060 offered PCMU/8000, G729/8000 "
        "(m=audio 4000 RTP/AVP 0 18), and 10.0.0.3:5060 answered with PCMA/8000 (m=audio 4010 RTP/AVP 8)."
    )


def test_many_codecs_are_told_shortly() -> None:
    formats = [str(number) for number in (0, 3, 4, 5, 7, 9, 12, 15, 18)]
    assert "G728/8000 … (m=audio" in both(audio(*formats), audio(PCMA)).finding("no-common-codec").cause


def test_the_side_without_telephone_event_is_named_whoever_offered() -> None:
    assert "10.0.0.1:5060 has telephone-event" in both(audio(PCMU, "101"), audio(PCMU)).finding("dtmf-mismatch").cause
    assert "10.0.0.3:5060 has telephone-event" in both(audio(PCMU), audio(PCMU, "101")).finding("dtmf-mismatch").cause


def test_two_address_families_are_a_suspicion_unless_ice_finds_a_way() -> None:
    assert both(audio(PCMU), audio(PCMU), bob="2001:db8::1").finding("family-mismatch").state == "suspected"
    assert (
        "answered c=IN IP6 2001:db8::1"
        in both(audio(PCMU), audio(PCMU), bob="2001:db8::1").finding("family-mismatch").cause
    )
    ice = audio(PCMU, attributes=("ice-ufrag:abcd",))
    assert both(ice, audio(PCMU), bob="2001:db8::1").findings() == {}
    assert both(audio(PCMU), ice, bob="2001:db8::1").findings() == {}
    assert both(audio(PCMU), audio(PCMU), bob="pbx.example.com").findings() == {}


# --- rejected-stream


REJECTIONS = [
    ([audio(PCMU)], [audio(PCMU, port=0)], "major"),
    ([audio(PCMU), video()], [audio(PCMU), video(0)], "info"),
    ([audio(PCMU), video()], [audio(PCMU, port=0), video(0)], "major"),
    ([audio(PCMU, proto="RTP/SAVP"), audio(PCMU)], [audio(PCMU, proto="RTP/SAVP", port=0), audio(PCMU)], ""),
    ([audio(PCMU), video(0)], [audio(PCMU), video(0)], ""),
    ([audio(PCMU), fax()], [audio(PCMU), fax(0)], ""),
    ([audio(PCMU), fax()], [audio(PCMU, port=0), fax()], "info"),
]


@pytest.mark.parametrize(("offer", "answer", "severity"), REJECTIONS)
def test_a_stream_that_is_refused_weighs_as_what_is_left(offer: list[str], answer: list[str], severity: str) -> None:
    watch = Watch(answered(sdp(*offer), sdp(*answer, address=BOB)))
    assert [str(finding.severity) for finding in watch.call.findings] == ([severity] if severity else [])


def test_a_reinvite_that_ends_without_a_stream_is_minor() -> None:
    watch = both(audio(PCMU), audio(PCMU)).see(
        [
            request("INVITE", 10, cseq=2, to_tag="b", body=sdp(audio(PCMU))),
            response(200, 10.1, cseq=2, body=sdp(audio(PCMU, port=0), address=BOB)),
        ]
    )
    assert watch.finding("rejected-stream").severity == Severity.MINOR


# --- missing-answer


def test_an_answer_may_have_been_in_a_reliable_18x_of_which_only_the_prack_was_seen() -> None:
    begin = [request("INVITE", 0, body=sdp(audio(PCMU))), request("PRACK", 0.5, to_tag="b", cseq=2)]
    watch = Watch([*begin, response(200, 2), request("ACK", 2.1, to_tag="b", branch="own")])
    assert watch.story("missing-answer") == [("suspected", 2.0)]


def test_an_answered_call_without_a_description_in_its_2xx_has_no_answer() -> None:
    watch = Watch(answered(sdp(audio(PCMU)), ""))
    finding = watch.finding("missing-answer")
    assert (finding.severity, finding.state, finding.messages) == (Severity.MAJOR, FindingState.CONFIRMED, (1, 3))
    assert finding.cause.startswith("10.0.0.3:5060 answered the call of 10.0.0.1:5060 without SDP")


def test_an_answer_in_a_reliable_provisional_response_is_enough() -> None:
    early = response(183, 1, body=sdp(audio(PCMU), address=BOB), headers=(("RSeq", "1"), ("Require", "100rel")))
    watch = Watch([request("INVITE", 0, body=sdp(audio(PCMU))), early, response(200, 2)])
    assert watch.findings() == {}


def test_an_answer_in_an_unreliable_one_only_is_minor_and_counts_as_answer() -> None:
    early = response(183, 1, body=sdp(audio(PCMA), address=BOB))
    watch = Watch([request("INVITE", 0, body=sdp(audio(PCMU))), early])
    assert watch.findings() == {}  # the 2xx may still bring another
    watch.see([response(200, 2)])
    assert watch.finding("missing-answer").severity == Severity.MINOR
    assert watch.finding("missing-answer").messages == (1, 2, 3)
    assert "no-common-codec" in watch.findings()


def test_a_late_offer_is_answered_in_the_ack() -> None:
    offer = [request("INVITE", 0), response(200, 2, body=sdp(audio(PCMU), address=BOB))]
    watch = Watch([*offer, request("ACK", 2.1, to_tag="b", body=sdp(audio(PCMA)))])
    finding = watch.finding("no-common-codec")
    assert (finding.messages, list(watch.findings())) == ((2, 3), ["no-common-codec"])
    assert "10.0.0.3:5060 offered PCMU/8000" in finding.cause
    silent = Watch([*offer, request("ACK", 2.1, to_tag="b")]).finding("missing-answer")
    assert (silent.severity, silent.messages) == (Severity.MAJOR, (2, 3))
    assert "the ACK of 10.0.0.1:5060 has no SDP" in silent.cause


def test_a_late_offer_in_a_reliable_provisional_response_is_answered_in_the_prack() -> None:
    reliable = (("RSeq", "1"),)
    offer = [request("INVITE", 0), response(183, 1, body=sdp(audio(PCMU), address=BOB), headers=reliable)]
    rest = [response(200, 1.2, method="PRACK", cseq=2), response(200, 2), request("ACK", 2.1, to_tag="b")]
    good = Watch([*offer, request("PRACK", 1.1, cseq=2, to_tag="b", body=sdp(audio(PCMU))), *rest])
    assert good.findings() == {}
    bad = Watch([*offer, request("PRACK", 1.1, cseq=2, to_tag="b"), *rest])
    assert "the PRACK of 10.0.0.1:5060 has no SDP" in bad.finding("missing-answer").cause


def test_a_prack_without_a_description_lacks_nothing_where_the_offer_was_answered() -> None:
    early = response(183, 1, body=sdp(audio(PCMU), address=BOB), headers=(("RSeq", "1"),))
    prack = [request("PRACK", 1.1, cseq=2, to_tag="b"), response(200, 1.2, method="PRACK", cseq=2)]
    assert Watch([request("INVITE", 0, body=sdp(audio(PCMU))), early, *prack, response(200, 2)]).findings() == {}


def test_an_offer_in_a_prack_or_update_is_answered_in_its_2xx() -> None:
    early = response(183, 1, body=sdp(audio(PCMU), address=BOB), headers=(("RSeq", "1"),))
    begin = [request("INVITE", 0, body=sdp(audio(PCMU))), early]
    for method in ("PRACK", "UPDATE"):
        offer = request(method, 1.1, cseq=2, to_tag="b", body=sdp(audio(PCMU, PCMA)))
        answer = response(200, 1.2, method=method, cseq=2, body=sdp(audio(PCMA), address=BOB))
        assert Watch([*begin, offer, answer]).findings() == {}
        silent = Watch([*begin, offer, response(200, 1.2, method=method, cseq=2)]).finding("missing-answer")
        assert silent.severity == Severity.MINOR
    assert Watch([*begin, request("UPDATE", 1.1, cseq=2, to_tag="b")]).findings() == {}


def test_an_answer_whose_request_is_out_of_sight_is_no_offer() -> None:
    watch = Watch([response(200, 2, body=sdp(audio(PCMU), address=BOB)), request("ACK", 2.1, to_tag="b")])
    assert watch.findings() == {}


def test_a_description_that_can_not_be_read_is_not_missing() -> None:
    invite = request("INVITE", 0, body=sdp(audio(PCMU)))
    packed = response(200, 2, body="x" * 40, headers=(("Content-Encoding", "gzip"),))
    assert Watch([invite, packed]).findings() == {}
    whole = response(200, 2, body=sdp(audio(PCMA), address=BOB))
    for cut in (whole.raw[: whole.raw.index(b"v=0")], whole.raw[:-10]):
        assert Watch([invite, replace(whole, raw=cut, fault="truncated-body")]).findings() == {"malformed": "confirmed"}


def test_a_description_within_a_multipart_is_found() -> None:
    kind = (("Content-Type", "multipart/mixed;boundary=x"),)
    body = f"--x\r\nContent-Type: application/sdp\r\n\r\n{sdp(audio(PCMA), address=BOB)}\r\n--x--\r\n"
    watch = Watch([request("INVITE", 0, body=sdp(audio(PCMU))), response(200, 2, body=body, headers=kind)])
    assert list(watch.findings()) == ["no-common-codec"]
    other = response(200, 2, body="0123", headers=(("Content-Type", "application/isup"),))
    assert list(Watch([request("INVITE", 0, body=sdp(audio(PCMU))), other]).findings()) == ["missing-answer"]


# --- the library


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("no-common-codec", "no-common-codec"),
        ("no-dtmf", "dtmf-mismatch"),
        ("one-sided-answer", "direction-mismatch"),
        ("hold-resume", ""),
        ("early-media", ""),
        ("forked", ""),
    ],
)
def test_situations_of_the_library_are_judged_as_they_are_meant(name: str, code: str) -> None:
    assert list(Watch(play(name).events(), until=600).findings()) == ([code] if code else [])


def test_of_two_requests_with_one_number_the_first_counts_that_tells_the_same() -> None:
    offer, answer = sdp(audio(PCMU)), sdp(audio(PCMA), address="10.0.0.3")
    watch = Watch(
        [
            request("INVITE", 0, body=offer),
            response(200, 0.1, body=answer),
            request("ACK", 0.2, to_tag="b"),
            request("UPDATE", 2, to_tag="b", body=offer),  # wrong: each request has a number of its own
            response(200, 2.1, method="UPDATE", body=answer),
        ]
    )
    assert watch.story("no-common-codec") == [("confirmed", 0.1)]
    assert watch.finding("no-common-codec").messages == (1, 2)
