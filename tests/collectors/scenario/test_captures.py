"""Generated captures: read by tshark, which was not written here, as what they were meant to be."""

import shutil
import subprocess
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from itertools import chain, islice
from pathlib import Path

import pytest

from collectors.receivers.pcap_file import read_events
from collectors.scenario import START_US, Scenario, event, library
from collectors.scenario.capture import capture, names
from collectors.scenario.cast import Cast
from collectors.scenario.message import Endpoint
from collectors.scenario.packets import Link, packets
from collectors.scenario.pcap import pcap, pcapng
from collectors.scenario.stage import Sent
from collectors.scenario.streams import CALM, Weather
from collectors.scenario.traffic import traffic
from collectors.sip.faults import CUT_FAULT
from tests.support.environment import ROOT

needs_tshark = pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not installed")

# The checksums are looked at, and what is not SIP or not whole shows.
_COLUMNS = (
    *("frame.time_epoch", "ip.src", "ipv6.src", "udp.srcport", "sip.Method", "sip.Status-Code", "sip.Call-ID"),
    *("_ws.malformed", "_ws.expert.severity", "ip.checksum.status", "udp.checksum.status", "sip.msg_hdr"),
)


def tshark(path: Path) -> list[dict[str, str]]:
    """Each SIP message that tshark finds in a file, as column → value."""
    fields = chain.from_iterable(("-e", column) for column in _COLUMNS)
    checks = ("-o", "ip.check_checksum:TRUE", "-o", "udp.check_checksum:TRUE")
    command = ["tshark", "-n", "-r", str(path), *checks, "-Y", "sip", "-T", "fields", "-E", "separator=\x1f", *fields]
    output = subprocess.run(command, check=True, capture_output=True, text=True, timeout=50).stdout
    return [dict(zip(_COLUMNS, line.split("\x1f"), strict=True)) for line in output.splitlines()]


def everything() -> list[Sent]:
    """All of the library, one after the other."""
    found: list[Sent] = []
    for number, name in enumerate(library.SITUATIONS):
        shift = number * 300_000_000
        found += [sent._replace(sent_us=sent.sent_us + shift) for sent in library.play(name).play()]
    return found


def write(path: Path, chunks: Iterable[bytes]) -> Path:
    path.write_bytes(b"".join(chunks))
    return path


@needs_tshark
def test_tshark_reads_the_whole_library_and_finds_nothing_wrong(tmp_path: Path) -> None:
    messages = everything()
    rows = tshark(write(tmp_path / "all.pcap", pcap(packets(messages))))
    assert len(rows) == len(messages)
    assert not [row for row in rows if row["_ws.malformed"]]
    assert {row["ip.checksum.status"] for row in rows} == {"1"}  # good
    assert {row["udp.checksum.status"] for row in rows} == {"1"}
    severities = Counter(severity for row in rows for severity in row["_ws.expert.severity"].split(",") if severity)
    assert not [severity for severity in severities if int(severity) >= 0x600000], severities  # warnings, errors


@needs_tshark
@pytest.mark.parametrize("link", Link)
@pytest.mark.parametrize("write_file", [pcap, pcapng], ids=["pcap", "pcapng"])
def test_every_link_type_carries_ipv4_and_ipv6(
    tmp_path: Path, link: Link, write_file: Callable[..., Iterator[bytes]]
) -> None:
    messages = list(islice(traffic("links"), 400))
    assert any(":" in sent.source.address for sent in messages)
    path = write(tmp_path / "links", write_file(packets(messages, link=link), link=link))
    rows = tshark(path)
    assert [(row["ip.src"] or row["ipv6.src"], row["udp.srcport"]) for row in rows] == [
        (sent.source.address, str(sent.source.port)) for sent in messages
    ]
    assert [float(row["frame.time_epoch"]) for row in rows] == [
        pytest.approx((START_US + sent.sent_us) / 1e6, abs=1e-6) for sent in messages
    ]


@needs_tshark
@pytest.mark.parametrize("vlans", [(7,), (100, 7)])
def test_vlan_tags_are_carried(tmp_path: Path, vlans: tuple[int, ...]) -> None:
    messages = library.play("good").play()
    assert len(tshark(write(tmp_path / "vlan.pcap", pcap(packets(messages, vlans=vlans))))) == len(messages)


@needs_tshark
@pytest.mark.parametrize("address", ["10.0.0.{}", "[2001:db8::{}]"])
def test_what_is_larger_than_the_mtu_goes_in_fragments(tmp_path: Path, address: str) -> None:
    scenario = Scenario()
    alice, bob = (scenario.phone(f"{name}@{address.format(end)}") for name, end in (("alice", 1), ("bob", 2)))
    alice.call_headers = (("X-Long", "x" * 3000),)
    alice.invites(bob)
    bob.answers(at=1)
    frames = list(packets(scenario.play(), mtu=1280))
    assert len(frames) > len(scenario.play())
    assert all(len(octets) <= 1280 + 14 for _, octets in frames)
    rows = tshark(write(tmp_path / "fragments.pcap", pcap(iter(frames))))
    assert len(rows) == len(scenario.play())
    assert {row["udp.checksum.status"] for row in rows} == {"1"}


@pytest.mark.parametrize("link", Link)
def test_our_own_reader_gives_back_the_events(tmp_path: Path, link: Link) -> None:
    messages = list(islice(traffic("own reader"), 500))
    path = write(tmp_path / "own.pcap", pcap(packets(messages, link=link, mtu=576), link=link))
    reading = list(read_events(path, redacted=False))
    assert [event.raw for event in reading] == [sent.raw for sent in messages]
    assert [event.captured_us for event in reading] == [START_US + sent.sent_us for sent in messages]


