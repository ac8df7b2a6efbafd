"""What a message says, in sentences that somebody reads at night."""

import gzip

import pytest

from collectors.sip.says import MOST_STATEMENTS, says
from tests.collectors.sip.test_passport import CLAIMS, HEADER, encoded
from tests.collectors.sip.torture import SDP, message

SEEN_US = 1443208348_000000
VIA = "Via: SIP/2.0/UDP [2001:db8::1]:5070;branch=z9hG4bK1;received=2001:db8::1;rport=5070"
TOKEN = f"{encoded(HEADER)}.{encoded(CLAIMS)}.c2ln"
DIVERTED = f"{encoded({'ppt': 'div'})}.{encoded({'div': {'tn': '3'}})}.c2ln"


def said(*lines: str, first: str = "INVITE sip:user@example.com SIP/2.0", body: str = "") -> list[tuple[str, str]]:
    return [(each.about, each.text) for each in says(message(first, *lines, body=body), SEEN_US)]


@pytest.mark.parametrize(
    ("line", "about", "text"),
    [
        ('P-Asserted-Identity: "A" <sip:+1:pw@gw;x>', "Caller", "the network asserts “A” sip:+1@gw"),
        ("Remote-Party-ID: <sip:1@gw>;screen=yes", "Caller", "Remote-Party-ID says sip:1@gw, screened"),
        ("Remote-Party-ID: <sip:1@gw>;screen=no", "Caller", "Remote-Party-ID says sip:1@gw, not screened"),
        ("Privacy: id;user", "Privacy", "the caller wants hidden: id, user"),
        (
            f"Identity: {TOKEN};ppt=shaken",
            "Signature",
            "SHAKEN: attestation A (full: the signer knows the customer, and that the number is theirs), 12155550121 "
            "calls 12155550131, sip:b@example.com, signed 3.0 s before it was seen, origid "
            "123e4567-e89b-12d3-a456-426655440000; not verified here",
        ),
        (f"Identity: {DIVERTED}", "Signature", "DIV: nobody calls nobody, diverted by 3; not verified here"),
        (
            "Identity: ..c2ln;ppt=shaken",
            "Signature",
            "SHAKEN in its compact form: numbers and time are those of From, To and Date; not verified here",
        ),
        ("Identity: a.b.c", "Signature", "Identity, and it can't be decoded; not verified here"),
        ('Identity: "abc="', "Signature", "Identity of RFC 4474, which nobody checks any more; not verified here"),
        (
            "Via: SIP/2.0/UDP pc.example.com;branch=z9hG4bK1;received=203.0.113.9;rport=40001",
            "Translated",
            "what calls itself pc.example.com was seen as 203.0.113.9 port 40001 by the next hop",
        ),
        (
            "Via: SIP/2.0/TCP [2001:db8::1];branch=z9hG4bK1;received=2001:db8::9",
            "Translated",
            "what calls itself [2001:db8::1] was seen as 2001:db8::9 by the next hop",
        ),
        ("Diversion: <sip:b@h>;reason=user-busy;counter=2", "Diverted", "by sip:b@h: user-busy, 2 times"),
        ("Diversion: <sip:b@h>", "Diverted", "by sip:b@h: no reason given"),
        (
            "History-Info: <sip:a@h?Reason=SIP%3Bcause%3D302%3Btext%3Dgone>;index=1.1",
            "History",
            "1.1: sip:a@h, left for SIP 302 gone",
        ),
        ("History-Info: <sip:a@h>", "History", "?: sip:a@h"),
        ('Reason: Q.850;cause=34;text="busy"', "Reason", "Q.850 34: no circuit or channel available (“busy”)"),
        ("Reason: Q.850;cause=16", "Reason", "Q.850 16: normal call clearing"),
        ("Reason: X", "Reason", "X : no words"),
        (
            'Warning: 304 isi.edu "no video"',
            "Warning",
            "isi.edu says 304 (media type not available): no video",
        ),
        ("Warning: 999 h x", "Warning", "h says 999: x"),
        ("Retry-After: 30 (in a while)", "Retry after", "30 s: in a while"),
        ("Retry-After: 30", "Retry after", "30 s"),
        ("Session-Expires: 1800", "Session timer", "1800 s, no refresher named"),
        ("Session-Expires: 90;refresher=uas", "Session timer", "90 s, refreshed by who answers it"),
        ("RSeq: 7", "Reliable", "provisional response 7, to be acknowledged with PRACK"),
        ("RAck: 7 1 INVITE", "Acknowledges", "provisional response 7 to INVITE 1"),
        ("Require: 100rel, timer", "Requires", "100rel, timer"),
        ("Refer-To: <sip:c@h>", "Transfer", "to sip:c@h by INVITE"),
        (
            "Refer-To: <sip:c@h?Replaces=1%40h%3Bto-tag%3Da%3Bfrom-tag%3Db>",
            "Transfer",
            "to sip:c@h by INVITE, in place of call 1@h",
        ),
        ("Replaces: 1@h;to-tag=a;from-tag=b;early-only", "Takes over", "in place of call 1@h while it rings"),
        ("Event: Dialog;id=1", "Event", "dialog, id 1"),
        ("Event: dialog", "Event", "dialog"),
        ("Subscription-State: active;expires=60", "Subscription", "active, 60 s left"),
        ("Subscription-State: terminated;reason=timeout", "Subscription", "terminated: timeout"),
        (
            f"Session-ID: {'a' * 32};remote={'0' * 32}",
            "Session-ID",
            f"{'a' * 32}, other end not known yet",
        ),
        ("P-Charging-Vector: icid-value=1;orig-ioi=a;term-ioi=b", "Charging", "icid 1, a → b"),
        ("P-Charging-Vector: icid-value=1", "Charging", "icid 1"),
        ("X-RTP-Stat: PS=1;PR=2;PL=0;JI=3", "Media", "x-rtp-stat: sent 1, received 2, lost 0, jitter 3 ms"),
    ],
)
def test_a_header_is_said_in_a_sentence(line: str, about: str, text: str) -> None:
    assert said(line) == [(about, text)]


