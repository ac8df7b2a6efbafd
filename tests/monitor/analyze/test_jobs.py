"""A file that is shared out among processes gives what one process gives, to the octet."""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import psutil
import pytest

from collectors.receivers.base import ReceiverError
from collectors.scenario import library
from collectors.scenario.pcap import pcap
from monitor.analyze.cli import main
from monitor.analyze.crew import MOST_AHEAD, Crew
from monitor.analyze.document import build, encode
from monitor.analyze.fragments import document
from monitor.analyze.frames import CrewError, Frame, Unshared, UnsharedError
from monitor.analyze.jobs import MOST, Jobs, jobs_for, reader, usable_cores
from monitor.analyze.joining import told
from monitor.analyze.replay import CAPTURE_SETTINGS
from monitor.analyze.run import run
from monitor.analyze.share import Share
from monitor.analyze.told import Told
from monitor.analyze.work import work
from monitor.core.settings import Settings
from tests.monitor.analyze.files import frame, situation, written
from tests.monitor.analyze.test_streams import BLIND, STORM
from tests.support import hep
from tests.support.environment import ROOT, corpus_path
from tests.support.hep import chunk
from tests.support.messages import request, response, us
from tests.support.packets import ethernet, ipv4, udp
from tests.support.sdp import PCMU, audio, sdp

if TYPE_CHECKING:
    from monitor.analyze.step import Progress

_LARGE = 300_000  # octets: what is in these is in small ones, too
CORPUS = sorted(path for path in (corpus_path() / "captures").glob("*") if path.stat().st_size < _LARGE)
_encoder, _decoder = msgspec.msgpack.Encoder(), msgspec.msgpack.Decoder(Frame)


def shares(
    path: Path, count: int, settings: Settings = CAPTURE_SETTINGS, *, json: bool = True
) -> list[Iterator[Frame]]:
    """What processes would tell, in this one, through the octets that they would tell it in."""

    def frames(number: int) -> Iterator[Frame]:
        for each in work(path, settings, Share(number, count), written=json):
            yield _decoder.decode(_encoder.encode(each))

    return [frames(number) for number in range(count)]


def shared(path: Path, count: int, settings: Settings = CAPTURE_SETTINGS, *, json: bool = True) -> Told:
    return told(str(path), shares(path, count, settings, json=json), settings)


def alone(path: Path, settings: Settings = CAPTURE_SETTINGS) -> bytes:
    return b"".join(document(run(path, settings)))


def records(path: Path) -> list[bytes]:
    """The records of a pcap file, headers included."""
    data, at, found = path.read_bytes(), 24, []
    while at < len(data):
        end = at + 16 + int.from_bytes(data[at + 8 : at + 12], "little")
        found.append(data[at:end])
        at = end
    return found


def rewritten(path: Path, found: Iterable[bytes]) -> Path:
    path.write_bytes(path.read_bytes()[:24] + b"".join(found))
    return path


def everything(folder: Path, **options: object) -> Path:
    """All situations of the library, one after the other."""
    return rewritten(
        situation(folder, "good"),
        [each for name in library.SITUATIONS for each in records(situation(folder, name, **options))],
    )


def shuffled(path: Path, dice: random.Random) -> Path:
    """Its records in an order that is wrong by up to twenty places."""
    places = [(number + dice.uniform(0, 20), each) for number, each in enumerate(records(path))]
    return rewritten(path, [each for _, each in sorted(places)])


def damaged(path: Path, dice: random.Random, by: bytes = b" :iC\xff") -> Path:
    """Its records with one octet in a hundred changed in every other, between headers that are not."""

    def hurt(octets: bytes) -> bytes:
        return bytes(dice.choice(by) if dice.random() < 0.01 else octet for octet in octets)

    return rewritten(path, [each[:58] + hurt(each[58:]) if dice.random() < 0.5 else each for each in records(path)])


