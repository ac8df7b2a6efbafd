"""Small values of rows: as they were, in few octets."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor import packed

HOPS = ["10.0.0.1:5060>10.0.0.2:5060", "[2001:db8::1]:5061>192.0.2.7:65535"]
CAUSES = ["10.0.0.1:5060>10.0.0.2:5060", "10.0.0.1:5060 sent no ACK.", "Look at the routes of 10.0.0.1:5060."]


@pytest.mark.parametrize(
    "hops",
    [
        [],
        HOPS,
        ["pbx.example.com:5060>10.0.0.2:5060"],
        ["10.0.0.1:0>10.0.0.1:99999"],
        ["[2001:DB8:0::1]:5060>[::ffff:10.0.0.1]:5060"],  # not as we write addresses
        [">"],
        ["é\0:5>\ud800:5"],
    ],
)
def test_hops_are_read_as_they_were_written(hops: list[str]) -> None:
    unpacked = packed.hops(packed.pack_hops(hops))
    assert unpacked == [hop.encode("utf-8", "replace").decode() for hop in hops]


def test_a_hop_over_ipv4_takes_14_octets() -> None:
    assert len(packed.pack_hops(HOPS[:1])) == 14


@given(
    st.lists(
        st.lists(st.text(), min_size=2, max_size=2).map(lambda ends: ">".join(end.replace(">", "") for end in ends))
    )
)
def test_any_text_with_two_ends_comes_back(hops: list[str]) -> None:
    assert packed.hops(packed.pack_hops(hops)) == [hop.encode("utf-8", "replace").decode() for hop in hops]


@pytest.mark.parametrize("values", [[], [1, 2, 300], ["no-via", "two"]])
def test_lists_are_read_as_they_were_written(values: list[object]) -> None:
    assert packed.listed(packed.pack_list(values)) == values


def test_sentences_are_read_as_they_were_written_and_take_half() -> None:
    data = packed.pack_prose(CAUSES)
    assert packed.prose(data) == CAUSES
    assert len(data) < sum(map(len, CAUSES)) * 0.7
