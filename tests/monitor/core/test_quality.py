"""How media arrive, as receivers report it: sums, scores, and what is poor."""

import pytest
from msgspec.structs import replace

from collectors.wire.events import RTCP, SideEvent, SipEvent
from monitor.core.emodel import culprit, impairment, mos, rating
from monitor.core.facets.quality import Quality
from monitor.core.quality import QualityRow
from monitor.core.settings import Settings
from monitor.core.updates import Severity
from tests.support.beside import beside
from tests.support.messages import request, response
from tests.support.sdp import PCMA, PCMU, audio, sdp
from tests.support.watch import Watch

G711, G729 = "PCMA/8000", "G729/8000"


def call(*codecs: str) -> list[SipEvent]:
    body = sdp(audio(*codecs, attributes=("rtpmap:96 opus/48000/2",) if "96" in codecs else ()))
    return [request("INVITE", 0, body=body), response(200, 1, body=body), request("ACK", 1.1, to_tag="b")]


def reported(at: float, *, highest: float | None = None, observer: str = "", **values: float) -> SideEvent:
    """A report of bob's, at a second of the timeline."""
    side = beside(request("INVITE", 0), RTCP, after=at, text="receiver report", observer=observer)
    sequence = {"highest": at if highest is None else highest}
    return replace(
        side, source_port=4001, destination_port=4001, values={"ssrc": 2.0, "source_ssrc": 1.0} | sequence | values
    )


def heard(watch: Watch) -> list[QualityRow]:
    (key,) = watch.correlator.open_keys()
    fold = watch.correlator.find(key)
    assert fold is not None
    quality = fold.facet(Quality)
    return quality.rows() if quality is not None else []


def report(watch: Watch, *sides: SideEvent) -> Watch:
    for side in sides:
        watch._note(watch.correlator.witness(side))
    return watch


# --- the E-model


@pytest.mark.parametrize(
    ("loss", "jitter", "round_trip", "codec", "expected"),
    [
        (0, 0, 0, G711, 4.4),  # as good as it gets
        (0, 0, 0, G729, 4.1),
        (1, 0, 100, G711, 4.3),
        (5, 10, 200, G711, 3.76),
        (5, 10, 200, G729, 3.14),
        (20, 0, 0, G711, 2.58),
        (0, 0, 1000, G711, 2.08),  # half a second one way
        (100, 0, 0, G711, 1.2),
        (-3, 0, 0, G711, 4.4),  # more came than was sent: copies
    ],
)
def test_loss_delay_and_codec_make_the_score(
    loss: float, jitter: float, round_trip: float, codec: str, expected: float
) -> None:
    assert mos(rating(loss, jitter, round_trip, codec)) == pytest.approx(expected, abs=0.06)


def test_what_spoils_it_most_is_named() -> None:
    assert culprit(5, 10, 200, G711) == "loss"
    assert culprit(0.5, 90, 100, G711) == "jitter"
    assert culprit(0.5, 10, 900, G711) == "delay"


def test_the_scale_has_ends() -> None:
    assert (mos(-1), mos(0), mos(100), mos(120)) == (1.0, 1.0, 4.5, 4.5)
    assert mos(3) == 1.0
    assert rating(100, 500, 5000, G729) == 0


def test_what_g113_does_not_name_is_taken_for_g711() -> None:
    assert impairment("opus/48000/2") == (impairment("PCMU")[0], False)
    assert impairment("G723/8000")[1]
    assert impairment("g729a") == impairment(G729)


# --- sums


def test_reports_of_one_stream_are_summed_up() -> None:
    watch = report(
        Watch(call(PCMA)),
        reported(5, lost_pct=0, jitter=80),
        reported(10, lost_pct=4, jitter=160),
        reported(15, lost_pct=2, jitter=240),
    )
    (row,) = heard(watch)
    assert (row.source, row.reporter, row.sender, row.reports) == ("RTCP", "10.0.0.3:4001", "10.0.0.1:4001", 3)
    assert (row.loss_pct, row.worst_loss_pct, row.jitter_ms, row.round_trip_ms) == (2, 4, 20, None)
    assert row.mos == pytest.approx(mos(rating(2, 20, 0, G711)))
    assert (row.reported, row.sure) == (False, True)


