"""Transfers that are refused or fail at their target, and calls that are sent elsewhere."""

import pytest
from msgspec.structs import replace

from collectors.scenario.library import play
from collectors.sip.message import parse
from collectors.wire.events import SipEvent
from monitor.core.updates import Severity
from tests.support.messages import hop, request, response
from tests.support.watch import Watch

CALL = [request("INVITE", 0), response(200, 1), request("ACK", 1.1, to_tag="b", branch="own")]


def refer(at: float = 5, cseq: int = 2, to: str = "<sip:carol@example.com>") -> SipEvent:
    return request("REFER", at, cseq=cseq, to_tag="b", headers=[("Refer-To", to)])


def answer(status: int, at: float = 5.1, cseq: int = 2) -> SipEvent:
    return response(status, at, method="REFER", cseq=cseq)


def notify(
    line: str, at: float, cseq: int = 7, event: str = "refer", *, on: str = "bob>alice", vias: int = 1, tag: str = "b"
) -> SipEvent:
    headers = [("Event", event)]
    message = request("NOTIFY", at, on, cseq=cseq, from_tag=tag, to_tag="a", vias=vias, headers=headers)
    raw = message.raw.replace(b"Content-Length: 0\r\n\r\n", f"Content-Length: {len(line)}\r\n\r\n{line}".encode())
    names = SipEvent.__struct_fields__[9:22]
    return replace(message, raw=raw, **dict(zip(names, parse(raw), strict=True)))


# --- transfer-failed


def test_a_refused_refer_is_told() -> None:
    watch = Watch([*CALL, refer(), answer(405)], until=20)
    assert watch.story("transfer-failed") == [("confirmed", 5.1)]
    finding = watch.finding("transfer-failed")
    assert (finding.variant, finding.severity, finding.messages) == ("refused", Severity.MAJOR, (4, 5))
    assert finding.cause.startswith(
        "10.0.0.3:5060 refused to transfer the call to sip:carol@example.com with 405 Because"
    )


def test_a_challenge_that_is_answered_is_none() -> None:
    watch = Watch([*CALL, refer(), answer(407), refer(5.2, cseq=3), answer(202, 5.3, cseq=3)], until=20)
    assert watch.standing() == set()
    watch = Watch([*CALL, refer(), answer(407)], until=20)
    assert watch.story("transfer-failed") == [("suspected", 5.1), ("confirmed", 9.1)]
    assert Watch([*CALL, refer(), refer(5.05, cseq=3), answer(407)]).story("transfer-failed") == []


@pytest.mark.parametrize(
    ("line", "severity", "words"),
    [
        ("SIP/2.0 486 Busy Here\r\n", Severity.MINOR, "got 486 Busy Here there: the callee is busy"),
        ("SIP/2.0 404 Not Found\r\n", Severity.MINOR, "got 404 Not Found there: it does not know the number"),
        ("SIP/2.0 503 Service Unavailable", Severity.MAJOR, "got 503 Service Unavailable there"),
    ],
)
def test_a_target_that_refuses_fails_the_transfer(line: str, severity: Severity, words: str) -> None:
    events = [*CALL, refer(), answer(202), notify("SIP/2.0 100 Trying", 5.2), notify(line, 9, cseq=8)]
    finding = Watch(events, until=20).finding("transfer-failed")
    assert (finding.variant, finding.severity, finding.hop) == ("target", severity, hop("bob>alice"))
    assert finding.cause.startswith("10.0.0.3:5060 was to transfer the call to sip:carol@example.com")
    assert words in finding.cause


def test_success_in_the_end_clears_it() -> None:
    events = [*CALL, refer(), answer(202), notify("SIP/2.0 503 Oops", 6), notify("SIP/2.0 200 OK", 9, cseq=8)]
    assert Watch(events, until=20).story("transfer-failed") == [("confirmed", 6.0), ("cleared", 9.0)]
    late = [*events[:-2], events[-1], events[-2]]
    assert Watch(late, until=20).story("transfer-failed") == []


def test_who_reports_is_named_and_not_the_proxy_that_passes_it_on() -> None:
    told = notify("SIP/2.0 500 Oops", 6, on="bob>proxy"), notify("SIP/2.0 500 Oops", 6.01, on="proxy>alice", vias=2)
    for order in (told, told[::-1]):
        finding = Watch([*CALL, refer(), answer(202), *order], until=20).finding("transfer-failed")
        assert finding.hop == hop("bob>proxy")
        assert finding.cause.startswith("10.0.0.3:5060 was to transfer the call")


def test_the_last_word_counts_whichever_way_it_was_seen_on_last() -> None:
    first = notify("SIP/2.0 500 Oops", 6, on="bob>proxy"), notify("SIP/2.0 500 Oops", 6.2, on="proxy>alice", vias=2)
    last = notify("SIP/2.0 200 OK", 6.1, cseq=8, on="bob>proxy")
    assert Watch([*CALL, refer(), answer(202), first[0], last, first[1]], until=20).standing() == set()
    other = notify("SIP/2.0 486 Busy", 7, cseq=3, tag="bb")  # of another dialog, whose numbers are its own
    assert Watch([*CALL, refer(), answer(202), last, other], until=20).standing() == {"transfer-failed"}


