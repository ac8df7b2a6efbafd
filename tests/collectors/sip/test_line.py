"""What is remembered of header lines: a bounded number of them, none that is long, and never another's reading."""

from collectors.sip import line, message
from collectors.sip.message import header, parse
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


def test_however_many_headers_are_asked_for_few_of_their_names_are_remembered() -> None:
    for number in range(1_100):
        assert header(INVITE, f"x-{number}") is None
    assert header(INVITE, "call-id") == "4711@10.0.0.1"
    assert len(message._SPELLINGS) <= 1_024
