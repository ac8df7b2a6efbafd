"""The mirror: what it sends our own receiver reads again, and whatever happens to it holds nobody up."""

import io
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import msgspec
import pytest

from collectors.decode.datagram import Datagram
from collectors.exporters import hep as exporter_module
from collectors.exporters.console import ConsoleExporter
from collectors.exporters.hep import HepMirror, MirroredExporter, target
from collectors.processors.pipeline import Pipeline
from collectors.receivers.hep import HepReceiver
from collectors.receivers.listen import place
from collectors.wire.events import ICMP, LOG, RTCP, Heartbeat, Observation, SideEvent, SipEvent
from tests.support.packets import SIP
from tests.support.processes import free_port, wait_for

FINAL = Heartbeat(1, 2, 3, "host", "0", "file", [], {}, [], final=True)
Mirror = Callable[..., HepMirror]


def now_us() -> int:
    return time.time_ns() // 1000


def events(count: int, transport: str = "udp", source: str = "192.0.2.1") -> list[SipEvent]:
    datagrams = [
        Datagram(
            now_us(), source, 5060, "2001:db8::2" if ":" in source else "192.0.2.2", 5080, transport, "edge/eth0",
            SIP.replace(b"table@", b"%d@" % number),
        )
        for number in range(count)
    ]  # fmt: skip
    return Pipeline().run(datagrams, now_us())


def side(kind: str, text: str = "", raw: bytes = b"") -> SideEvent:
    at_us = now_us()
    return SideEvent(
        at_us, at_us, "192.0.2.1", 7000, "192.0.2.2", 7002, "udp", "edge/eth0", kind, "call-1", text=text, raw=raw
    )


@pytest.fixture
def receiver() -> Iterator[HepReceiver]:
    """Listens by UDP and TCP, for those who know the key."""
    listening = HepReceiver("homer", (place("udp:127.0.0.1:0"), place("tcp:127.0.0.1:0")), keys={"edge": "secret"})
    listening.start()
    yield listening
    listening.stop()


@pytest.fixture
def mirror() -> Iterator[Mirror]:
    """Makes mirrors that have started, and stops them."""
    with ExitStack() as stack:

        def make(to: str, key: str = "secret") -> HepMirror:
            made = HepMirror(target(to), "edge", key)
            made.start()
            stack.callback(made.stop)
            return made

        yield make


def port(receiver: HepReceiver, transport: str) -> int:
    return next(each.port for each in receiver.places if each.transport == transport)


def received(receiver: HepReceiver, count: int) -> tuple[list[SipEvent], list[SideEvent]]:
    """So many observations as the receiver and the pipeline behind it make them."""
    pipeline = Pipeline()
    found: tuple[list[SipEvent], list[SideEvent]] = ([], [])

    def enough() -> bool:
        found[0].extend(pipeline.run(receiver.read(0.02), 0))
        found[1].extend(pipeline.beside(receiver.side(), 0))
        return len(found[0]) + len(found[1]) >= count

    wait_for(enough, 10, what=f"{count} observations")
    return found


def at_homer(event: SipEvent) -> SipEvent:
    return msgspec.structs.replace(event, observer="homer/hep:edge", received_us=0)


@pytest.mark.parametrize(("scheme", "transport"), [("hep", "udp"), ("hep+tcp", "tcp")])
def test_what_is_mirrored_is_read_again_as_it_was(
    receiver: HepReceiver, mirror: Mirror, scheme: str, transport: str
) -> None:
    output = io.BytesIO()
    copy = mirror(f"{scheme}:127.0.0.1:{port(receiver, transport)}")
    exporter = MirroredExporter(ConsoleExporter(output), copy)
    sent = [*events(50), *events(50, "tcp"), *events(5, source="2001:db8::1")]
    report = side(RTCP, raw=b'{"type": 200, "report_blocks": []}')
    exporter.export([*sent, side(LOG, "a line"), report])
    exporter.export([])
    found, beside = received(receiver, 107)
    assert found == list(map(at_homer, sent))
    assert [(each.kind, each.call_id, each.text) for each in beside] == [
        (LOG, "call-1", "a line"),
        (RTCP, "call-1", "sender report"),
    ]
    assert beside[1].raw == report.raw
    wait_for(lambda: exporter.counters()["mirror_sent"] == 107, what="all is counted")
    assert exporter.counters() == {
        "sent": 107, "mirror_sent": 107, "mirror_dropped": 0, "mirror_failed": 0, "mirror_skipped": 0,
    }  # fmt: skip
    assert output.getvalue().count(b"\n") == 107
    assert (exporter.backlog, exporter.has_room, exporter.losses()) == (0, True, [])


