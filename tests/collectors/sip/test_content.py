"""Bodies and their parts: nested, encoded, broken, without end."""

import gzip
import zlib

import pytest

from collectors.sip.content import DEEPEST, MOST_OCTETS, MOST_PARTS, parts
from collectors.sip.reading import Reading


def message(body: bytes, *headers: str) -> Reading:
    return Reading("\r\n".join(["INVITE sip:b@h SIP/2.0", *headers, "", ""]).encode() + body)


def multipart(boundary: str, *inner: bytes) -> bytes:
    return b"".join(b"--%b\r\n%b\r\n" % (boundary.encode(), each) for each in inner) + b"--%b--\r\n" % boundary.encode()


SDP = b"v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\n"
SDP_PART = b"Content-Type: application/sdp\r\nContent-Disposition: Session;handling=required\r\n\r\n" + SDP


def test_a_body_is_one_part() -> None:
    (part,) = parts(message(SDP, "c: Application / SDP ; charset=utf-8", "Content-ID: <a@b>"))
    assert (part.type, part.content, part.id, part.parameters) == ("application/sdp", SDP, "a@b", {"charset": "utf-8"})
    assert parts(message(b"")) == ()


def test_a_multipart_holds_its_parts_in_order() -> None:
    body = b"preamble\r\n" + multipart("b1", SDP_PART, b"\r\nhello", b"c: text/x\n\nworld") + b"epilogue"
    found = parts(message(body, 'Content-Type: multipart/mixed;boundary="b1"'))
    assert [(each.type, each.depth, each.disposition, each.fault) for each in found] == [
        ("multipart/mixed", 0, "", ""),
        ("application/sdp", 1, "session", ""),
        ("text/plain", 1, "", ""),
        ("text/x", 1, "", ""),
    ]
    assert [each.content for each in found[1:]] == [SDP, b"hello", b"world"]
    assert found[0].multipart
    assert not found[1].multipart


def test_multiparts_nest_and_a_boundary_may_begin_like_another() -> None:
    inner = b"Content-Type: multipart/alternative; boundary=b12\r\n\r\n" + multipart("b12", b"\r\nx", SDP_PART)
    found = parts(message(multipart("b1", inner, b"\r\nlast"), "Content-Type: multipart/related;boundary=b1"))
    assert [(each.type, each.depth) for each in found] == [
        ("multipart/related", 0),
        ("multipart/alternative", 1),
        ("text/plain", 2),
        ("application/sdp", 2),
        ("text/plain", 1),
    ]


@pytest.mark.parametrize(
    ("kind", "body", "fault", "count"),
    [
        ("multipart/mixed", b"--b\r\n\r\nx\r\n--b--", "no-boundary", 1),
        (f"multipart/mixed;boundary={'b' * 201}", b"x", "no-boundary", 1),
        ("multipart/mixed;boundary=b", b"--b\r\n\r\nx\r\n--b\r\n\r\ny", "no-end", 3),
        ("multipart/mixed;boundary=b", b"nothing", "no-end", 1),
        ("multipart/mixed;boundary=b", b"--b--", "", 1),
    ],
)
def test_a_broken_multipart_is_read_as_far_as_it_goes(kind: str, body: bytes, fault: str, count: int) -> None:
    found = parts(message(body, f"Content-Type: {kind}"))
    assert (found[0].fault, len(found)) == (fault, count)


def test_no_multipart_is_followed_without_end() -> None:
    body = b"x"
    for _ in range(50):
        body = b"Content-Type: multipart/mixed;boundary=b\r\n\r\n--b\r\n" + body
    found = parts(message(b"--b\r\n" + body, "Content-Type: multipart/mixed;boundary=b"))
    assert max(each.depth for each in found) <= DEEPEST
    deep = b"x"
    for depth in range(20):
        deep = f"Content-Type: multipart/mixed;boundary=b{depth}\r\n\r\n".encode() + multipart(f"b{depth}", deep)
    found = parts(message(multipart("b", deep), "Content-Type: multipart/mixed;boundary=b"))
    assert (len(found), found[-1].fault) == (DEEPEST + 1, "too-deep")
    wide = parts(message(b"--b\r\n\r\n" * 10_000, "Content-Type: multipart/mixed;boundary=b"))
    assert len(wide) == MOST_PARTS


@pytest.mark.parametrize("content", [gzip.compress(SDP), zlib.compress(SDP)], ids=["gzip", "zlib"])
def test_a_compressed_body_is_read(content: bytes) -> None:
    (part,) = parts(message(content, "Content-Type: application/sdp", "e: gzip"))
    assert (part.content, part.fault) == (SDP, "")
    (plain,) = parts(message(SDP, "Content-Type: application/sdp", "Content-Encoding: identity"))
    assert (plain.content, plain.fault) == (SDP, "")


def test_a_decompression_bomb_is_opened_up_to_a_bound() -> None:
    bomb = gzip.compress(bytes(64 * MOST_OCTETS))
    (part,) = parts(message(bomb, "Content-Type: multipart/mixed;boundary=x", "Content-Encoding: gzip"))
    assert (len(part.content), part.fault) == (MOST_OCTETS, "too-large")


def test_what_is_not_compressed_or_cut_says_so() -> None:
    (part,) = parts(message(SDP, "Content-Type: application/sdp", "Content-Encoding: deflate"))
    assert (part.content, part.fault) == (SDP, "bad-encoding")
    (cut,) = parts(message(gzip.compress(SDP)[:-4], "Content-Type: application/sdp", "Content-Encoding: gzip"))
    assert (cut.content, cut.fault) == (SDP, "bad-encoding")


def test_octets_behind_the_end_that_content_length_names_are_no_body() -> None:
    assert [part.content for part in parts(message(SDP + b"junk", f"Content-Length: {len(SDP)}"))] == [SDP]
    assert parts(message(b"INVITE ...", "l: 0")) == ()
    assert [part.content for part in parts(message(SDP, "Content-Length: many"))] == [SDP]
