"""What is remembered of header lines: a bounded number of them, none that is long, and never another's reading."""

import pytest

from collectors.sip import line, message
from collectors.sip.message import header, looks_like_sip, parse
from tests.collectors.sip.test_parse import INVITE


def with_call_id(value: bytes) -> bytes:
    return INVITE.replace(b"4711@10.0.0.1", value)


def test_a_line_that_comes_again_is_read_as_before() -> None:
    assert parse(INVITE) == parse(INVITE)
    assert parse(with_call_id(b"4712"))[3] == "4712"
    assert parse(INVITE)[3] == "4711@10.0.0.1"


def test_however_many_lines_are_read_few_are_remembered() -> None:
    for number in range(20_000):
        assert parse(with_call_id(b"%d" % number))[3] == str(number)
    assert len(line.KNOWN) <= 16_384


def test_no_long_line_is_remembered() -> None:
    long = 300 * b"x"
    assert parse(with_call_id(long))[3] == long.decode()
    assert parse(INVITE.replace(b"Max-Forwards: 69", b"Max-Forwards: " + 40 * b"9"))[0] == ""
    assert max(map(len, line.KNOWN)) <= 256
    assert not [each for each in line.KNOWN if each.startswith(b"Max-Forwards") and len(each) > 40]


def test_however_many_start_lines_are_read_few_are_remembered_and_none_that_is_long() -> None:
    for number in range(5_000):
        request = INVITE.replace(b"INVITE sip:", b"INVITE sip:%d" % number, 1)
        assert parse(request)[:2] == ("", "INVITE")
        assert looks_like_sip(request)
    assert parse(INVITE.replace(b"INVITE sip:", b"INVITE sip:" + 300 * b"1", 1))[:2] == ("", "INVITE")
    assert len(message._STARTS) <= 4_096
    assert max(map(len, message._STARTS)) <= 256


@pytest.mark.parametrize("line", [b"INVITE bob SIP/2.0", b"\x30\x01INVITE sip:bob@example.com SIP/2.0"])
def test_a_start_line_that_was_read_once_looks_no_more_like_sip_for_that(line: bytes) -> None:
    raw = INVITE.replace(INVITE.partition(b"\r\n")[0], line, 1)
    before = looks_like_sip(raw)
    parse(raw)
    assert looks_like_sip(raw) is before is False


def test_however_many_headers_are_asked_for_few_of_their_names_are_remembered() -> None:
    for number in range(1_100):
        assert header(INVITE, f"x-{number}") is None
    assert header(INVITE, "call-id") == "4711@10.0.0.1"
    assert len(message._SPELLINGS) <= 1_024
