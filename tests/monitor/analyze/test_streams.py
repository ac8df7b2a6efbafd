"""What goes wrong is seen over any transport, whatever befalls its segments."""

from pathlib import Path

import pytest

from collectors.scenario import library
from collectors.scenario.capture import capture
from collectors.scenario.cast import Cast
from collectors.scenario.packets import packets
from collectors.scenario.pcap import pcap
from collectors.scenario.streams import CALM, Weather
from monitor.analyze.replay import Replay
from monitor.analyze.result import Result
from monitor.analyze.run import run
from monitor.analyze.subjects import lines
from monitor.ladder.beside import seen
from tests.support.packets import ethernet, ipv4
from tests.support.streams import tcp

STORM = Weather(segment=300, small=0.4, reordered=0.2, repeated=0.3)
BLIND = Weather(segment=300, missed=0.15)


def analyzed(tmp_path: Path, name: str, transport: str, weather: Weather = CALM) -> Result:
    path = tmp_path / "capture.pcap"
    path.write_bytes(b"".join(capture(name, transport=transport, weather=weather)))
    return run(path)


def found(result: Result) -> set[tuple[str, str]]:
    """The codes of all findings that still stand, and how certain they are."""
    return {
        (finding.code, finding.state)
        for record in result.records
        for finding in record.findings
        if finding.state != "cleared"
    }


@pytest.mark.parametrize("weather", [CALM, STORM], ids=["calm", "storm"])
@pytest.mark.parametrize("transport", ["tcp", "ws", "sctp"])
@pytest.mark.parametrize("name", ["good", "overloaded", "missing-ack", "proxy-drops-ack", "registered"])
def test_a_situation_gives_the_same_findings_over_any_transport(
    tmp_path: Path, name: str, transport: str, weather: Weather
) -> None:
    result = analyzed(tmp_path, name, transport, weather)
    assert found(result) == found(analyzed(tmp_path, name, "udp"))
    assert bool(found(result)) == (name not in ("good", "registered"))
    assert result.malformed == 0


@pytest.mark.parametrize("seed", range(6))
def test_of_a_good_call_that_was_captured_in_part_nothing_bad_is_confirmed(tmp_path: Path, seed: int) -> None:
    result = analyzed(tmp_path, "good", "tcp", BLIND._replace(seed=str(seed)))
    bad = [
        finding
        for record in result.records
        for finding in record.findings
        if finding.state == "confirmed" and finding.severity in ("critical", "major")
    ]
    assert not bad


@pytest.mark.parametrize("acknowledged", [True, False])
def test_what_a_hole_in_a_stream_hides_is_not_held_against_anybody(tmp_path: Path, acknowledged: bool) -> None:
    """The client acknowledges a response that the capture did not see; or there was none."""
    *before, last = library.play("refreshed", cast=Cast(transport="tcp")).play()
    gone = last._replace(seen=False, arrived_us=last.sent_us if acknowledged else None)
    later = library.play("pings").play()[0]._replace(sent_us=last.sent_us + 60_000_000)  # so that time passes
    path = tmp_path / "capture.pcap"
    path.write_bytes(b"".join(pcap(packets([*before, gone, later]))))
    assert (("registration-unanswered", "confirmed") in found(run(path))) == (not acknowledged)


def test_a_connection_that_is_reset_is_shown_with_its_call(tmp_path: Path) -> None:
    invite = library.play("good", cast=Cast(proxies=(), transport="tcp")).play()[0]
    frames = list(packets([invite]))
    segment = tcp(flags=4, ports=(invite.destination.port, invite.source.port))
    reset = ethernet(ipv4(segment, invite.destination.address, invite.source.address, 6))
    path = tmp_path / "capture.pcap"
    path.write_bytes(b"".join(pcap([*frames, (5_000, reset)])))
    result = run(path)
    ((side,),) = result.side.values()
    assert (side.kind, side.text, side.method) == ("tcp", "connection reset", "INVITE")
    assert seen(side).name == "connection"


def test_connections_that_do_not_come_about_are_told_of_the_server_though_no_sip_was_sent(tmp_path: Path) -> None:
    phone, server = "10.0.0.1", "10.0.0.2"
    frames = [
        (at, ethernet(ipv4(octets, source, destination, 6)))
        for turn in range(3)
        for at, octets, source, destination in (
            (turn * 5_000_000, tcp(flags=2, ports=(5_000 + turn, 5061)), phone, server),
            (turn * 5_000_000 + 900, tcp(flags=0x14, ports=(5061, 5_000 + turn)), server, phone),
        )
    ]
    path = tmp_path / "refused.pcap"
    path.write_bytes(b"".join(pcap(frames)))
    (subject,) = run(path).subjects
    assert (subject.name, subject.finding.code, subject.count) == ("10.0.0.2", "connection-failed", 3)
    assert not any("shown by" in str(getattr(line, "renderable", line)) for line in lines([subject]))
    (step,) = Replay(path).steps()
    assert [failed.server for failed in step.failures] == ["10.0.0.2:5061"] * 3
