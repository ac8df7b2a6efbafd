"""Values as the database keeps them: small, and readable whatever wrote them."""

import msgspec
import pytest
import zstandard

from collectors.scenario.library import play
from monitor import packing

EVENTS = play("good").events(observer="edge-1/eth0")[:3]


def test_a_few_messages_take_half_of_what_they_would_without_the_dictionary() -> None:
    plain = zstandard.ZstdCompressor(level=packing.LEVEL).compress(msgspec.msgpack.encode(EVENTS))
    packed = packing.pack(EVENTS)
    assert zstandard.get_frame_parameters(packed).dict_id == 1
    assert len(packed) < 0.6 * len(plain)
    assert packing.messages(packed) == packing.messages(memoryview(packed)) == EVENTS


def test_what_was_written_without_a_dictionary_stays_readable() -> None:
    plain = zstandard.ZstdCompressor().compress(msgspec.msgpack.encode(EVENTS))
    assert packing.messages(plain) == EVENTS


def test_every_dictionary_is_named_by_its_number() -> None:
    files = [file for file in packing.DICTIONARIES.iterdir() if file.name.endswith(".zdict")]
    assert files
    for file in files:
        name = file.name.partition("-")[0]
        assert file.name == f"{name}-{zstandard.ZstdCompressionDict(file.read_bytes()).dict_id()}.zdict"


def test_what_needs_an_unknown_dictionary_says_which() -> None:
    other = zstandard.ZstdCompressionDict(
        zstandard.train_dictionary(
            1024, [b"%d some words, again and again" % number for number in range(999)], dict_id=77
        ).as_bytes()
    )
    frame = zstandard.ZstdCompressor(dict_data=other).compress(b"some words")
    with pytest.raises(packing.UnreadableError, match="sip-77"):
        packing.messages(frame)
