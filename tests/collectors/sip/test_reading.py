"""A message that is read further says what the slower functions say, however its head is written."""

import pytest

from collectors.sip import reading
from collectors.sip.message import body, head, header, header_values, start_line
from collectors.sip.reading import Names, Reading
from collectors.sip.via import read_via

REQUEST = b"INVITE sip:bob@example.com SIP/2.0"
VIA = b"Via: SIP/2.0/UDP 10.0.0.1:5070;branch=z9hG4bK1"
REST = b"\r\nSubject: one\r\n\r\nv=0\r\n\r\n"
HEADS = {
    "as most are": REQUEST + b"\r\n" + VIA + REST,
    "a response": b"SIP/2.0 200 OK\r\n" + VIA + REST,
    "a reference of IPv6": REQUEST + b"\r\nVia: SIP / 2.0 / UDP [2001:db8::1]:5070 ;branch=x" + REST,
    "a plain reference of IPv6": REQUEST + b"\r\nVia: SIP/2.0/TCP [2001:DB8::1];branch=x" + REST,
    "a name without port": REQUEST + b"\r\nVia:SIP/2.0/TLS Phone.Example.com;branch=x" + REST,
    "a port beyond all ports": REQUEST + b"\r\nVia: SIP/2.0/UDP 10.0.0.1:65536;branch=x" + REST,
    "the last port": REQUEST + b"\r\nVia: SIP/2.0/UDP 10.0.0.1:65535;branch=x" + REST,
    "the port 0": REQUEST + b"\r\nVia: SIP/2.0/UDP 10.0.0.1:0;branch=x" + REST,
    "no host": REQUEST + b"\r\nVia: SIP/2.0/UDP :5060;branch=x" + REST,
    "two values in one line": REQUEST + b"\r\nVia: SIP/2.0/UDP 10.0.0.1, SIP/2.0/UDP 10.0.0.2;branch=x" + REST,
    "a quoted semicolon": REQUEST + b'\r\nVia: SIP/2.0/UDP "a;b":5070;branch=x' + REST,
    "a compact Via before": REQUEST + b"\r\nv: SIP/2.0/UDP 10.0.0.2\r\n" + VIA + REST,
    "a Via behind others": REQUEST + b"\r\nSubject: two\r\n" + VIA + REST,
    "no Via": REQUEST + REST,
    "a folded header": REQUEST + b"\r\n" + VIA + b"\r\nSubject: one\r\n two\r\n\r\nv=0\r\n",
    "LF alone": (REQUEST + b"\r\n" + VIA + REST).replace(b"\r\n", b"\n"),
    "CR alone": (REQUEST + b"\r\n" + VIA + REST).replace(b"\r\n", b"\r"),
    "LF before CRLF": b"INVITE sip:bob@example.com SIP/2.0\nSubject: two\r\n" + VIA + REST,
    "line ends before it": b"\r\n\r\n" + REQUEST + b"\r\n" + VIA + REST,
    "a blank line of another kind": REQUEST + b"\r\n" + VIA + b"\n\nv=0" + REST,
    "no blank line": REQUEST + b"\r\n" + VIA,
    "one line": REQUEST,
    "nothing": b"",
}


@pytest.mark.parametrize("raw", HEADS.values(), ids=HEADS.keys())
def test_a_message_reads_the_same_however_it_is_written(raw: bytes) -> None:
    via = read_via(header(raw, "via") or "")
    read = Reading(raw)

    assert read.sent_by == Reading(raw, head(raw)).sent_by == (via.host, via.port)
    assert read.start_line == Reading(raw, head(raw)).start_line == start_line(raw)
    words = start_line(raw).split(" ", 2)
    assert read.target == (words[1] if len(words) == 3 else "")
    assert read.body == body(raw)
    assert read.all("subject") == header_values(raw, "subject")
    assert read.first("via") == (header(raw, "via") or "")


def test_of_vias_that_never_end_only_so_many_are_remembered() -> None:
    for number in range(8_193):
        via = b"\r\nVia: SIP/2.0/UDP 10.0.0.1:%d" % number
        assert Reading(REQUEST + via + REST).sent_by == ("10.0.0.1", number)
    assert len(reading._SENT_BY) <= 8_192


def test_headers_may_be_asked_for_before_the_body() -> None:
    read = Reading(HEADS["as most are"])

    assert read.first("subject") == "one"
    assert read.body == b"v=0\r\n\r\n"
    assert read.target == "sip:bob@example.com"


def test_rare_headers_are_looked_for_at_once() -> None:
    rare = Names("session-id", "x-cid", "referred-by", "replaces", "cisco-guid", "call-info")
    head = b"INVITE sip:b@x SIP/2.0\r\n%b\r\n\r\nX-CID: 1\r\n"

    def there(*lines: bytes) -> set[str]:
        return Reading(head % b"\r\n".join(lines)).among(rare)

    assert (
        there(b"Supported: timer", b"Session-Expires: 90", b"X: 1", b"c", b"Contact: <sip:a@x>", b"Require: x") == set()
    )
    assert there(b"SESSION-ID \t: 1", b"x-cid:1", b"b: <sip:c@x>") == {"session-id", "x-cid", "referred-by"}
    assert there(b"Replaces: 1", b"Referred-By: 2", b"Cisco-Guid: 3", b"Call-Info: 4") == {
        "replaces",
        "referred-by",
        "cisco-guid",
        "call-info",
    }
    reading = Reading(head % b"Replaces: 1")
    assert (reading.first("replaces"), reading.among(rare)) == ("1", {"replaces"})
