"""Input that was made to hurt: any octets, large and repeated, give an answer, and soon."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collectors.sip.auth import parameters
from collectors.sip.message import body, header, header_values, headers, looks_like_sip, parse, start_line

# What 64 KiB of a datagram may hold. A pattern that goes back over its steps takes minutes over these.
SIZE = 65_000


def stretched(*parts: bytes) -> bytes:
    """The parts, the last of them again and again to the size of a datagram."""
    head, last = b"".join(parts[:-1]), parts[-1]
    return (head + last * (SIZE // len(last)))[:SIZE]


HEAD = b"INVITE sip:b@h SIP/2.0\r\n"
MONSTERS = {
    "one long header": stretched(HEAD, b"Via: ", b"x"),
    "ten thousand headers": stretched(HEAD, b"a: b\r\n"),
    "ten thousand Vias": stretched(HEAD, b"v:x\r\n"),
    "ten thousand continuation lines": stretched(HEAD, b"Via: x\r\n", b" y\r\n"),
    "commas": stretched(HEAD, b"Via: ", b","),
    "a name without end": stretched(HEAD, b"a"),
    "blanks behind a name": stretched(HEAD, b"Via", b" "),
    "blanks at line begins": stretched(HEAD, b" "),
    "line ends": stretched(b"\r\n"),
    "carriage returns": stretched(HEAD, b"\r"),
    "line feeds and returns": stretched(HEAD, b"\n\r"),
    "open tags": stretched(HEAD, b"From: <sip:a>", b"; tag "),
    "blanks before a tag": stretched(HEAD, b"From: <sip:a>;", b" "),
    "open branches": stretched(HEAD, b"Via: h", b";branch \t"),
    "open quotes": stretched(HEAD, b"From: ", b'"'),
    "escapes": stretched(HEAD, b'From: "', b"\\"),
    "quotes and brackets": stretched(HEAD, b"To: ", b'"<"'),
    "open brackets": stretched(HEAD, b"Contact: ", b"<"),
    "methods": stretched(b"A" * 200, b" B "),
    "schemes": stretched(b"A ", b"b:"),
    "versions": stretched(b"A b:", b" SIP/2.0"),
    "digits of a version": stretched(b"A b: SIP/", b"2"),
    "digits of versions": stretched(b"A b:", b" SIP/2.2222 "),
    "blanks behind a version": stretched(b"A b: SIP/2.0", b" "),
    "digits of a status line": stretched(b"SIP/", b"2"),
    "no utf-8": stretched(HEAD, b"\xff"),
    "zeroes": bytes(SIZE),
}
LOGINS = {
    "a name": "a" * SIZE,
    "names": "a " * (SIZE // 2),
    "blanks": "a" + " " * SIZE,
    "open quotes": 'a="' * (SIZE // 3),
    "escapes": 'a="' + "\\" * SIZE,
    "equals signs": "=" * SIZE,
}


@pytest.mark.timeout(10)
@pytest.mark.parametrize("raw", MONSTERS.values(), ids=MONSTERS)
def test_a_monster_is_read_in_no_time(raw: bytes) -> None:
    looks_like_sip(raw)
    parse(raw)
    headers(raw)
    header_values(raw, "via")
    header(raw, "authorization")
    body(raw)
    start_line(raw)


@pytest.mark.timeout(10)
@pytest.mark.parametrize("value", LOGINS.values(), ids=LOGINS)
def test_a_monster_of_a_challenge_is_read_in_no_time(value: str) -> None:
    parameters(f"Digest {value}")


PIECES = st.sampled_from(
    [
        *(b"\r\n", b"\n", b"\r", b" ", b"\t", b":", b";", b",", b"<", b">", b'"', b"\\", b"@", b"=", b"?"),
        *(b"INVITE", b"SIP/2.0", b"sip:", b"200", b"Via", b"To", b"From", b"CSeq", b"Call-ID", b"i", b"Contact"),
        *(b"tag=", b"branch=", b"1", b"a", b"\x00", b"\xff", b"\xe2\x82", b"Content-Length", b"99999999999999999999"),
    ]
)
ANYTHING = st.binary(max_size=200) | st.lists(PIECES, max_size=40).map(b"".join)


@settings(max_examples=500, deadline=None)
@given(ANYTHING)
def test_any_octets_are_read_without_an_error(raw: bytes) -> None:
    for message in (raw, b"INVITE sip:b@h SIP/2.0\r\n" + raw, b"SIP/2.0 200 OK\r\n" + raw + b"\r\n\r\n"):
        fault, method, status, _, _, _, _, _, cseq, _, _, vias, _ = parse(message)
        assert (method == "") != (status == 0) or fault
        assert -1 <= cseq < 2**32
        assert status == 0 or 100 <= status <= 999
        assert vias >= 0
        assert isinstance(looks_like_sip(message), bool)
        assert message.endswith(body(message))
        start_line(message)
        for name, value in headers(message):
            assert value == value.strip()
            parameters(value)
            header_values(message, name)


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=100))
def test_any_text_is_read_as_a_challenge(value: str) -> None:
    assert "" in parameters(value)
