"""Messages that break the grammar: what is said of them, and when, by what came of them."""

from itertools import permutations

import pytest
from msgspec.structs import replace

from collectors.sip.faults import CUT_FAULT
from collectors.sip.message import parse
from collectors.wire.events import SipEvent
from monitor.core.updates import Finding, FindingState, Severity
from tests.support.messages import hop, request, response
from tests.support.watch import Watch


def malformed(watch: Watch) -> list[Finding]:
    """All findings of the code."""
    return [each for record in watch.records.values() for each in record.findings if each.code == "malformed"]


PROPER = (("Max-Forwards", "70"), ("Contact", "<sip:alice@10.0.0.1>"))


def changed(event: SipEvent, *changes: tuple[str, str]) -> SipEvent:
    """The message with parts of its text replaced, read anew."""
    raw = event.raw
    for old, new in changes:
        assert old.encode() in raw
        raw = raw.replace(old.encode(), new.encode())
    return SipEvent(
        event.captured_us,
        event.received_us,
        event.source,
        event.source_port,
        event.destination,
        event.destination_port,
        event.transport,
        event.observer,
        raw,
        *parse(raw),
    )


def invite(at: float = 0, on: str = "alice>bob", *changes: tuple[str, str], vias: int = 1) -> SipEvent:
    return changed(request("INVITE", at, on, headers=PROPER, vias=vias), *changes)


BROKEN = ("Content-Length: 0", "Content-Length: 999")
UNQUOTED = ("From: <", "From: Smith, Alice <")


def test_a_fault_is_suspected_at_once_and_confirmed_as_major_by_a_400() -> None:
    watch = Watch([invite(0, "alice>bob", BROKEN), response(400, 0.2, reason="Bad Request")])
    assert watch.story("malformed") == [("suspected", 0.0), ("confirmed", 0.2)]
    finding = watch.finding("malformed")
    assert (finding.severity, finding.hop, finding.variant) == (Severity.MAJOR, hop("alice>bob"), "truncated-body")
    assert finding.messages == (1, 2)
    assert finding.cause == (
        "10.0.0.1:5060 sent a malformed INVITE: Content-Length promises 999 octets, and 0 follow (RFC 3261 §18.3): "
        "“Content-Length: 999”. 10.0.0.3:5060 refused it with 400 Bad Request."
    )


@pytest.mark.parametrize("status", [180, 200, 404])
def test_what_was_understood_all_the_same_is_minor(status: int) -> None:
    finding = Watch([invite(0, "alice>bob", BROKEN), response(status, 0.2)]).finding("malformed")
    assert (finding.severity, finding.state) == (Severity.MINOR, FindingState.CONFIRMED)
    assert finding.cause.endswith("10.0.0.3:5060 answered it all the same.")


def test_a_good_request_that_is_refused_with_400_is_not_called_malformed() -> None:
    assert Watch([invite(), response(400, 0.2)], until=60).story("malformed") == []


def test_what_only_strict_parsers_mind_is_looked_for_when_a_server_answers_400() -> None:
    watch = Watch([invite(0, "alice>bob", UNQUOTED), response(100, 0.1), response(400, 0.2)])
    assert watch.story("malformed") == [("confirmed", 0.2)]
    finding = watch.finding("malformed")
    assert (finding.severity, finding.variant) == (Severity.MAJOR, "bad-from")
    assert (
        "From has a display name that needs quotation marks (RFC 3261 §20.20): “From: Smith, Alice <" in finding.cause
    )
    assert Watch([invite(0, "alice>bob", UNQUOTED), response(200, 0.2)]).story("malformed") == []


def test_what_hardly_anyone_minds_stays_suspected_unless_the_server_names_the_header() -> None:
    without = ("Max-Forwards: 70\r\n", "")
    silent = Watch([invite(0, "alice>bob", without), response(400, 0.2, reason="Bad Request")], until=60)
    assert silent.story("malformed") == [("suspected", 0.2)]
    assert silent.finding("malformed").cause.endswith("refused it with 400 Bad Request, which may have another reason.")
    named = Watch([invite(0, "alice>bob", without), response(400, 0.2, reason="Missing Max-Forwards")])
    assert (named.finding("malformed").severity, named.story("malformed")) == (Severity.MAJOR, [("confirmed", 0.2)])
    assert "there is no Max-Forwards (RFC 3261 §8.1.1.6). 10" in named.finding("malformed").cause


def test_the_order_of_a_request_and_its_400_makes_no_difference() -> None:
    messages = (invite(0, "alice>bob", UNQUOTED), response(400, 0.2))
    told = [Watch(order).finding("malformed") for order in permutations(messages)]
    assert told[0].cause == told[1].cause
    assert told[0].severity == told[1].severity == Severity.MAJOR


def test_a_400_to_another_request_says_nothing_of_the_last_one() -> None:
    later = changed(request("INVITE", 0.1, cseq=2, headers=PROPER), UNQUOTED)
    assert Watch([invite(), later, response(400, 0.2)]).story("malformed") == []
    assert Watch([response(400, 0.2)]).story("malformed") == []


