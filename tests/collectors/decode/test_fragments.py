"""Fragments: any order, twice, lost, contradictory, too many."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectors.decode.datagram import Skip
from collectors.decode.fragments import Limits, Reassembly
from collectors.decode.ip import Packet, parse
from tests.support.packets import extension, fragment_header, ipv4, pieces_v4, pieces_v6

SECOND = 1_000_000
PAYLOAD = bytes(range(256)) * 16


def add(reassembly: Reassembly, packet: bytes, now_us: int = 0) -> Packet | Skip:
    parsed = parse(packet, 0)
    assert isinstance(parsed, Packet)
    assert parsed.piece
    return reassembly.add(parsed, parsed.piece, now_us)


@given(st.data())
@pytest.mark.parametrize("pieces", [pieces_v4(PAYLOAD, 800), pieces_v6(PAYLOAD, 800)], ids=["IPv4", "IPv6"])
def test_pieces_in_any_order_and_some_twice_give_the_packet_once(pieces: list[bytes], data: st.DataObject) -> None:
    order = data.draw(st.permutations(pieces))
    copies = [piece for piece in order[:-1] for _ in range(data.draw(st.integers(1, 2)))]
    reassembly = Reassembly()
    assert [add(reassembly, piece) for piece in copies] == [Skip.FRAGMENT] * len(copies)
    whole = add(reassembly, order[-1])
    assert isinstance(whole, Packet)
    assert (whole.protocol, whole.payload, whole.cut, whole.piece) == (17, PAYLOAD, 0, None)
    assert reassembly.held == 0


def test_packets_are_told_apart_by_address_identification_and_protocol() -> None:
    reassembly = Reassembly()
    first = pieces_v4(b"a" * 64, 32)
    others = [pieces_v4(b"b" * 64, 32, identification=8), pieces_v4(b"c" * 64, 32, protocol=6)]
    others.append([ipv4(b"d" * 32, "192.0.2.9", offset=at, more=not at, identification=7) for at in (0, 32)])
    for pieces in (first, *others):
        assert add(reassembly, pieces[0]) is Skip.FRAGMENT
    whole = [add(reassembly, pieces[1]) for pieces in (first, *others)]
    assert [packet.payload[:1] for packet in whole if isinstance(packet, Packet)] == [b"a", b"b", b"c", b"d"]


def test_extension_headers_within_the_pieces_are_passed_over() -> None:
    reassembly = Reassembly()
    pieces = pieces_v6(extension(17) + PAYLOAD, 1000, following=60)
    whole = [add(reassembly, piece) for piece in pieces][-1]
    assert isinstance(whole, Packet)
    assert (whole.protocol, whole.payload) == (17, PAYLOAD)


@pytest.mark.parametrize(
    "inner",
    [fragment_header(17, offset=8) + bytes(56), b"\x11\xc8" + bytes(62)],
    ids=["a fragment header", "an extension header that is too long"],
)
def test_pieces_that_hold_no_packet_are_refused(inner: bytes) -> None:
    reassembly = Reassembly()
    pieces = pieces_v6(inner, 32, following=44 if inner[3:4] == b"\x08" else 60)
    assert [add(reassembly, piece) for piece in pieces][-1] is Skip.BAD_FRAGMENT


def v4_piece(offset: int, size: int, *, more: bool, fill: bytes = b"x") -> bytes:
    return ipv4(fill * size, offset=offset, more=more)


@pytest.mark.parametrize(
    "pieces",
    [
        pytest.param([v4_piece(0, 64, more=True), v4_piece(32, 64, more=False)], id="overlap"),
        pytest.param([v4_piece(0, 64, more=True), v4_piece(0, 64, more=True, fill=b"y")], id="other content"),
        pytest.param([v4_piece(8, 8, more=False), v4_piece(32, 8, more=False)], id="two ends"),
        pytest.param([v4_piece(64, 8, more=True), v4_piece(0, 8, more=True), v4_piece(8, 1, more=False)], id="beyond"),
        pytest.param([v4_piece(0, 63, more=True)], id="not a multiple of eight octets"),
        pytest.param([v4_piece(8, 0, more=False)], id="empty"),
        pytest.param([v4_piece(65_528, 16, more=False)], id="ping of death"),
        pytest.param([v4_piece(8, 64, more=False)[:-1]], id="cut by the capture"),
    ],
)
def test_pieces_that_no_host_sends_are_refused_with_all_that_belong_to_them(pieces: list[bytes]) -> None:
    reassembly = Reassembly()
    *before, last = [add(reassembly, piece) for piece in pieces]
    assert before == [Skip.FRAGMENT] * len(before)
    assert last is Skip.BAD_FRAGMENT
    assert reassembly.held == 0


def test_pieces_wait_thirty_seconds_by_the_packets_own_time() -> None:
    reassembly = Reassembly()
    one, two = pieces_v4(b"a" * 64, 32, identification=1), pieces_v4(b"b" * 64, 32, identification=2)
    add(reassembly, one[0], 100 * SECOND)
    add(reassembly, two[0], 129 * SECOND)
    assert isinstance(add(reassembly, two[1], 131 * SECOND), Packet)
    assert add(reassembly, one[1], 131 * SECOND) is Skip.FRAGMENT
    assert reassembly.timed_out == 1


def test_time_that_runs_backwards_keeps_pieces() -> None:
    reassembly = Reassembly()
    pieces = pieces_v4(b"a" * 64, 32)
    add(reassembly, pieces[0], 100 * SECOND)
    assert isinstance(add(reassembly, pieces[1], 50 * SECOND), Packet)


def test_too_many_pieces_of_one_packet_are_refused() -> None:
    reassembly = Reassembly(Limits(pieces=4))
    results = [add(reassembly, v4_piece(8 * number, 8, more=True)) for number in range(1, 6)]
    assert results == [*[Skip.FRAGMENT] * 4, Skip.BAD_FRAGMENT]
    assert reassembly.held == 0


@pytest.mark.parametrize("limits", [Limits(packets=3), Limits(octets=3 * 64)], ids=["packets", "octets"])
def test_what_is_oldest_makes_room(limits: Limits) -> None:
    reassembly = Reassembly(limits)
    pieces = [pieces_v4(b"a" * 128, 64, identification=number) for number in range(5)]
    for first, _ in pieces:
        add(reassembly, first)
    assert reassembly.evicted == 2
    whole = [isinstance(add(reassembly, second), Packet) for _, second in pieces[2:]]
    assert whole == [True, True, True]


def test_a_flood_of_first_pieces_holds_no_more_than_the_limits_allow() -> None:
    limits = Limits(packets=16, octets=4096, pieces=8)
    reassembly = Reassembly(limits)
    chance = random.Random(5)
    for _ in range(2000):
        packet = ipv4(
            bytes(8 * chance.randint(1, 100)),
            identification=chance.randint(0, 50),
            offset=8 * chance.randint(1, 40),
            more=chance.random() < 0.9,
        )
        add(reassembly, packet, chance.randint(0, 60) * SECOND)
        assert 0 <= reassembly.held <= limits.octets