def told_by_hep(folder: Path) -> Path:
    """Messages that agents told by HEP, and lines that they logged of these calls."""
    path = folder / "hep.pcap"
    frames = []
    for number in range(40):
        call = f"call-{number % 9}"
        sent = request("INVITE", number / 10, cseq=number, call_id=call)
        log = hep.told(b"logged", sent.captured_us, chunk(0x11, call.encode()), kind=100)
        frames += [(sent.captured_us, hep.told(sent.raw, sent.captured_us)), (sent.captured_us, log)]
    path.write_bytes(b"".join(pcap((at, ethernet(ipv4(udp(each, 9060, 9060)))) for at, each in frames)))
    return path


def media(folder: Path) -> Path:
    """Calls whose media are seen; two and two announce the same places, and media of nobody's pass, too."""
    path = folder / "media.pcap"
    frames: list[tuple[int, bytes]] = []
    for number in range(12):
        call, port, at = f"call-{number}", 4000 + number // 2 * 2, number / 5
        offer, answer = sdp(audio(PCMU, port=port)), sdp(audio(PCMU, port=port), address="10.0.0.3")
        messages = (
            request("INVITE", at, body=offer, call_id=call),
            response(200, at + 1, body=answer, call_id=call),
            request("ACK", at + 1.1, to_tag="b", call_id=call),
            request("BYE", at + 14, cseq=2, to_tag="b", call_id=call),
        )
        frames += [
            (sent.captured_us, ethernet(ipv4(udp(sent.raw, 5060, 5060), sent.source, sent.destination)))
            for sent in messages
        ]
        rtp = udp(b"\x80\0" + bytes(170), port, port + 30 * (number == 3))
        frames += [(us(at + 1 + packet / 5), ethernet(ipv4(rtp, "10.0.0.1", "10.0.0.3"))) for packet in range(60)]
    path.write_bytes(b"".join(pcap(sorted(frames))))
    return path


def without_call_id(folder: Path) -> Path:
    """Messages that are in no call that has a name, of several senders, at the same moments."""
    senders = [bytes((192, 0, 2, number)) for number in range(1, 9)]
    path = folder / "nameless.pcap"
    raw = request("INVITE", 0).raw.replace(b"Call-ID", b"Call-XX")
    packets = ((at * 1_000_000, frame(raw, sender)) for at in range(1, 60) for sender in senders)
    path.write_bytes(b"".join(pcap(packets)))
    return path


def of_many_sources(folder: Path) -> Path:
    """More sources and servers than measures tell apart, many of them with several calls or registrations."""
    path = folder / "sources.pcap"
    dice = random.Random(1)
    packets = []
    for number in range(1_600):
        method = dice.choice(("INVITE", "REGISTER"))
        raw = request(method, 0, call_id=f"call-{number}").raw
        ends = (bytes((198, 51, *dice.randrange(1_000).to_bytes(2, "big"))) for _ in range(2))
        packets.append((number * 10_000, frame(raw, *ends)))
    path.write_bytes(b"".join(pcap(packets)))
    return path


CAPTURES: dict[str, Callable[[Path], Path]] = {
    "traffic": lambda folder: situation(folder, "traffic", messages=2_500),  # two chunks of a file
    "all situations": everything,
    "over TCP in bad weather": partial(everything, transport="tcp", weather=STORM),
    "over WebSocket, of which some is missed": partial(everything, transport="ws", weather=BLIND),
    "in tunnels": partial(everything, within=("gre", "vxlan")),
    "by HEP": told_by_hep,
    "media": media,
    "without Call-ID": without_call_id,
    "of many sources": of_many_sources,
    "shuffled": lambda folder: shuffled(everything(folder), random.Random(1)),
    "damaged": lambda folder: damaged(everything(folder), random.Random(1)),
    "damaged otherwise": lambda folder: damaged(everything(folder), random.Random(2)),
    "empty": lambda folder: written(folder, []),
}


# --- the same, to the octet


@pytest.mark.parametrize("path", CORPUS or [None], ids=[path.name for path in CORPUS] or ["corpus"])
def test_shares_of_a_capture_join_to_what_one_process_says_of(corpus: Path, path: Path) -> None:
    assert path.is_relative_to(corpus)
    try:
        one = alone(path)
    except ReceiverError:
        with pytest.raises(ReceiverError):
            shared(path, 2)
    else:
        assert b"".join(shared(path, 2 + path.stat().st_size % 2).document) == one


