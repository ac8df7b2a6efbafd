"""The Makefile and the set-up script, as far as they can be tried without installing anything."""

import os
import subprocess
from pathlib import Path

import pytest

from tests.support.environment import ROOT


def make(*arguments: str) -> str:
    """What make would do, or prints. A make above this test must not reach into it."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    ended = subprocess.run(
        ["make", "--no-print-directory", *arguments],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return ended.stdout


def test_make_alone_says_what_there_is() -> None:
    text = make()
    for target in ("setup", "run", "test", "check", "bench", "fuzz", "soak"):
        assert f"make {target} " in text


@pytest.mark.parametrize(
    ("arguments", "passed"),
    [
        ([], ["up"]),
        (["TRAFFIC=sample"], ["up", "sample"]),
        (["TRAFFIC=my 'calls'; ls.pcap"], ["up", "my 'calls'; ls.pcap"]),
    ],
)
def test_run_passes_the_traffic_on_as_it_is(tmp_path: Path, arguments: list[str], passed: list[str]) -> None:
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin" / "offhook"
    program.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    program.chmod(0o755)
    (tmp_path / "run.stamp").touch()  # all is installed
    assert make("run", f"VENV={tmp_path}", *arguments).splitlines() == passed


def test_the_set_up_script_knows_its_three_modes() -> None:
    ended = subprocess.run([ROOT / ".ci" / "setup", "moon"], capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert ended.stderr == "set-up: unknown: moon (run, dev or bench)\n"


def test_ci_runs_what_developers_run() -> None:
    assert "exec make test\n" in (ROOT / ".ci" / "run").read_text()
