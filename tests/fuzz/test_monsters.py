"""Input of the size of a datagram that was made to hurt: what takes steps by the square takes minutes over these."""

import base64
import gzip
import json

import pytest

from tests.collectors.sip.torture import message
from tests.fuzz.targets import TARGETS

SIZE = 65_000
HEAD = b"INVITE sip:b@h SIP/2.0\r\n"


def stretched(begin: bytes, again: bytes, end: bytes = b"") -> bytes:
    """`begin`, then `again` to the size of a datagram, then `end`."""
    return (begin + again * (SIZE // len(again)))[:SIZE] + end


VALUES = {
    "open quotes": stretched(b"", b'"'),
    "escaped quotes": stretched(b'"', b'\\"'),
    "quotes and escapes": stretched(b"", b'"\\'),
    "open brackets": stretched(b"", b"<"),
    "brackets and quotes": stretched(b"", b'<"'),
    "open comments": stretched(b"1 ", b"("),
    "commas": stretched(b"", b","),
    "semicolons": stretched(b"a", b";"),
    "semicolons and blanks": stretched(b"<sip:a>", b"; "),
    "parameters": stretched(b"<sip:a>", b";a=b"),
    "ten thousand Vias": stretched(b"", b"SIP/2.0/UDP h;branch=z9hG4bK1,"),
    "ten thousand addresses": stretched(b"", b"<sip:a@h>,"),
    "slashes": stretched(b"SIP", b" / "),
    "blanks": stretched(b"SIP/2.0/UDP", b" "),
    "percents": stretched(b"sip:", b"%"),
    "escapes": stretched(b"sip:", b"%41"),
    "at signs": stretched(b"sip:", b"@"),
    "colons": stretched(b"sip:", b":"),
    "question marks": stretched(b"sip:h", b"?a&"),
    "IPv6 without end": stretched(b"sip:[", b"1:"),
    "digits": stretched(b"", b"9"),
    "digits of a cause": stretched(b"Q.850;cause=", b"9"),
    "dots of a token": stretched(b"", b"."),
    "index without end": stretched(b"<sip:a>;index=1", b".1"),
    "keys": stretched(b"", b"A=1;"),
    "keys within quotes": stretched(b'A="', b"b=1,", b'"'),
    "warnings": stretched(b"", b"399 h x,"),
    "no utf-8": stretched(b"", b"\xff"),
}
NESTED = base64.urlsafe_b64encode(b"[" * 12_000).rstrip(b"=")
CLAIMS = base64.urlsafe_b64encode(json.dumps({"dest": {"tn": ["1"] * 1_000}}).encode()).rstrip(b"=")
MESSAGES = {
    "one long header": stretched(HEAD + b"From: ", b"x"),
    "ten thousand headers": stretched(HEAD, b"a:b\r\n"),
    "ten thousand Vias": stretched(HEAD, b"v:x\r\n"),
    "ten thousand bad Contacts": stretched(HEAD, b"m:,\r\n"),
    "folding": stretched(HEAD + b"To: x\r\n", b" \r\n"),
    "boundaries": message(
        "INVITE sip:b@h SIP/2.0", "Content-Type: multipart/mixed;boundary=b", body="--b\r\n" * 12_000
    ),
    "boundaries that are none": message(
        "INVITE sip:b@h SIP/2.0", "Content-Type: multipart/mixed;boundary=-", body="-" * 60_000
    ),
    "a boundary without end": message(
        "INVITE sip:b@h SIP/2.0", f"Content-Type: multipart/mixed;boundary={'b' * 60_000}", body="b" * 60_000
    ),
    "a bomb": message("INVITE sip:b@h SIP/2.0", "c: text/plain", "e: gzip", drop=("content-length",))
    + gzip.compress(bytes(60_000_000)),
    "reasons": stretched(HEAD + b"Reason: ", b"SIP;cause=1,"),
    "statistics": stretched(HEAD, b"X-RTP-Stat: PS=1\r\n"),
    "identities": stretched(HEAD, b"y: a.b.c\r\n"),
    "nested claims": HEAD + b"Identity: " + NESTED + b"." + NESTED + b".c2ln\r\n\r\n",
    "destinations": HEAD + b"Identity: e30." + CLAIMS + b".c2ln\r\n\r\n",
}


@pytest.mark.timeout(20)
@pytest.mark.parametrize("value", VALUES.values(), ids=VALUES)
def test_a_monster_of_a_value_is_read_in_no_time(value: bytes) -> None:
    for name in ("header-readings", "address", "via", "passport", "sdp"):
        TARGETS[name](value)


@pytest.mark.timeout(20)
@pytest.mark.parametrize("raw", MESSAGES.values(), ids=MESSAGES)
def test_a_monster_of_a_message_is_read_in_no_time(raw: bytes) -> None:
    for name in ("message", "content", "sentences", "redaction", "framing", "correlator"):
        TARGETS[name](raw)


@pytest.mark.timeout(20)
@pytest.mark.parametrize("value", VALUES.values(), ids=VALUES)
def test_a_monster_in_each_header_that_is_judged_is_read_in_no_time(value: bytes) -> None:
    line = value.replace(b"\n", b" ")
    heads = (b"From", b"Contact", b"Via", b"Warning", b"Date", b"Refer-To", b"History-Info", b"Identity", b"Reason")
    TARGETS["sentences"](HEAD + b"".join(name + b": " + line + b"\r\n" for name in heads) + b"\r\n")
