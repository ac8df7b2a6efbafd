"""Capture files that people drop: read once, whatever happens to who reads; gone with all that came of them."""

import gzip
import struct
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from django.conf import settings
from zstandard import ZstdCompressor

from collectors.receivers.pcap_file import read_events
from collectors.scenario.capture import capture
from collectors.sip.timers import SECOND
from collectors.wire.events import Observation, SipEvent
from monitor import packing
from monitor.analyze.run import run as analyze
from monitor.ingest.stream import Streams
from monitor.ingest.worker import Worker
from monitor.models import Call, CommitLog, FindingRow, Import, MessageChunk, Registration, SubjectRow, Transaction
from monitor.services import imports
from monitor.tasks import run_import, sweep_imports
from tests.monitor.ingest.edge import Edge
from tests.support.packets import ethernet, ipv4, pcap, udp
from tests.support.valkey import Valkey

pytestmark = pytest.mark.django_db

NOW = int(time.time()) * SECOND
TABLES = (Call, Registration, Transaction, FindingRow)
# What differs by nature between what was seen live and what came from a file.
APART = ("id", "version", "import_id", "shelf", "partition", "open")


def clock() -> int:
    return NOW


@pytest.fixture(scope="module")
def file() -> bytes:
    return b"".join(capture("traffic", messages=1_200))


def rows(import_id: int = 0) -> dict[str, list[str]]:
    return {
        table.__name__: sorted(
            repr({name: value for name, value in row.items() if name not in APART})
            for row in table.objects.filter(import_id=import_id).values()
        )
        for table in TABLES
    }


def messages(import_id: int) -> list[bytes]:
    chunks = MessageChunk.objects.filter(import_id=import_id)
    return sorted(event.raw for chunk in chunks for event in packing.messages(chunk.messages))


def test_an_import_holds_what_the_file_tells(file: bytes, tmp_path: Path) -> None:
    path = tmp_path / "traffic.pcap"
    path.write_bytes(file)
    row = imports.add("traffic.pcap", [file[:1_000], file[1_000:]], NOW, by="anna")
    assert (row.state, row.size, row.name, row.created_by) == ("waiting", len(file), "traffic.pcap", "anna")
    run_import(row.id)
    row.refresh_from_db()
    told = analyze(path)
    assert (row.state, row.error, row.bytes_read) == ("done", "", len(file))
    assert (row.packets, row.messages, row.malformed) == (told.packets, told.messages, told.malformed)
    assert (row.calls, row.registrations) == (len(told.calls), len(told.registrations))
    assert row.findings > 0
    assert sorted(call.state.value for call in told.calls) == sorted(Call.objects.values_list("state", flat=True))
    assert messages(row.id) == sorted(event.raw for event in read_events(path))
    assert not Call.objects.filter(open=True).exists()
    assert not CommitLog.objects.exists()


@pytest.mark.parametrize("pack", [gzip.compress, ZstdCompressor().compress], ids=["gzip", "zstd"])
def test_a_file_may_come_packed(file: bytes, pack: Callable[[bytes], bytes]) -> None:
    plain, packed = imports.add("traffic.pcap", [file], NOW), imports.add("traffic.pcap.gz", [pack(file)], NOW)
    for row in (plain, packed):
        run_import(row.id)
        row.refresh_from_db()
    assert (packed.state, packed.error) == ("done", "")
    assert (packed.packets, packed.messages, packed.findings) == (plain.packets, plain.messages, plain.findings)


def test_a_file_gives_the_same_rows_imported_as_it_gave_live(file: bytes, tmp_path: Path, valkey: Valkey) -> None:
    path = tmp_path / "traffic.pcap"
    path.write_bytes(file)
    shift_us = (NOW - next(iter(read_events(path))).captured_us) // SECOND * SECOND - 600 * SECOND
    live([moved(each, shift_us) for each in observed(path)], valkey)

    row = imports.add("shifted.pcap", [shifted(file, shift_us)], NOW)
    imports.run(row.id, clock)
    assert rows(row.id) == rows()


def observed(path: Path) -> list[Observation]:
    """The messages, and what was seen beside them, in order of time."""
    reading = read_events(path)
    found: list[Observation] = []
    for batch in reading.batches():
        found += [*batch, *reading.side()]
    return sorted(found, key=lambda each: each.captured_us)


def moved(each: Observation, by_us: int) -> Observation:
    return msgspec.structs.replace(each, captured_us=each.captured_us + by_us)