@pytest.mark.parametrize("line", ["Privacy: none", "X-RTP-Stat: EN=PCMA", "Retry-After: x", "Event: ;id=1", VIA])
def test_what_says_nothing_is_left_out(line: str) -> None:
    assert said(line) == []


def test_a_session_timer_tells_the_least_that_is_taken() -> None:
    timer = said("Session-Expires: 90;refresher=uac", "Min-SE: 90")
    assert timer == [("Session timer", "90 s, refreshed by who sent the request, at least 90 s")]


@pytest.mark.parametrize(
    ("uri", "text"),
    [
        ("tel:+1;npdi;rn=+2;cic=3", "+1 was looked up: ported to +2, carrier 3"),
        ("tel:+1;npdi", "+1 was looked up: not ported"),
        ("sip:+1;rn=+2@gw", "+1 comes with portability data: ported to +2"),
    ],
)
def test_a_ported_number_is_said(uri: str, text: str) -> None:
    assert said(first=f"INVITE {uri} SIP/2.0") == [("Number portability", text)]


def test_faults_come_first_with_their_line() -> None:
    assert said("CSeq: 1 BYE", "Date: now", "Reason: SIP;cause=200") == [
        ("Fault", "CSeq names another method than the request line (RFC 3261 §8.1.1.5): “CSeq: 1 BYE”"),
        ("Slight fault", "Date is not of the one form that SIP knows, in GMT (RFC 3261 §20.17): “Date: now”"),
        ("Reason", "SIP 200: no words"),
    ]
    assert said("Call-ID: ") == [("Fault", "there is no Call-ID (RFC 3261 §8.1.1)")]


def test_of_a_message_that_the_capture_cut_no_faults_are_said() -> None:
    raw = message("INVITE sip:u@h SIP/2.0", "Content-Length: 999", "Reason: SIP;cause=200", body=SDP)
    assert [each.about for each in says(raw, SEEN_US)] == ["Fault", "Reason"]
    assert [each.about for each in says(raw, SEEN_US, cut=True)] == ["Reason"]


def test_a_body_is_said_when_there_is_more_to_it_than_its_type() -> None:
    assert said(body=SDP) == []
    body = "--b\r\nContent-Type: application/sdp\r\n\r\nv=0\r\n--b\r\nContent-Type: \r\n\r\nx\r\n--b--"
    assert said("Content-Type: multipart/mixed;boundary=b", body=body) == [
        ("Body", f"multipart/mixed, {len(body)} octets"),
        ("Body", "· application/sdp, 3 octets"),
        ("Body", "· no type, 1 octets"),
    ]
    head = message("INVITE sip:u@h SIP/2.0", "Content-Type: text/plain", "e: gzip", drop=("content-length",))
    bomb = head + gzip.compress(bytes(2**21))
    assert [each.text for each in says(bomb, 0)] == ["text/plain, 1048576 octets (too-large)"]


def test_a_message_that_says_nothing_more_has_nothing_said_of_it() -> None:
    assert said() == []
    assert said(first="SIP/2.0 180 Ringing") == []


def test_what_is_said_is_bounded_and_can_be_seen() -> None:
    many = said("Reason: " + ", ".join(f"X;cause={number};text=\x1b[31m" for number in range(500)))
    assert len(many) == MOST_STATEMENTS
    assert many[0] == ("Reason", "X 0: \ufffd[31m")
    assert len(said(f"Privacy: {'x' * 5000}")[0][1]) == 400
