"""The command line: what it prints, and its exit codes."""

import json
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from collectors import cli
from collectors.config import OPTIONS
from collectors.decode.datagram import Skip
from collectors.telemetry import Telemetry
from tests.support.environment import ROOT
from tests.support.packets import SIP, ethernet, ipv4, pcap, udp
from tests.support.valkey import Valkey

DOCS = ROOT / "docs" / "collector.md"


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OFFHOOK_STATE_DIR", str(tmp_path))


@pytest.fixture
def capture(tmp_path: Path) -> Path:
    path = tmp_path / "calls.pcap"
    path.write_bytes(pcap([(1_700_000_000_000_000, ethernet(ipv4(udp(SIP))))]))
    return path


def test_a_file_as_json_lines(capture: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "collectors.cli",
        "run",
        "--file",
        str(capture),
        "--pace",
        "0",
        "--output",
        "console",
    ]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, check=True)
    (line,) = result.stdout.splitlines()
    event = json.loads(line)
    assert (event["method"], event["call_id"], event["raw"].encode()) == ("OPTIONS", "table@192.0.2.1", SIP)
    assert b"ended: received 1, parsed 1, sent 1" in result.stderr


@pytest.mark.parametrize(("switches", "seen"), [([], False), (["--no-redact"], True)])
def test_secrets_leave_only_on_request(switches: list[str], seen: bool, tmp_path: Path) -> None:
    secret = SIP.replace(b"Max-Forwards: 70", b'Authorization: Digest username="bob", response="0123456789abcdef"')
    path = tmp_path / "secret.pcap"
    path.write_bytes(pcap([(1_700_000_000_000_000, ethernet(ipv4(udp(secret))))]))
    command = [sys.executable, "-m", "collectors.cli", "run", "--file", str(path), "--pace", "0", "--output", "console"]
    result = subprocess.run([*command, *switches], cwd=ROOT, capture_output=True, check=True)
    raw = json.loads(result.stdout)["raw"]
    assert ("0123456789abcdef" in raw) is seen
    assert ('response="xxxxxxxxxxxxxxxx"' in raw) is not seen


def test_a_reader_that_has_had_enough_is_no_failure(tmp_path: Path) -> None:
    path = tmp_path / "many.pcap"
    path.write_bytes(pcap([(1_700_000_000_000_000, ethernet(ipv4(udp(SIP))))] * 5000))
    command = f"{sys.executable} -m collectors.cli run --file {path} --pace 0 --output console | head -1"
    result = subprocess.run(["bash", "-o", "pipefail", "-c", command], cwd=ROOT, capture_output=True, check=False)
    assert result.returncode == 0
    assert b"Traceback" not in result.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        (["run", "--pace", "7", "--ports", "x"], 2, "--ports: 'x' is neither a port"),
        (["run", "--file", "missing.pcap"], 2, "missing.pcap can't be read"),
        (["run", "--file", cli.__file__, "--output", "console"], 2, "cli.py is no capture: the file is"),
        (
            ["run", "--interface", "nosuch0", "--output", "console"],
            3,
            "there is no interface nosuch0; there are any, lo",
        ),
        (["run", "--filter", "udp porto", "--interface", "lo", "--output", "console"], 2, "syntax error"),
        (["check", "--interface", "nosuch0"], 3, ""),
        (["check", "--output", "console", "--file", "missing.pcap"], 2, ""),
        (["check", "--receiver", "scenario"], 6, ""),
    ],
)
def test_what_goes_wrong_is_said_in_words_and_by_the_exit_code(
    arguments: list[str], code: int, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(arguments) == code
    assert text in capsys.readouterr().err


def test_a_wrong_password_is_refused_and_not_printed(valkey: Valkey, capsys: pytest.CaptureFixture[str]) -> None:
    url = valkey.url.replace("unix://", "unix://nobody:correct-horse@")
    assert cli.main(["run", "--receiver", "scenario", "--stream-url", url]) == 6
    said = capsys.readouterr().err
    assert "refuses the user name or password" in said
    assert "horse" not in said


def test_check_says_what_works(valkey: Valkey, capture: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["check", "--file", str(capture), "--stream-url", valkey.url]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.partition(":")[0].split() for line in lines] == [
        ["ok", "receiver"],
        ["ok", "stream", "store"],
        ["ok", "spool"],
    ]
    assert "8 partitions" in lines[1]
    assert "0 events wait" in lines[2]


def test_check_listens_where_hep_is_to_come(capsys: pytest.CaptureFixture[str]) -> None:
    hep = ["--receiver", "hep", "--output", "console", "--listen"]
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        place = f"tcp:127.0.0.1:{taken.getsockname()[1]}"
        assert cli.main(["check", *hep, place]) == 1
    assert f"{place} can't be listened on: Address already in use" in capsys.readouterr().out
    assert cli.main(["check", *hep, "udp:127.0.0.1:0"]) == 0
    assert "hep can listen on udp:127.0.0.1:0" in capsys.readouterr().out


def test_check_goes_on_after_what_failed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "spool").write_text("in the way")
    assert cli.main(["check", "--receiver", "scenario"]) == 6
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["ok", "FAILED", "FAILED"]


def test_interfaces_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["interfaces"]) in (0, 4)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split()[0] == "any"
    assert any(line.split()[:1] == ["lo"] for line in lines)


def test_the_version_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out.startswith("offhook-collector ")


def test_every_option_is_in_the_help_and_has_its_heading_in_the_manual(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main(["run", "--help"])
    shown = capsys.readouterr().out
    headings = set(re.findall(r"^### `(--[a-z-]+)`", DOCS.read_text(), re.MULTILINE))
    assert headings == {option.flag for option in OPTIONS}
    assert all(option.flag in shown for option in OPTIONS)


def test_every_variable_is_in_the_manual() -> None:
    text = DOCS.read_text()
    assert [option.variable for option in OPTIONS if f"`{option.variable}`" not in text] == []


def test_the_exit_codes_of_the_manual_are_those_of_the_help() -> None:
    text = DOCS.read_text()
    for line in cli.EXIT_CODES.splitlines()[1:]:
        code, meaning = line.split(None, 1)
        assert f"| {code} | {meaning} |" in text


def test_every_counter_is_in_the_manual(capture: Path, valkey: Valkey) -> None:
    from collectors.config import load
    from collectors.processors.pipeline import Pipeline
    from collectors.wiring import exporter, receiver

    names = {f"skipped_{reason}" for reason in Skip} | {f"not_sip_{kind}" for kind in ("keepalive", "stun", "other")}
    names |= {"malformed", "dropped_address", "dropped_method", "spool_damaged", "store_failures"}
    for arguments in (
        {"file": str(capture), "output": "console"},
        {"receiver": "tshark", "file": str(capture), "output": "console"},
        {"receiver": "libpcap", "interface": "lo", "output": "console"},
        {"receiver": "scenario", "stream_url": valkey.url},
        {"receiver": "hep", "output": "console", "mirror": "hep:127.0.0.1:9060"},
    ):
        config = load(arguments, {"OFFHOOK_STATE_DIR": str(capture.parent)})
        made, sink = receiver(config, "boot"), exporter(config, "boot")
        if config.receiver == "file":
            made.start()
        telemetry = Telemetry(made, Pipeline(), sink, 1)
        names |= telemetry.counters().keys()
        made.stop()
        sink.stop(telemetry.heartbeat(1, final=True))
    table = DOCS.read_text().partition("## Counters")[2]
    documented = set(re.findall(r"^\| `([a-z_]+)` \|", table, re.MULTILINE))
    assert documented == names
