"""The JSON of `offhook analyze --json`: its schema, and what its members mean."""

import json
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest

from monitor.analyze.document import build, encode, timestamp
from monitor.analyze.fragments import document as pieces
from monitor.analyze.result import Result
from monitor.analyze.run import run
from tests.monitor.analyze.files import joined, situation, written
from tests.support.beside import beside
from tests.support.environment import ROOT
from tests.support.messages import request

CALL = {
    "call_id", "from", "to", "caller", "callee", "state", "status", "answered", "acked", "first", "setup_ms", "pdd_ms",
    "duration_ms", "disconnect_ms", "user_agent", "legs", "messages", "retransmissions", "hops", "findings",
    "anomalies", "media", "quality", "side",
}  # fmt: skip
REGISTRATION = {
    "call_id", "aor", "contact", "client", "registrar", "outcome", "status", "first", "messages", "retransmissions",
    "hops", "findings", "anomalies", "side",
}  # fmt: skip
TRANSACTION = {
    "call_id", "method", "from", "to", "client", "server", "status", "first", "messages", "retransmissions", "fault",
    "hops", "findings", "anomalies", "side",
}  # fmt: skip
STREAM = {"at", "messages", "method", "kind", "state", "offer", "answer", "common"}
QUALITY = {
    "source", "reporter", "sender", "reports", "loss_pct", "worst_loss_pct", "jitter_ms", "round_trip_ms", "mos",
    "reported", "messages",
}  # fmt: skip
SIDE = {"at", "kind", "source", "destination", "text", "values"}
FINDING = {"code", "variant", "state", "severity", "at", "hop", "messages", "cause", "remedy"}
DOCUMENT = {
    "schema", "file", "packets", "messages", "malformed", "first", "last", "calls", "registrations", "transactions",
    "findings", "measures", "measures_by", "skipped", "capture_drops", "evicted", "side_unmatched", "fault",
}  # fmt: skip


def octets(result: Result) -> bytes:
    return b"".join(pieces(result))


def document(path: Path) -> dict[str, Any]:
    """As a reader of the command's output gets it."""
    read: dict[str, Any] = json.loads(octets(run(path)))
    return read


def test_every_member_of_schema_1_is_there_and_no_other(tmp_path: Path) -> None:
    read = document(joined(tmp_path, "missing-ack", "registration-forbidden", "pings"))
    assert read.keys() == DOCUMENT
    assert read["schema"] == 1
    assert all(call.keys() == CALL for call in read["calls"])
    assert all(stream.keys() == STREAM for call in read["calls"] for stream in call["media"])
    assert [stream["state"] for call in read["calls"] for stream in call["media"]] == ["agreed"]
    assert all(registration.keys() == REGISTRATION for registration in read["registrations"])
    assert all(transaction.keys() == TRANSACTION for transaction in read["transactions"])
    found = [finding for record in (*read["calls"], *read["registrations"]) for finding in record["findings"]]
    assert {finding["code"] for finding in found} == {"missing-ack", "dropped-at-32s", "registration-rejected"}
    assert all(finding.keys() == FINDING for finding in found)
    assert (len(read["calls"]), len(read["registrations"]), len(read["transactions"])) == (1, 1, 3)
    assert read["messages"] == sum(
        record["messages"] for record in (*read["calls"], *read["registrations"], *read["transactions"])
    )


def test_what_was_seen_beside_messages_is_a_list_of_its_record(tmp_path: Path) -> None:
    result = run(situation(tmp_path, "good"))
    (call,) = result.calls
    side = beside(request("INVITE", 0))
    read = build(msgspec.structs.replace(result, side={call.key: [side]}, side_unmatched=2))
    (seen,) = read["calls"][0]["side"]
    assert seen.keys() == SIDE
    assert (seen["kind"], seen["source"], seen["text"]) == ("icmp", "10.0.0.3", "time exceeded")
    assert read["side_unmatched"] == 2


@pytest.mark.parametrize(
    ("name", "state", "status", "answered", "acked"),
    [
        ("good", "ended", 200, True, True),
        ("forked", "ended", 200, True, True),
        ("challenged", "ended", 200, True, True),
        ("missing-ack", "ended", 200, True, False),
        ("late-ack", "ended", 200, True, True),
        ("busy", "failed", 486, False, None),
        ("not-found", "failed", 404, False, None),
        ("no-answer", "cancelled", 487, False, None),
        ("redirected-unfollowed", "redirected", 302, False, None),
        ("never-authenticates", "failed", 407, False, None),
        ("no-final-response", "cancelled", 487, False, None),  # in the end
        ("unanswered-proxy", "trying", None, False, None),  # Timer B is still pending at the last packet
    ],
)
def test_a_call_says_how_it_ended(
    tmp_path: Path, name: str, state: str, status: int | None, answered: bool, acked: bool | None
) -> None:
    [call] = document(situation(tmp_path, name))["calls"]
    assert (call["state"], call["status"], call["answered"], call["acked"]) == (state, status, answered, acked)


@pytest.mark.parametrize(
    ("name", "outcome"),
    [
        ("registered", "registered"),
        ("refreshed", "registered"),
        ("registration-expired", "registered"),  # by the last final response, whatever ran out since
        ("unregistered", "unregistered"),
        ("registration-forbidden", "failed"),
        ("registration-wrong-password", "failed"),
        ("registration-challenged", "challenged"),
        ("registration-unanswered", "unanswered"),
    ],
)
def test_a_registration_says_what_came_of_it(tmp_path: Path, name: str, outcome: str) -> None:
    [registration] = document(situation(tmp_path, name))["registrations"]
    assert registration["outcome"] == outcome


