"""The streams of a description, read once for all calls of a kind."""

from hypothesis import example, given
from hypothesis import strategies as st

from collectors.sip.sdp import parse
from monitor.core import stream
from monitor.core.stream import Stream, streams
from tests.support.sdp import G729, PCMA, PCMU, audio, fax, sdp, video


def told(body: str) -> list[tuple[object, ...]]:
    """The same by the whole reading."""
    return [
        (
            each.kind,
            each.port,
            each.proto,
            each.address,
            " ".join(each.formats),
            each.direction,
            each.ptime,
            each.events,
        )
        for each in parse(body.encode()).media
    ]


def shown(stream: Stream) -> tuple[object, ...]:
    terms = stream.terms
    place = (terms.kind, stream.port, terms.proto, stream.address)
    return (*place, terms.formats, terms.direction, terms.ptime, terms.events)


PIECES = [audio(PCMU), audio(PCMA, "101", port=0), audio("96", attributes=("rtpmap:96 opus/48000/2",)), video(), fax()]
ODD = ["m=audio", "m=audio x RTP/AVP 0", "m=audio 4000 RTP/AVP 0\nc=IN IP4 10.9.9.9", "a=sendonly", "c=IN IP4", "x"]


@given(
    st.lists(st.sampled_from(PIECES + ODD), max_size=4),
    st.sampled_from(["10.0.0.1", "2001:db8::1", "239.1.2.3/127", " "]),
    st.sampled_from(["", "a=inactive", "c=IN", "a=ptime:30 m=audio"]),
)
@example(["m=audio x RTP/AVP 0"], "10.0.0.1", "")
@example(["m=audio 400000 RTP/AVP 0"], "10.0.0.1", "")
@example(["m=au/dio 4000 RTP/AVP 0"], "10.0.0.1", "")
@example(["m=audio 4000"], "10.0.0.1", "")
@example(["m=audio\tx 4000 RTP/AVP 0"], "10.0.0.1", "")
@example(["m=audio 4000 RTP/AVP 0\na=sendonly"], "10.0.0.1", "a=inactive\nc=IN IP4 10.0.0.2")
def test_the_short_way_reads_what_the_long_way_reads(media: list[str], address: str, extra: str) -> None:
    body = sdp(*media, address=address, extra=extra)
    assert [shown(stream) for stream in streams(body.encode())] == told(body)


@given(st.binary())
def test_nothing_raises(body: bytes) -> None:
    assert streams(body) == streams(body)


def test_two_phones_of_one_kind_share_their_terms() -> None:
    one, other = (
        streams(sdp(audio(PCMU, G729, port=port), address=address).encode())[0]
        for port, address in ((4000, "10.0.0.1"), (4002, "10.0.0.2"))
    )
    assert one.terms is other.terms
    assert (one.terms.names, one.line) == (("PCMU/8000", "G729/8000"), "m=audio 4000 RTP/AVP 0 18")
    assert other.connection == "c=IN IP4 10.0.0.2"


def test_security_is_told_by_profile_and_keys() -> None:
    keys, dtls = ("crypto:1 AES inline:x",), ("fingerprint:sha-256 AA",)
    said = {
        "": audio(PCMU),
        "SRTP": audio(PCMU, proto="RTP/SAVP"),
        "SRTP (SDES)": audio(PCMU, proto="RTP/SAVP", attributes=keys),
        "SRTP (DTLS)": audio(PCMU, proto="UDP/TLS/RTP/SAVPF", attributes=dtls),
        "SRTP offered": audio(PCMU, attributes=keys),
    }
    assert {word: streams(sdp(media).encode())[0].terms.security for word, media in said.items()} == {
        word: word for word in said
    }


def test_codecs_are_named_as_far_as_is_known() -> None:
    media = audio("96", "97", "98", attributes=("rtpmap:96 opus/48000/2", "rtpmap:97 odd"))
    assert streams(sdp(media).encode())[0].terms.names == ("opus/48000/2", "odd", "98")


def test_however_many_kinds_there_are_only_so_many_are_remembered() -> None:
    """Each kind is still itself when others pushed it out."""
    for ptime in range(1, 1_100):
        (stream,) = streams(sdp(audio(PCMU, attributes=(f"ptime:{ptime}",))).encode())
        assert stream.terms.ptime == ptime


def test_of_descriptions_that_never_end_only_so_many_are_remembered() -> None:
    for number in range(4_097):
        body = sdp(audio(PCMU, attributes=(f"mid:{number}",)), address=f"10.1.{number >> 8}.{number & 255}")
        assert streams(body.encode())[0].terms.names == ("PCMU/8000",)
    assert len(stream._ALIKE) <= 2_048
    assert len(stream._ADDRESSES) <= 4_096