def shifted(file: bytes, by_us: int) -> bytes:
    """The same capture at another time: the seconds of each packet's header are changed."""
    data, at = bytearray(file), 24
    while at < len(data):
        seconds, _, length, _ = struct.unpack_from("<IIII", data, at)
        struct.pack_into("<I", data, at, seconds + by_us // SECOND)
        at += 16 + length
    return bytes(data)


def live(seen: list[Observation], valkey: Valkey) -> None:
    with valkey.client() as client:
        edge = Edge(client)
        edge.beat(seen[0].captured_us)
        events: list[SipEvent] = []
        for each in seen:
            if isinstance(each, SipEvent):
                events.append(each)
            if not isinstance(each, SipEvent) or len(events) == 50:
                edge.send(events)
                events = []
                if not isinstance(each, SipEvent):
                    edge.send_side([each])
                edge.beat(each.captured_us)
        edge.send(events)
        edge.beat(seen[-1].captured_us + SECOND // 2)
    streams = Streams(valkey.url)
    worker = Worker(streams, streams, 1)
    while worker.cycle():
        pass
    streams.close()


def test_no_secret_of_a_file_reaches_the_database() -> None:
    response, password, key = "0123456789abcdef", "hunter2", "WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz"
    uri = f"<sip:bob:{password}@192.0.2.1>"
    head = f"Via: SIP/2.0/UDP 192.0.2.1:5062;branch=z9hG4bKa\r\nFrom: {uri};tag=a\r\nTo: {uri}\r\nCall-ID: a\r\n"
    credentials = f'Authorization: Digest username="bob", nonce="n", response="{response}"\r\n'
    crypto = f"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{key}|2^20\r\n"
    register = f"REGISTER sip:192.0.2.2 SIP/2.0\r\n{head}CSeq: 1 REGISTER\r\nContact: {uri}\r\n{credentials}\r\n"
    refused = f"SIP/2.0 403 No {uri} here\r\n{head}CSeq: 1 REGISTER\r\n\r\n"
    invite = f"INVITE sip:bob:{password}@192.0.2.2 SIP/2.0\r\n{head}CSeq: 2 INVITE\r\n\r\nv=0\r\n{crypto}"
    frames = [
        ethernet(ipv4(udp(register.encode()))),
        ethernet(ipv4(udp(refused.encode(), 5060, 5062), "192.0.2.2", "192.0.2.1")),
        ethernet(ipv4(udp(invite.encode()))),
    ]
    row = imports.add("a", [pcap([(NOW, frame) for frame in frames])], NOW)
    imports.run(row.id, clock)
    kept = repr([messages(row.id), rows(row.id)])
    assert len(messages(row.id)) == 3
    assert "registration-rejected" in kept
    assert not [secret for secret in (response, password, key) if secret in kept]


def test_an_import_whose_reader_died_starts_over(file: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    undisturbed = imports.add("a", [file], NOW)
    imports.run(undisturbed.id, clock)
    row = imports.add("b", [file], NOW)
    steps = 0

    class Died(BaseException):
        pass

    def clock_of_a_mortal() -> int:
        nonlocal steps
        steps += 1
        if steps == 5:
            raise Died
        return NOW

    monkeypatch.setattr(imports, "STEP", 300)
    with pytest.raises(Died):
        imports.run(row.id, clock_of_a_mortal)
    assert Import.objects.get(id=row.id).state == "running"
    assert Call.objects.filter(import_id=row.id).exists()
    assert imports.waiting(NOW) == []
    imports.run(row.id, clock)
    assert Import.objects.get(id=row.id).state == "running"

    later = NOW + imports.CLAIM_US + SECOND
    assert imports.waiting(later) == [row.id]
    imports.run(row.id, lambda: later)
    assert Import.objects.get(id=row.id).state == "done"
    assert rows(row.id) == rows(undisturbed.id)
    assert messages(row.id) == messages(undisturbed.id)


def test_an_import_that_is_deleted_while_it_is_read_leaves_nothing(
    file: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = imports.add("a", [file], NOW)
    steps = 0

    def clock_of_a_user() -> int:
        nonlocal steps
        steps += 1
        if steps == 4:
            imports.delete(row.id)
        return NOW

    monkeypatch.setattr(imports, "STEP", 300)
    imports.run(row.id, clock_of_a_user)
    assert steps == 4
    assert not Import.objects.exists()
    assert not any(table.objects.exists() for table in (*TABLES, MessageChunk))
    assert not (settings.CONFIG.state_dir / row.path).exists()


def test_what_is_no_capture_fails_with_the_reason() -> None:
    row = imports.add("holiday.jpg", [b"\xff\xd8\xff\xe0 not a capture at all"], NOW)
    imports.run(row.id, clock)
    row.refresh_from_db()
    assert row.state == "failed"
    assert row.error.startswith("holiday.jpg is no capture: ")
    assert row.finished_us == NOW


def test_a_file_that_is_gone_fails_with_the_reason() -> None:
    row = imports.add("gone.pcap", [b""], NOW)
    (settings.CONFIG.state_dir / row.path).unlink()
    imports.run(row.id, clock)
    row.refresh_from_db()
    assert (row.state, row.error) == ("failed", "gone.pcap can't be read: No such file or directory")


def test_an_import_that_never_comes_to_an_end_is_given_up(file: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    row = imports.add("a", [file], NOW)

    def fails(*_: Any) -> None:
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr(imports, "write_content", fails)
    for attempt in range(imports.MOST_ATTEMPTS):
        assert imports.waiting(NOW + 1) == [row.id], attempt
        with pytest.raises(ZeroDivisionError):
            imports.run(row.id, lambda: NOW + 1)
    imports.run(row.id, lambda: NOW + 1)
    row.refresh_from_db()
    assert row.state == "failed"
    assert "a bug" in row.error
    assert imports.waiting(NOW + imports.CLAIM_US * 2) == []


def test_deleting_one_import_leaves_the_others(file: bytes) -> None:
    kept, gone = imports.add("a", [file], NOW), imports.add("b", [file], NOW)
    for row in (kept, gone):
        imports.run(row.id, clock)
    before = rows(kept.id)
    imports.delete(gone.id)
    imports.delete(gone.id)
    assert rows(kept.id) == before
    assert rows(gone.id) == {table.__name__: [] for table in TABLES}


def test_too_large_a_file_is_refused_and_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(imports, "MOST_BYTES", 10)
    folder = settings.CONFIG.state_dir / "imports"
    before = set(folder.iterdir()) if folder.exists() else set()
    with pytest.raises(imports.ImportRefusedError):
        imports.add("large", iter([b"12345678", b"12345678"]), NOW)
    assert set(folder.iterdir()) == before
    assert not Import.objects.exists()


def test_the_sweep_rings_for_what_waits(file: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    row = imports.add("a", [file], NOW)
    rung: list[int] = []
    monkeypatch.setattr(run_import, "delay", rung.append)
    sweep_imports()
    assert rung == [row.id]


def test_where_enough_files_are_being_read_the_next_waits(file: bytes) -> None:
    first, second, third = (imports.add(name, [file], NOW) for name in "abc")
    busy = Import.objects.filter(id__in=[first.id, second.id])
    busy.update(state="running", claimed_until_us=time.time_ns() // 1000 + 60 * SECOND)
    run_import(third.id)
    third.refresh_from_db()
    assert third.state == "waiting"
    busy.filter(id=first.id).update(state="done")
    run_import(third.id)
    third.refresh_from_db()
    assert third.state == "done"


@pytest.fixture(autouse=True)
def _files() -> Iterator[None]:
    yield
    for row in Import.objects.all():
        imports.delete(row.id)


def test_an_import_tells_of_sources_and_takes_that_along_when_it_is_deleted() -> None:
    options = (
        b"OPTIONS sip:100@10.0.0.2 SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.1;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\n"
        b"To: <sip:100@c>\r\nCall-ID: x\r\nCSeq: 1 OPTIONS\r\nUser-Agent: friendly-scanner\r\nContent-Length: 0\r\n\r\n"
    )
    frame = ethernet(ipv4(udp(options), "10.0.0.1", "10.0.0.2"))
    row = imports.add("scan.pcap", [pcap([(NOW, frame)])], NOW)
    run_import(row.id)
    row.refresh_from_db()
    (found,) = SubjectRow.objects.filter(import_id=row.id)
    assert (found.name, found.code, found.count, row.findings) == ("10.0.0.1", "scanner", 1, 1)
    imports.delete(row.id)
    assert not SubjectRow.objects.exists()


def test_an_import_comes_to_the_findings_about_sources_that_analyze_comes_to(tmp_path: Path) -> None:
    def frame(at_s: float, source: str, destination: str, start: str, *headers: str) -> tuple[int, bytes]:
        lines = [
            start,
            "Via: SIP/2.0/UDP 203.0.113.7;rport;branch=z9hG4bK1",
            "From: <sip:a@b>;tag=1",
            "To: <sip:a@b>",
            *headers,
            "Content-Length: 0",
        ]
        payload = ("\r\n".join(lines) + "\r\n\r\n").encode()
        return NOW + round(at_s * SECOND), ethernet(ipv4(udp(payload, 5060), source, destination))

    phone, server = "203.0.113.7", "198.51.100.1"
    register = ("Call-ID: r", "CSeq: 1 REGISTER", "Contact: <sip:a@203.0.113.7>;expires=30")
    scan = ("Call-ID: s", "CSeq: 1 OPTIONS", "User-Agent: friendly-scanner")
    file = pcap(
        [
            frame(0, phone, server, "REGISTER sip:b SIP/2.0", *register),
            frame(0.1, server, phone, "SIP/2.0 200 OK", *register),
            frame(20, "203.0.113.9", server, "OPTIONS sip:1@b SIP/2.0", *scan),
            frame(40, "203.0.113.9", server, "OPTIONS sip:1@b SIP/2.0", *scan),
        ]
    )
    path = tmp_path / "some.pcap"
    path.write_bytes(file)
    row = imports.add("some.pcap", [file], NOW)
    run_import(row.id)
    told = {(each.name, each.finding.code, each.finding.cause, each.count) for each in analyze(path).subjects}
    stored = set(SubjectRow.objects.filter(import_id=row.id).values_list("name", "code", "cause", "count"))
    assert stored == told
    assert {code for _, code, _, _ in stored} == {"scanner", "registration-expired"}
