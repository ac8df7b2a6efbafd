"""Messages that Wireshark exported without their packets."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectors.decode.datagram import Datagram, Skip
from collectors.decode.frames import Decoder
from tests.support.packets import SIP

V4 = ((20, bytes((192, 0, 2, 1))), (21, bytes((192, 0, 2, 2))))
PORTS = ((25, struct.pack("!I", 5062)), (26, struct.pack("!I", 5060)))


def frame(*tags: tuple[int, bytes], transport: int = 3, payload: bytes = SIP) -> bytes:
    """As Wireshark writes it: its dissector's name first."""
    listed = [(12, b"sip\0"), *tags, (24, struct.pack("!I", transport)), (0, b"")]
    return b"".join(struct.pack("!HH", kind, len(value)) + value for kind, value in listed) + payload


def decode(octets: bytes) -> tuple[list[Datagram], dict[Skip, int]]:
    decoder = Decoder()
    decoder.add_interface(252, "file/0")
    return decoder.datagrams([(7, 0, octets)]), dict(decoder.skipped)


@pytest.mark.parametrize(("number", "transport"), [(1, "sctp"), (2, "tcp"), (3, "udp")])
def test_a_message_has_the_ends_and_the_transport_that_its_tags_tell(number: int, transport: str) -> None:
    found, skipped = decode(frame(*V4, *PORTS, transport=number))
    assert found == [Datagram(7, "192.0.2.1", 5062, "192.0.2.2", 5060, transport, "file/0", SIP)]
    assert not skipped


def test_it_may_have_gone_over_ipv6() -> None:
    ends = ((22, bytes(15) + b"\1"), (23, bytes(15) + b"\2"))
    (found,), _ = decode(frame(*ends, *PORTS))
    assert (found.source, found.destination) == ("::1", "::2")


@pytest.mark.parametrize(
    "octets",
    [
        b"",
        frame(*PORTS),
        frame(*V4[:1], *PORTS),
        frame(V4[0], (23, bytes(16)), *PORTS),
        frame(*V4, *PORTS, transport=4),
        struct.pack("!HH", 12, 0) * 70,
    ],
    ids=["nothing", "no ends", "one end", "ends of two kinds", "another transport", "endless tags"],
)
def test_what_does_not_tell_between_whom_it_went_is_counted(octets: bytes) -> None:
    assert decode(octets) == ([], {Skip.NOT_IP: 1})


@given(st.binary(max_size=120), st.integers(0, 80))
def test_any_octets_are_no_exception(octets: bytes, cut: int) -> None:
    for each in (octets, frame(*V4, *PORTS)[:cut] + octets):
        found, skipped = decode(each)
        assert len(found) + sum(skipped.values()) == 1