@pytest.mark.parametrize("name", CAPTURES)
def test_shares_join_to_what_one_process_says_of_a_capture(tmp_path: Path, name: str) -> None:
    path = CAPTURES[name](tmp_path)
    one = alone(path)
    for count in (1, 2, 3) if name == "all situations" else (2,):
        assert b"".join(shared(path, count).document) == one


def test_records_as_they_are_join_to_the_same_result(tmp_path: Path) -> None:
    path = everything(tmp_path)
    result = shared(path, 3, json=False).result
    assert msgspec.structs.asdict(result) == msgspec.structs.asdict(run(path))
    numbers = sorted(number for ordinals in result.ordinals.values() for number in ordinals)
    assert numbers == list(range(1, result.messages + 1))


def test_the_document_in_pieces_is_the_document(tmp_path: Path) -> None:
    path = everything(tmp_path)
    assert msgspec.json.decode(alone(path)) == msgspec.json.decode(encode(build(run(path))))


def test_a_file_whose_name_is_no_text_is_shared(tmp_path: Path) -> None:
    path = everything(tmp_path).rename(tmp_path / "\udcff.pcap")
    assert b"".join(shared(path, 2).document) == alone(path)


# --- what can't be shared


def test_records_that_leave_memory_early_are_those_of_one_process(tmp_path: Path) -> None:
    path, settings = everything(tmp_path), msgspec.structs.replace(CAPTURE_SETTINGS, max_records=20)
    with pytest.raises(UnsharedError, match="more records than"):
        shared(path, 2, settings)
    with reader(str(path), settings, 2, written=True) as read:
        assert b"".join(read(None).document) == alone(path, settings)


def test_shares_that_saw_different_files_are_not_joined(tmp_path: Path) -> None:
    path = everything(tmp_path)
    first, second = shares(path, 2)
    held = [next(first)]
    rewritten(path, records(path)[:-40])
    with pytest.raises(UnsharedError, match="changed while"):
        told(str(path), [chain(held, first), second], CAPTURE_SETTINGS)


def test_a_message_of_two_call_ids_makes_one_process_read_the_file(tmp_path: Path) -> None:
    path = tmp_path / "two.pcap"
    raw = request("INVITE", 0).raw
    # Of as many, some lie in a share of the first that the second is not in.
    packets = [(at * 1_000_000, frame(raw.replace(b"Via", b"i: %d\r\nVia" % at, 1))) for at in range(1, 20)]
    path.write_bytes(b"".join(pcap(packets)))
    with pytest.raises(UnsharedError, match="before it is read"):
        shared(path, 2)
    with reader(str(path), CAPTURE_SETTINGS, 2, written=True) as read:
        assert b"".join(read(None).document) == alone(path)


def test_damaged_line_ends_change_nothing_of_what_is_said(tmp_path: Path) -> None:
    path = damaged(everything(tmp_path), random.Random(1), b"\r\n :iC\xff")
    with reader(str(path), CAPTURE_SETTINGS, 2, written=True) as read:
        assert b"".join(read(None).document) == alone(path)


# --- processes