def test_every_member_and_measure_is_documented(tmp_path: Path) -> None:
    pages = ((ROOT / "docs" / page).read_text(encoding="utf-8") for page in ("analyze.md", "measures.md"))
    documented = {word for page in pages for word in re.findall(r"`([a-z_0-9]+)`", page)}
    measures = document(written(tmp_path, []))["measures"]
    assert DOCUMENT | CALL | REGISTRATION | TRANSACTION | FINDING | measures.keys() <= documented


def test_a_finding_names_its_messages_by_their_place_in_the_file(tmp_path: Path) -> None:
    alone = document(situation(tmp_path, "missing-ack"))["calls"][0]["findings"][0]["messages"]
    before = document(situation(tmp_path, "good"))["messages"]
    after = document(joined(tmp_path, "good", "missing-ack"))["calls"][1]["findings"][0]["messages"]
    assert len(after) == len(alone) > 3
    assert after == [before + number for number in alone]


def test_times_of_a_call_are_measured_from_its_first_invite(tmp_path: Path) -> None:
    invite = (
        b"INVITE sip:b@x SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\nFrom: <sip:a@x>;tag=1\r\nTo: <sip:b@x>\r\n"
    )
    rest = b"Call-ID: c\r\nCSeq: 1 INVITE\r\nContent-Length: 0\r\n\r\n"
    answer = invite.replace(b"INVITE sip:b@x SIP/2.0", b"SIP/2.0 200 OK").replace(b"b@x>\r\n", b"b@x>;tag=2\r\n")
    ringing = answer.replace(b"200 OK", b"180 Ringing")
    bye = answer.replace(b"SIP/2.0 200 OK", b"BYE sip:b@x SIP/2.0").replace(b"z9hG4bK1", b"z9hG4bK2")
    messages = [
        (0.0, invite + rest),
        (0.5, invite + rest),
        (1.25, ringing + rest),
        (2.5, answer + rest),
        (12.75, bye + rest.replace(b"1 INVITE", b"2 BYE")),
    ]
    [call] = document(written(tmp_path, messages))["calls"]
    assert (call["pdd_ms"], call["setup_ms"], call["duration_ms"]) == (1250.0, 2500.0, 10250.0)
    assert (call["messages"], call["retransmissions"], call["from"], call["to"]) == (5, 1, "sip:a@x", "sip:b@x")


def test_an_empty_file_is_a_document_without_entries(tmp_path: Path) -> None:
    read = document(written(tmp_path, []))
    assert (read["packets"], read["messages"], read["first"], read["last"]) == (0, 0, None, None)
    assert read["calls"] == read["registrations"] == read["transactions"] == read["findings"] == []
    assert read["measures"]["asr_percent"] is None


def test_what_was_no_sip_is_counted_by_kind(tmp_path: Path) -> None:
    read = document(written(tmp_path, [(0, b"\r\n\r\n"), (1, b"\x80\x00 some RTP")]))
    assert read["skipped"] == {"not_sip_keepalive": 1, "not_sip_other": 1}


def test_a_damaged_file_says_so_and_gives_what_came_before(tmp_path: Path) -> None:
    path = situation(tmp_path, "good")
    path.write_bytes(path.read_bytes()[:-5])
    read = document(path)
    assert read["messages"] == 13
    assert read["fault"]


def test_passwords_of_uris_are_masked(tmp_path: Path) -> None:
    secret = b"sip:b:hunter2@x"
    invite = (
        b"INVITE sip:b@x SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\nFrom: <sip:a@x>;tag=1\r\nTo: <" + secret
        + b">\r\nCall-ID: c\r\nCSeq: 1 INVITE\r\nContent-Length: 0\r\n\r\n"
    )  # fmt: skip
    register = invite.replace(b"INVITE", b"REGISTER").replace(b": c\r", b": r\r")
    path = written(
        tmp_path, [(0, invite), (1, register), (2, register.replace(b"REGISTER sip:b@x SIP/2.0", b"SIP/2.0 403 No"))]
    )
    text = octets(run(path)).decode()
    assert "hunter2" not in text
    assert text.count("sip:b:xxxxxxx@x") == 2


def test_each_record_has_a_line_of_its_own(tmp_path: Path) -> None:
    result = run(situation(tmp_path, "traffic"))
    text, built = octets(result), json.loads(encode(build(result)))
    assert json.loads(text) == built
    assert text.endswith(b"}\n")
    records = [line for line in text.splitlines() if line.startswith(b'{"call_id"')]
    assert [json.loads(line.rstrip(b",")) for line in records] == [
        *built["calls"],
        *built["registrations"],
        *built["transactions"],
    ]
    assert built["calls"]
    assert built["registrations"]


def test_text_that_is_none_becomes_text(tmp_path: Path) -> None:
    path = situation(tmp_path, "good").rename(tmp_path / "caf\udce9.pcap")
    assert document(path)["file"].endswith("caf?.pcap")


@pytest.mark.parametrize(
    ("us", "text"),
    [
        (0, "1970-01-01T00:00:00.000000Z"),
        (1_795_000_000_000_001, "2026-11-18T11:06:40.000001Z"),
        (None, None),
        (2**62, None),
    ],
)
def test_times_are_iso_8601_in_utc(us: int | None, text: str | None) -> None:
    assert timestamp(us) == text
