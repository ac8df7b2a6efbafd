"""Media that do not flow: where the rule fires, and where it must hold its tongue."""

import pytest
from msgspec.structs import replace

from collectors.wire.events import RTCP, RTP, SideEvent, SipEvent
from monitor.core.flows import Flows
from monitor.core.updates import Severity
from tests.support.beside import beside
from tests.support.messages import hop, request, response, us
from tests.support.sdp import PCMU, audio, sdp
from tests.support.watch import Watch

ALICE, BOB = ("10.0.0.1", 4000), ("10.0.0.3", 4000)
Place = tuple[str, int]


def call(offer: str = "", answer: str = "") -> list[SipEvent]:
    offer, answer = offer or sdp(audio(PCMU)), answer or sdp(audio(PCMU), address=BOB[0])
    return [request("INVITE", 0, body=offer), response(200, 2, body=answer), request("ACK", 2.1, to_tag="b")]


def flow(at: float, source: Place, destination: Place, packets: float = 400) -> SideEvent:
    """RTP was seen."""
    side = replace(beside(request("INVITE", 0), RTP, text=""), captured_us=us(at), values={"packets": packets})
    return replace(
        side, source=source[0], source_port=source[1], destination=destination[0], destination_port=destination[1]
    )


def silence(at: float, place: Place, *, host_seen: bool = False, since: float = 2) -> SideEvent:
    """Nothing went to an announced place."""
    side = flow(at, ("", 0), place, 0)
    return replace(side, values={"packets": 0.0, "watched_ms": (at - since) * 1000, "host_seen": float(host_seen)})


def stories(*observations: SipEvent | SideEvent, of: list[SipEvent] | None = None) -> Watch:
    return Watch([*(call() if of is None else of), *observations])


# --- one-way-audio


def test_rtp_in_one_direction_only_between_the_hosts_of_the_messages_is_one_way_audio() -> None:
    watch = stories(flow(12, ALICE, BOB), silence(12.5, ALICE))
    finding = watch.finding("one-way-audio")
    assert (finding.state, finding.severity, finding.hop) == ("confirmed", Severity.MAJOR, hop("alice>bob"))
    assert finding.messages == (1, 2)
    assert finding.cause == (
        "10.0.0.1:5060 hears nothing: it wants its audio at 10.0.0.1:4000, and in 10 s no RTP was seen going there, "
        "while 400 packets went to 10.0.0.3:5060."
    )
    assert "10.0.0.1:5060 gave for its media" in finding.remedy


@pytest.mark.parametrize("port", [4000, 4001])
@pytest.mark.parametrize("first", [True, False])
def test_rtcp_that_goes_the_silent_way_shows_that_it_is_open(port: int, first: bool) -> None:
    report = replace(flow(12.2 if first else 12.7, BOB, (ALICE[0], port)), kind=RTCP, values={"loss_percent": 0.0})
    finding = stories(
        *sorted((flow(12, ALICE, BOB), silence(12.5, ALICE), report), key=lambda each: each.captured_us)
    ).finding("one-way-audio")
    assert (finding.state, finding.severity, finding.variant) == (
        "confirmed" if not first else "suspected",
        Severity.MINOR,
        "muted",
    )
    assert finding.cause.endswith("RTCP goes there all the same, so that the way is open.")


def test_the_other_side_may_be_deaf_too() -> None:
    finding = stories(flow(12, BOB, ALICE), silence(12.5, BOB)).finding("one-way-audio")
    assert finding.cause.startswith("10.0.0.3:5060 hears nothing: it wants its audio at 10.0.0.3:4000")


def test_between_other_hosts_it_is_a_suspicion_until_media_is_seen_on_that_way() -> None:
    relay = ("10.0.0.9", 9000)
    relayed = call(answer=sdp(audio(PCMU, port=9000), address=relay[0]))
    watch = stories(flow(12, ALICE, relay), silence(12.5, ALICE), of=relayed)
    assert watch.findings() == {"one-way-audio": "suspected"}
    assert watch.see([silence(12.6, ALICE, host_seen=True)]).findings() == {"one-way-audio": "confirmed"}
    assert watch.see([silence(12.7, ALICE)]).findings() == {"one-way-audio": "confirmed"}


def test_rtp_that_comes_late_clears_it() -> None:
    watch = stories(flow(12, ALICE, BOB), silence(12.5, ALICE), flow(20, BOB, ALICE, 2))
    assert watch.story("one-way-audio") == [("confirmed", 12.5), ("cleared", 20.0)]


