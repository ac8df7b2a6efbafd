"""The bench works: on a small capture, in seconds. How fast things are is not looked at."""

import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from io import StringIO
from itertools import islice
from pathlib import Path

import pytest
from rich.console import Console

from bench import backlog, capture, compare, live, probes, programs, replay, report, soak, storage, summary
from bench.__main__ import main
from bench.installation import DATABASES, Database
from bench.programs import ANALYZE, PROGRAMS, Program, Run, RunError
from bench.report import Latency
from collectors.decode.frames import Decoder
from collectors.processors.parse import events
from collectors.receivers.pcap_file import read_events
from collectors.sip.message import header
from monitor.core.correlator import Correlator
from monitor.core.updates import FindingRaised
from tests.support.packets import SIP, ethernet, ipv4, udp

MESSAGES = 400
BESIDE = {"ours": "sngrep", "sngrep": "sngrep"}
NOON_US = 1_700_000_000_000_000


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return capture.cached(MESSAGES, tmp_path_factory.mktemp("bench"))


def test_the_capture_holds_as_many_varied_messages_as_asked(file: Path) -> None:
    events = list(read_events(file))
    assert len(events) == MESSAGES
    assert not [event for event in events if event.fault]
    agents = {line for event in events for line in event.raw.split(b"\r\n") if line.startswith((b"User-", b"Server"))}
    assert len(agents) >= 10


def test_the_capture_is_made_once(file: Path) -> None:
    before = file.stat()
    assert capture.cached(MESSAGES, file.parent) == file
    assert file.stat().st_mtime_ns == before.st_mtime_ns


def test_the_capture_is_the_same_wherever_it_is_made(file: Path, tmp_path: Path) -> None:
    again = tmp_path / "again.pcap"
    capture.write(again, MESSAGES)
    assert again.read_bytes() == file.read_bytes()


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.name)
def test_each_program_reads_the_capture_and_ends(program: Program, file: Path) -> None:
    if not programs.installed(program):
        pytest.skip(f"{program.binary} is not installed")
    run = programs.run(program, file, MESSAGES, core=None)
    assert run.seconds > 0
    assert programs.version(program) or program.name.startswith(ANALYZE.name)


def test_a_program_that_read_something_else_is_found_out(file: Path) -> None:
    lazy = Program("lazy", "true", lambda _: ["true"], proof=lambda output, _: bool(output))
    with pytest.raises(RunError, match="did not read the 400 messages"):
        programs.run(lazy, file, MESSAGES, core=None)
    broken = Program("broken", "sh", lambda _: ["sh", "-c", "echo no such thing >&2; exit 3"])
    with pytest.raises(RunError, match="exit code 3: no such thing"):
        programs.run(broken, file, MESSAGES, core=None)


def test_the_peak_of_memory_is_the_programs_own(file: Path) -> None:
    script = "import time; held = bytearray(64 * 1024 * 1024); time.sleep(0.2)"
    hungry = Program("hungry", sys.executable, lambda _: [sys.executable, "-c", script])
    assert 64 < programs.run(hungry, file, MESSAGES, core=None).peak_mib < 100


def test_what_wants_two_cores_is_bound_to_two_and_compared_to_what_is_so_too(file: Path) -> None:
    if not programs.installed(programs.ANALYZE_TWICE) or not shutil.which("taskset"):
        pytest.skip("there are no two cores to bind it to")
    first, second = sorted(os.sched_getaffinity(0))[:2]
    command = programs.bound(programs.ANALYZE_TWICE, file, second)
    assert (command[:3], command[-2:]) == (["taskset", "-c", f"{second},{first}"], ["--jobs", "2"])
    assert programs.bound(programs.ANALYZE, file, second)[:3] == ["taskset", "-c", str(second)]
    assert programs.SNGREP_TWICE.cores == programs.ANALYZE_TWICE.cores == 2


def test_stages_are_measured_and_written_as_json(tmp_path: Path, file: Path) -> None:
    del file
    assert (
        main(["stages", "--messages", str(MESSAGES), "--rounds", "2", "--out", str(tmp_path), "--source", "written"])
        == 0
    )
    written = json.loads((tmp_path / "bench.json").read_text())
    assert [row["stage"] for row in written["stages"]] == [
        "a collector alone: read, redact, parse, batch, encode",
        *("read a file and decode its packets", "parse"),
        *("encode batches", "decode batches", "correlate and diagnose"),
    ]
    assert all(row["best_rate"] >= row["median_rate"] > 0 for row in written["stages"])
    assert written["messages"] == MESSAGES


