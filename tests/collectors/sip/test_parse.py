"""What `parse` reads of a message, and what it says is wrong with it."""

from typing import NamedTuple

import pytest

from collectors.sip.message import parse

INVITE = (
    b"INVITE sip:bob@example.com SIP/2.0\r\n"
    b"Via: SIP/2.0/UDP 10.0.0.2:5060;branch=z9hG4bK-2;rport\r\n"
    b"Via: SIP/2.0/UDP 10.0.0.1:5060;branch=z9hG4bK-1;received=10.0.0.1\r\n"
    b"Max-Forwards: 69\r\n"
    b'From: "Alice" <sip:alice@example.com;user=phone>;tag=a-1\r\n'
    b"To: <sip:bob@example.com>\r\n"
    b"Call-ID: 4711@10.0.0.1\r\n"
    b"CSeq: 7 INVITE\r\n"
    b"Contact: <sip:alice@10.0.0.1:5060;transport=udp>\r\n"
    b"Content-Length: 4\r\n"
    b"\r\n"
    b"v=0\n"
)


class Fields(NamedTuple):
    """The tail of a `SipEvent`, by name."""

    fault: str
    method: str
    status: int
    call_id: str
    from_uri: str
    from_tag: str
    to_uri: str
    to_tag: str
    cseq: int
    cseq_method: str
    branch: str
    vias: int
    contact: str


def read(raw: bytes) -> Fields:
    return Fields(*parse(raw))


def with_line(name: bytes, line: bytes) -> bytes:
    """The INVITE with another line in place of the first header `name` (b"": without it)."""
    lines = INVITE.split(b"\r\n")
    place = next(n for n, each in enumerate(lines) if each.startswith(name + b":"))
    lines[place : place + 1] = [line] if line else []
    return b"\r\n".join(lines)


def with_start(line: bytes) -> bytes:
    return line + INVITE[INVITE.index(b"\r\n") :]


def test_a_request_is_read() -> None:
    assert read(INVITE) == Fields(
        fault="",
        method="INVITE",
        status=0,
        call_id="4711@10.0.0.1",
        from_uri="sip:alice@example.com",
        from_tag="a-1",
        to_uri="sip:bob@example.com",
        to_tag="",
        cseq=7,
        cseq_method="INVITE",
        branch="z9hG4bK-2",
        vias=2,
        contact="sip:alice@10.0.0.1:5060",
    )


def test_a_response_is_read() -> None:
    fields = read(with_start(b"SIP/2.0 180 Ringing"))
    assert (fields.method, fields.status, fields.cseq_method, fields.fault) == ("", 180, "INVITE", "")


@pytest.mark.parametrize("ends", [b"\n", b"\r"], ids=["LF", "CR"])
def test_other_line_ends_are_read_like_crlf(ends: bytes) -> None:
    head, _, body = INVITE.partition(b"\r\n\r\n")
    assert read(head.replace(b"\r\n", ends) + 2 * ends + body) == read(INVITE)


def test_line_ends_before_the_start_line_are_passed_over() -> None:
    assert read(b"\r\n\r\n" + INVITE) == read(INVITE)
    assert read(b"\n\n" + INVITE) == read(INVITE)


def test_compact_names_are_read_like_long_ones() -> None:
    compact = INVITE
    for long, short in ((b"Via", b"v"), (b"From", b"f"), (b"To", b"T"), (b"Call-ID", b"i"), (b"Contact", b"m")):
        compact = compact.replace(b"\r\n" + long + b":", b"\r\n" + short + b" :")
    assert read(compact.replace(b"Content-Length", b"l")) == read(INVITE)


def test_names_are_read_in_any_case() -> None:
    head, _, body = INVITE.partition(b"\r\n\r\n")
    start, *lines = head.split(b"\r\n")
    shouted = [name.upper() + b":" + value for name, _, value in (line.partition(b":") for line in lines)]
    assert read(b"\r\n".join([start, *shouted]) + b"\r\n\r\n" + body) == read(INVITE)