def test_jitter_is_in_units_of_the_clock_of_the_codec() -> None:
    assert heard(report(Watch(call("96")), reported(5, lost_pct=0, jitter=480)))[0].jitter_ms == 10
    assert heard(report(Watch(call()), reported(5, lost_pct=0, jitter=80)))[0].jitter_ms == 10


def test_a_report_that_two_observers_saw_counts_once() -> None:
    twice = (reported(5, highest=7, lost_pct=50), reported(5, highest=7, lost_pct=50, observer="lab/eth1"))
    assert heard(report(Watch(call(PCMU)), *twice))[0].reports == 1


def there_and_back(at: float, ssrc: float, way_ms: float) -> list[SideEvent]:
    """A report of the one side, and 100 ms and twice the way later the answer of the other."""
    other = 3 - ssrc
    answer = {"ssrc": other, "source_ssrc": ssrc, "lost_pct": 0.0, "of": at, "held_ms": 100.0}
    return [
        replace(reported(at), values={"ssrc": ssrc, "sent": at}),
        replace(reported(at + 0.1 + way_ms / 1000), values=answer),
    ]


def test_the_round_trip_is_that_to_the_one_end_and_to_the_other_once_that_is_known() -> None:
    watch = Watch(call(PCMU))
    ways = [(900, 20), (50, 20), (50, -30)]  # what a device says of its own delays may be wrong
    for number, (one, other) in enumerate(ways):
        assert all(row.round_trip_ms is None for row in heard(watch))
        report(watch, *there_and_back(10 + number, 1, one), *there_and_back(20 + number, 2, other))
    assert [row.round_trip_ms for row in heard(watch)] == pytest.approx([50, 50])


def test_what_can_be_no_jitter_is_an_encrypted_report() -> None:
    assert heard(report(Watch(call(PCMU)), reported(5, lost_pct=60, jitter=3.5e9))) == []


def test_voip_metrics_bring_their_own_score_and_round_trip() -> None:
    watch = report(
        Watch(call(PCMU)),
        reported(5, lost_pct=1, burst_pct=0, round_trip_ms=250, mos_cq=3.8, mos_lq=4.0),
        reported(10, lost_pct=1, burst_pct=0, mos_lq=4.0),
        reported(15, lost_pct=1, burst_pct=0),
    )
    (row,) = heard(watch)
    assert (row.source, row.reported, row.round_trip_ms) == ("VoIP metrics", True, 250)
    assert row.mos == pytest.approx(3.9)
    assert row.jitter_ms is None


def test_streams_and_reports_that_wait_are_bounded() -> None:
    many = [reported(5 + number / 100, lost_pct=1, ssrc=number) for number in range(40)]
    senders = [reported(6 + number / 100, sent=number, ssrc=number) for number in range(20)]
    assert len(heard(report(Watch(call(PCMU)), *many, *senders))) == 16


# --- statistics in a BYE


def bye(value: str, at: float = 30, name: str = "X-RTP-Stat") -> SipEvent:
    return request("BYE", at, cseq=2, to_tag="b", headers=((name, value),))


def test_a_bye_tells_what_its_sender_heard() -> None:
    watch = Watch([*call(PCMU), bye("PS=1500,PR=1350,PL=150,JI=12,LA=90")])
    (row,) = heard(watch)
    assert (row.source, row.reporter, row.sender, row.messages) == (
        "x-rtp-stat",
        "10.0.0.1:5060",
        "10.0.0.3:5060",
        (4,),
    )
    assert (row.loss_pct, row.jitter_ms, row.round_trip_ms) == (10, 12, 180)
    finding = watch.finding("poor-quality")
    assert (finding.state, finding.severity, finding.messages) == ("confirmed", Severity.MINOR, (4,))
    assert finding.variant == "loss"
    assert finding.cause == (
        "10.0.0.1:5060 hears 10.0.0.3:5060 badly: 10.0 % loss, 12 ms jitter, 180 ms round trip (x-rtp-stat), a mean "
        "opinion score of about 3.2 (E-model, PCMU/8000)."
    )