NEAR_MISSES: list[tuple[str, list[SipEvent | SideEvent], list[SipEvent]]] = [
    ("both ways", [flow(12, ALICE, BOB), flow(12, BOB, ALICE), silence(12.5, ("10.0.0.1", 4444))], call()),
    ("no word of silence", [flow(12, ALICE, BOB)], call()),
    (
        "nat hides where it goes",
        [flow(12, ALICE, BOB), flow(12, BOB, ("203.0.113.1", 7)), silence(12.5, ALICE)],
        call(),
    ),
    (
        "nat hides whence it comes",
        [flow(12, ALICE, BOB), flow(12, ("203.0.113.1", 7), ALICE), silence(12.5, ALICE)],
        call(),
    ),
    ("a probe", [flow(12, ALICE, BOB, 3), silence(12.5, ALICE)], call()),
    ("nothing seen", [silence(12.5, ALICE), silence(12.5, BOB)], call()),
    ("of another place", [flow(12, ALICE, BOB), silence(12.5, ("10.0.0.1", 4444))], call()),
    (
        "on hold",
        [flow(12, ALICE, BOB), silence(12.5, ALICE)],
        call(sdp(audio(PCMU, attributes=("sendonly",))), sdp(audio(PCMU, attributes=("recvonly",)), address=BOB[0])),
    ),
    (
        "ice",
        [flow(12, ALICE, BOB), silence(12.5, ALICE)],
        call(sdp(audio(PCMU, attributes=("ice-ufrag:abcd",)))),
    ),
    ("one host", [flow(12, ALICE, ("10.0.0.1", 5000)), silence(12.5, ALICE)], call(answer=sdp(audio(PCMU, port=5000)))),
    ("refused", [flow(12, ALICE, BOB), silence(12.5, ALICE)], call(answer=sdp(audio(PCMU, port=0), address=BOB[0]))),
    ("not answered", [flow(12, ALICE, BOB), silence(12.5, ALICE)], call()[:1]),
    ("without a description", [flow(12, ALICE, BOB), silence(12.5, ALICE)], [request("INVITE", 0), response(200, 2)]),
]


@pytest.mark.parametrize(("name", "seen", "messages"), NEAR_MISSES, ids=[name for name, _, _ in NEAR_MISSES])
def test_what_looks_like_it_is_none(name: str, seen: list[SipEvent | SideEvent], messages: list[SipEvent]) -> None:
    assert {"one-way-audio", "no-media"}.isdisjoint(stories(*seen, of=messages).findings()), name


def test_media_that_moved_is_judged_where_it_is_now() -> None:
    moved = [
        request("INVITE", 11, cseq=2, to_tag="b", body=sdp(audio(PCMU, port=4002))),
        response(200, 11.1, cseq=2, body=sdp(audio(PCMU), address=BOB[0])),
        request("ACK", 11.2, cseq=2, to_tag="b"),
    ]
    early = stories(flow(10, ALICE, BOB), *moved, silence(12.5, ALICE), silence(12.5, ("10.0.0.1", 4002)))
    assert early.findings() == {}  # it has not been there for long
    before = stories(flow(10, ALICE, BOB), silence(10.5, ALICE))
    assert before.findings() == {"one-way-audio": "confirmed"}
    assert before.see(moved).finding("one-way-audio").state == "cleared"


def test_what_an_observer_lost_it_can_not_have_missed() -> None:
    watch = Watch(call()).lose(5, 6)
    assert watch.see([flow(12, ALICE, BOB), silence(12.5, ALICE)]).findings() == {"one-way-audio": "suspected"}


# --- no-media


def test_no_rtp_at_all_where_both_hosts_have_others_is_no_media() -> None:
    watch = stories(silence(12.5, ALICE, host_seen=True), silence(12.6, BOB))
    assert watch.findings() == {"no-media": "suspected"}
    watch.see([silence(12.7, BOB, host_seen=True)])
    finding = watch.finding("no-media")
    assert (finding.state, finding.severity, finding.messages) == ("confirmed", Severity.MAJOR, (1, 2))
    assert "in 11 s no RTP was seen, neither to 10.0.0.1:4000 nor to 10.0.0.3:4000." in finding.cause
    assert watch.see([flow(20, ALICE, BOB, 3)]).finding("no-media").state == "cleared"
    assert watch.see([flow(30, ALICE, BOB)]).findings()["one-way-audio"] == "confirmed"


def test_no_media_is_not_said_too_soon() -> None:
    soon = (silence(6, ALICE, host_seen=True), silence(6, BOB, host_seen=True))
    assert stories(*soon).findings() == {}


# --- private-media-address


