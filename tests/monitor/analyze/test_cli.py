"""`offhook analyze` as a command: output, exit codes, standard input, and what it must not load."""

import json
import os
import pty
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import pytest

from monitor.analyze.cli import main
from monitor.cli import main as offhook
from tests.monitor.analyze.files import joined, situation
from tests.support.environment import ROOT
from tests.support.packets import SIP, ethernet, ipv4, pcap, udp

# As `python -c` with the arguments behind it.
COMMAND = "import sys; from monitor.cli import main; sys.exit(main(['analyze', *sys.argv[1:]]))"


def command(
    *arguments: str | Path, code: str = COMMAND, stdin: BinaryIO | None = None
) -> "subprocess.CompletedProcess[str]":
    environment = {
        key: value for key, value in os.environ.items() if not key.startswith(("DJANGO", "OFFHOOK", "COLUMNS"))
    }
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        cwd=ROOT,
        env=environment,
        stdin=stdin,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_report_goes_to_standard_output_without_colours_when_that_is_no_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(situation(tmp_path, "missing-ack"))]) == 0
    printed = capsys.readouterr()
    assert "▲ missing-ack" in printed.out
    assert "\x1b" not in printed.out
    assert not any(line.endswith(" ") for line in printed.out.split("\n"))
    assert printed.err == ""


def test_json_is_one_document_and_nothing_else(tmp_path: Path) -> None:
    done = command(situation(tmp_path, "missing-ack"), "--json")
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["calls"][0]["acked"] is False


