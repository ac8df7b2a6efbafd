"""The reader's end of the streams, on a real store."""

import threading
import time
from collections.abc import Iterator

import pytest

from collectors.exporters.stream_store import StreamStore
from monitor.ingest.stream import BEGINNING, Entry, Streams
from tests.support.processes import wait_for
from tests.support.valkey import Valkey

PARTITIONS = 8


@pytest.fixture
def streams(valkey: Valkey) -> Iterator[Streams]:
    made = Streams(valkey.url)
    yield made
    made.close()


def test_who_waits_is_told_of_all_partitions_to_which_was_appended_in_one_go(valkey: Valkey, streams: Streams) -> None:
    store = StreamStore(valkey.url, "test")
    found: dict[int, list[Entry]] = {}
    offsets = dict.fromkeys(range(PARTITIONS), BEGINNING)
    reader = threading.Thread(target=lambda: found.update(streams.read(offsets, 30_000)))
    reader.start()
    with valkey.client() as client:
        wait_for(lambda: client.info("clients")["blocked_clients"] == 1, what="the reader waits")
    store.append([(number, b"%d" % number) for number in range(PARTITIONS)])
    reader.join(30)
    store.close()
    assert {number: [entry.data for entry in entries] for number, entries in found.items()} == {
        number: [b"%d" % number] for number in range(PARTITIONS)
    }


def test_who_waits_in_vain_has_nothing_of_each_partition(streams: Streams) -> None:
    began = time.monotonic()
    assert streams.read({0: BEGINNING, 1: BEGINNING}, 20) == {0: [], 1: []}
    assert time.monotonic() - began >= 0.02
