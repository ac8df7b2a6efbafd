"""What is wrong with a message, and the line that says so; what is right, however odd, is left alone."""

import pytest

from collectors.sip.faults import LONGEST_LINE, MOST_FAULTS, faults, quoted
from tests.collectors.sip.torture import message

INVITE = "INVITE sip:user@example.com SIP/2.0"


def codes(*lines: str, first: str = INVITE, drop: tuple[str, ...] = (), body: str = "") -> list[str]:
    return [fault.code for fault in faults(message(first, *lines, drop=drop, body=body))]


def test_a_fault_names_header_rule_line_and_source() -> None:
    (fault,) = faults(message(INVITE, "CSEQ: 8\r\n BYE"))
    assert (fault.code, fault.header, fault.line) == ("cseq-mismatch", "CSeq", "CSeq: 8 BYE")
    assert (fault.says, fault.source) == ("CSeq names another method than the request line", "RFC 3261 §8.1.1.5")
    assert not fault.slight
    (absent,) = faults(message(INVITE, drop=("max-forwards",)))
    assert (absent.line, absent.slight) == (INVITE, True)


@pytest.mark.parametrize(
    "line",
    [
        "Contact: *",
        'Contact: "A, B" <sip:a@h;x?y=z>;q=1, sip:b@h;q=0',
        'Contact: <sip:a@h>;+sip.instance="<urn:uuid:1>"',
        'From: "Bell, \\"A\\"" <sip:a@h>;tag=1',
        "From: sip:a@h;tag=1",
        "From: Alice Smith <sip:a@h>;tag=1",
        "From: <tel:+1>;tag=1",
        "Via: SIP/2.0/UDP h_o.example.com:5060;branch=z9hG4bKx;rport, SIP/2.0/TCP h",
        "Expires: 60;generic=1",
        "Date: Sat, 13 Nov 2010 23:29:00 GMT",
        'Warning: 307 isi.edu "a, b", 399 h "c"',
        "Max-Forwards: 0",
        "Content-Length : 0",
    ],
)
def test_what_is_proper_has_no_fault(line: str) -> None:
    assert codes(line) == []


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("Contact: <sip:a@h>, Bell, A <sip:b@h>", "bad-contact"),
        ("Contact: <sip:a@>", "bad-contact"),
        ("Contact: a@h", "bad-contact"),
        ("Contact: <sip:a@h>,,<sip:b@h>", "bad-contact"),
        ("From: *", "bad-from"),
        ("From: sip:a@h,b;tag=1", "bad-from"),
        ("To: <>", "bad-to"),
        ("Via: SIP/2.0/UDP", "bad-via"),
        ("Via: SIP/2.0/UDP a,, SIP/2.0/UDP b", "bad-via"),
        ("Expires: soon", "bad-expires"),
        ("Max-Forwards: -1", "bad-max-forwards"),
        ("Date: Sat, 13 Nov 2010 23:29:00", "bad-date"),
        ("Warning: x", "bad-warning"),
    ],
)
def test_what_is_improper_is_named(line: str, code: str) -> None:
    assert code in codes(line)


@pytest.mark.parametrize(
    ("first", "found"),
    [
        ("INVITE sip:@ SIP/2.0", ["bad-request-uri"]),
        ("INVITE bob SIP/2.0", ["bad-request-uri"]),
        ("xxINVITE sip:b@h SIP/2.0", ["junk-before-start-line"]),
        ("INVITE", ["bad-start-line"]),
        ("SIP/3.0 200 OK", ["bad-version"]),
        ("INVITE sip:b@h SIP/x", ["bad-start-line"]),
        ("INVITE tel:112 SIP/2.0", []),
        ("SING sip:b@h SIP/2.0", []),
        ("SIP/2.0 200", []),
    ],
)
def test_the_first_line_is_judged(first: str, found: list[str]) -> None:
    assert codes(first=first, drop=("cseq",))[: len(found)] == found
    assert codes("CSeq: 1 SING" if first[:4] == "SING" else "CSeq: 1 INVITE", first=first) == found


def test_nothing_at_all_breaks_many_rules() -> None:
    assert [fault.code for fault in faults(b"")][:2] == ["bad-start-line", "no-call-id"]
    assert [fault.code for fault in faults(b"\r\n \r\n:\r\n")][:1] == ["bad-start-line"]


def test_a_body_is_held_against_its_headers() -> None:
    assert codes("Content-Length: 9", "Content-Type: text/plain", body="12345678") == ["truncated-body"]
    assert codes("Content-Length: 7", "Content-Type: text/plain", body="12345678") == []
    assert codes("Content-Type: ", body="x") == ["no-content-type"]
    assert codes("Content-Type: ", body="\r\n") == []
    assert codes("Content-Type: text/plain", body="x", drop=("content-length",)) == []


@pytest.mark.parametrize("line", ["Via SIP/2.0/UDP h", "Sub ject: x", "Subj\xe9ct: x", ": x", "\x00: x"])
def test_a_line_that_is_no_header_is_quoted(line: str) -> None:
    fault = faults(message(INVITE, "Subject: y", line, "X: z"))[0]
    assert fault.code == "bad-header-line"
    assert fault.line == line.replace("\x00", "\ufffd")
    assert codes("Subject : y\r\n folded: no header", "X:") == []


def test_an_absent_contact_is_a_fault_only_where_a_dialog_needs_it() -> None:
    assert codes(drop=("contact",)) == ["no-contact"]
    assert codes(first="OPTIONS sip:u@h SIP/2.0", drop=("contact",)) == []


def test_only_so_many_faults_are_named() -> None:
    raw = message(
        "INVITE <sip:b> SIP/9.0 ",
        *("From: ,", "To: ,", "Contact: ,", "Via: ,", "Via: SIP/2.0/UDP h;branch=z9hG4bK", "CSeq: x", "CSeq: y"),
        *("Max-Forwards: x", "Expires: x", "Date: x", "Warning: x", "Content-Length: x", "Call-ID:"),
        body="x",
    )
    assert len(faults(raw)) == MOST_FAULTS


def test_a_quoted_line_is_short_and_can_be_seen_whole() -> None:
    assert quoted("To: b") == "To: b"
    assert quoted("To: \x00\x1b[31m") == "To: \ufffd\ufffd[31m"
    assert quoted("x" * 500) == "x" * LONGEST_LINE + "…"


@pytest.mark.parametrize("line", ['Authorization Digest response="1"', "a=crypto:1 AES inline:secret", "X a=ice-pwd:x"])
def test_a_quoted_line_tells_no_secrets(line: str) -> None:
    assert quoted(line) == line.split()[0] + "…"
