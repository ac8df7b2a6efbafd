"""The report: what it says first, what it leaves out and says so, and that messages can't take over a terminal."""

from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace
from rich.console import Console

from collectors.wire.events import RTCP
from monitor.analyze.report import Options, print_ladders, print_report
from monitor.analyze.result import Result
from monitor.analyze.run import run
from monitor.analyze.summary import groups, ranges, reaches, severities
from monitor.core.settings import Settings
from monitor.core.sources.values import Subject, SubjectFinding
from monitor.core.updates import Finding, FindingState, Kind, RecordKey, Severity
from tests.monitor.analyze.files import joined, situation, written
from tests.support.beside import beside
from tests.support.hep import chunk, told
from tests.support.messages import request
from tests.support.packets import SIP, ethernet, ipv4, pcap, udp


def report(path: Path, width: int = 140, **options: int) -> str:
    return printed(run(path), width, **options)


def printed(result: Result, width: int = 140, **options: int) -> str:
    console = Console(width=width, highlight=False, markup=False, emoji=False, force_terminal=False, no_color=True)
    with console.capture() as captured:
        print_report(result, console, Options(**options))  # type: ignore[arg-type]  # a bool is an int
    return captured.get()


def test_findings_come_first_with_cause_remedy_place_and_ladder(tmp_path: Path) -> None:
    text = report(joined(tmp_path, "good", "missing-ack", "not-found"))
    parts = [
        text.index(word) for word in ("Findings", "missing-ack", "ACK never came ╌", "rejected", "Calls", "Measures")
    ]
    assert parts == sorted(parts)
    assert "3 confirmed, 0 suspected" in text
    assert "▲ missing-ack  critical, confirmed · 1 call · 192.0.2.10:5060 → 203.0.113.5:5060" in text
    assert "The ACK never came: 203.0.113.5:5060 passed the 200 OK of " in text
    assert "→ See where the caller sends the ACK" in text
    assert "200 (SDP) ×" in text


def test_a_record_with_several_findings_is_drawn_once(tmp_path: Path) -> None:
    text = report(situation(tmp_path, "missing-ack"))
    assert text.count("ACK never came ╌") == 1
    assert "▲ dropped-at-32s" in text


def test_the_same_finding_at_the_same_place_is_one_entry_with_its_count(tmp_path: Path) -> None:
    path = joined(tmp_path, *["not-found"] * 5)
    [group] = groups(run(path))
    assert (group.code, group.who, len(group.found)) == ("rejected", "5 calls", 5)
    assert "… and 2 more" in report(path)


def test_what_was_seen_beside_messages_is_counted_and_listed_with_its_ladder(tmp_path: Path) -> None:
    result = run(situation(tmp_path, "good"))
    (call,) = result.calls
    invite = request("INVITE", 0)
    side = [beside(invite, text="port unreachable \x1b[2J"), *[beside(invite, RTCP, text="")] * 60]
    result = msgspec.structs.replace(result, side={call.key: side})
    assert "Also seen, beside messages: 1 ICMP error, 60 RTCP reports" in printed(result)
    console = Console(width=140, force_terminal=False, no_color=True)
    with console.capture() as captured:
        assert print_ladders(result, console, call.key.call_id)
    text = captured.get()
    assert "ICMP error  10.0.0.3 → 10.0.0.1  port unreachable \ufffd[2J  code 3" in text
    assert text.count("RTCP report") == 49
    assert "… and 11 more: --json has all." in text


def test_log_lines_are_shown_without_the_credentials_that_they_quote(tmp_path: Path) -> None:
    at_us = 1_800_000_000_000_000
    line = b'of a: Digest username="a", response="deadbeef" to sip:a:pw@h'
    frames = [
        told(SIP.replace(b"OPTIONS", b"INVITE"), at_us),
        told(line, at_us + 1, chunk(0x11, b"table@192.0.2.1"), kind=100),
    ]
    path = tmp_path / "hep.pcap"
    path.write_bytes(pcap([(at_us, ethernet(ipv4(udp(each, 40_000, 9060)))) for each in frames]))
    ((side,),) = run(path).side.values()
    assert side.text == 'of a: Digest username="a", response="xxxxxxxx" to sip:a:xx@h'


def test_a_file_without_findings_says_so(tmp_path: Path) -> None:
    text = report(situation(tmp_path, "good"))
    assert "No findings." in text
    assert "ASR" in text
    assert "100.0 %" in text


def test_tables_say_how_much_they_leave_out_and_show_findings_first(tmp_path: Path) -> None:
    path = joined(tmp_path, "good", "good", "not-found")
    text = report(path, limit=1)
    assert "1 of 3, those with findings first; --limit 0 shows all" in text
    calls = text[text.index("\nCalls") : text.index("\nMeasures")]
    assert " 404 " in calls
    assert " 200 " not in calls
    assert "of 3" not in report(path, limit=0)


def test_findings_only_leaves_the_tables_out(tmp_path: Path) -> None:
    text = report(situation(tmp_path, "not-found"), findings_only=True)
    assert "rejected" in text
    assert "Measures" not in text
    assert "\nCalls" not in text


def test_registrations_and_other_transactions_have_their_tables(tmp_path: Path) -> None:
    text = report(joined(tmp_path, "registration-forbidden", "pings"))
    assert "Registrations  1" in text
    assert "OPTIONS" in text
    assert "registration-rejected" in text