def test_what_has_no_frame_is_counted(receiver: HepReceiver, mirror: Mirror) -> None:
    copy = mirror(f"hep:127.0.0.1:{port(receiver, 'udp')}")
    (event,) = events(1)
    too_long = msgspec.structs.replace(event, raw=bytes(65_536))
    nowhere = msgspec.structs.replace(event, source="nowhere")
    skipped: list[Observation] = [side(ICMP, "port unreachable"), side(LOG), too_long, nowhere]
    copy.offer([*skipped, event])
    assert received(receiver, 1)[0] == [at_homer(event)]
    assert copy.counters()["mirror_skipped"] == 4


def test_what_finds_no_room_is_dropped_and_nobody_waits(mirror: Mirror, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exporter_module, "_MOST_WAITING", 10)
    copy = mirror(f"hep+tcp:127.0.0.1:{free_port()}")
    begin = time.monotonic()
    for _ in range(10):
        copy.offer(events(10))
    assert time.monotonic() - begin < 1
    wait_for(lambda: copy.counters()["mirror_failed"] > 0, what="nobody answers")
    counters = copy.counters()
    assert counters["mirror_dropped"] >= 60
    assert counters["mirror_sent"] == 0


def test_a_mirror_that_comes_back_gets_what_comes_then(mirror: Mirror, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exporter_module, "_RETRY_S", 0.05)
    free = free_port()
    copy = mirror(f"hep+tcp:localhost:{free}")
    copy.offer(events(1))
    wait_for(lambda: copy.counters()["mirror_failed"] == 1, what="nobody answers")
    listening = HepReceiver("homer", (place(f"tcp:127.0.0.1:{free}"),))
    listening.start()
    sent = events(20)
    copy.offer(sent)
    assert received(listening, 20)[0] == list(map(at_homer, sent))
    listening.stop()

    def noticed() -> bool:
        copy.offer(events(1))
        return copy.counters()["mirror_failed"] > 1

    wait_for(noticed, every=0.05, what="it is gone again")


def test_a_mirror_that_refuses_datagrams_is_sent_the_next_all_the_same(mirror: Mirror) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        free = probe.getsockname()[1]
    copy = mirror(f"hep:127.0.0.1:{free}")

    def refused() -> bool:
        copy.offer(events(1))
        return copy.counters()["mirror_failed"] > 1

    wait_for(refused, every=0.02, what="ICMP says that nobody is there")
    assert copy.counters()["mirror_sent"] > 0


def test_what_waits_at_the_end_is_sent(receiver: HepReceiver) -> None:
    copy = HepMirror(target(f"hep:127.0.0.1:{port(receiver, 'udp')}"), "edge", "secret")
    exporter = MirroredExporter(ConsoleExporter(io.BytesIO()), copy)
    exporter.start()
    sent = events(300)
    exporter.export(sent)
    exporter.heartbeat(FINAL)
    exporter.stop(FINAL)
    assert len(received(receiver, 300)[0]) == 300
    assert copy.counters()["mirror_sent"] == 300


def test_a_mirror_that_was_never_started_is_stopped_like_any_other() -> None:
    HepMirror(target("hep:127.0.0.1:9060"), "edge").stop()


@pytest.mark.parametrize("text", ["", "9060", "hep:9060", "udp:127.0.0.1:9060", "hep:host:0", "hep:host:x", "hep::1"])
def test_anything_else_is_no_mirror(text: str) -> None:
    with pytest.raises(ValueError, match="no mirror like"):
        target(text)
