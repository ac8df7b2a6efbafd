"""No secret leaves the host, and nothing else changes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectors.processors.redact import redact, redact_text
from collectors.sip.auth import parameters
from collectors.sip.message import header, parse
from tests.support.packets import SIP

DIGEST = 'Digest username="alice", realm="example.com", nonce="84a4cc6f", uri="sip:example.com", response='


def message(*lines: str, body: str = "", ends: str = "\r\n") -> bytes:
    """A REGISTER with some more header lines."""
    head = ["REGISTER sip:example.com SIP/2.0", "Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1", *lines]
    return (ends.join([*head, f"Content-Length: {len(body)}", "", ""]) + body).encode()


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (f'Authorization: {DIGEST}"7587245234b3434c", qop=auth', f'Authorization: {DIGEST}"{"x" * 16}", qop=auth'),
        (f"authorization: {DIGEST}7587245234b3434c, cnonce=1", f"authorization: {DIGEST}{'x' * 16}, cnonce=1"),
        (f'PROXY-AUTHORIZATION : {DIGEST} "ab12"', f'PROXY-AUTHORIZATION : {DIGEST} "xxxx"'),
        (f'Authorization: {DIGEST}"ab12\r\nSubject: x', f'Authorization: {DIGEST}"xxxx\r\nSubject: x'),
        ('Authorization:\r\n response="ab12"\n ,RESPONSE="cd"', 'Authorization:\r\n response="xxxx"\n ,RESPONSE="xx"'),
        ("Authorization: Basic dXNlcjpwYXNz", "Authorization: Basic xxxxxxxxxxxx"),
        ("Proxy-Authorization:bearer eyJhbGciOi.e30.x", "Proxy-Authorization:bearer xxxxxxxxxxxxxxxx"),
        ('Authorization: NTLM realm="r", gssapi-data="TlRM"', 'Authorization: NTLM realm="r", gssapi-data="xxxx"'),
        ('Authentication-Info: nextnonce="47", rspauth="ab12"', 'Authentication-Info: nextnonce="47", rspauth="xxxx"'),
        ("Contact: <sip:alice:s3cret@192.0.2.1:5060;ob>", "Contact: <sip:alice:xxxxxx@192.0.2.1:5060;ob>"),
        ("Contact: SIPS:alice:s3cret@example.com", "Contact: SIPS:alice:xxxxxx@example.com"),
        ("Route: <sip::only@a>,<sip:b:c:d@e>", "Route: <sip::xxxx@a>,<sip:b:c:d@e>"),
    ],
)  # fmt: skip
def test_a_secret_in_a_header_becomes_as_many_x(before: str, after: str) -> None:
    assert redact(message(before)) == message(after)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:PS1uQCVeeCFCanVmcjkpPywjNWhcYD0mXXtxaVBR|2^20|1:4",
            "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx|2^20|1:4",
        ),
        ("a=crypto:1 F inline:abc;inline:def KDR=1", "a=crypto:1 F inline:xxx;inline:xxx KDR=1"),
        ("a=key-mgmt:mikey AQAFgM0X", "a=key-mgmt:mikey xxxxxxxx"),
        ("a=ice-pwd:asd88fgpdd777uzjYhagZg", "a=ice-pwd:xxxxxxxxxxxxxxxxxxxxxx"),
        ("k=clear:hunter2", "k=clear:xxxxxxx"),
        ("k=prompt", "k=prompt"),
    ],
)
def test_a_key_in_sdp_becomes_as_many_x(before: str, after: str) -> None:
    body, expected = (f"v=0\r\nm=audio 1 RTP/SAVP 0\r\n{line}\r\na=sendrecv\r\n" for line in (before, after))
    assert redact(message(body=body)) == message(body=expected)


def test_a_body_that_ends_like_a_head_is_looked_at() -> None:
    assert b"s3cret" not in redact(message(body="v=0\r\nk=clear:s3cret\r\n\r\n"))


@pytest.mark.parametrize(
    "line",
    [
        f'Authorization: {DIGEST}"", auts="RWFzdGVy"',
        'WWW-Authenticate: Digest realm="a", nonce="b", qop="auth"',
        "Contact: <sip:alice@192.0.2.1:5060>",
        "Contact: <sip:192.0.2.1:5060;transport=tcp?X-To=a@b>",
        "Call-ID: sip-5060:abc@192.0.2.1",
        "Subject: response=ab12, inline:abc",
        "Subject: authorization: basic abc",
        "X-Proxy-Authorization: Basic dXNlcjpwYXNz",
        "Via: SIP/2.0/UDP 192.0.2.1:5060;response=abc",
    ],
)
def test_what_is_no_secret_stays(line: str) -> None:
    raw = message(line)
    assert redact(raw) is raw or redact(raw) == raw


def test_a_message_without_secrets_is_not_even_copied() -> None:
    assert redact(SIP) is SIP


def test_the_challenge_that_credentials_answer_can_still_be_told() -> None:
    value = header(redact(message(f'Authorization: {DIGEST}"7587245234b3434c"')), "authorization")
    assert value is not None
    assert parameters(value)["nonce"] == "84a4cc6f"
    assert parameters(value)["response"] == "x" * 16


@pytest.mark.parametrize("ends", ["\r\n", "\n", "\r"])
def test_odd_line_ends_hide_no_secret(ends: str) -> None:
    raw = message(f'Authorization: {DIGEST}"ab12"', "Subject: x", ends=ends)
    assert b"ab12" not in redact(raw)


SECRETS = [
    b'\r\nAuthorization: Digest response="0123456789abcdef"\r\n',
    b"<sip:alice:s3cret@example.com>",
    b"a=crypto:1 X inline:c2VjcmV0\r\n",
    b"\r\nProxy-Authorization: Basic c2VjcmV0\r\n",
    b"\nk=clear:s3cret\r\n",
]


@given(st.lists(st.one_of(st.sampled_from(SECRETS), st.binary(max_size=40)), max_size=8))
def test_redaction_keeps_the_length_and_is_done_once(parts: list[bytes]) -> None:
    raw = b"".join(parts)
    once = redact(raw)
    assert len(once) == len(raw)
    assert redact(once) == once
    assert once.count(b"\r\n") == raw.count(b"\r\n")
    assert len(parse(once)) == len(parse(raw))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"got Authorization: Basic c2VjcmV0 from a", b"got Authorization: Basic xxxxxxxx from a"),
        (
            b'[3] auth failed: Digest username="a", nonce="n", response="deadbeef"',
            b'[3] auth failed: Digest username="a", nonce="n", response="xxxxxxxx"',
        ),
        (b"to sip:a:pw@h, response=486", b"to sip:a:xx@h, response=486"),
        (b"digest of the day: response=1", b"digest of the day: response=1"),
    ],
)
def test_a_text_that_quotes_credentials_anywhere_in_a_line_loses_them(text: bytes, expected: bytes) -> None:
    assert redact_text(text) == expected
    assert redact_text(expected) == expected


@given(
    st.lists(
        st.sampled_from([b"Authorization: ", b"digest a=", b"basic ", b"response=", b'"x', b"\r\n", b" ", b"\xff"])
    )
)
def test_a_text_keeps_its_length(pieces: list[bytes]) -> None:
    text = b"".join(pieces)
    assert len(redact_text(text)) == len(text)
