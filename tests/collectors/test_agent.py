"""The collector as a whole, as a process: from packets and files into a real stream store."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from collectors.receivers.pcap_file import read_events
from collectors.wire.codec import decode, stream
from collectors.wire.events import Batch, Heartbeat, SipEvent
from tests.support.environment import ROOT
from tests.support.namespace import run_isolated
from tests.support.packets import SIP, ethernet, ipv4, pcap, udp
from tests.support.processes import stop, wait_for
from tests.support.valkey import Valkey

Start = Callable[..., subprocess.Popen[bytes]]
NOON_US = 1_700_000_000_000_000
# Runs what follows where there is only a loopback interface, which is up.
ISOLATED = (
    "unshare",
    "--map-root-user",
    "--net",
    "--kill-child",
    "sh",
    "-ec",
    'ip link set dev lo up; exec "$@"',
    "sh",
)
SENDER = """
import pathlib, socket, sys, time
from tests.support.packets import SIP
while not pathlib.Path(sys.argv[2]).exists():
    time.sleep(0.02)
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
    for number in range(int(sys.argv[1])):
        s.sendto(SIP.replace(b"table@", b"call%d@" % number), ("127.0.0.1", 5060))
        time.sleep(0.002)
"""


@pytest.fixture
def start(valkey: Valkey, tmp_path: Path) -> Iterator[Start]:
    """Starts collectors whose state is in the test's folder, and ends them."""
    env = {name: text for name, text in os.environ.items() if not name.startswith("OFFHOOK_")}
    env |= {"OFFHOOK_STREAM_URL": valkey.url, "OFFHOOK_STATE_DIR": str(tmp_path / "state")}
    with ExitStack() as stack:

        def start_one(*arguments: str, prefix: tuple[str, ...] = (), **options: Any) -> subprocess.Popen[bytes]:
            command = [*prefix, sys.executable, "-m", "collectors.cli", "run", "--id", "edge", *arguments]
            options = {"stderr": subprocess.PIPE, "stdin": subprocess.DEVNULL, **options}
            process = subprocess.Popen(command, cwd=ROOT, env=env, **options)
            stack.callback(process.communicate)
            stack.callback(stop, process)
            return process

        yield start_one
        if not valkey.running:
            valkey.start()


def batches(valkey: Valkey) -> list[list[Batch]]:
    """By partition, in the order of the stream."""
    with valkey.client() as client:
        return [[decode(fields[b"batch"]) for _, fields in client.xrange(stream(number))] for number in range(8)]


def events(valkey: Valkey) -> list[SipEvent]:
    found = (event for partition in batches(valkey) for batch in partition for event in batch.events)
    return sorted(found, key=lambda event: (event.captured_us, event.call_id))


def heartbeats(partition: list[Batch]) -> list[Heartbeat]:
    return [batch.heartbeat for batch in partition if batch.heartbeat]


@pytest.fixture
def capture(tmp_path: Path) -> Path:
    frames = [
        (NOON_US + 1000 * number, ethernet(ipv4(udp(SIP.replace(b"table@", b"call%d@" % number)))))
        for number in range(300)
    ]
    path = tmp_path / "calls.pcap"
    path.write_bytes(pcap([*frames, (NOON_US + 300_000, ethernet(ipv4(udp(b"\x80" * 99))))]))
    return path


def test_a_file_reaches_the_store_whole_and_every_partition_hears_that_it_ended(
    valkey: Valkey, start: Start, capture: Path
) -> None:
    assert start("--file", str(capture), "--pace", "0").wait(20) == 0
    assert events(valkey) == list(read_events(capture, "edge"))
    for partition in batches(valkey):
        final = partition[-1].heartbeat
        assert final is not None
        assert (final.final, final.receiver, final.interfaces, final.backlog) == (True, "file", [str(capture)], 0)
        counters = {name: final.counters[name] for name in ("received", "parsed", "sent", "not_sip_other", "malformed")}
        assert counters == {"received": 301, "parsed": 300, "sent": 300, "not_sip_other": 1, "malformed": 0}


def test_standard_input_is_a_capture_too(valkey: Valkey, start: Start, capture: Path) -> None:
    with capture.open("rb") as file:
        assert start("--file", "-", "--pace", "0", stdin=file).wait(20) == 0
    assert len(events(valkey)) == 300


def test_packets_on_an_interface_reach_the_store_with_heartbeats_that_keep_their_word(
    valkey: Valkey, start: Start, tmp_path: Path
) -> None:
    go = tmp_path / "go"
    sender = f"{sys.executable} -c '{SENDER}' 900 {go} & exec \"$@\""
    process = start("--interface", "lo", "--batch-ms", "20", prefix=(*ISOLATED, "sh", "-c", sender, "sh"))
    wait_for(lambda: any(heartbeats(partition) for partition in batches(valkey)), 20, what="it captures")
    go.touch()
    wait_for(lambda: len(events(valkey)) >= 600, 20, every=0.2, what="packets arrive")
    collector = subprocess.run(["pgrep", "-P", str(process.pid)], capture_output=True, text=True, check=True)
    os.kill(int(collector.stdout.split()[0]), signal.SIGTERM)
    process.wait(10)
    found = events(valkey)
    assert len({event.call_id for event in found}) == len(found) >= 600
    assert {event.observer for event in found} == {"edge/lo"}
    for partition in batches(valkey):
        beats = heartbeats(partition)
        assert len(beats) >= 2
        assert beats[-1].final
        low_water_us = 0
        for batch in partition:
            assert all(event.captured_us >= low_water_us for event in batch.events)
            if batch.heartbeat:
                assert batch.heartbeat.low_water_us <= batch.heartbeat.sent_us
                low_water_us = batch.heartbeat.low_water_us


