"""The command line: what it answers, and what it leaves alone."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from django.contrib.auth import authenticate

from collectors.wire.codec import stream
from monitor.cli import main, parser
from monitor.ingest.stream import AGAIN
from monitor.models import DeadLetter
from tests.support.environment import ROOT
from tests.support.processes import free_port
from tests.support.smtp import SmtpServer
from tests.support.valkey import Valkey

COMMANDS = (
    "up",
    "analyze",
    "web",
    "correlate",
    "watch",
    "replay-dead-letters",
    "migrate",
    "check",
    "send-test-email",
    "create-admin",
    "reset-password",
)


def test_without_a_command_it_says_how_it_is_used(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([])
    assert ended.value.code == 2
    assert "COMMAND" in capsys.readouterr().err


def test_an_unknown_command_is_answered_with_those_that_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["fly"])
    assert ended.value.code == 2
    assert "invalid choice: 'fly'" in capsys.readouterr().err


def test_every_command_is_explained(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    assert ended.value.code == 0
    text = capsys.readouterr().out
    for name in COMMANDS:
        assert re.search(rf"^    {name}\s", text, re.MULTILINE)


@pytest.mark.django_db
def test_dead_letters_are_put_back_into_their_stream(valkey: Valkey, capsys: pytest.CaptureFixture[str]) -> None:
    letters = [
        DeadLetter.objects.create(partition=0, entry_id=f"{n}-0", reason="", stored_us=n, data=b"") for n in (1, 2)
    ]
    assert main(["replay-dead-letters", str(letters[1].pk)]) == 0
    assert main(["replay-dead-letters"]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == ["1", "2"]
    with valkey.client() as client:
        named = [fields[AGAIN] for _, fields in client.xrange(stream(0))]
    assert named == [b"2-0", b"1-0", b"2-0"]


@pytest.mark.django_db
def test_a_store_that_is_away_is_one_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("OFFHOOK_STREAM_URL", f"redis://127.0.0.1:{free_port()}/0")
    DeadLetter.objects.create(partition=0, entry_id="1-0", reason="", stored_us=1, data=b"")
    assert main(["replay-dead-letters"]) == 1
    assert "the stream store can't be used" in capsys.readouterr().err


@pytest.mark.django_db
def test_a_test_mail_without_recipients_says_what_to_set(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["send-test-email"]) == 1
    assert "OFFHOOK_MAIL_TO" in capsys.readouterr().err


@pytest.mark.django_db
def test_a_test_mail_arrives(
    smtp_server: SmtpServer, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OFFHOOK_SMTP_URL", smtp_server.url)
    assert main(["send-test-email", "--to", "noc@example.com"]) == 0
    assert "took the mail to noc@example.com" in capsys.readouterr().out
    assert [mail["To"] for mail in smtp_server.messages] == ["noc@example.com"]


@pytest.mark.django_db
def test_an_administrator_is_made_with_the_printed_password(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["create-admin", "alice"]) == 0
    name, password = capsys.readouterr().out.strip().split(": ")
    assert authenticate(username=name, password=password)


@pytest.mark.django_db
@pytest.mark.parametrize("command", [["create-admin", "alice"], ["reset-password", "bob"]])
def test_what_can_not_be_done_to_an_account_is_one_line(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    main(["create-admin", "alice"])
    capsys.readouterr()
    assert main(command) == 1
    assert capsys.readouterr().err.startswith("offhook: there is ")


def test_wrong_configuration_is_one_line_a_problem_and_ends_with_2(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OFFHOOK_PORT", "http")
    assert main(["web"]) == 2
    assert capsys.readouterr().err == "offhook: OFFHOOK_PORT: 'http' is no number from 1 to 65535\n"


@pytest.mark.parametrize(
    ("command", "url", "reason"),
    [
        ("migrate", "postgresql://offhook:s3cret@127.0.0.1:1/offhook", "Connection refused"),
        ("create-admin", "", "no such table"),
        ("send-test-email", "", "no such table"),
    ],
)
def test_a_database_that_can_not_be_used_is_one_line(command: str, url: str, reason: str, tmp_path: Path) -> None:
    environment = {"OFFHOOK_STATE_DIR": str(tmp_path), "OFFHOOK_DATABASE_URL": url}
    program = [sys.executable, "-m", "monitor.cli", command]
    done = subprocess.run(program, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    line = done.stderr.splitlines()[-1]
    assert line.startswith("offhook: the database can't be used: ")
    assert reason in line
    assert "Traceback" not in done.stderr
    assert "s3cret" not in done.stderr


def test_the_command_line_itself_loads_no_framework() -> None:
    code = (
        "import sys; from monitor.cli import parser; parser(); "
        "print([name for name in ('django', 'celery', 'channels') if name in sys.modules])"
    )
    ended = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert ended.stdout == "[]\n"


@pytest.mark.parametrize("command", ["web", "migrate", "watch"])
def test_an_installation_without_the_server_says_so(command: str) -> None:
    code = (
        "import sys; sys.modules.update(django=None, uvicorn=None); "
        f"from monitor.cli import main; sys.exit(main([{command!r}]))"
    )
    ended = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert ended.returncode == 2
    assert ended.stderr == "offhook: this is an installation without the server: pip install 'offhook[server]'\n"


def test_usage_fits_a_terminal() -> None:
    assert all(len(line) <= 120 for line in parser().format_help().splitlines())
