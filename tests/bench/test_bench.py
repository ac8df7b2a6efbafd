"""The bench works: on a small capture, in seconds. How fast things are is not looked at."""

import json
import subprocess
import sys
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from bench import backlog, capture, live, programs, report, storage
from bench.__main__ import main
from bench.installation import DATABASES, Database
from bench.programs import ANALYZE, PROGRAMS, Program, Run, RunError
from collectors.receivers.pcap_file import read_events

MESSAGES = 400


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


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.name.split()[0])
def test_each_program_reads_the_capture_and_ends(program: Program, file: Path) -> None:
    if not programs.installed(program):
        pytest.skip(f"{program.binary} is not installed")
    run = programs.run(program, file, MESSAGES, core=None)
    assert run.seconds > 0
    assert programs.version(program) or program is ANALYZE


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


def test_stages_are_measured_and_written_as_json(tmp_path: Path, file: Path) -> None:
    del file
    assert main(["stages", "--messages", str(MESSAGES), "--rounds", "2", "--out", str(tmp_path)]) == 0
    written = json.loads((tmp_path / "bench.json").read_text())
    assert [row["stage"] for row in written["stages"]] == [
        *("read a file and decode its packets", "parse", "correlate and diagnose"),
        *("encode batches", "decode batches"),
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
            command = [*inside, sys.executable, "-m", "bench.replay", str(file), "lo", "1000", "60"]
            said = subprocess.run(command, check=True, capture_output=True, cwd=capture.ROOT).stdout
    except live.NoNamespaceError as error:
        pytest.skip(str(error))
    replayed = json.loads(said)
    assert replayed["sent"] == MESSAGES
    assert replayed["seconds"] >= MESSAGES / 1000


def test_the_live_path_loses_nothing_at_a_walk(file: Path) -> None:
    try:
        step = live.measure(file, "SQLite", rate=400, seconds=2)
    except live.NoNamespaceError as error:
        pytest.skip(str(error))
    assert (step.sent, step.stored, step.lost) == (MESSAGES, MESSAGES, 0)
    assert set(step.cpu_us_a_message) == {"ingest", "overview", "collector"}


def test_ratios_are_taken_within_each_round() -> None:
    runs = {"ours": [Run(1, 0.5, 10), Run(4, 2, 12)], "sngrep": [Run(2, 2, 5), Run(8, 8, 5)]}
    ours, sngrep = report.program_rows(runs, 1000, "sngrep")
    assert ours.to_sngrep_cpu == 4
    assert (ours.to_sngrep, ours.median_rate, ours.best_rate, ours.peak_mib) == (2, 400, 1000, 12)
    assert (sngrep.to_sngrep, sngrep.to_sngrep_cpu) == (1, 1)
    assert report.program_rows({"ours": runs["ours"]}, 1000, "sngrep")[0].to_sngrep is None


def test_tables_show_what_was_measured() -> None:
    rows = report.program_rows({"ours": [Run(0.5, 0.4, 10)], "sngrep": [Run(1, 1, 5)]}, 1000, "sngrep")
    step = report.Step(
        database="SQLite", offered=3000, sent=900, stored=890, lost=10, lag_s=0.5, sustained=False,
        cpu_us_a_message={"ingest": 40.0}, counters={},
    )  # fmt: skip
    found = report.Report(
        messages=1000, rounds=1, core=0, machine=report.machine(), programs=rows, live=[step], missing=["sipgrep"]
    )
    console = Console(record=True, width=160, file=StringIO())
    report.show(found, console)
    shown = console.export_text()
    for words in ("2.00 ×", "2,000", "400.0", "not installed, left out: sipgrep", "ingest 40", "3,000", "no"):
        assert words in shown


def test_the_help_names_the_parts() -> None:
    said = subprocess.run([sys.executable, "-m", "bench", "--help"], check=True, capture_output=True, text=True)
    assert "stages" in said.stdout