def test_its_response_tells_the_other_side_and_a_hop_repeats_nothing() -> None:
    second = request("BYE", 30.01, "proxy>bob", cseq=2, to_tag="b", vias=2, headers=(("X-RTP-Stat", "PR=1500,PL=0"),))
    answer = response(200, 30.1, method="BYE", cseq=2, headers=(("X-RTP-Stat", "PR=1480,PL=20"),))
    watch = Watch([*call(PCMU), bye("PR=1500,PL=0"), second, answer])
    assert [(row.reporter, row.loss_pct) for row in heard(watch)] == [
        ("10.0.0.1:5060", 0),
        ("10.0.0.3:5060", pytest.approx(20 / 15)),
    ]
    assert "poor-quality" not in watch.findings()


@pytest.mark.parametrize("value", ["PR=0,PL=0", "PR=10,PL=5", "PS=1500", "nothing", "PR=500,PL=-200"])
def test_statistics_of_too_little_tell_nothing(value: str) -> None:
    assert heard(Watch([*call(PCMU), bye(value)])) == []


def test_a_bye_without_them_begins_nothing() -> None:
    watch = Watch([*call(PCMU), request("BYE", 30, cseq=2, to_tag="b", headers=(("X-RTP-Note", "PR=1"),))])
    assert heard(watch) == []


# --- poor-quality


def test_poor_quality_is_suspected_with_the_first_report_and_confirmed_with_the_third() -> None:
    watch = report(Watch(call(PCMU)), *(reported(at, lost_pct=12, jitter=160) for at in (5, 10, 15, 20)))
    assert watch.story("poor-quality") == [("suspected", 5.0), ("confirmed", 15.0)]
    finding = watch.finding("poor-quality")
    assert "12.0 % loss, 20 ms jitter (RTCP)" in finding.cause
    assert finding.severity == Severity.MINOR
    worse = report(Watch(call(PCMU)), *(reported(at, lost_pct=30) for at in (5, 10, 15)))
    assert worse.finding("poor-quality").severity == Severity.MAJOR


def test_one_bad_report_among_good_ones_is_cleared() -> None:
    watch = report(Watch(call(PCMU)), reported(5, lost_pct=20), *(reported(at, lost_pct=0) for at in (10, 15, 20, 25)))
    assert watch.story("poor-quality") == [("suspected", 5.0), ("cleared", 15.0)]


def test_good_reports_raise_nothing() -> None:
    watch = report(Watch(call(PCMU)), *(reported(at, lost_pct=1, jitter=80) for at in range(5, 60, 5)))
    watch.see([request("INVITE", 61, cseq=2, to_tag="b")])
    assert watch.findings() == {}


def test_where_the_score_is_the_reporters_or_the_codec_unknown_that_is_said() -> None:
    own = report(Watch(call(PCMU)), reported(5, lost_pct=0, burst_pct=0, mos_cq=3.0))
    assert "about 3.0 (its own figure)" in own.finding("poor-quality").cause
    unknown = report(Watch([request("INVITE", 0), response(200, 1)]), reported(5, lost_pct=30))
    assert "(E-model, codec unknown as G.711)" in unknown.finding("poor-quality").cause
    opus = report(Watch(call("96")), reported(5, lost_pct=30))
    assert "(E-model, opus/48000/2 as G.711)" in opus.finding("poor-quality").cause


def test_the_threshold_is_a_setting() -> None:
    strict = Watch(call(PCMU), settings=Settings(poor_mos_tenths=45))
    assert "poor-quality" in report(strict, reported(5, lost_pct=1)).findings()