@pytest.mark.parametrize("ends", [b"\r\n", b"\n", b"\r"], ids=["CRLF", "LF", "CR"])
def test_folded_lines_are_read_as_one(ends: bytes) -> None:
    folded = INVITE.replace(b"branch=z9hG4bK-2;rport", b"\r\n\t;branch=z9hG4bK-2;rport, SIP/2.0/UDP\r\n 10.0.0.9")
    folded = folded.replace(b"CSeq: 7 INVITE", b"CSeq:\r\n  7\r\n\tINVITE")
    head, _, body = folded.partition(b"\r\n\r\n")
    fields = read(head.replace(b"\r\n", ends) + 2 * ends + body)
    assert fields == read(INVITE)._replace(vias=3)


def test_a_line_that_continues_the_start_line_is_no_header() -> None:
    assert read(INVITE.replace(b"\r\nVia", b"\r\n Via", 1)) == read(INVITE)._replace(branch="z9hG4bK-1", vias=1)


def test_a_long_name_is_not_taken_for_its_beginning() -> None:
    raw = INVITE.replace(b"\r\nVia", b"\r\nv" + 40 * b"-" + b": no\r\n " + 40 * b"-" + b": Via\r\nVia", 1)
    assert read(raw) == read(INVITE)


def test_several_vias_in_one_line_are_counted() -> None:
    fields = read(with_line(b"Via", b"Via: SIP/2.0/UDP h;branch=x;a, SIP/2.0/UDP i;branch=y,SIP/2.0/TCP j"))
    assert (fields.branch, fields.vias) == ("x", 4)


def test_of_a_header_that_stands_twice_the_first_counts() -> None:
    fields = read(INVITE.replace(b"Call-ID: ", b"Call-ID: first\r\nCall-ID: "))
    assert fields.call_id == "first"


@pytest.mark.parametrize(
    ("value", "uri", "tag"),
    [
        (b"<sip:a@h>;tag=1", "sip:a@h", "1"),
        (b"sip:a@h;tag=1", "sip:a@h", "1"),
        (b"<sip:a@h>;x=y ; TAG = 1 ;z", "sip:a@h", "1"),
        (b"<sip:a@h;tag=no>", "sip:a@h", ""),
        (b"<sip:a@h>;tag=", "sip:a@h", ""),
        (b"<sip:a@h>;tag=1, <sip:b@h>;tag=2", "sip:a@h", "1"),
        (b"<sip:a@h>;xtag=2;tag=1", "sip:a@h", "1"),
        (b"tel:+15551234;tag=1", "tel:+15551234", "1"),
    ],
)
def test_address_and_tag_are_found(value: bytes, uri: str, tag: str) -> None:
    fields = read(with_line(b"From", b"From: " + value))
    assert (fields.from_uri, fields.from_tag) == (uri, tag)


@pytest.mark.parametrize(
    ("value", "branch"),
    [
        (b"SIP/2.0/UDP h;branch=z", "z"),
        (b"SIP/2.0/UDP h ; branch = z ;rport", "z"),
        (b"SIP/2.0/UDP h;BRANCH=z", "z"),
        (b"SIP/2.0/UDP h", ""),
        (b"SIP/2.0/UDP h;branch=", ""),
        (b"SIP/2.0/UDP h, SIP/2.0/UDP i;branch=second", ""),
        (b"SIP/2.0/UDP h;branch=z received=1.2.3.4", "z"),
    ],
)
def test_the_branch_is_that_of_the_topmost_via(value: bytes, branch: str) -> None:
    assert read(with_line(b"Via", b"Via: " + value)).branch == branch


@pytest.mark.parametrize(
    ("line", "cseq", "method"),
    [
        (b"CSeq: 7 INVITE", 7, "INVITE"),
        (b"CSeq: 0007  INVITE ", 7, "INVITE"),
        (b"CSeq: 7\tINVITE", 7, "INVITE"),
        (b"CSeq: 4294967295 INVITE", 2**32 - 1, "INVITE"),
        (b"CSeq: 4294967296 INVITE", -1, ""),
        (b"CSeq: 99999999999 INVITE", -1, ""),
        (b"CSeq: -1 INVITE", -1, ""),
        ("CSeq: ٧ INVITE".encode(), -1, ""),
        (b"CSeq: INVITE", -1, ""),
    ],
)
def test_a_sequence_number_is_one_of_32_bits(line: bytes, cseq: int, method: str) -> None:
    fields = read(with_line(b"CSeq", line))
    assert (fields.cseq, fields.cseq_method) == (cseq, method)
    assert fields.fault == ("" if cseq >= 0 else "bad-cseq")