def test_processes_give_what_one_gives(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = everything(tmp_path)

    def said(jobs: str, *options: str) -> tuple[int, str, str]:
        return main([str(path), "--jobs", jobs, *options]), *capfd.readouterr()

    for options in (["--json"], [], ["--findings-only", "--fail-on", "minor"]):
        one = said("1", *options)
        assert one[0] == (1 if "--fail-on" in options else 0)
        assert said("2", *options) == one
    assert said("3", "--json") == said("1", "--json")


def test_what_is_no_capture_is_refused_by_processes_too(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "text"
    path.write_text("no capture at all")
    assert main([str(path), "--jobs", "2"]) == main([str(path), "--jobs", "1"]) == 2
    first, second = capfd.readouterr().err.splitlines()
    assert first == second


def test_progress_is_told_chunk_by_chunk(tmp_path: Path) -> None:
    path = situation(tmp_path, "traffic", messages=2_500)
    heard: list[Progress] = []
    with reader(str(path), CAPTURE_SETTINGS, 2, written=True) as read:
        read(heard.append)
    assert len(heard) > 2
    assert (heard[-1].bytes_read, heard[-1].messages) == (path.stat().st_size, 2_500)


def endless(number: int) -> Iterator[Frame]:
    """The first goes on and on, in frames of 64 KiB; the others do what their number says."""
    if number == 1:
        yield Unshared("x")
        os.kill(os.getpid(), signal.SIGKILL)
    if number == 2:
        raise SystemExit(3)
    if number == 3:
        time.sleep(3_600)
    while True:
        yield Unshared("x" * 65_536)


@pytest.mark.parametrize(
    ("number", "problem"),
    [(1, r"ended by signal 9 \(Killed\).*--jobs 1"), (2, "with exit code 1"), (3, "said nothing for 2 seconds")],
    ids=["killed", "failed", "hung"],
)
def test_a_process_that_dies_or_hangs_ends_all_with_an_error(number: int, problem: str) -> None:
    before = psutil.Process().children()
    with Crew(lambda index: endless(number * index), 2, patience_s=2) as crew:
        children = set(psutil.Process().children()).difference(before)
        assert len(children) == 1
        first, second = crew.frames()
        next(first)
        with pytest.raises(CrewError, match=problem):
            list(second)
    assert not any(child.is_running() for child in children)


def test_what_a_process_is_ahead_is_held_up_to_a_bound() -> None:
    with Crew(lambda index: endless((0, 0, 3)[index]), 3, patience_s=2) as crew:
        _, _, third = crew.frames()
        with pytest.raises(CrewError):
            next(third)
        # A frame may be more than there is room for
        assert crew.ahead() < MOST_AHEAD + 2 * 1024 * 1024


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_whatever_ends_it_ends_its_processes(tmp_path: Path, number: int) -> None:
    path = situation(tmp_path, "traffic", messages=2_500)
    rewritten(path, records(path) * 20)
    process = psutil.Popen(
        [sys.executable, "-m", "monitor.cli", "analyze", "--json", "--jobs", "3", str(path)],
        cwd=ROOT, stdout=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    while len(children := process.children()) < 2:
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(number)
    assert process.wait(60) == (130 if number == signal.SIGINT else -number)
    _, left = psutil.wait_procs(children, timeout=60)
    assert not left


# --- how many


def test_a_large_file_is_shared_and_a_small_one_is_not(tmp_path: Path) -> None:
    small, large = tmp_path / "small", tmp_path / "large"
    small.write_bytes(bytes(1_000))
    large.write_bytes(bytes(2 * 1024 * 1024))
    assert jobs_for(str(small), None) == Jobs(1)
    assert jobs_for(str(large), None) == Jobs(min(usable_cores(), MOST))
    assert jobs_for(str(small), 3) == Jobs(3)
    assert jobs_for(str(large), 1) == Jobs(1)
    assert jobs_for(str(large), 1_000) == Jobs(MOST)


def test_what_can_be_read_only_once_is_not_shared(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    assert jobs_for("-", 2).number == jobs_for(str(pipe), 2).number == jobs_for(str(tmp_path), 2).number == 1
    assert "tshark" in jobs_for(str(everything(tmp_path)), 2, "keys").why_one
    assert main([str(tmp_path / "none"), "--jobs", "2"]) == 2
    assert "by one process: what is no regular file" in capfd.readouterr().err


def test_the_time_of_a_control_group_bounds_the_cores(tmp_path: Path) -> None:
    limit = tmp_path / "cpu.max"
    cores = usable_cores(tmp_path / "none")
    for text, expected in (("max 100000", cores), ("50000 100000", 1), (f"{100_000 * cores + 50_000} 100000", cores)):
        limit.write_text(text)
        assert usable_cores(limit) == expected