def test_missing_rtp_confirms_a_private_address_and_rtp_that_goes_there_clears_it() -> None:
    private, server = ("192.168.1.9", 4000), ("203.0.113.3", 4000)
    invite, answer, _ = call(sdp(audio(PCMU), address=private[0]), sdp(audio(PCMU), address=server[0]))
    outside: list[SipEvent] = [replace(invite, destination=server[0]), replace(answer, source=server[0])]
    watch = stories(of=outside)
    assert watch.findings() == {"private-media-address": "suspected"}
    watch.see([flow(12, private, server), silence(12.5, private, host_seen=True)])
    finding = watch.finding("private-media-address")
    assert (finding.state, finding.severity) == ("confirmed", Severity.MAJOR)
    assert "was not reached: no RTP went there" in finding.cause
    good = stories(flow(12, private, server), flow(12, server, private), of=outside)
    assert good.finding("private-media-address").state == "cleared"


# --- bounds


def test_flows_and_silences_of_a_call_are_bounded() -> None:
    many = [flow(5 + number / 100, ("10.7.7.7", number), ("10.8.8.8", number)) for number in range(100)]
    quiet = [silence(7 + number / 100, ("10.8.8.8", number)) for number in range(100)]
    watch = stories(*many, *quiet, flow(12, ALICE, BOB), silence(12.5, ALICE))
    assert watch.findings() == {}  # there was no room for it


def test_places_of_rtcp_are_remembered_up_to_a_bound() -> None:
    flows = Flows()
    for port in range(5_000, 5_100):
        flows.take(replace(flow(3, BOB, (ALICE[0], port)), kind=RTCP))
    known = [port for port in range(5_000, 5_100) if flows.controlled((ALICE[0], port))]
    assert known == list(range(5_000, 5_064))


# --- zombie-call, by its media

BOTH = (flow(20, ALICE, BOB), flow(20, BOB, ALICE))


def stop(at: float, since: float) -> SideEvent:
    """No media flows in either direction any more."""
    values = {"packets": 0.0, "stopped_ms": (at - since) * 1000}
    return replace(flow(at, ALICE, BOB), values=values)


def test_a_call_whose_media_stopped_both_ways_hangs() -> None:
    watch = stories(*BOTH, stop(80, 20)).wait(319.9)
    assert watch.story("zombie-call") == [("suspected", 80.0)]
    assert watch.wait(320).story("zombie-call") == [("suspected", 80.0), ("confirmed", 320.0)]
    finding = watch.finding("zombie-call")
    assert (finding.severity, finding.variant, finding.hop, finding.messages) == (
        Severity.MINOR,
        "media",
        hop("alice>bob"),
        (1, 2),
    )
    assert finding.cause == (
        "Between 10.0.0.1:5060 and 10.0.0.3:5060 no media has flowed in either direction for 60 s and more, after it "
        "did, and nobody has hung up: one side is gone, and its BYE was lost or never sent."
    )
    assert watch.call.state == "answered"
    assert watch.call.open


def test_media_that_comes_back_clears_it_and_so_does_the_bye() -> None:
    assert stories(*BOTH, stop(80, 20), flow(90, ALICE, BOB, 900)).wait(400).findings() == {"zombie-call": "cleared"}
    report = replace(flow(90, ALICE, BOB), kind=RTCP, values={"loss_percent": 0.0})
    assert stories(*BOTH, stop(80, 20), report).wait(400).findings() == {"zombie-call": "cleared"}
    bye = request("BYE", 100, to_tag="b", cseq=2)
    assert stories(*BOTH, stop(80, 20), bye).wait(400).findings()["zombie-call"] == "cleared"


def reinvite(at: float, direction: str, host: str = BOB[0]) -> list[SipEvent]:
    accepted = {"sendonly": "recvonly"}.get(direction, direction)
    offer = sdp(audio(PCMU, attributes=(direction,)), address=ALICE[0])
    answer = sdp(audio(PCMU, attributes=(accepted,)), address=host)
    return [
        request("INVITE", at, to_tag="b", cseq=2, body=offer),
        response(200, at + 0.1, cseq=2, body=answer),
        request("ACK", at + 0.2, to_tag="b", cseq=2, branch="re"),
    ]


@pytest.mark.parametrize(
    "observations",
    [
        [*BOTH, *reinvite(19, "sendonly"), stop(80, 20)],
        [*BOTH, *reinvite(21, "sendrecv", "10.0.0.9"), stop(80, 20)],
        [flow(20, ALICE, BOB), stop(80, 20)],
        [*BOTH, stop(80, 20 - 1)],
    ],
    ids=["on hold", "moved out of sight", "seen one way only", "seen again since"],
)
def test_where_media_may_well_be_away_nothing_is_said_of_that(observations: list[SipEvent | SideEvent]) -> None:
    assert "zombie-call" not in stories(*observations).wait(400).findings()


def test_without_a_description_nothing_is_known_of_media_that_stops() -> None:
    bare = [request("INVITE", 0), response(200, 2), request("ACK", 2.1, to_tag="b", branch="own")]
    assert stories(*BOTH, stop(80, 20), of=bare).wait(400).findings() == {}