@pytest.mark.parametrize(
    ("raw", "fault"),
    [
        (with_line(b"Call-ID", b""), "no-call-id"),
        (with_line(b"Call-ID", b"Call-ID:"), "no-call-id"),
        (with_line(b"CSeq", b""), "no-cseq"),
        (with_line(b"CSeq", b"CSeq: 7 BYE"), "cseq-mismatch"),
        (with_line(b"CSeq", b"CSeq: 7"), "cseq-mismatch"),
        (with_line(b"From", b""), "no-from"),
        (with_line(b"From", b"From: <>;tag=1"), "bad-from"),
        (with_line(b"To", b""), "no-to"),
        (with_line(b"To", b"To: ;tag=1"), "bad-to"),
        (with_line(b"Content-Length", b"Content-Length: 5"), "truncated-body"),
        (with_line(b"Content-Length", b"Content-Length: -5"), "bad-content-length"),
        (with_line(b"Content-Length", b"Content-Length: 1000000000"), "bad-content-length"),
        (with_line(b"Content-Length", b"Content-Length: 0"), ""),
        (with_line(b"Content-Length", b"Content-Length: 3"), ""),
        (with_line(b"Content-Length", b""), ""),
        (INVITE.replace(b"Via:", b"Vial:"), "no-via"),
        (with_start(b"INVITE sip:bob@example.com SIP/3.0"), "bad-start-line"),
        (with_start(b"INVITE sip:bob@example.com"), "bad-start-line"),
        (with_start(b"INVITE  SIP/2.0"), "bad-start-line"),
        (with_start(b"SIP/2.0 42 Short"), "bad-status"),
        (with_start(b"SIP/2.0 099 Low"), "bad-status"),
        (with_start(b"SIP/2.0 20x Odd"), "bad-status"),
        (with_start(b"SIP/2.0"), "bad-status"),
        (with_start(b"sip/2.0 200 Ok"), ""),
        (with_start(b"INVITE sip:bob@example.com sip/2.0"), ""),
        (with_start(b"INVITE sip:bob@example.com SIP/2.0 "), ""),
        (b"", "bad-start-line"),
    ],
)
def test_what_is_wrong_is_named(raw: bytes, fault: str) -> None:
    assert read(raw).fault == fault


def test_what_can_be_read_of_a_faulty_message_is_read() -> None:
    fields = read(with_line(b"Call-ID", b""))
    assert fields == read(INVITE)._replace(fault="no-call-id", call_id="")


def test_junk_before_a_known_method_is_told_from_an_unknown_method() -> None:
    junk = read(with_start(b"\x01\x02PRACK sip:bob@example.com SIP/2.0"))
    assert (junk.method, junk.fault) == ("PRACK", "junk-before-start-line")
    unknown = read(with_line(b"CSeq", b"CSeq: 7 NEWMETHOD").replace(b"INVITE sip", b"NEWMETHOD sip"))
    assert (unknown.method, unknown.fault) == ("NEWMETHOD", "")


def test_a_body_is_measured_from_the_blank_line_whatever_its_form() -> None:
    short = with_line(b"Content-Length", b"Content-Length: 5").replace(b"\r\n", b"\n")
    assert read(short).fault == "truncated-body"
    assert read(short + b"!").fault == ""


def test_a_message_cut_within_its_headers_is_read_as_far_as_it_goes() -> None:
    cut = read(INVITE[: INVITE.index(b"Contact")])
    assert (cut.fault, cut.call_id, cut.cseq, cut.contact) == ("", "4711@10.0.0.1", 7, "")


def test_octets_that_are_no_utf_8_are_replaced() -> None:
    assert read(INVITE.replace(b"sip:alice", b"sip:\xffalice")).from_uri == "sip:\ufffdalice@example.com"
