"""What is written by the grammar is read as it was meant, whatever the values and whatever the blanks between them."""

import base64
import json
from ipaddress import IPv4Address, IPv6Address

from hypothesis import given
from hypothesis import strategies as st

from collectors.sip.content import parts
from collectors.sip.grammar import listed, parameters
from collectors.sip.message import header_values, headers
from collectors.sip.name_addr import read_address, read_addresses, read_uri, unescaped
from collectors.sip.passport import read_passport
from collectors.sip.reading import Reading
from collectors.sip.reason import read_reasons
from collectors.sip.via import read_vias

TOKEN = st.text("abcdefgXYZ0123456789-.!%*_+`'~", min_size=1, max_size=12)
BLANKS = st.sampled_from(["", " ", "  ", "\t"])
# What may stand in quotation marks: anything but line ends, with its escapes (§25.1).
TEXT = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\r\n"), max_size=20)
LABEL = st.text("abcdefgh0123456789", min_size=1, max_size=8)
HOST = st.one_of(
    st.lists(LABEL, min_size=1, max_size=3).map(".".join),
    st.builds(lambda number: str(IPv4Address(number)), st.integers(0, 2**32 - 1)),
    st.builds(lambda number: f"[{IPv6Address(number)}]", st.integers(0, 2**128 - 1)),
)
PORT = st.none() | st.integers(0, 65_535)
USER = st.text("abcXYZ0189-_.!~*'()&=+$,;?/%", max_size=12)


def quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def uri(user: str, host: str, port: int | None) -> str:
    return f"sip:{f'{user}@' if user else ''}{host}{'' if port is None else f':{port}'}"


URI = st.builds(uri, USER, HOST, PORT)


@given(USER, HOST, PORT, st.dictionaries(LABEL, LABEL, max_size=3))
def test_a_sip_uri_is_read_as_it_was_put_together(
    user: str, host: str, port: int | None, named: dict[str, str]
) -> None:
    tail = "".join(f";{name}={value}" for name, value in named.items())
    read = read_uri(uri(user, host, port) + tail)
    assert (read.user, read.host, read.port, read.parameters, read.fault) == (user, host, port, named, "")


@given(st.text(max_size=20))
def test_what_is_escaped_is_what_it_was(text: str) -> None:
    octets = text.encode("utf-8", "replace")
    escaped = "".join(f"%{octet:02x}" for octet in octets)
    assert unescaped(escaped) == octets.decode()


@given(TEXT, URI, TOKEN, BLANKS)
def test_an_address_is_read_as_it_was_put_together(display: str, where: str, tag: str, blanks: str) -> None:
    read = read_address(f"{blanks}{quoted(display)}{blanks}<{where}>{blanks};{blanks}TAG{blanks}={blanks}{tag}{blanks}")
    assert (read.display, read.uri.text, read.tag) == (display, where, tag)


@given(st.lists(st.tuples(TEXT, URI), min_size=1, max_size=6), BLANKS, st.integers(1, 6))
def test_a_list_is_the_same_over_headers_and_commas(values: list[tuple[str, str]], blanks: str, lines: int) -> None:
    written = [f"{quoted(display)} <{where}>" for display, where in values]
    split = [f"{blanks},{blanks}".join(written[at : at + lines]) for at in range(0, len(written), lines)]
    assert listed(split) == written
    assert [(each.display, each.uri.text) for each in read_addresses(split)] == values


@given(st.dictionaries(LABEL, TEXT, max_size=5), BLANKS)
def test_quoted_parameters_keep_whatever_stands_in_them(named: dict[str, str], blanks: str) -> None:
    assert parameters("".join(f"{blanks};{name}{blanks}={quoted(text)}" for name, text in named.items())) == named


@given(st.lists(st.tuples(HOST, PORT, TOKEN), min_size=1, max_size=5), BLANKS)
def test_a_via_list_is_read_as_it_was_put_together(values: list[tuple[str, int | None, str]], blanks: str) -> None:
    written = ", ".join(
        f"SIP{blanks}/{blanks}2.0/UDP {host}{'' if port is None else f':{port}'};rport;branch={branch}"
        for host, port, branch in values
    )
    found = read_vias([written])
    assert [(each.host, each.port, each.branch, each.asks_rport, each.fault) for each in found] == [
        (host, port, branch, True, "") for host, port, branch in values
    ]


@given(st.lists(st.tuples(st.integers(0, 999), TEXT), min_size=1, max_size=5))
def test_reasons_are_read_as_they_were_put_together(values: list[tuple[int, str]]) -> None:
    written = ", ".join(f"Q.850;cause={cause};text={quoted(text)}" for cause, text in values)
    assert [(each.cause, each.text) for each in read_reasons([written])] == values


@given(st.lists(st.tuples(LABEL, st.lists(LABEL, min_size=1, max_size=3)), max_size=6), st.sampled_from(["\r\n", "\n"]))
def test_folding_is_undone(lines: list[tuple[str, list[str]]], end: str) -> None:
    written = "".join(f"X-{name}: {f'{end} '.join(words)}{end}" for name, words in lines)
    raw = f"OPTIONS sip:h SIP/2.0{end}{written}{end}".encode()
    expected = [(f"x-{name}", " ".join(words)) for name, words in lines]
    assert headers(raw) == expected
    assert all(value in header_values(raw, name) for name, value in expected)


@given(st.lists(st.binary(max_size=40).filter(lambda body: b"--b" not in body), min_size=1, max_size=5))
def test_the_parts_of_a_multipart_are_what_was_put_into_it(bodies: list[bytes]) -> None:
    written = b"".join(b"--b\r\nContent-Type: text/x\r\n\r\n" + body + b"\r\n" for body in bodies) + b"--b--"
    raw = b"INVITE sip:h SIP/2.0\r\nContent-Type: multipart/mixed;boundary=b\r\n\r\n" + written
    assert [part.content for part in parts(Reading(raw)) if part.depth] == bodies


@given(TEXT, st.lists(TEXT.filter(bool), min_size=1, max_size=3), st.integers(0, 2**40))
def test_a_passport_is_read_as_it_was_signed(caller: str, called: list[str], issued: int) -> None:
    claims = {"orig": {"tn": caller}, "dest": {"tn": called}, "iat": issued, "attest": "B"}
    token = ".".join(
        base64.urlsafe_b64encode(json.dumps(each).encode()).decode().rstrip("=") for each in ({"ppt": "shaken"}, claims)
    )
    read = read_passport(f"{token}.c2ln")
    assert (read.originator, read.destinations, read.issued_s, read.attestation) == (caller, tuple(called), issued, "B")
