"""A real Kamailio proxies real calls and registrations, and tells of them over HEP: all of it arrives, and counts.

Collector, stream store and worker are real, too; sipp counts what it did.
"""

import csv
import os
import random
import re
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path

import pytest

from monitor import packing
from monitor.ingest.stream import Streams
from monitor.ingest.worker import Worker
from monitor.models import Call, Collector, FindingRow, LossRange, MessageChunk, Registration, Transaction
from tests.e2e.whole_way import SIPP, counted
from tests.support import kamailio
from tests.support.environment import ROOT
from tests.support.processes import is_bound, spawn, stop, wait_for
from tests.support.valkey import Valkey

CALLS = 20
REGISTRATIONS = 10
# Kamailio sees each message come and go: INVITE, 180, 200, ACK, BYE and its 200; and the 100 that it sends. The 180
# does not go where another of its processes was quicker with the 200 that followed (RFC 3261 §16.7): sipp knows.
OF_A_CALL = 13
OF_A_REGISTRATION = 4

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.django_db,
    pytest.mark.timeout(240),
    pytest.mark.skipif(not kamailio.AVAILABLE, reason="Kamailio is not installed: kamailio kamailio-extra-modules"),
]


def udp_ports(count: int) -> list[int]:
    """Free ones, none of which the kernel gives to whoever asks for any: they stay free until they are used."""
    free: list[int] = []
    ports = iter(random.SystemRandom().sample(range(10_000, 32_768), 1_000))
    while len(free) < count:
        port = next(ports)
        with suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.bind(("127.0.0.1", port))
            free.append(port)
    return free


@contextmanager
def sipp(work: Path, name: str, *arguments: str, port: int, calls: int) -> Iterator[subprocess.Popen[bytes]]:
    """A sipp on 127.0.0.1 that sends nothing twice; what it counted is in NAME.csv, what went wrong in NAME.log."""
    command = ["sipp", *arguments, "-i", "127.0.0.1", "-p", str(port), "-m", str(calls), "-r", "20", "-nostdin", "-nr"]
    command += ["-trace_stat", "-fd", "1", "-stf", str(work / f"{name}.csv")]
    with (work / f"{name}.log").open("wb") as log:
        process = spawn(command, cwd=work, stdout=subprocess.DEVNULL, stderr=log)
    try:
        yield process
    finally:
        stop(process)


def ringing(work: Path) -> int:
    """How many 180s sipp's caller was sent, as it counted itself (-trace_counts)."""
    (counts,) = work.glob("uac_*_counts.csv")
    with counts.open() as file:
        *_, last = csv.DictReader(file, delimiter=";")
    return int(last["2_180_Recv"])


@contextmanager
def collector(work: Path, valkey: Valkey) -> Iterator[dict[str, int]]:
    """Listens for HEP; gives the port of each transport."""
    log = work / "collector.log"
    env = {name: text for name, text in os.environ.items() if not name.startswith("OFFHOOK_")}
    env |= {"OFFHOOK_STREAM_URL": valkey.url, "OFFHOOK_STATE_DIR": str(work / "state"), "OFFHOOK_PARTITIONS": "1"}
    env |= {"OFFHOOK_COLLECTOR_HEP_KEY": "2001=sekret", "OFFHOOK_COLLECTOR_ALLOW": "127.0.0.0/8"}
    command = [sys.executable, "-m", "collectors.cli", "run", "--id", "homer", "--receiver", "hep"]
    command += ["--listen", "udp:127.0.0.1:0,tcp:127.0.0.1:0"]
    with log.open("wb") as output:
        process = spawn(command, cwd=ROOT, env=env, stderr=output)
        try:
            found = wait_for(
                lambda: re.findall(r"(udp|tcp):127\.0\.0\.1:(\d+)", log.read_text()), 60, what="it listens"
            )
            yield {transport: int(port) for transport, port in found}
        finally:
            stop(process, 30)  # its last words count


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_what_kamailio_tells_is_what_sipp_did(valkey: Valkey, tmp_path: Path, transport: str) -> None:
    proxy, callee, registrar, caller, phone = udp_ports(5)
    streams = Streams(valkey.url)
    worker = Worker(streams, streams, 1)
    with ExitStack() as stack:
        stack.callback(streams.close)
        homer = f"sip:127.0.0.1:{stack.enter_context(collector(tmp_path, valkey))[transport]};transport={transport}"
        stack.enter_context(
            kamailio.kamailio(tmp_path, port=proxy, callee=callee, registrar=registrar, homer=homer, key="sekret")
        )
        for name, arguments, port, calls in (
            ("uas", ("-sn", "uas"), callee, CALLS),
            ("registrar", ("-sf", f"{SIPP}/registrar.xml"), registrar, REGISTRATIONS),
        ):
            stack.enter_context(sipp(tmp_path, name, *arguments, port=port, calls=calls))
            wait_for(partial(is_bound, port, kind=socket.SOCK_DGRAM), 60, what=f"{name} listens")
        to = f"127.0.0.1:{proxy}"
        call = ("-sn", "uac", to, "-d", "200", "-trace_counts")
        callers = [
            stack.enter_context(sipp(tmp_path, "uac", *call, port=caller, calls=CALLS)),
            stack.enter_context(
                sipp(tmp_path, "phones", "-sf", f"{SIPP}/registers.xml", to, port=phone, calls=REGISTRATIONS)
            ),
        ]
        ends = [process.wait(60) for process in callers]
        assert ends == [0, 0], [(tmp_path / f"{name}.log").read_text() for name in ("uac", "phones")]
        kept_back = CALLS - ringing(tmp_path)
        expected = CALLS * OF_A_CALL - kept_back + REGISTRATIONS * OF_A_REGISTRATION

        def taken() -> bool:
            worker.cycle()
            return sum(MessageChunk.objects.values_list("count", flat=True)) >= expected

        wait_for(taken, 60, what=f"all {expected} messages that Kamailio told")
    assert counted(tmp_path, "uac")["SuccessfulCall"] == CALLS
    assert counted(tmp_path, "phones")["SuccessfulCall"] == REGISTRATIONS
    ended = Call.objects.values_list("state", "status", "acked", "messages", "retransmissions")
    assert Counter(ended) == Counter(
        {
            ("ended", 200, True, OF_A_CALL, 0): CALLS - kept_back,
            ("ended", 200, True, OF_A_CALL - 1, 0): kept_back,
        }
    )
    registrations = Registration.objects.values_list("outcome", "status", "messages")
    assert Counter(registrations) == {("registered", 200, OF_A_REGISTRATION): REGISTRATIONS}
    assert {len(hops) for hops in Call.objects.values_list("hops", flat=True)} == {2}
    assert not Transaction.objects.exists()
    assert not FindingRow.objects.filter(severity__in=("critical", "major")).exclude(state="cleared").exists()
    assert not LossRange.objects.exists()
    chunk = MessageChunk.objects.order_by("id").first()
    assert chunk is not None
    assert packing.messages(chunk.messages)[0].observer == "homer/hep:2001"
    while worker.cycle():
        pass
    counters = Collector.objects.get().counters
    assert {name: counters[name] for name in ("received", "hep_frames", "parsed", "sent")} == dict.fromkeys(
        ("received", "hep_frames", "parsed", "sent"), expected
    )