def test_the_memory_of_open_dialogs_is_measured(tmp_path: Path, file: Path) -> None:
    del file
    arguments = ["memory", "--dialogs", "300", "--messages", str(MESSAGES), "--out", str(tmp_path)]
    assert main(arguments) == 0
    one, two = json.loads((tmp_path / "bench.json").read_text())["memory"]
    assert (one["dialogs"], one["messages"], two["dialogs"], two["messages"]) == (300, 1_500, 300, 3_000)
    assert 0 < one["octets_a_dialog"] < two["octets_a_dialog"]


@pytest.mark.parametrize("database", DATABASES)
def test_a_backlog_is_cleared_to_the_last_message(database: Database, file: Path) -> None:
    cleared = backlog.measure(file, database)
    assert (cleared.stored, cleared.messages) == (MESSAGES, MESSAGES)


@pytest.mark.parametrize("database", DATABASES)
def test_what_messages_take_on_disk_is_weighed(database: Database, file: Path) -> None:
    kept = storage.measure(file, database)
    assert kept.messages == MESSAGES
    assert kept.calls > 0
    assert kept.a_message > 50


def test_frames_go_onto_an_interface_at_a_rate(file: Path) -> None:
    try:
        with live.namespace() as inside:
            command = [*inside, sys.executable, "-m", "bench.replay", str(file), "lo", "1000", "0.8"]
            said = subprocess.run(command, check=True, capture_output=True, cwd=capture.ROOT).stdout
    except live.NoNamespaceError as error:
        pytest.skip(str(error))
    replayed = json.loads(said)
    assert MESSAGES < replayed["sent"] <= 800
    assert replayed["seconds"] >= 0.79


def test_a_capture_is_played_again_under_other_call_ids() -> None:
    frame = ethernet(ipv4(udp(SIP)))
    frames = list(islice(replay.Tape([frame, b"no message"]), 5))
    assert frames[:2] == [frame, b"no message"]
    ids = [header(played[played.index(b"OPTIONS") :], "call-id") for played in frames[::2]]
    assert ids == ["table@192.0.2.1", "!01le@192.0.2.1", "!02le@192.0.2.1"]
    with pytest.raises(ValueError, match="Call-IDs"):
        replay.Tape([frame, frame.replace(b"table@", b"xyzle@")])


def test_each_kind_of_fault_is_found_when_it_should_be() -> None:
    decoder = Decoder()
    decoder.add_interface(1, "edge/lo")
    planted = [probes.probe(number) for number in range(3)]
    frames = sorted((NOON_US + at_us, 0, octets) for probe in planted for at_us, octets in probe.frames)
    sent = events(decoder.datagrams(frames), Counter())
    assert len(sent) == sum(probe.messages for probe in planted)
    correlator = Correlator()
    updates = [update for event in sent for update in correlator.feed(event)]
    raised = [each for each in updates if isinstance(each, FindingRaised)]
    found = {each.finding.code: each.at_us - NOON_US for each in raised}
    assert found == {"registration-rejected": 20_000, "missing-ack": 3_600_000}
    raised += [each for each in correlator.advance(NOON_US + 4_100_000) if isinstance(each, FindingRaised)]
    states = {each.finding.code: each.finding.state for each in raised}
    assert states == {probes.CODES[kind]: probes.STATES[kind] for kind in probes.KINDS}


def test_the_live_path_loses_nothing_at_a_walk_and_tells_of_planted_faults(file: Path) -> None:
    try:
        step = live.measure(file, live.Plan(database="SQLite", rate=100, seconds=6, faults=3))
    except live.NoNamespaceError as error:
        pytest.skip(str(error))
    assert (step.sent - step.stored, step.lost) == (0, 0)
    assert step.sent > 600 > MESSAGES
    assert set(step.cpu_us_a_message) == {"sender", "collector", "Valkey", "ingest", "overview", "web"}
    assert set(step.resident_mib) == {"collector", "Valkey", "ingest", "overview", "web"}
    seen = {latency.of: (latency.seen, latency.unseen) for latency in step.latencies}
    assert seen == {"refused → row": (1, 0), "missing-ack → row": (1, 0), "unanswered → row": (1, 0), "alert": (3, 0)}
    assert all(0 < latency.p50_ms <= latency.p99_ms for latency in step.latencies)


def test_ratios_are_taken_within_each_round() -> None:
    runs = {"ours": [Run(1, 0.5, 10), Run(4, 2, 12)], "sngrep": [Run(2, 2, 5), Run(8, 8, 5)]}
    ours, sngrep = report.program_rows(runs, 1000, BESIDE)
    assert ours.to_sngrep_cpu == 4
    assert (ours.to_sngrep, ours.median_rate, ours.best_rate, ours.peak_mib) == (2, 400, 1000, 12)
    assert (sngrep.to_sngrep, sngrep.to_sngrep_cpu) == (1, 1)
    assert report.program_rows({"ours": runs["ours"]}, 1000, BESIDE)[0].to_sngrep is None


