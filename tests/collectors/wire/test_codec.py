"""Batches as bytes: what goes in comes out, and whatever else comes is refused with a reason."""

import msgspec
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from collectors.wire import codec
from collectors.wire.codec import BatchError, decode, encode, partition_of, stream
from collectors.wire.events import SCHEMA, SIDE_KINDS, Batch, Heartbeat, Loss, SideEvent, SipEvent

TEXT = st.text(st.characters(codec="utf-8"), max_size=12)
TIME = st.integers(0, 2**62)
COUNT = st.integers(0, 2**62)
EVENTS = st.builds(
    SipEvent,
    captured_us=TIME,
    received_us=TIME,
    source=TEXT,
    source_port=st.integers(0, 65535),
    destination=TEXT,
    destination_port=st.integers(0, 65535),
    transport=TEXT,
    observer=TEXT,
    raw=st.binary(max_size=40),
    fault=TEXT,
    method=TEXT,
    status=st.integers(0, 999),
    call_id=TEXT,
    cseq=st.integers(-1, 2**32 - 1),
    vias=st.integers(0, 100),
)
SIDE = st.builds(
    SideEvent,
    captured_us=TIME,
    received_us=TIME,
    source=TEXT,
    source_port=st.integers(0, 65535),
    destination=TEXT,
    destination_port=st.integers(0, 65535),
    transport=TEXT,
    observer=TEXT,
    kind=st.sampled_from(SIDE_KINDS),
    call_id=TEXT,
    method=TEXT,
    cseq=st.integers(-1, 2**32 - 1),
    text=TEXT,
    values=st.dictionaries(TEXT, st.floats(allow_nan=False), max_size=3),
    raw=st.binary(max_size=40),
)
HEARTBEATS = st.builds(
    Heartbeat,
    sent_us=TIME,
    low_water_us=TIME,
    started_us=TIME,
    host=TEXT,
    version=TEXT,
    receiver=TEXT,
    interfaces=st.lists(TEXT, max_size=3),
    counters=st.dictionaries(TEXT, COUNT, max_size=3),
    losses=st.lists(st.builds(Loss, observer=TEXT, from_us=TIME, to_us=TIME, reason=TEXT, count=COUNT), max_size=3),
    backlog=COUNT,
    final=st.booleans(),
)
BATCHES = st.builds(
    Batch,
    schema=st.just(SCHEMA),
    collector=TEXT,
    boot=TEXT,
    partition=st.integers(0, 255),
    sequence=COUNT,
    events=st.lists(EVENTS, max_size=4),
    heartbeat=st.none() | HEARTBEATS,
    side=st.lists(SIDE, max_size=4),
)
EMPTY = Batch(SCHEMA, "edge-1", "boot", 3, 7, [])


def packed(value: object) -> bytes:
    return zstandard.compress(msgspec.msgpack.encode(value))


@settings(max_examples=100, deadline=None)
@given(BATCHES)
def test_a_batch_comes_back_as_it_went(batch: Batch) -> None:
    assert decode(encode(batch)) == batch


def test_a_batch_of_an_older_collector_that_says_less_is_read() -> None:
    event = (1, 2, "10.0.0.1", 5060, "10.0.0.2", 5060, "udp", "edge/eth0", b"raw")
    batch = decode(packed((1, "edge-1", "boot", 0, 0, [event])))
    assert batch.heartbeat is None
    assert (batch.events[0].raw, batch.events[0].cseq) == (b"raw", -1)
    assert batch.side == []


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "not a zstd frame"),
        (b"hello", "not a zstd frame"),
        (encode(EMPTY)[:-1], "not a zstd frame"),
        (packed("text"), "not a batch"),
        (packed([]), "not a batch"),
        (packed({"schema": 1}), "not a batch"),
        (packed(["one", "edge-1", "boot", 0, 0, []]), "not a batch"),
        (packed([1, "edge-1", "boot", 0, 0, "events"]), "schema 1, damaged"),
        (packed([1, "edge-1"]), "schema 1, damaged"),
        (packed([9, "anything"]), "schema 9 is newer than 1: upgrade the server"),
        (packed([9, "edge-1", "boot", 0, 0, []]), "schema 9 is newer than 1: upgrade the server"),
        (zstandard.compress(b"\x96\x01\xa1\x80\xa0\x00\x00\x90"), "schema 1, damaged"),  # a name that is no UTF-8
        (zstandard.compress(b"\xc1"), "not a batch"),
        (zstandard.compress(b""), "not a batch"),
        (zstandard.compress(b"\xdd\xff\xff\xff\xff"), "not a batch"),  # a list of 2³² that is not there
        (zstandard.compress(b"\x91" * 100_000), "not a batch"),  # lists within lists
        (zstandard.compress(b"\x96\x01\xa0\xa0\x00\x00" + b"\x91" * 100_000), "not a batch"),
    ],
)
def test_what_is_no_batch_is_refused_with_its_reason(data: bytes, reason: str) -> None:
    with pytest.raises(BatchError, match=reason):
        decode(data)


def test_a_frame_that_would_become_too_large_is_not_unpacked() -> None:
    bomb = zstandard.compress(bytes(codec.MAX_BATCH_BYTES + 1))
    assert len(bomb) < 10_000
    with pytest.raises(BatchError, match="octets"):
        decode(bomb)


def test_a_frame_that_does_not_say_how_large_it_becomes_is_not_unpacked() -> None:
    stream_writer = zstandard.ZstdCompressor().compressobj()
    data = stream_writer.compress(b"x") + stream_writer.flush()
    with pytest.raises(BatchError, match="octets"):
        decode(data)


def outcome(data: bytes) -> Batch | str:
    """A batch, or why it is none. Anything else that `decode` might raise fails the test."""
    try:
        return decode(data)
    except BatchError as error:
        return str(error)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_are_a_batch_or_refused(data: bytes) -> None:
    for attempt in (data, zstandard.compress(data), zstandard.compress(b"\x96\x01" + data)):
        assert outcome(attempt)


@settings(max_examples=200, deadline=None)
@given(BATCHES, st.integers(0, 10_000), st.integers(0, 255))
def test_a_damaged_batch_is_a_batch_or_refused(batch: Batch, place: int, octet: int) -> None:
    plain = bytearray(zstandard.decompress(encode(batch)))
    plain[place % len(plain)] = octet
    assert outcome(zstandard.compress(bytes(plain)))


def test_messages_of_a_call_share_a_partition_on_every_host() -> None:
    # These must never change: streams that are stored would be read in two places.
    assert [partition_of(call_id, "", 8) for call_id in ("a", "b", "4711@10.0.0.1")] == [3, 1, 7]
    assert partition_of("a", "10.0.0.1", 8) == partition_of("a", "10.0.0.2", 8)
    assert partition_of("\ud800", "", 8) in range(8)


def test_messages_without_call_id_go_by_their_source() -> None:
    assert {partition_of("", f"10.0.0.{number}", 8) for number in range(100)} == set(range(8))


def test_a_stream_is_named_for_its_partition() -> None:
    assert stream(3) == "offhook:events:{03}"