def test_what_keeps_the_report_from_being_the_whole_truth_is_said(tmp_path: Path) -> None:
    path = situation(tmp_path, "good")
    path.write_bytes(path.read_bytes()[:-5])
    assert "! The file is damaged: " in report(path)
    lost = msgspec.structs.replace(run(path), capture_drops=1)
    assert "! Lost while the file was captured: 1 packet." in printed(lost)
    evicted = run(joined(tmp_path, "good", "good", "good"), Settings(linger_us=None, max_records=1))
    assert "! Closed early to bound the memory: 2 records." in printed(evicted)
    assert "! No SIP message was found." in report(written(tmp_path, [(0, b"nothing of interest")]))


@pytest.mark.parametrize("width", [60, 80, 200])
def test_lines_are_no_wider_than_the_terminal(tmp_path: Path, width: int) -> None:
    lines = report(joined(tmp_path, "missing-ack", "registration-forbidden"), width=width).split("\n")
    assert max(map(len, lines)) <= width


def test_messages_cannot_send_escape_sequences_to_the_terminal(tmp_path: Path) -> None:
    evil = b"\x1b]0;owned\x07\x1b[2J\xe2\x80\xae[red]"
    request = (
        b"INVITE sip:b@x SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\nFrom: <sip:" + evil + b"@x>;tag=1\r\n"
        b"To: <sip:" + evil + b"@x>\r\nCall-ID: " + evil + b"\r\nCSeq: 1 INVITE\r\nContent-Length: 0\r\n\r\n"
    )
    refusal = request.replace(b"INVITE sip:b@x SIP/2.0", b"SIP/2.0 403 " + evil)
    path = written(tmp_path, [(0, request), (1, refusal)])
    text = report(path)
    assert "rejected" in text
    assert "[red]" in text
    assert all(character.isprintable() or character == "\n" for character in text)


def test_the_ladder_of_a_call_id_is_the_whole_record(tmp_path: Path) -> None:
    result = run(joined(tmp_path, "good", "missing-ack"))
    console = Console(width=120, highlight=False, markup=False, no_color=True)
    with console.capture() as captured:
        assert print_ladders(result, console, result.calls[1].key.call_id)
        assert not print_ladders(result, console, "nobody@nowhere")
    text = captured.get()
    assert "INVITE (SDP)" in text
    assert "ACK never came" in text
    assert "audio (INVITE)   agreed" in text
    assert "▲ missing-ack confirmed, 32.0 s = 64·T1" in text


def test_more_kinds_of_findings_than_fit_are_counted(tmp_path: Path) -> None:
    [call] = run(situation(tmp_path, "not-found")).calls
    [finding] = call.findings
    many = tuple(msgspec.structs.replace(finding, code=f"code-{number}") for number in range(30))
    result = msgspec.structs.replace(
        run(tmp_path / "not-found.pcap"), calls=[msgspec.structs.replace(call, findings=many)]
    )
    assert "… and 10 more kinds of findings: --json has all." in printed(result)


def test_a_file_that_has_gone_since_is_reported_without_ladders(tmp_path: Path) -> None:
    path = situation(tmp_path, "missing-ack")
    result = run(path)
    path.unlink()
    assert "▲ missing-ack" in printed(result)
    assert "ACK never came ╌" not in printed(result)


def test_numbers_are_told_as_ranges() -> None:
    assert ranges([3, 5, 6, 7, 7, 9]) == "3, 5–7, 9"
    assert ranges(range(1, 40, 2)) == "1, 3, 5, 7, 9, 11, …"
    assert ranges([]) == ""


def about(name: str, code: str = "scanner", **others: object) -> SubjectFinding:
    given: dict[str, Any] = {
        "severity": Severity.MINOR,
        "state": FindingState.CONFIRMED,
        "count": 1,
        "last_us": 1,
    } | others
    finding = Finding(
        code=code,
        subject=name,
        severity=given.pop("severity"),
        state=given.pop("state"),
        at_us=1,
        hop="",
        messages=(),
        cause=f"{name} scans.",
        remedy="Drop it.",
    )
    keys = tuple(RecordKey(Kind.CALL, call_id, "", 20260101) for call_id in ("one", "two", "three", "", "five"))
    return SubjectFinding(kind=Subject.SOURCE, name=name, finding=finding, evidence=keys, **given)


def test_findings_about_sources_follow_those_about_records(tmp_path: Path) -> None:
    result = replace(
        run(joined(tmp_path, "good")),
        subjects=[
            about("203.0.113.8\x1b[2J", count=1_200, last_us=9_000_000),
            about("203.0.113.7", "flood", severity=Severity.MAJOR),
            about("203.0.113.9", state=FindingState.CLEARED),
            *(about(f"198.51.100.{number}", "own-code", state=FindingState.SUSPECTED) for number in range(20)),
        ],
    )
    text = printed(result)
    assert "Across calls  22 findings about sources and peers" in text
    assert text.index("▲ flood  major, confirmed · source 203.0.113.7") < text.index("◆ scanner  minor, confirmed")
    assert "1,200 times" in text
    assert "shown by five, (no Call-ID), three" in text
    assert "203.0.113.9" not in text
    assert "\x1b" not in text
    assert "… and 2 more" in text
    assert reaches(severities(result.records, result.subjects), Severity.MAJOR)
    assert not reaches(severities(result.records), Severity.MAJOR)
