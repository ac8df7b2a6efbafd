"""The whole way, on real traffic: sipp on loopback, captured live, into a real browser and a mailbox.

Once with the libpcap receiver into SQLite, and once with the tshark receiver into PostgreSQL, side by side.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from tests.e2e.whole_way import GOOD_CALLS, REGISTRATIONS, TCP_CALLS
from tests.support.environment import ROOT
from tests.support.postgres import Postgres

Facts: TypeAlias = dict[str, Any]
RECEIVERS = ("libpcap", "tshark")
pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]


@pytest.fixture(scope="module")
def runs(postgres: Postgres) -> Iterator[dict[str, Facts]]:
    """Both runs, started together: the calls that fail take half a minute of real time."""
    databases = {"libpcap": {}, "tshark": {"OFFHOOK_DATABASE_URL": postgres.url()}}
    with tempfile.TemporaryDirectory(prefix="offhook-e2e-", dir="/tmp") as folder:
        processes = {}
        for receiver in RECEIVERS:
            work = Path(folder) / receiver
            work.mkdir()
            processes[receiver] = _start(receiver, work, databases[receiver])
        try:
            yield {receiver: _facts(process, Path(folder) / receiver) for receiver, process in processes.items()}
        finally:
            for process in processes.values():
                process.kill()
                process.wait()


def _start(receiver: str, work: Path, environment: dict[str, str]) -> subprocess.Popen[bytes]:
    inside = f'ip link set dev lo up; exec {sys.executable} -m tests.e2e.whole_way "$@"'
    clean = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": str(work)}
    # Root needs no namespace of users, in which PostgreSQL's socket would not be its own.
    root = [] if os.geteuid() == 0 else ["--map-root-user"]
    with (work / "facts.json").open("w") as facts, (work / "errors.log").open("w") as errors:
        return subprocess.Popen(
            ["unshare", *root, "--net", "--kill-child", "--fork", "sh", "-ec", inside, "sh", receiver, work],
            cwd=ROOT,
            env=clean | environment,
            stdin=subprocess.DEVNULL,
            stdout=facts,
            stderr=errors,
        )


def _facts(process: subprocess.Popen[bytes], work: Path) -> Facts:
    if process.wait(200):
        logs = [work / "errors.log", work / "up.log"]
        raise AssertionError("\n".join(log.read_text()[-8000:] for log in logs if log.exists()))
    facts: Facts = json.loads((work / "facts.json").read_text())
    return facts


@pytest.fixture(params=RECEIVERS)
def facts(request: pytest.FixtureRequest, runs: dict[str, Facts]) -> Facts:
    return runs[request.param]


def _opened_s(facts: Facts, rule: str) -> float:
    (alert,) = [alert for alert in facts["alerts"] if alert["rule"] == rule]
    opened: float = alert["opened_us"] / 1e6
    return opened


def test_calls_show_live_while_they_last(facts: Facts) -> None:
    assert 1 < facts["live_calls_at_once"] <= GOOD_CALLS + TCP_CALLS + 1


def test_the_missing_ack_is_on_the_page_within_5_s_of_the_third_resend(facts: Facts) -> None:
    (finding,) = [finding for finding in facts["findings"] if finding["code"] == "missing-ack"]
    assert finding["state"] == "confirmed"
    assert 0 < facts["missing_ack_on_page_s"] - _opened_s(facts, "missing-ack") < 5


def test_its_mail_arrives_within_10_s_of_the_third_resend(facts: Facts) -> None:
    (at_s,) = [at_s for subject, at_s in facts["mailed_s"].items() if "missing ACK" in subject]
    assert 0 < at_s - _opened_s(facts, "missing-ack") < 10


def test_the_mail_says_what_where_and_what_to_do(facts: Facts) -> None:
    (text,) = [text for text in facts["mail_text"] if "ACK never came" in text or "no ACK" in text]
    assert "127.0.0.1:5060" in text
    assert "127.0.0.10:5060" in text
    assert "200" in text
    assert "/alerts/" in text
    assert len(set(facts["message_ids"])) == len(facts["message_ids"])


def test_failing_registrations_are_alerted_on_the_page_without_a_reload(facts: Facts) -> None:
    assert facts["registration_on_page_s"]
    assert facts["reloads"] == 0
    assert any("registration" in subject for subject in facts["mailed_s"])


def test_the_callers_saw_what_they_expect(facts: Facts) -> None:
    assert facts["exit_codes"] == [0, 0, 0, 0]


def test_calls_are_as_many_as_sipp_counted(facts: Facts) -> None:
    assert facts["sipp"]["uac"]["SuccessfulCall"] == GOOD_CALLS == len(facts["good"])
    assert facts["sipp"]["uac_tcp"]["SuccessfulCall"] == TCP_CALLS == len(facts["over_tcp"])
    assert facts["calls"] == GOOD_CALLS + TCP_CALLS + 1
    # sipp's callee sends INVITE's 180 and 200; then come ACK, BYE and its 200.
    assert [
        (call["acked"], call["messages"], call["retransmissions"], call["codes"].strip())
        for call in (*facts["good"], *facts["over_tcp"])
    ] == [(True, 6, 0, "short-call")] * (GOOD_CALLS + TCP_CALLS)
    assert f"{GOOD_CALLS + TCP_CALLS} of {GOOD_CALLS + TCP_CALLS}" in facts["calls_page"]


def test_resends_are_as_many_as_sipp_counted(facts: Facts) -> None:
    (call,) = facts["bad"]
    assert call["acked"] is False
    assert call["retransmissions"] == facts["sipp"]["uas"]["Retransmissions"]
    assert facts["sipp"]["uas"]["FailedMaxUDPRetrans"] == 1


def test_registrations_are_as_many_as_sipp_counted(facts: Facts) -> None:
    counted = facts["sipp"]
    assert counted["register"]["SuccessfulCall"] == counted["refused"]["SuccessfulCall"] == REGISTRATIONS
    outcomes = sorted((each["outcome"], each["status"], each["codes"].strip()) for each in facts["registrations"])
    assert outcomes == [
        *[("failed", 401, "registration-auth-failed")] * REGISTRATIONS,
        *[("failed", 403, "registration-rejected")] * REGISTRATIONS,
    ]
