"""Media of calls, watched at the edge: what is learned, what is told, what is bounded."""

import struct
from collections import Counter

import pytest

from collectors.decode.datagram import Datagram
from collectors.processors import media as module
from collectors.processors.media import MediaWatch
from collectors.processors.pipeline import Pipeline
from collectors.wire.events import RTCP, RTP, SideEvent, SipEvent
from tests.support.messages import request, response, us
from tests.support.sdp import PCMU, audio, sdp, video

ALICE, BOB = ("10.0.0.1", 4000), ("10.0.0.3", 4000)
Place = tuple[str, int]


def packet(at: float, source: Place, destination: Place, payload: bytes = b"\x80\x00" + b"\0" * 170) -> Datagram:
    return Datagram(us(at), *source, *destination, "udp", "lab/eth0", payload)


def rtp(begin: float, end: float, source: Place, destination: Place) -> list[Datagram]:
    """A packet each 100 ms."""
    count = round((end - begin) * 10)
    return [packet(begin + number / 10, source, destination) for number in range(count)]


def report(at: float, source: Place, destination: Place) -> Datagram:
    body = struct.pack("!I", 1) + struct.pack("!IB3sIIII", 7, 64, b"\0\0\x05", 100, 160, 0, 0)
    return packet(at, source, destination, struct.pack("!BBH", 0x81, 201, len(body) // 4) + body)


def call(
    answered: float = 2, *, alice: str = ALICE[0], call_id: str = "call-1", proto: str = "RTP/AVP"
) -> list[SipEvent]:
    offer, answer = sdp(audio(PCMU, proto=proto), address=alice), sdp(audio(PCMU, proto=proto), address=BOB[0])
    return [
        request("INVITE", 0, body=offer, call_id=call_id),
        response(180, 1, call_id=call_id),
        response(200, answered, body=answer, call_id=call_id),
    ]


def watch(*, presence: bool = True, sampled: int = 1) -> tuple[MediaWatch, Counter[str]]:
    counters: Counter[str] = Counter()
    return MediaWatch(counters, presence=presence, sampled=sampled), counters


def told(side: list[SideEvent]) -> list[tuple[str, int, float]]:
    """Of each RTP report: where to, and how many packets."""
    presence = [each for each in side if each.kind == RTP and "stopped_ms" not in each.values]
    return [(each.destination, each.destination_port, each.values["packets"]) for each in presence]


def test_rtp_is_told_a_flow_with_its_call_and_how_many_packets_there_were() -> None:
    media, _ = watch()
    media.take(call(), [*rtp(2, 4, ALICE, BOB), *rtp(2.5, 4, BOB, ALICE)])
    first, second = media.side(us(5))
    assert (first.kind, first.call_id, first.source, first.source_port) == (RTP, "call-1", *ALICE)
    assert (first.destination, first.destination_port, first.captured_us) == (*BOB, us(3.9))
    assert first.values == {"packets": 20, "lasted_ms": 1900}
    assert (second.source, second.values["packets"]) == (BOB[0], 15)


def test_a_flow_is_told_again_after_twice_the_time_and_at_the_end() -> None:
    media, _ = watch()
    media.take(call(), rtp(2, 4.1, ALICE, BOB))
    assert told(media.side(us(4.1))) == [(*BOB, 21)]
    media.take([], rtp(4.1, 6, ALICE, BOB))
    assert told(media.side(us(6))) == []
    assert told(media.side(us(8.1))) == [(*BOB, 40)]
    media.take([], rtp(8.1, 8.4, ALICE, BOB))
    assert told(media.side(us(9.5))) == []
    assert told(media.side(us(9.6), last=True)) == [(*BOB, 43)]
    assert told(media.side(us(9.7), last=True)) == []


def test_calls_are_looked_through_once_a_second() -> None:
    media, _ = watch()
    assert media.side(us(2)) == []
    media.take(call(), rtp(-1, 2.9, ALICE, BOB))
    assert media.side(us(2.9)) == []
    assert told(media.side(us(3))) == [(*BOB, 39)]


def test_the_bye_ends_the_watch() -> None:
    media, counters = watch()
    bye = [
        request("BYE", 5, cseq=2, to_tag="b"),
        request("BYE", 5.1, cseq=3, to_tag="b"),
        response(200, 5.1, method="BYE"),
    ]
    media.take([*call(), *bye], rtp(2, 5, ALICE, BOB))
    assert told(media.side(us(5.5))) == [(*BOB, 30)]
    assert told(media.side(us(7.5))) == []
    media.take([], rtp(8, 8.1, ALICE, BOB))
    assert counters["media_unclaimed"] == 1
    media.take([request("BYE", 9, cseq=2, call_id="unknown")], [])


def test_where_nothing_came_in_10_s_that_is_told_with_what_can_be_seen() -> None:
    media, _ = watch()
    media.take(call(), rtp(2, 11.9, ALICE, BOB))
    assert (*ALICE, 0) not in told(media.side(us(11.9)))
    (silent,) = [each for each in media.side(us(13)) if not each.values["packets"]]
    assert (silent.source, silent.destination, silent.destination_port) == ("", *ALICE)
    assert silent.values == {"packets": 0, "watched_ms": 11_000, "host_seen": 0}
    assert [each for each in media.side(us(30)) if not each.values["packets"]] == []  # once


def stops(side: list[SideEvent]) -> list[float]:
    return [each.values["stopped_ms"] for each in side if "stopped_ms" in each.values]


def test_media_that_stops_both_ways_in_a_call_that_goes_on_is_told_once_each_time() -> None:
    media, _ = watch()
    media.take(call(), rtp(2, 20, ALICE, BOB) + rtp(2, 20, BOB, ALICE))
    assert stops(media.side(us(79))) == []
    (told_of,) = [each for each in media.side(us(80)) if "stopped_ms" in each.values]
    assert (told_of.kind, told_of.values["packets"], told_of.source, told_of.destination) == (
        RTP,
        0,
        ALICE[0],
        BOB[0],
    )
    assert stops(media.side(us(90))) == []
    media.take([], rtp(100, 101, BOB, ALICE))
    assert stops(media.side(us(102))) == []
    assert stops(media.side(us(170))) == [69_100.0]


def test_media_goes_on_by_rtcp_alone_and_ends_with_the_call() -> None:
    media, _ = watch()
    flowing = rtp(2, 20, ALICE, BOB) + rtp(2, 20, BOB, ALICE)
    media.take(call(), [*flowing, report(50, (ALICE[0], ALICE[1] + 1), (BOB[0], BOB[1] + 1))])
    assert stops(media.side(us(100))) == []
    media.take([request("BYE", 101, cseq=2, to_tag="b")], [])
    assert stops(media.side(us(102))) == stops(media.side(us(200))) == []


def test_media_that_went_one_way_only_may_go_on_out_of_sight() -> None:
    media, _ = watch()
    media.take(call(), rtp(2, 20, ALICE, BOB))
    assert stops(media.side(us(200))) == []


def test_media_of_another_call_shows_that_it_could_be_seen() -> None:
    media, _ = watch()
    other = [packet(1, ("10.9.9.9", 9000), (ALICE[0], 4444))]
    offer = sdp(audio(PCMU, port=4444), address=ALICE[0])
    media.take([*call(), request("INVITE", 0, call_id="call-2", body=offer)], [*other])
    silent = [each for each in media.side(us(20)) if each.call_id == "call-1"]
    assert [(each.destination, each.values["host_seen"]) for each in silent] == [(ALICE[0], 1)]


def test_where_no_media_is_seen_at_all_nothing_is_said() -> None:
    media, counters = watch()
    media.take(call(), [packet(3, ("10.9.9.9", 1), ("10.9.9.8", 2))])
    assert media.side(us(60), last=True) == []
    assert counters["media_unclaimed"] == 1


def test_a_short_call_is_not_said_to_be_silent() -> None:
    media, _ = watch()
    media.take([*call(), request("BYE", 11, cseq=2, to_tag="b")], rtp(2, 11, ALICE, BOB))
    assert [each for each in media.side(us(60), last=True) if not each.values["packets"]] == []


def test_messages_are_read_when_the_first_media_comes_however_late() -> None:
    media, _ = watch()
    media.take(call(), [])
    media.take([request("BYE", 600, cseq=2, to_tag="b", call_id="another")], [])
    media.take([], [*rtp(3, 6, ALICE, BOB), *rtp(3, 4, BOB, ALICE)])
    assert told(media.side(us(6))) == [(*BOB, 30), (*ALICE, 10)]


def test_what_waits_to_be_read_is_bounded() -> None:
    media, _ = watch()
    for number in range(100):
        media.take([request("INVITE", number, call_id=f"call-{number}", body=sdp(audio(PCMU)))] * 100, [])
    media.take([], rtp(99, 99.5, BOB, ALICE))
    assert {each.call_id for each in media.side(us(120), last=True)} == {f"call-{number}" for number in range(92, 100)}


def test_legs_that_announce_the_same_place_hear_of_the_same_media() -> None:
    media, _ = watch()
    media.take([*call(), *call(call_id="call-2")], rtp(2, 4, ALICE, BOB))
    assert [each.call_id for each in media.side(us(4))] == ["call-1", "call-2"]
    media.take([request("BYE", 5, cseq=2, to_tag="b")], rtp(5, 6, ALICE, BOB))
    assert [each.call_id for each in media.side(us(8))] == ["call-1", "call-2"]
    media.take([], rtp(8, 9, ALICE, BOB))
    assert [each.call_id for each in media.side(us(60), last=True) if each.values["packets"]] == ["call-2"]


def test_only_so_many_calls_may_claim_a_place() -> None:
    media, _ = watch()
    crowd = [event for number in range(10) for event in call(call_id=f"call-{number}")]
    byes = [request("BYE", 5, cseq=2, to_tag="b", call_id=f"call-{number}") for number in range(10)]
    media.take([*crowd, *byes], rtp(2, 4, ALICE, BOB))
    assert len(told(media.side(us(6)))) == 8
    assert media.side(us(20)) == []


def test_rtcp_becomes_a_report_of_its_call() -> None:
    media, counters = watch(presence=False)
    media.take(call(), [report(3, (ALICE[0], 4001), (BOB[0], 4001)), *rtp(2, 4, ALICE, BOB)])
    (side,) = media.side(us(60), last=True)
    assert (side.kind, side.text, side.call_id, side.source) == (RTCP, "receiver report", "call-1", ALICE[0])
    assert side.values["lost_pct"] == 25
    assert (side.values["ssrc"], side.values["source_ssrc"]) == (1, 7)
    assert counters["media_unclaimed"] == 0


def test_a_sender_that_gets_nothing_has_no_source() -> None:
    media, _ = watch()
    alone = struct.pack("!BBHIIIIII", 0x80, 200, 6, 1, 0, 0, 0, 50, 8000)
    media.take(call(), [packet(3, (ALICE[0], 4001), (BOB[0], 4001), alone)])
    (side,) = media.side(us(3))
    assert "source_ssrc" not in side.values


def test_rtcp_may_go_elsewhere_and_may_be_encrypted() -> None:
    media, counters = watch()
    other = sdp(audio(PCMU, attributes=("rtcp:5555 IN IP4 10.0.0.77",)))
    media.take([request("INVITE", 0, body=other)], [report(3, BOB, ("10.0.0.77", 5555))])
    assert [each.kind for each in media.side(us(3))] == [RTCP]
    secret, counters = watch()
    for where in ((ALICE[0], 4001), ALICE):
        secret.take(call(proto="RTP/SAVP"), [report(3, ("10.9.9.9", 1), where), report(3, where, ("10.9.9.9", 1))])
    assert secret.side(us(3)) == []
    assert counters["media_encrypted"] == 4


@pytest.mark.parametrize(
    "event",
    [
        request("INVITE", 0, body=sdp(audio(PCMU, port=0))),
        request("INVITE", 0, body=sdp(audio(PCMU), address="0.0.0.0")),
        request("INVITE", 0, body="<xml/>"),
        request("MESSAGE", 0, body=sdp(audio(PCMU))),
        response(488, 0, body=sdp(audio(PCMU))),
        request("INVITE", 0, body=sdp(audio(PCMU)), call_id=""),
        request("INVITE", 0, body=sdp("m=image 4000 udptl t38")),
    ],
)
def test_what_announces_no_rtp_is_not_learned(event: SipEvent) -> None:
    media, counters = watch()
    media.take([event], rtp(1, 2, BOB, ALICE))
    assert media.side(us(60), last=True) == []
    assert counters["media_unclaimed"] == 10


@pytest.mark.parametrize("payload", [b"", b"\x80\x00", b"\x00" * 40, b"\xff" * 40, b"\xc0" * 40])
def test_what_is_neither_rtp_nor_rtcp_is_nothing(payload: bytes) -> None:
    media, _ = watch()
    media.take(call(), [packet(3, ALICE, BOB, payload)])
    assert media.side(us(60), last=True) == []


def test_a_sampled_capture_counts_for_all() -> None:
    media, _ = watch(sampled=32)
    media.take(call(), rtp(2, 4, ALICE, BOB))
    assert told(media.side(us(4))) == [(*BOB, 640)]


def test_what_no_filter_could_sample_is_sampled_here() -> None:
    """In tunnels all of it comes; what the kernel has thinned is left as it is."""
    media, counters = watch(sampled=32)
    numbered = [
        packet(2 + n / 50, ALICE, BOB, struct.pack("!BBHII", 0x80, 0, n, n, 7) + bytes(160)) for n in range(640)
    ]
    media.take(call(), [*numbered, packet(3, ("10.9.9.9", 1), ("10.9.9.8", 2), b"\x80\x00\x00")])
    assert told(media.side(us(20), last=True))[0] == (*BOB, 640)
    assert counters["media_unclaimed"] == 1


def test_a_call_that_nobody_answers_is_forgotten() -> None:
    media, counters = watch()
    media.take(call()[:1], rtp(1, 2, BOB, ALICE))
    assert told(media.side(us(301))) == [(*ALICE, 10)]
    media.take([], rtp(302, 303, BOB, ALICE))
    assert counters["media_unclaimed"] == 10


def test_calls_flows_hosts_and_places_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, most in (("_MOST_CALLS", 2), ("_MOST_FLOWS", 2), ("_MOST_HOSTS", 1), ("_MOST_PLACES", 1)):
        monkeypatch.setattr(module, name, most)
    media, counters = watch()
    offers = [
        request("INVITE", 0, call_id=f"c{number}", body=sdp(audio(PCMU), video(), address=f"10.1.1.{number}"))
        for number in range(3)
    ]
    packets = [each for number in range(3) for each in rtp(1, 2, (f"10.2.2.{number}", 1), (f"10.1.1.{number}", 4000))]
    media.take(offers, [*packets, *rtp(1, 2, BOB, ("10.1.1.2", 4000)), *rtp(1, 2, BOB, ("10.1.1.1", 5000))])
    assert told(media.side(us(5), last=True)) == [("10.1.1.1", 4000, 10), ("10.1.1.2", 4000, 10)]
    assert counters == {"media_calls_evicted": 1, "media_unclaimed": 20, "media_flows_refused": 10}


def test_the_pipeline_adds_what_it_watched_to_what_was_seen_beside() -> None:
    def datagram(event: SipEvent) -> Datagram:
        ends = (event.source, event.source_port, event.destination, event.destination_port)
        return Datagram(event.captured_us, *ends, "udp", event.observer, event.raw)

    seen = [*map(datagram, call()), *rtp(2, 4.1, ALICE, BOB)]
    pipeline = Pipeline(media="presence")
    assert len(pipeline.run(seen)) == 3
    assert pipeline.run([]) == []
    assert told(pipeline.beside([])) == [(*BOB, 21)]
    assert pipeline.counters["side_rtp"] == 1
    off = Pipeline()
    off.run(seen)
    assert off.beside([]) == []
    live = Pipeline(media="rtcp")
    live.run(seen, us(5))
    assert live.beside([], us(5)) == []


def test_messages_that_are_unread_are_read_when_media_are_seen() -> None:
    def unread(event: SipEvent) -> Datagram:
        return Datagram(
            event.captured_us, event.source, event.source_port, event.destination, event.destination_port,
            event.transport, event.observer, event.raw,
        )  # fmt: skip

    messages = [*call(), request("BYE", 3, to_tag="b"), request("MESSAGE", 3, body="text")]
    seen = [*rtp(2, 9, ALICE, BOB), *rtp(2, 3, BOB, ALICE)]
    (read, _), (left, _) = watch(), watch()
    read.take(messages, seen)
    left.take([unread(event) for event in messages], seen)
    assert told(left.side(us(20), last=True)) == told(read.side(us(20), last=True)) == [(*BOB, 70), (*ALICE, 10)]