def test_what_the_capture_missed_is_not_in_the_file() -> None:
    scenario = library.play("good")
    scenario.misses("ACK")
    assert len(list(packets(scenario.play()))) == len(scenario.play()) - 2


def test_a_transport_that_can_not_be_packed_is_refused() -> None:
    scenario = Scenario()
    alice = scenario.phone("alice@10.0.0.1", transport="tls")
    alice.invites(scenario.phone("bob@10.0.0.2", transport="tls"))
    with pytest.raises(ValueError, match="tls"):
        list(packets(scenario.play()))


def plays(transport: str, name: str = "forked") -> list[Sent]:
    """A situation with everybody on this transport."""
    return library.play(name, cast=Cast(transport=transport)).play()


STORM = Weather(segment=300, small=0.5, reordered=0.3, repeated=0.3, lost=0.2)


@pytest.mark.parametrize("weather", [CALM, STORM], ids=["calm", "storm"])
@pytest.mark.parametrize("transport", ["tcp", "ws", "sctp"])
@pytest.mark.parametrize("address", ["10.0.0.{}", "[2001:db8::{}]"])
def test_our_own_reader_finds_each_message_of_a_stream_once(
    tmp_path: Path, weather: Weather, transport: str, address: str
) -> None:
    scenario = Scenario()
    alice, bob = (
        scenario.phone(f"{name}@{address.format(end)}", transport=transport) for name, end in (("alice", 1), ("bob", 2))
    )
    alice.invites(bob)
    bob.answers(at=1)
    bob.hangs_up(at=5)
    sent = [*scenario.play()]
    assert len(sent) == 6
    path = write(tmp_path / "stream.pcap", pcap(packets(sent, weather=weather)))
    reading = read_events(path, redacted=False)
    found = {event.raw: event for event in reading}  # one that was lost may come after its answer
    assert reading.messages == len(found) == len(sent)
    assert {event.transport for event in found.values()} == {transport}
    assert reading.file.decoder.holes == 0
    for message in sent:
        assert 0 <= found[message.raw].captured_us - START_US - message.sent_us <= 200_000


@needs_tshark
@pytest.mark.parametrize("transport", ["tcp", "ws"])
def test_tshark_reads_streams_as_well(tmp_path: Path, transport: str) -> None:
    sent = plays(transport)
    if transport == "ws":  # tshark takes what it finds on port 5060 for SIP at once
        sent = [
            each._replace(source=on_port(each.source, 80), destination=on_port(each.destination, 80)) for each in sent
        ]
    rows = tshark(write(tmp_path / "stream.pcap", pcap(packets(sent, weather=Weather(segment=200)))))
    assert [row["sip.Call-ID"] for row in rows] == [event(each, 0, "").call_id for each in sent]
    assert not [row for row in rows if row["_ws.malformed"]]


def on_port(endpoint: Endpoint, port: int) -> Endpoint:
    return endpoint._replace(port=port)


@pytest.mark.parametrize("transport", ["tcp", "ws", "sctp"])
def test_what_the_capture_missed_of_a_stream_is_not_in_the_file(tmp_path: Path, transport: str) -> None:
    sent = [each._replace(seen=number != 3, arrived_us=None) for number, each in enumerate(plays(transport, "good"))]
    path = write(tmp_path / "stream.pcap", pcap(packets(sent)))
    assert [event.raw for event in read_events(path, redacted=False)] == [each.raw for each in sent if each.seen]


def test_of_segments_that_the_capture_missed_their_messages_are_missing_or_cut(tmp_path: Path) -> None:
    sent = plays("tcp")
    path = write(tmp_path / "stream.pcap", pcap(packets(sent, weather=Weather(segment=300, missed=0.1))))
    reading = read_events(path, redacted=False)
    found = list(reading)
    whole = [event for event in found if event.fault != CUT_FAULT]
    assert len(whole) < len(sent)
    assert {event.raw for event in whole} <= {each.raw for each in sent}
    assert all(any(each.raw.startswith(event.raw) for each in sent) for event in found)
    assert reading.file.decoder.holes > 0


@pytest.mark.parametrize("ng", [False, True])
def test_captures_are_written_by_name(tmp_path: Path, ng: bool) -> None:
    path = write(tmp_path / "named", capture("missing-ack", ng=ng))
    sent = library.play("missing-ack").play()
    assert [event.raw for event in read_events(path, redacted=False)] == [message.raw for message in sent]
    path = write(path, capture("missing-ack", ng=ng, transport="tcp", weather=STORM))
    assert len(list(read_events(path))) == len(plays("tcp", "missing-ack"))
    assert len(list(read_events(write(path, capture("traffic", messages=70, link=Link.SLL))))) == 70
    assert len(list(read_events(write(path, capture("traffic", messages=70, within=("mpls", "gtp")))))) == 70
    assert set(names()) == {"traffic", *library.SITUATIONS}
    with pytest.raises(KeyError):
        capture("no-such-thing")


def test_the_documentation_lists_what_can_be_written() -> None:
    documented = (ROOT / "docs" / "scenarios.md").read_text()
    assert [name for name, text in names().items() if f"| `{name}` | {text} |" not in documented] == []


def test_the_documented_example_does_what_it_says() -> None:
    documented = (ROOT / "docs" / "scenarios.md").read_text()
    stage: dict[str, Scenario] = {}
    exec(documented.partition("```python\n")[2].partition("```")[0], stage)
    events = stage["call"].events()
    answers = [event for event in events if event.status == 200 and event.source == "10.0.0.3"]
    assert len([event for event in answers if event.cseq_method == "INVITE"]) == 11
    bye = next(event for event in events if event.method == "BYE")
    assert bye.captured_us - answers[0].captured_us == 32_000_000