def test_silence_in_64_t1_from_a_server_that_is_heard_is_major() -> None:
    heard = response(200, -5, call_id="other")
    sends = [invite(at, "alice>bob", BROKEN) for at in (0, 0.5, 1.5)]
    watch = Watch([heard, *sends], until=60)
    assert watch.story("malformed") == [("suspected", 0.0), ("confirmed", 32.0)]
    finding = watch.finding("malformed")
    assert finding.severity == Severity.MAJOR
    assert finding.cause.endswith("10.0.0.3:5060 never answered it.")


def test_of_a_server_that_is_never_heard_silence_says_nothing() -> None:
    watch = Watch([invite(0, "alice>bob", BROKEN)], until=60)
    assert watch.story("malformed") == [("suspected", 0.0), ("confirmed", 32.0)]
    assert watch.finding("malformed").severity == Severity.MINOR


def test_where_the_response_could_not_be_recognised_silence_is_not_claimed() -> None:
    heard = response(200, -5, call_id="other")
    watch = Watch([heard, invite(0, "alice>bob", ("CSeq: 1 INVITE", "CSeq: 1 BYE"))], until=60)
    assert [finding.severity for finding in malformed(watch)] == [Severity.MINOR]


@pytest.mark.parametrize(
    ("change", "status"),
    [
        (("bob@example.com SIP/2.0", "bob@example.com SIP/3.0"), 505),
        (("bob@example.com SIP/2.0", "bob@example.com"), 505),
    ],
)
def test_a_refusal_that_names_the_fault_by_its_status_is_as_good_as_a_400(change: tuple[str, str], status: int) -> None:
    for order in permutations((invite(0, "alice>bob", change), response(status, 0.2))):
        assert [finding.severity for finding in malformed(Watch(order))] == [Severity.MAJOR]


@pytest.mark.parametrize("status", [400, 501])
def test_the_answer_to_a_request_whose_cseq_names_another_method_is_known_by_its_branch(status: int) -> None:
    other = ("CSeq: 2 INFO", "CSeq: 2 SING")
    request_, answer = request("INFO", 1, cseq=2, to_tag="b"), response(status, 1.2, method="INFO", cseq=2)
    for order in permutations((changed(request_, other), changed(answer, other))):
        watch = Watch([invite(), response(200, 0.2), *order])
        assert [(each.severity, each.variant) for each in malformed(watch)] == [(Severity.MAJOR, "cseq-mismatch")]
    elsewhere = response(status, 1.2, method="INFO", cseq=2, branch="z9hG4bK-other")
    watch = Watch([invite(), response(200, 0.2), changed(request_, other), changed(elsewhere, other)])
    assert [each.severity for each in malformed(watch)] == [Severity.MINOR]


def test_a_malformed_response_or_ack_is_minor_at_once() -> None:
    bad = changed(response(200, 0.2), BROKEN)
    finding = Watch([invite(), bad]).finding("malformed")
    assert (finding.severity, finding.state, finding.messages) == (Severity.MINOR, FindingState.CONFIRMED, (2,))
    assert finding.cause.startswith("10.0.0.3:5060 sent a malformed 200 response: Content-Length promises 999")
    ack = changed(request("ACK", 0.3, to_tag="b", branch="own"), BROKEN)
    assert Watch([invite(), response(200, 0.2), ack]).finding("malformed").cause.startswith("10.0.0.1:5060 sent a malf")


def test_a_status_that_is_none_is_quoted() -> None:
    finding = Watch([changed(response(200, 0), ("SIP/2.0 200", "SIP/2.0 abc"))]).finding("malformed")
    assert "sent a malformed response: the status is no number of three digits" in finding.cause
    assert "“SIP/2.0 abc Because”" in finding.cause


def test_a_fault_that_was_carried_over_hops_is_told_once_of_the_client() -> None:
    near, far = invite(0, "alice>proxy", BROKEN), invite(0.01, "proxy>bob", BROKEN, vias=2)
    for order in permutations((near, far)):
        (finding,) = malformed(Watch(order))
        assert finding.hop == hop("alice>proxy")


def test_what_the_capture_cut_is_nobodys_fault() -> None:
    assert Watch([replace(invite(0, "alice>bob", BROKEN), fault=CUT_FAULT)], until=60).story("malformed") == []


def test_over_a_stream_a_body_that_is_cut_short_may_be_our_own_loss() -> None:
    event = replace(invite(0, "alice>bob", BROKEN, ("Max-Forwards: 70\r\n", "")), transport="tcp")
    assert Watch([event, response(400, 0.2, transport="tcp")], until=60).story("malformed") == []


def test_only_so_many_faults_of_one_call_are_told() -> None:
    requests = [changed(request("INFO", number, cseq=number, to_tag="b"), BROKEN) for number in range(2, 40)]
    assert len(malformed(Watch([invite(), *requests]))) == 16


@pytest.mark.parametrize("method", ["REGISTER", "OPTIONS"])
def test_registrations_and_other_requests_are_judged_alike(method: str) -> None:
    event = changed(request(method, 0, headers=PROPER), BROKEN)
    watch = Watch([event, response(400, 0.2, method=method)])
    assert [finding.severity for finding in malformed(watch)] == [Severity.MAJOR]
