"""ICMP errors that quote SIP: what is known of the message that did not arrive, however short the quote."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectors.decode.datagram import Skip
from collectors.decode.frames import Decoder
from collectors.wire.events import SideEvent
from collectors.wire.trouble import Trouble
from tests.support.packets import SIP, ethernet, fragment_header, ipv4, ipv6, pieces_v4, udp

V4, V6 = ipv4(udp()), ipv6(udp())
RESPONSE = SIP.replace(b"OPTIONS sip:bob@192.0.2.2 SIP/2.0", b"SIP/2.0 200 OK")


def error(kind: int, code: int, about: bytes, *, rest: bytes = bytes(4), sender: str = "") -> bytes:
    """An ICMP error about a packet, from where it went, or from a router."""
    payload = struct.pack("!BBH", kind, code, 0) + rest + about
    if about[0] >> 4 == 4:
        return ethernet(ipv4(payload, sender or "192.0.2.2", "192.0.2.1", 1))
    return ethernet(ipv6(payload, sender or "2001:db8::2", "2001:db8::1", 58))


def side(frame: bytes) -> tuple[list[SideEvent], dict[Skip, int]]:
    decoder = Decoder()
    decoder.add_interface(1, "edge/eth0")
    assert decoder.datagrams([(1000, 0, frame)]) == []
    return decoder.take_side(), dict(decoder.skipped)


def test_an_error_that_quotes_a_request_says_who_reports_what_of_which_request() -> None:
    (found,), skipped = side(error(3, 3, V4, sender="198.51.100.9"))
    assert found == SideEvent(
        captured_us=1000,
        received_us=1000,
        source="198.51.100.9",
        source_port=0,
        destination="192.0.2.1",
        destination_port=0,
        transport="udp",
        observer="edge/eth0",
        kind="icmp",
        call_id="table@192.0.2.1",
        method="OPTIONS",
        cseq=1,
        from_tag="a1",
        branch="z9hG4bKtable",
        text="port unreachable",
        values={"type": 3, "code": 3},
        raw=SIP,
        hop="192.0.2.1:5062>192.0.2.2:5060",
    )
    assert not skipped


def test_an_error_about_ipv6_does_the_same() -> None:
    (found,), _ = side(error(1, 4, V6))
    assert (found.source, found.text) == ("2001:db8::2", "port unreachable")
    assert found.hop == "[2001:db8::1]:5062>[2001:db8::2]:5060"


def test_a_quoted_response_keeps_the_direction_of_its_request() -> None:
    (found,), _ = side(error(3, 3, ipv4(udp(RESPONSE))))
    assert (found.method, found.values["status"]) == ("OPTIONS", 200)
    assert found.hop == "192.0.2.2:5060>192.0.2.1:5062"


@pytest.mark.parametrize(
    ("packet", "kind", "code", "trouble"),
    [
        (V4, 3, 0, Trouble.NETWORK),
        (V4, 3, 1, Trouble.HOST),
        (V4, 3, 2, Trouble.PROTOCOL),
        (V4, 3, 3, Trouble.PORT),
        (V4, 3, 4, Trouble.TOO_BIG),
        (V4, 3, 5, Trouble.OTHER),
        (V4, 3, 9, Trouble.PROHIBITED),
        (V4, 3, 10, Trouble.PROHIBITED),
        (V4, 3, 13, Trouble.PROHIBITED),
        (V4, 11, 0, Trouble.EXPIRED),
        (V4, 11, 1, Trouble.EXPIRED),
        (V4, 12, 0, Trouble.OTHER),
        (V6, 1, 0, Trouble.NETWORK),
        (V6, 1, 1, Trouble.PROHIBITED),
        (V6, 1, 3, Trouble.HOST),
        (V6, 1, 5, Trouble.PROHIBITED),
        (V6, 2, 0, Trouble.TOO_BIG),
        (V6, 3, 0, Trouble.EXPIRED),
        (V6, 4, 1, Trouble.PROTOCOL),
        (V6, 4, 2, Trouble.OTHER),
    ],
)
def test_type_and_code_are_one_trouble_for_both_versions(packet: bytes, kind: int, code: int, trouble: Trouble) -> None:
    (found,), _ = side(error(kind, code, packet))
    assert found.text == trouble
    assert (found.values["type"], found.values["code"]) == (kind, code)


@pytest.mark.parametrize("size", range(1, len(V4) + 1))
def test_a_quote_cut_anywhere_tells_what_it_reaches_and_nothing_else(size: int) -> None:
    found, skipped = side(error(3, 3, V4[:size]))
    lines = V4[28:size].count(b"\n")
    if not lines:
        assert (found, skipped) == ([], {Skip.ICMP_ERROR: 1})
        return
    assert found[0].method == "OPTIONS"
    assert found[0].branch == ("z9hG4bKtable" if lines >= 2 else "")
    assert found[0].from_tag == ("a1" if lines >= 3 else "")
    assert found[0].call_id == ("table@192.0.2.1" if lines >= 5 else "")
    assert found[0].cseq == (1 if lines >= 6 else -1)


def test_a_cut_status_line_is_no_response_yet() -> None:
    assert side(error(3, 3, ipv4(udp(b"SIP/2.0 200 O")))) == ([], {Skip.ICMP_ERROR: 1})


def tcp(content: bytes, words: int = 8) -> bytes:
    return struct.pack("!HHIIBBHHH", 40_000, 5060, 1, 1, words << 4, 0x18, 500, 0, 0) + bytes(words * 4 - 20) + content


def test_a_segment_of_tcp_is_quoted_with_its_options() -> None:
    (found,), _ = side(error(3, 10, ipv4(tcp(SIP), protocol=6)))
    assert (found.transport, found.branch, found.hop) == (
        "tcp",
        "z9hG4bKtable",
        "192.0.2.1:40000>192.0.2.2:5060",
    )


def test_the_first_fragment_of_a_request_is_quoted() -> None:
    first, second = pieces_v4(udp(SIP + b"x" * 1500), 1480)
    (found,), _ = side(error(3, 3, first[:576]))
    assert found.call_id == "table@192.0.2.1"
    assert side(error(3, 3, second)) == ([], {Skip.ICMP_ERROR: 1})
    (found,), _ = side(error(1, 4, ipv6(fragment_header(17, more=True) + udp()[:1200], header=44)))
    assert found.call_id == "table@192.0.2.1"


def test_an_extension_behind_the_quote_is_no_part_of_it() -> None:
    """RFC 4884: routers add the labels that the packet had."""
    size = 128
    labels = struct.pack("!BBHHBBI", 0x20, 0, 0, 8, 1, 1, 0x00010140)
    about = ipv4(udp(SIP[:90].ljust(100)))
    (found,), _ = side(error(3, 3, about[:size] + labels, rest=bytes((0, size // 4, 0, 0))))
    assert len(found.raw) == 100
    about = ipv6(udp(SIP[:72].ljust(80)))
    (found,), _ = side(error(1, 4, about + labels, rest=bytes((size // 8, 0, 0, 0))))
    assert len(found.raw) == 80


@pytest.mark.parametrize(
    ("frame", "reason"),
    [
        (ethernet(ipv4(b"\x08\0\0\0\0\0\0\0" + V4, protocol=1)), Skip.OTHER_PROTOCOL),
        (ethernet(ipv4(b"\x05\1\0\0\0\0\0\0" + V4, protocol=1)), Skip.OTHER_PROTOCOL),
        (ethernet(ipv6(b"\x87\0\0\0\0\0\0\0" + V6, header=58)), Skip.OTHER_PROTOCOL),
        (ethernet(ipv4(b"\x03\3", protocol=1)), Skip.OTHER_PROTOCOL),
        (error(3, 3, b"\x45"), Skip.ICMP_ERROR),
        (error(3, 3, ipv4(udp(b"\x80\x00rtp"))), Skip.ICMP_ERROR),
        (error(3, 3, ipv4(tcp(b"")[:20], protocol=6)), Skip.ICMP_ERROR),
        (error(3, 3, ipv4(SIP, protocol=50)), Skip.ICMP_ERROR),
    ],
    ids=["echo", "redirect", "neighbours", "cut", "half a header", "media", "an acknowledgment", "encrypted"],
)
def test_other_icmp_is_counted(frame: bytes, reason: Skip) -> None:
    assert side(frame) == ([], {reason: 1})


@given(st.binary(max_size=80), st.sampled_from([1, 58]))
def test_any_octets_are_no_exception(octets: bytes, protocol: int) -> None:
    found, skipped = side(ethernet(ipv4(octets, protocol=1) if protocol == 1 else ipv6(octets, header=58)))
    assert len(found) + sum(skipped.values()) == 1