@pytest.mark.parametrize(
    ("fail_on", "code"), [([], 0), (["--fail-on", "minor"], 1), (["--fail-on", "major"], 0), (["--fail-on", "info"], 1)]
)
def test_fail_on_makes_a_bad_finding_an_exit_code(tmp_path: Path, fail_on: list[str], code: int) -> None:
    assert main([str(situation(tmp_path, "not-found")), *fail_on]) == code  # `rejected` is minor here


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "can't be read: No such file"),
        (b"\x1f\x8b\x08" + b"\0" * 99, "gzip"),
        (b"not a capture" * 9, "is no capture"),
    ],
)
def test_a_file_that_can_not_be_read_is_named_and_exits_with_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: bytes | None, words: str
) -> None:
    path = tmp_path / "file.pcap"
    if content is not None:
        path.write_bytes(content)
    assert main([str(path)]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("offhook analyze: ")
    assert words in printed.err
    assert str(path) in printed.err


def test_thresholds_come_from_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    capture = situation(tmp_path, "slow-setup")
    monkeypatch.setenv("OFFHOOK_SLOW_SETUP_S", "60")
    assert main([str(capture), "--fail-on", "minor"]) == 0
    monkeypatch.setenv("OFFHOOK_SLOW_SETUP_S", "1")
    assert main([str(capture), "--fail-on", "minor"]) == 1
    monkeypatch.setenv("OFFHOOK_SLOW_SETUP_S", "x")
    assert main([str(capture)]) == 2
    assert "OFFHOOK_SLOW_SETUP_S: 'x' is no number" in capsys.readouterr().err


def test_wrong_usage_exits_with_2(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in (["analyze"], ["analyze", "x", "--limit", "-1"], ["analyze", "x", "--fail-on", "bad"]):
        with pytest.raises(SystemExit) as usage:
            offhook(arguments)
        assert usage.value.code == 2
    assert "usage: offhook analyze" in capsys.readouterr().err


def test_one_message_is_printed_with_what_it_says(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    more = b"\r\nReason: Q.850;cause=17\r\nSubject: \x1b[31m\xff\r\n\r\n"
    raw = SIP.replace(b"\r\n\r\n", more).replace(b"bob@", b"bob:pw@")
    path = tmp_path / "one.pcap"
    path.write_bytes(pcap([(1_000_000, ethernet(ipv4(udp()))), (2_500_000, ethernet(ipv4(udp(raw))))]))
    assert main([str(path), "--message", "2"]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("message 2: 1970-01-01 00:00:02.500")
    assert "192.0.2.1:5062 → 192.0.2.2:5060, UDP\n\nOPTIONS sip:bob:xx@192.0.2.2 SIP/2.0\n" in printed
    assert "\x1b" not in printed
    assert printed.endswith("What this message says:\n  Reason: Q.850 17: user busy\n")
    assert main([str(path), "--message", "1"]) == 0
    assert "What this message says" not in capsys.readouterr().out
    assert main([str(path), "--message", "3"]) == 2
    assert "there is no message 3 in" in capsys.readouterr().err


@pytest.mark.parametrize("number", ["0", "-1", "x"])
def test_a_message_is_named_by_a_number_from_1(number: str) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["file.pcap", "--message", number])
    assert ended.value.code == 2


def test_the_ladder_of_a_call_id_or_a_word_that_there_is_none(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = str(situation(tmp_path, "good"))
    main([path, "--json"])
    call_id = json.loads(capsys.readouterr().out)["calls"][0]["call_id"]
    assert main([path, "--ladder", call_id]) == 0
    assert "──►│" in capsys.readouterr().out
    assert main([path, "--ladder", "nobody@nowhere"]) == 2
    assert "no message" in capsys.readouterr().err


def test_standard_input_is_read_once_and_the_report_says_what_that_costs(tmp_path: Path) -> None:
    with situation(tmp_path, "missing-ack").open("rb") as file:
        done = command("-", stdin=file)
    assert done.returncode == 0
    assert "▲ missing-ack" in done.stdout
    assert "Standard input can't be read twice" in done.stdout


@pytest.mark.parametrize("option", ["--json", "--no-color"])
def test_a_full_disk_is_said_in_a_line(tmp_path: Path, option: str) -> None:
    path = joined(tmp_path, *["good"] * 30)
    done = subprocess.run(
        ["/bin/sh", "-c", f'"$0" -c "$1" "{path}" {option} >/dev/full', sys.executable, COMMAND],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr == "offhook analyze: the output can't be written: No space left on device\n"


def test_a_reader_that_has_seen_enough_is_no_error(tmp_path: Path) -> None:
    path = joined(tmp_path, *["good"] * 300)
    shell = f'"$0" -c "$1" "{path}" --limit 0 | head -1'
    done = subprocess.run(
        ["/bin/sh", "-c", shell, sys.executable, COMMAND], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"{path}\n"


@pytest.mark.parametrize(("options", "coloured"), [([], True), (["--no-color"], False)])
def test_a_terminal_gets_colours_and_progress(tmp_path: Path, options: list[str], coloured: bool) -> None:
    path = situation(tmp_path, "missing-ack")
    with terminal() as (ours, theirs):
        environment = os.environ | {"TERM": "xterm-256color", "COLUMNS": "100"}
        done = subprocess.run(
            [sys.executable, "-c", COMMAND, path, *options],
            cwd=ROOT, env=environment, stdout=theirs, stderr=theirs, check=False,
        )  # fmt: skip
        shown = os.read(ours, 65_536).decode("utf-8", "replace")
    assert done.returncode == 0
    assert "reading" in shown
    assert ("\x1b[1;31m" in shown) is coloured


def test_an_interrupt_is_no_trace_back(tmp_path: Path) -> None:
    capture = situation(tmp_path, "traffic", messages=3_000).read_bytes()
    with terminal() as (ours, theirs):
        environment = os.environ | {"TERM": "xterm-256color"}
        running = subprocess.Popen(
            [sys.executable, "-c", COMMAND, "-"],
            cwd=ROOT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=theirs,
        )  # fmt: skip
        assert running.stdin is not None
        running.stdin.write(capture)
        running.stdin.flush()
        while b"messages" not in os.read(ours, 4096):
            pass  # it has begun to read
        running.send_signal(signal.SIGINT)
        out, _ = running.communicate(timeout=30)
        shown = os.read(ours, 65_536).decode(errors="replace") if select.select([ours], [], [], 0)[0] else ""
    assert (running.returncode, out) == (130, b"")
    assert "Traceback" not in shown


@contextmanager
def terminal() -> Iterator[tuple[int, int]]:
    """(our end, their end) of a pseudo-terminal."""
    ours, theirs = pty.openpty()
    try:
        yield ours, theirs
    finally:
        os.close(ours)
        os.close(theirs)


def test_a_terminal_without_unicode_gets_the_report_all_the_same(tmp_path: Path) -> None:
    code = f"import sys; sys.stdout.reconfigure(encoding='ascii'); {COMMAND}"
    done = command(situation(tmp_path, "missing-ack"), code=code)
    assert (done.returncode, done.stderr) == (0, "")
    assert "ACK never came" in done.stdout
    assert done.stdout.isascii()


def test_neither_django_nor_anything_of_the_server_is_loaded(tmp_path: Path) -> None:
    code = (
        "import sys; from monitor.cli import main; main(['analyze', sys.argv[1]]); "
        "sys.exit(' '.join(sorted({'django', 'channels', 'celery', 'redis', 'pyshark'} & set(sys.modules))) or 0)"
    )
    done = command(situation(tmp_path, "good"), code=code)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_process_of_its_own_ends_at_once_with_all_written_and_the_same_code(tmp_path: Path) -> None:
    file = situation(tmp_path, "missing-ack")
    arguments = ("--json", "--fail-on", "info")
    ended = subprocess.run(
        [sys.executable, "-m", "monitor.cli", "analyze", str(file), *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    done = command(file, *arguments)
    assert (ended.returncode, ended.stderr) == (done.returncode, done.stderr) == (1, "")
    assert ended.stdout == done.stdout