def test_tables_show_what_was_measured() -> None:
    rows = report.program_rows({"ours": [Run(0.5, 0.4, 10)], "sngrep": [Run(1, 1, 5)]}, 1000, BESIDE)
    step = report.Step(
        database="SQLite", offered=3000, sent=900, stored=890, lost=10, lag_s=0.5, sustained=False,
        cpu_us_a_message={"ingest": 40.0}, counters={}, latencies=[Latency("refused → row", 3, 0, 600, 1234, 1250)],
    )  # fmt: skip
    found = report.Report(
        messages=1000, rounds=1, core=0, machine=report.machine(), programs=rows, live=[step], missing=["sipgrep"]
    )
    console = Console(record=True, width=160, file=StringIO())
    report.show(found, console)
    shown = console.export_text()
    for words in (
        "refused → row",
        "1,234",
        "2.00 ×",
        "2,000",
        "400.0",
        "not installed, left out: sipgrep",
        "ingest 40",
        "3,000",
        "no",
    ):
        assert words in shown


def test_all_is_in_one_table_and_two_runs_can_be_compared(tmp_path: Path) -> None:
    runs = {"ours": [Run(0.5, 0.4, 10)], "sngrep -N -q": [Run(1, 1, 5)]}
    steps = [
        report.Step(
            database="SQLite", compiled=compiled, offered=offered, sent=900, stored=900, lost=0, lag_s=0.5,
            sustained=offered < 9000, cpu_us_a_message={}, resident_mib={"ingest": 100.0, "web": 50.0}, counters={},
        )
        for compiled, offered in ((False, 3000), (False, 6000), (False, 9000), (True, 7500))
    ]  # fmt: skip
    old = report.Report(
        messages=1000, rounds=1, core=0, machine={}, live=steps,
        programs=report.program_rows(runs, 1000, dict.fromkeys(runs, "sngrep -N -q")),
        stages=report.stage_rows({"messages": 1000, "seconds": {"parse": [0.1]}, "mib": {}}, {"parse": "parse"}),
    )  # fmt: skip
    found = {line.stage: (line.rate, line.to_peer, line.mib) for line in summary.lines(old)}
    assert found == {
        "ours": (2000, 2.0, 10),
        "sngrep -N -q": (1000, None, 5),
        "parse": (10_000, 10.0, None),
        "live into SQLite, sustained": (6000, None, 150),
        "live into SQLite, compiled, sustained": (7500, 1.25, 150),
    }
    new = report.Report(messages=1000, rounds=1, core=0, machine={}, live=steps[:1])
    report.write(old, tmp_path / "old.json")
    report.write(new, tmp_path / "new.json")
    console = Console(record=True, width=160, file=StringIO())
    assert compare.main(tmp_path / "old.json", tmp_path / "new.json", console) == 0
    assert "0.50 ×" in console.export_text()
    assert compare.main(tmp_path / "old.json", tmp_path / "none.json", console) == 2


def samples(*mib: float) -> list[soak.Sample]:
    return [
        soak.Sample(at_s=at, resident_mib={"ingest": each}, stream_mib=1, spool_mib=1, stored=1, counters={})
        for at, each in enumerate(mib)
    ]


@pytest.mark.parametrize(
    ("mib", "told", "alerted", "bounded", "honest"),
    [
        ((50, 100, 120, 121), {"spool": 100}, True, True, True),
        ((50, 100, 200, 300), {"spool": 100}, True, False, True),
        ((50, 100, 120, 121), {"spool": 60}, True, True, False),
        ((50, 100, 120, 121), {"spool": 99, "kernel": 2, "gap": 7}, True, True, True),
        ((50, 100, 120, 121), {"spool": 100}, False, True, False),
    ],
)
def test_a_soak_is_judged_by_the_growth_of_memory_and_by_losses_that_were_told(
    mib: tuple[float, ...], told: dict[str, int], *, alerted: bool, bounded: bool, honest: bool
) -> None:
    verdict = soak.judge(samples(*mib), 1000, 900, told, alerted=alerted)
    assert (verdict.bounded, verdict.honest) == (bounded, honest)
    assert verdict.passed is (bounded and honest)
    assert ("NOT" in soak.sentence(verdict)) is not verdict.passed


def test_the_help_names_the_parts() -> None:
    said = subprocess.run([sys.executable, "-m", "bench", "--help"], check=True, capture_output=True, text=True)
    assert "stages" in said.stdout
