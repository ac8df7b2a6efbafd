"""Reading single headers, all headers, the start line and the body of a message."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from collectors.sip.message import body, header, header_values, headers, looks_like_sip, parse, start_line

REGISTER = (
    b"REGISTER sip:example.com SIP/2.0\r\n"
    b"v: SIP/2.0/UDP 10.0.0.1;branch=z9hG4bK1\r\n"
    b"Contact: <sip:a@10.0.0.1>;expires=60\r\n"
    b"m : <sip:b@10.0.0.1>,\r\n"
    b"  <sip:c@10.0.0.1>\r\n"
    b"X-Odd\r\n"
    b"Subject:\r\n"
    b"\r\n"
    b"Contact: in the body\r\n\r\nmore"
)


def test_headers_come_in_order_with_long_names_and_unfolded() -> None:
    assert headers(REGISTER) == [
        ("via", "SIP/2.0/UDP 10.0.0.1;branch=z9hG4bK1"),
        ("contact", "<sip:a@10.0.0.1>;expires=60"),
        ("contact", "<sip:b@10.0.0.1>, <sip:c@10.0.0.1>"),
        ("subject", ""),
    ]


@pytest.mark.parametrize("ends", [b"\r\n", b"\n", b"\r"], ids=["CRLF", "LF", "CR"])
def test_a_header_is_found_by_its_long_name_wherever_lines_end(ends: bytes) -> None:
    raw = REGISTER.replace(b"\r\n", ends)
    assert header(raw, "contact") == "<sip:a@10.0.0.1>;expires=60"
    assert header_values(raw, "contact") == ["<sip:a@10.0.0.1>;expires=60", "<sip:b@10.0.0.1>, <sip:c@10.0.0.1>"]
    assert header(raw, "subject") == ""
    assert header(raw, "expires") is None
    assert header_values(raw, "expires") == []


@pytest.mark.parametrize(
    ("line", "found"),
    [
        (b"Contact: a", ["a"]),
        (b"CONTACT:a", ["a"]),
        (b"contact\t : a", ["a"]),
        (b"m: a", ["a"]),
        (b"M :a", ["a"]),
        (b"Call-ID: a", []),  # as long
        (b"Content: a", []),  # as long, with the same last letter
        (b"Contact", []),
        (b"Contact a", []),
        (b"Contact x: a", []),
        (b"Contacts: a", []),
        (b"m x: a", []),
        (b"m", []),
        (b"Max: a b c", []),
    ],
)
def test_a_header_is_told_from_those_that_look_like_it(line: bytes, found: list[str]) -> None:
    assert header_values(b"BYE sip:a SIP/2.0\r\n" + line + b"\r\n\r\n", "contact") == found


def test_the_start_line_is_no_header() -> None:
    assert header(b"Via: SIP/2.0\r\nTo: b\r\n\r\n", "via") is None


@pytest.mark.parametrize("blank", [b"\r\n\r\n", b"\n\n", b"\r\n\n", b"\n\r\n", b"\r\r"])
def test_the_body_begins_behind_the_blank_line(blank: bytes) -> None:
    assert body(b"\r\nBYE sip:a SIP/2.0\r\nTo: b" + blank + b"body") == b"body"


def test_without_a_blank_line_there_is_no_body() -> None:
    assert body(b"BYE sip:a SIP/2.0\r\nTo: b\r\n") == b""


def test_the_start_line_is_the_first_that_is_not_empty() -> None:
    assert start_line(b"\r\n\r\nSIP/2.0 180 Ringing\r\nTo: b\r\n\r\n") == "SIP/2.0 180 Ringing"
    assert start_line(b"") == ""


HEADS = st.lists(
    st.sampled_from([b"\r\n", b"\n", b"\r", b" ", b"\t", b":", b";", b",", b"Via", b"v", b"i", b"x", b"\xc3", b"\x0b"]),
    max_size=24,
).map(b"".join)


@settings(max_examples=400, deadline=None)
@given(HEADS)
@example(b"a\r\n\r\r\nVia:")
@example(b"a\nVia:x\r")
def test_one_header_and_all_headers_agree_on_any_line_ends(raw: bytes) -> None:
    found = headers(raw)
    for name in ("via", "call-id", "x"):
        values = [value for each, value in found if each == name]
        assert header_values(raw, name) == values
        assert header(raw, name) == (values[0] if values else None)


@settings(max_examples=400, deadline=None)
@given(HEADS)
@example(b"\tVia:x\r\n\r\n")
@example(b"Via")
def test_what_parse_reads_is_what_the_headers_say(lines: bytes) -> None:
    raw = b"BYE sip:b SIP/2.0\r\n" + lines
    fields = parse(raw)
    assert fields[11] == sum(1 + value.count(",") for value in header_values(raw, "via"))
    assert fields[3] == (header(raw, "call-id") or "")


@pytest.mark.parametrize(
    "payload",
    [
        b"SIP/2.0 200 OK\r\n\r\n",
        b"\r\nSIP/2.0 200 OK\r\n\r\n",
        b"INVITE sip:bob@example.com SIP/2.0\r\n\r\n",
        b"INVITE sip:bob@example.com SIP/2.0\nTo: b\n\n",
        b"\r\n\r\nOPTIONS sips:b SIP/2.0\r\n\r\n",
        b"NEW-METHOD tel:+1 SIP/2.0\r\n\r\n",
        b"BYE urn:service:sos SIP/7.0\r\n",
    ],
)
def test_a_start_line_tells_a_sip_message(payload: bytes) -> None:
    assert looks_like_sip(payload)


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET http://a/ HTTP/1.1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n",
        b"RTSP/1.0 200 OK\r\n",
        b"INVITE sip:bob@example.com",
        b"INVITE bob SIP/2.0\r\n\r\n",
        b"\x30\xff\x00\x10INVITE sip:b SIP/2.0\r\n\r\n",
        b"\x80\x00\x12\x34" + bytes(160),
        b"NOTIFY * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\n\r\n",
    ],
)
def test_other_payloads_are_none(payload: bytes) -> None:
    assert not looks_like_sip(payload)


def test_any_number_of_names_can_be_asked_for() -> None:
    raw = b"INVITE sip:b SIP/2.0\r\nX-1: a\r\nx-2: b\r\n\r\n"
    assert [header(raw, f"x-{number}") for number in range(1_200)][:4] == [None, "a", "b", None]
    assert header(raw, "x-1") == "a"