def test_a_collector_killed_in_an_outage_sends_what_it_had_spooled_when_it_is_back(
    valkey: Valkey, start: Start, tmp_path: Path
) -> None:
    first = start("--receiver", "scenario", "--calls-per-second", "50", stderr=subprocess.DEVNULL)
    wait_for(lambda: len(events(valkey)) > 50, 15, what="calls arrive")
    valkey.stop()
    spool = tmp_path / "state" / "spool" / "edge"
    wait_for(lambda: sum(path.stat().st_size for path in spool.glob("*.spool")) > 10_000, 15, what="calls are spooled")
    first.kill()
    first.wait()
    valkey.start()
    second = start("--receiver", "scenario", "--calls-per-second", "50", stderr=subprocess.DEVNULL)

    def boots() -> list[str]:
        return list(dict.fromkeys(batch.boot for partition in batches(valkey) for batch in partition))

    wait_for(lambda: len(boots()) == 2 and not any(spool.glob("*.spool")), 15, what="both starts have arrived")
    second.terminate()
    assert second.wait(10) == 0
    for partition in batches(valkey):
        for boot in boots():
            sequences = [batch.sequence for batch in partition if batch.boot == boot]
            assert list(dict.fromkeys(sequences)) == list(range(max(sequences) + 1))


def test_a_stop_during_an_outage_keeps_everything_for_the_next_start(
    valkey: Valkey, start: Start, capture: Path
) -> None:
    valkey.stop()
    begin = time.monotonic()
    process = start("--file", str(capture), "--pace", "0")
    assert process.wait(20) == 0
    assert time.monotonic() - begin < 10
    valkey.start()
    other = start("--receiver", "scenario")
    wait_for(
        lambda: len([event for event in events(valkey) if event.captured_us < NOON_US * 1.01]) == 300,
        15,
        what="they arrive",
    )
    stop(other)


@pytest.mark.parametrize("receiver", ["libpcap", "tshark"])
def test_a_stop_still_reads_what_was_captured_before_it(receiver: str) -> None:
    said = run_isolated(
        """
        import signal, socket, subprocess, sys
        from tests.support.packets import SIP
        command = [sys.executable, "-m", "collectors.cli", "run", "--interface", "lo", "--output", "console"]
        command += ["--receiver", sys.argv[1]]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        process.stderr.readline()  # "INFO collectors.agent: libpcap: lo": it captures
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            for _ in range(200):
                sender.sendto(SIP, ("127.0.0.1", 5060))
        process.send_signal(signal.SIGTERM)
        lines, said = process.communicate(timeout=15)
        # Nobody listens there: ICMP says so of each.
        messages = [line for line in lines.splitlines() if b'"kind":"icmp"' not in line]
        print(process.returncode, len(messages))
        """,
        receiver,
    )
    assert said.split() == ["0", "200"]


def test_media_on_an_interface_is_told_with_the_call_that_announced_it() -> None:
    said = run_isolated(
        """
        import json, signal, socket, subprocess, sys
        from tests.support.messages import request, response
        from tests.support.sdp import PCMU, audio, sdp
        command = [sys.executable, "-m", "collectors.cli", "run", "--interface", "lo", "--output", "console"]
        process = subprocess.Popen([*command, "--media", "presence"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        process.stderr.readline()  # it captures
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.bind(("127.0.0.1", 40_000))
            offer, answer = (sdp(audio(PCMU, port=port), address="127.0.0.1") for port in (40_000, 40_002))
            for message in (request("INVITE", 0, body=offer), response(200, 1, body=answer)):
                sender.sendto(message.raw, ("127.0.0.1", 5060))
            for number in range(640):
                sender.sendto(b"\\x80\\0" + number.to_bytes(2, "big") + bytes(168), ("127.0.0.1", 40_002))
            report = bytes.fromhex("81c90007 00000001 00000007 40000005 00000064 000000a0 00000000 00000000")
            sender.sendto(report, ("127.0.0.1", 40_003))
        process.send_signal(signal.SIGTERM)
        lines, _ = process.communicate(timeout=15)
        for side in map(json.loads, lines.splitlines()):
            if side.get("kind") in ("rtp", "rtcp"):
                values = side["values"]
                print(side["kind"], side["call_id"], values.get("packets"), values.get("lost_pct"), sep=",")
        """
    )
    assert sorted(said.split()) == ["rtcp,call-1,None,25.0", "rtp,call-1,640.0,None"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_at_once_and_cleanly(valkey: Valkey, start: Start, number: signal.Signals) -> None:
    process = start("--receiver", "scenario")
    wait_for(lambda: any(heartbeats(partition) for partition in batches(valkey)), 15, what="it has started")
    process.send_signal(number)
    begin = time.monotonic()
    _, said = process.communicate(timeout=10)
    assert (process.returncode, time.monotonic() - begin < 3) == (0, True)
    assert b"ended: " in said
    assert all(heartbeats(partition)[-1].final for partition in batches(valkey))
