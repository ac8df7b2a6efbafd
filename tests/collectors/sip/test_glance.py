"""What is told of a message at a glance is what reading it tells."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from collectors.sip.glance import call_id_line, call_id_of, is_response, usual_call_id
from collectors.sip.message import parse
from tests.collectors.sip.torture_cases import CASES

USUAL = b"INVITE sip:b@h SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\nCall-ID: abc@h\r\nCSeq: 1 INVITE\r\n\r\n"

STARTS = (
    b"INVITE sip:b@h SIP/2.0", b"SUBSCRIBE sip:b@h SIP/2.0", b"SIP/2.0 200 OK", b"SIP/2.0 099", b"sip/2.0 404 No",
    b"SIP/2.0  486 x", b"SIP/2.0 4", b"SIP/2.0 200\tOK", b"SIP/2.0 2000 OK", b"SIP/2.0 \xd9\xa1\xd9\xa1\xd9\xa1 x",
    b"junk", b"",
)  # fmt: skip
HEADERS = (
    b"Call-ID: one", b"Call-ID:two ", b"call-id: three", b"i: four", b"I : five", b"Call-ID : six", b"Call-ID:",
    b"CALL-ID\t: seven", b"Call-ID: \xa0\x1ceight\x1c", b"Call-ID: nine\xff", b"Call-ID; ten", b"Call-Info: <sip:x>",
    b" folded", b"\tCall-ID: folded", b"Contact: <sip:a@h>", b"CSeq: 1 INVITE", b"c: text/plain", b"Via: v",
    b"Call-ID" + b" " * 40 + b": far", b"", b"x", b"Call-ID: a\x0bb\x0c", b"Call-ID: a\x85b",
)  # fmt: skip
ENDS = (b"\r\n", b"\r\n", b"\r\n", b"\n", b"\r", b"\r\n\r\n", b"\n\n", b"\r\r\n")


@st.composite
def heads(draw: st.DrawFn) -> bytes:
    """Messages that are nearly right, in each way that could make a glance wrong."""
    lead = draw(st.sampled_from((b"", b"", b"", b"\r\n", b"\n", b" ", b"\x0c")))
    lines = [draw(st.sampled_from(STARTS)), *draw(st.lists(st.sampled_from(HEADERS), max_size=8))]
    whole = lead + b"".join(line + draw(st.sampled_from(ENDS)) for line in lines)
    return whole[: draw(st.integers(0, len(whole)))] if draw(st.booleans()) else whole + b"\r\n"


def agrees(raw: bytes) -> bool:
    read = parse(raw)
    return call_id_of(raw) == read[3] and is_response(raw) == (read[2] != 0)


@settings(max_examples=400)
@given(heads() | st.binary(max_size=200) | st.binary(max_size=40).map(lambda junk: USUAL[:24] + junk + USUAL[24:]))
@example(b"")
@example(b"x\n\r\nCall-ID: after an empty line\r\n\r\n")
@example(b"x\r\nVia: v\r\nCall-ID: one\r\n two\r\n\r\n")
@example(b"x\r\nVia: v\r\nCall-ID: one\rCall-ID: two\r\n\r\n")
@example(b"x\r\nVia: v\r\n\r\nbody\r\nCall-ID: in the body\r\n\r\n")
def test_a_glance_says_what_reading_does(raw: bytes) -> None:
    assert agrees(raw)


def test_the_usual_message_needs_no_reading() -> None:
    assert call_id_line(USUAL) == b"Call-ID: abc@h"


def test_the_first_call_id_counts_however_it_is_spelled() -> None:
    assert call_id_line(USUAL.replace(b"Via", b"I : x\r\nVia")) == b"I : x"
    assert call_id_line(USUAL.replace(b"Via", b"cALL-id:\r\nVia")) == b"cALL-id:"


@pytest.mark.parametrize(
    "line", [b"Call-ID: abc@h", b"Call-Id: abc@h", b"i: abc@h", b"i:abc@h"], ids=lambda line: line.decode()
)
def test_the_octets_of_a_usual_call_id_are_the_call_id(line: bytes) -> None:
    raw = USUAL.replace(b"Call-ID: abc@h", line)
    assert usual_call_id(raw) == b"abc@h" == call_id_of(raw).encode()


@pytest.mark.parametrize(
    "line",
    [
        b"call-id: abc@h", b"Call-Info: <sip:h>", b"Call-IX: abc@h", b"Call-ID:  abc@h", b"Call-ID: abc@h ",
        b"Call-ID: abc\xff@h", b"Call-ID: ", b"Call-ID:", b"Call-ID: a\n", b"Call-ID: a\rb", b"Call-ID: a\r\n b",
    ],
    ids=repr,
)  # fmt: skip
def test_a_call_id_that_is_written_otherwise_is_looked_for(line: bytes) -> None:
    assert usual_call_id(USUAL.replace(b"Call-ID: abc@h", line)) == b""


def test_a_usual_call_id_may_be_cut_anywhere() -> None:
    whole = USUAL.index(b"\r\nCSeq") + 3
    assert [end for end in range(len(USUAL)) if usual_call_id(USUAL[:end])] == list(range(whole, len(USUAL)))


def test_a_glance_at_the_messages_of_rfc_4475_and_5118_says_what_reading_does() -> None:
    assert [case.name for case in CASES if not agrees(case.raw)] == []
