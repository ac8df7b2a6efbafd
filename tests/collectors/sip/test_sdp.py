"""Session descriptions: what is read of them, and what is said of lines that are not as they should be."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectors.sip.description import Candidate, Codec, Crypto, Fault, Media, Origin, Session
from collectors.sip.sdp import looks_like_sdp, parse

HEAD = ("v=0", "o=jdoe 3724394400 3724394405 IN IP4 198.51.100.1", "s=Call", "t=0 0")


def sdp(*lines: str, head: tuple[str, ...] = HEAD, end: str = "\r\n") -> Session:
    return parse("".join(line + end for line in (*head, *lines)).encode())


def stream(*lines: str) -> Media:
    """The only medium of a sound description that has `lines` behind its c= line."""
    session = sdp("c=IN IP4 203.0.113.7", *lines)
    assert session.faults == []
    return session.media[0]


def test_the_session_is_read_whole() -> None:
    session = sdp(
        "v=0",
        "o=jdoe 3724394400 3724394405 IN IP6 2001:db8::1",
        "s=Call to John Smith",
        "i=SDP Offer #1",
        "u=http://www.jdoe.example.com/home.html",
        "e=Jane Doe <jane@jdoe.example.com>",
        "p=+1 617 555-6011",
        "c=IN IP4 198.51.100.1",
        "b=CT:154798",
        "t=3724394400 3724398000",
        "r=604800 3600 0 90000",
        "z=3725000000 -1h",
        "k=prompt",
        "a=tool:ours",
        "a=group:BUNDLE 0 1",
        "m=audio 49170 RTP/AVP 0",
        "a=mid:0",
        "m=video 51372 RTP/AVP 99",
        "i=the room",
        "b=AS:66781",
        "c=IN IP6 2001:db8::2/3",
        "a=rtpmap:99 h263-1998/90000",
        "a=mid:1",
        head=(),
    )
    assert session.faults == []
    assert (session.version, session.name, session.information) == ("0", "Call to John Smith", "SDP Offer #1")
    assert session.origin == Origin("jdoe", "3724394400", "3724394405", "2001:db8::1")
    assert session.uri == "http://www.jdoe.example.com/home.html"
    assert (session.emails, session.phones) == (["Jane Doe <jane@jdoe.example.com>"], ["+1 617 555-6011"])
    assert (session.address, session.bandwidth) == ("198.51.100.1", {"CT": 154798})
    assert session.times == ["3724394400 3724398000", "604800 3600 0 90000", "3725000000 -1h"]
    assert (session.groups, session.attributes) == ([("BUNDLE", ("0", "1"))], [("tool", "ours")])
    audio, video = session.media
    assert (audio.kind, audio.port, audio.address, audio.mid) == ("audio", 49170, "198.51.100.1", "0")
    assert (video.title, video.bandwidth, video.address, video.mid) == ("the room", {"AS": 66781}, "2001:db8::2", "1")
    assert video.codecs == (Codec("99", "h263-1998", 90000, 1),)


def test_payload_types_get_their_names_from_rtpmap_or_the_static_table() -> None:
    audio = stream(
        "m=audio 4000 RTP/AVP 0 8 18 96 97 101 120",
        "a=rtpmap:8 pcma/8000",
        "a=rtpmap:96 opus/48000/2",
        "a=fmtp:96 useinbandfec=1;maxplaybackrate=16000",
        "a=rtpmap:97 odd",
        "a=rtpmap:101 telephone-event/8000",
        "a=fmtp:101 0-16",
    )
    assert audio.codecs == (
        Codec("0", "PCMU", 8000, 1),
        Codec("8", "pcma", 8000, 1),
        Codec("18", "G729", 8000, 1),
        Codec("96", "opus", 48000, 2, "useinbandfec=1;maxplaybackrate=16000"),
        Codec("97", "odd", 0, 1),
        Codec("101", "telephone-event", 8000, 1, "0-16"),
        Codec("120", "", 0, 1),
    )
    assert audio.events == "101"
    assert (audio.rtp, audio.secure, audio.refused, audio.nowhere) == (True, False, False, False)


def test_fax_and_other_protocols_have_formats_instead() -> None:
    fax = stream("m=image 4000 udptl t38", "a=T38FaxVersion:0", "a=T38MaxBitRate:14400", "a=T38FaxTranscodingMMR")
    assert fax.codecs == (Codec("t38", "t38", 0, 1),)
    assert fax.fax == {"T38FaxVersion": "0", "T38MaxBitRate": "14400", "T38FaxTranscodingMMR": ""}
    assert (fax.rtp, fax.events) == (False, "")


def test_a_medium_inherits_what_the_session_says_and_may_say_otherwise() -> None:
    session = sdp(
        "c=IN IP4 203.0.113.7",
        "a=recvonly",
        "a=ptime:30",
        "a=maxptime:60.0",
        "a=ice-ufrag:abcd",
        "a=ice-pwd:secret",
        "a=ice-lite",
        "a=fingerprint:sha-256 4A:AD",
        "a=setup:actpass",
        "m=audio 4000 UDP/TLS/RTP/SAVPF 0",
        "m=audio 0 RTP/AVP 0",
        "c=IN IP4 0.0.0.0",
        "a=inactive",
        "a=ptime:20.0",
        "a=setup:active",
    )
    first, second = session.media
    assert (first.direction, first.ptime, first.maxptime, first.setup) == ("recvonly", 30, 60, "actpass")
    assert (first.ice, first.ice_lite, first.fingerprint, first.secure) == (True, True, "sha-256 4A:AD", True)
    assert (second.direction, second.ptime, second.maxptime, second.setup) == ("inactive", 20, 60, "active")
    assert (second.nowhere, second.refused) == (True, True)


def test_transport_attributes_are_read() -> None:
    audio = stream(
        "m=audio 4000/2 RTP/SAVP 0",
        "a=rtcp:53020 IN IP4 126.16.64.4",
        "a=rtcp-mux",
        "a=ice-ufrag:abcd",
        "a=candidate:1 1 UDP 2130706431 10.0.1.1 8998 typ host",
        "a=candidate:2 2 UDP 1694498815 192.0.2.3 45664 typ srflx raddr 10.0.1.1 rport 8998",
        "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:abc",
        "a=ssrc:1 cname:x",
    )
    assert (audio.ports, audio.rtcp_port, audio.rtcp_address, audio.rtcp_mux) == (2, 53020, "126.16.64.4", True)
    assert audio.candidates == [
        Candidate(1, "udp", "10.0.1.1", 8998, "host"),
        Candidate(2, "udp", "192.0.2.3", 45664, "srflx"),
    ]
    assert audio.crypto == [Crypto("1", "AES_CM_128_HMAC_SHA1_80")]
    assert (audio.ice, audio.secure, audio.attributes) == (True, True, [("ssrc", "1 cname:x")])
    assert audio.direction == "sendrecv"


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("audio 4000", "no-type"),
        ("q=?", "unknown-type"),
        ("v=1", "bad-version"),
        ("o=jdoe 1 2", "bad-origin"),
        ("o=jdoe", "bad-origin"),
        ("c=IN IP4", "bad-connection"),
        ("c=ATM NSAP 47", "bad-connection"),
        ("b=AS", "bad-bandwidth"),
        ("b=AS:much", "bad-bandwidth"),
        ("a=", ""),
        ("a=rtpmap:97", "bad-attribute"),
        ("a=rtpmap:x PCMU/8000", "bad-attribute"),
        ("a=fmtp:97", "bad-attribute"),
        ("a=group:", "bad-attribute"),
        ("a=ptime:soon", "bad-attribute"),
        ("a=maxptime:", "bad-attribute"),
        ("a=rtcp:", "bad-attribute"),
        ("a=rtcp:70000", "bad-attribute"),
        ("a=rtcp-mux:1", "bad-attribute"),
        ("a=ice-ufrag:", "bad-attribute"),
        ("a=ice-pwd", "bad-attribute"),
        ("a=ice-lite:x", "bad-attribute"),
        ("a=candidate:1 1 UDP", "bad-attribute"),
        ("a=candidate:1 x UDP 1 10.0.0.1 4000 typ host", "bad-attribute"),
        ("a=crypto:1 AES_CM_128_HMAC_SHA1_80", "bad-attribute"),
        ("a=crypto:", "bad-attribute"),
        ("a=fingerprint:sha-256", "bad-attribute"),
        ("a=setup:both", "bad-attribute"),
        ("a=mid:", "bad-attribute"),
        ("m=audio", "bad-media"),
        ("m=audio x RTP/AVP 0", "bad-media"),
        ("m=audio 70000 RTP/AVP 0", "bad-media"),
        ("m=audio 4000/y RTP/AVP 0", "bad-media"),
        ("m=audio 4000", "bad-media"),
        ("m=audio 4000 RTP/AVP", "bad-media"),
    ],
)
def test_a_line_that_can_not_be_read_is_quoted_with_its_number(line: str, reason: str) -> None:
    session = sdp("c=IN IP4 203.0.113.7", line)
    assert session.faults == ([Fault(6, reason, line)] if reason else [])


@pytest.mark.parametrize(("line", "reason"), [("s=late", "misplaced"), ("q=?", "unknown-type"), ("k=clear:1", "")])
def test_session_lines_have_no_place_behind_a_medium(line: str, reason: str) -> None:
    session = sdp("c=IN IP4 203.0.113.7", "m=audio 4000 RTP/AVP 0", line)
    assert session.faults == ([Fault(7, reason, line)] if reason else [])
    assert session.name == "Call"


def test_what_must_be_there_and_is_not_is_said() -> None:
    session = parse(b"s=-\nm=audio 4000 RTP/AVP 0\n")
    assert [fault.reason for fault in session.faults] == ["no-version", "no-origin", "no-time", "no-connection"]
    assert sdp("m=audio 0 RTP/AVP 0").faults == []  # what is refused needs no address


def test_the_first_connection_counts() -> None:
    assert stream("c=IN IP4 203.0.113.8", "m=audio 1 RTP/AVP 0").address == "203.0.113.7"
    assert stream("m=audio 1 RTP/AVP 0", "c=IN IP4 203.0.113.8", "c=IN IP4 203.0.113.9").address == "203.0.113.8"


@pytest.mark.parametrize("end", ["\r\n", "\n", "\r"], ids=["CRLF", "LF", "CR"])
def test_lines_end_as_they_like(end: str) -> None:
    session = sdp("c=IN IP4 203.0.113.7", "m=audio 4000 RTP/AVP 0", "a=sendonly", end=end)
    assert (session.faults, session.media[0].direction) == ([], "sendonly")


def test_what_is_too_much_is_cut_and_counted() -> None:
    session = parse(b"m=audio 1 RTP/AVP 0\n" * 100 + b"a=sendonly\n" * 3000)
    assert (len(session.media), len(session.faults), session.faulty) == (64, 32, 36 + 1 + 4)
    assert parse(b"v=0\n" + b"a=" + b"x" * 70_000).faults[0] == Fault(0, "too-long", "")


@pytest.mark.parametrize(
    ("body", "looks"), [(b"v=0\r\n", True), (b"\r\nv=0", True), (b"--x\r\n", False), (b"", False), (b"<v=", False)]
)
def test_a_description_is_known_by_its_first_line(body: bytes, looks: bool) -> None:
    assert looks_like_sdp(body) is looks


_WORDS = [
    "audio",
    "4000",
    "0",
    "RTP/AVP",
    "IN",
    "IP4",
    "10.0.0.1",
    "typ",
    "host",
    "rtpmap:",
    "crypto:",
    "\x85",
    "=",
    ":",
]
_LINES = st.tuples(st.sampled_from("vosiuepcbtrzkamq="), st.lists(st.sampled_from(_WORDS), max_size=9)).map(
    lambda pair: f"{pair[0]}={' '.join(pair[1])}"
)


@given(st.one_of(st.binary(), st.lists(_LINES, max_size=30).map(lambda lines: "\n".join(lines).encode())))
def test_nothing_raises(body: bytes) -> None:
    session = parse(body)
    assert session.faulty >= len(session.faults)