def test_each_refer_has_reports_of_its_own() -> None:
    second = [refer(10, cseq=3, to="sip:dave@example.com"), answer(202, 10.1, cseq=3)]
    reports = [notify("SIP/2.0 200 OK", 6, event="refer;id=2"), notify("SIP/2.0 408 Timeout", 12, 9, "refer;id=3")]
    watch = Watch([*CALL, refer(), answer(202), reports[0], *second, reports[1]], until=20)
    assert "transfer the call to sip:dave@example.com" in watch.finding("transfer-failed").cause


def test_reports_of_a_refer_that_was_not_seen_are_read_too() -> None:
    watch = Watch([*CALL, notify("SIP/2.0 500 Oops", 6)], until=20)
    assert "transfer the call to somebody" in watch.finding("transfer-failed").cause


def test_a_refer_outside_of_a_call_is_followed_in_its_own_record() -> None:
    out = request("REFER", 0, headers=[("Refer-To", "<sip:carol@h>")])
    watch = Watch([out, response(202, 0.1, method="REFER"), notify("SIP/2.0 603 Decline", 6)], until=20)
    assert watch.findings() == {"transfer-failed": "confirmed"}
    assert len(watch.transactions) == 1


@pytest.mark.parametrize(
    "events",
    [
        [refer(), answer(202), notify("SIP/2.0 200 OK", 6)],
        [refer(), answer(202), notify("nonsense", 6)],
        [refer(), answer(202), notify("", 6)],
        [refer(), answer(202), notify("SIP/2.0 486 Busy", 6, event="dialog")],
        [notify("SIP/2.0 486 refer", 6, event="presence")],
        [refer(), answer(202), request("ACK", 6, to_tag="b", branch="another")],
    ],
)
def test_transfers_that_work_and_other_notifications_are_silent(events: list[SipEvent]) -> None:
    assert Watch([*CALL, *events], until=20).findings() == {}


def test_reports_are_bounded() -> None:
    many = [notify("SIP/2.0 500 Oops", 6 + cseq, cseq, f"refer;id={cseq}") for cseq in range(2, 30)]
    assert len(Watch([*CALL, *many], until=60).call.findings) == 16


# --- redirected


def test_a_redirection_says_where_the_call_went() -> None:
    events = play("redirected").events()
    watch = Watch(events, until=900)
    finding = watch.finding("redirected")
    assert (finding.severity, finding.variant, str(finding.state)) == (Severity.INFO, "followed", "confirmed")
    assert " and points to sip:" in finding.cause


def test_one_that_nobody_follows_says_so() -> None:
    moved = response(302, 1, headers=[("Contact", "<sip:carol@10.0.0.4>")])
    finding = Watch([request("INVITE", 0), moved, request("ACK", 1.1, to_tag="b")], until=20).finding("redirected")
    assert finding.cause == (
        "10.0.0.3:5060 answered 302 Because and points to sip:carol@10.0.0.4; 10.0.0.1:5060 called nobody after that."
    )
    assert "points to nowhere" in Watch([request("INVITE", 0), response(300, 1)]).finding("redirected").cause


def test_a_proxy_that_follows_it_itself_is_named() -> None:
    events = [
        request("INVITE", 0, "alice>proxy"),
        request("INVITE", 0.01, "proxy>bob", vias=2),
        response(302, 0.5, "proxy>bob", vias=2, headers=[("Contact", "<sip:carol@10.0.0.4>")]),
        request("INVITE", 0.6, "proxy>carol", vias=2),
        response(180, 1, "proxy>carol", vias=2, to_tag="c"),
    ]
    finding = Watch(events, until=20).finding("redirected")
    assert finding.hop == hop("proxy>bob")
    assert finding.cause.endswith("10.0.0.2:5060 then called 10.0.0.4:5060.")


def test_a_3xx_that_a_proxy_passes_on_is_one_and_places_are_bounded() -> None:
    events = [
        request("INVITE", 0, "alice>proxy"),
        request("INVITE", 0.01, "proxy>bob", vias=2),
        response(302, 0.5, "proxy>bob", vias=2),
        response(302, 0.51, "alice>proxy"),
        request("INVITE", 0.6, "alice>carol", cseq=2),
    ]
    finding = Watch(events, until=3).finding("redirected")
    assert finding.hop == hop("proxy>bob")
    assert finding.cause.endswith("; 10.0.0.1:5060 then called 10.0.0.4:5060.")
    many = [response(302, 1 + port / 100, ports=(5060, 6000 + port), branch=f"b{port}") for port in range(20)]
    assert (
        Watch([request("INVITE", 0), *many, response(486, 2, cseq=2)], until=3).findings()["redirected"] == "confirmed"
    )
