"""Each parser, against any octets and against what becomes of good ones by accident."""

import gc
import tracemalloc
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz.seeds import seeds
from tests.fuzz.targets import TARGETS, Target

Change = Callable[[bytes], bytes]

POSITION = st.floats(0, 1, allow_nan=False)


def cut_out(begin: float, end: float) -> Change:
    return lambda data: data[: int(begin * len(data))] + data[int(max(begin, end) * len(data)) :]


def put_in(at: float, octets: bytes) -> Change:
    return lambda data: data[: int(at * len(data))] + octets + data[int(at * len(data)) :]


def overwrite(at: float, octets: bytes) -> Change:
    return lambda data: data[: int(at * len(data))] + octets + data[int(at * len(data)) + len(octets) :]


def repeat(begin: float, end: float, times: int) -> Change:
    def change(data: bytes) -> bytes:
        first, last = int(begin * len(data)), int(max(begin, end) * len(data))
        return data[:first] + data[first:last] * times + data[last:]

    return change


CHANGES = st.one_of(
    st.builds(cut_out, POSITION, POSITION),
    st.builds(put_in, POSITION, st.binary(min_size=1, max_size=8)),
    st.builds(overwrite, POSITION, st.binary(min_size=1, max_size=4)),
    st.builds(repeat, POSITION, POSITION, st.integers(2, 5)),
    st.builds(
        put_in, POSITION, st.sampled_from([b"\r\n", b'"', b"<", b">", b";", b",", b"(", b"\\", b"\0", b"\xff", b"%"])
    ),
)


def changed(data: bytes, changes: list[Change]) -> bytes:
    for change in changes:
        data = change(data)
    return data


def inputs(name: str) -> st.SearchStrategy[bytes]:
    """Octets for a target: any at all, or a seed of its own with a few accidents."""
    mutated = st.builds(changed, st.sampled_from(seeds(name)), st.lists(CHANGES, min_size=1, max_size=6))
    return st.one_of(mutated, mutated, st.binary(max_size=300))


@pytest.mark.parametrize(("name", "target"), TARGETS.items(), ids=TARGETS)
def test_a_parser_keeps_its_promises_whatever_comes(name: str, target: Target) -> None:
    @settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow], database=None)
    @given(inputs(name))
    def hold(data: bytes) -> None:
        target(data)

    hold()


@pytest.mark.parametrize(("name", "target"), TARGETS.items(), ids=TARGETS)
def test_a_parser_keeps_nothing_of_what_it_read(name: str, target: Target) -> None:
    """What caches keep is bounded: once they are warm, reading the same again takes no more memory."""
    given_ = seeds(name)[:40]

    def held_after(rounds: int) -> int:
        for _ in range(rounds):
            for data in given_:
                target(data)
        gc.collect()
        return tracemalloc.get_traced_memory()[0]

    tracemalloc.start()
    try:
        warm = held_after(3)
        grown = held_after(10) - warm
    finally:
        tracemalloc.stop()
    assert grown < 32_000
