"""`python -m bench.dictionary NUMBER`: train the dictionary with which messages are compressed in the database.

Chunks as a live worker commits them, of made-up traffic (`collectors/scenario`) under other seeds than the bench's,
so that what is measured was not learnt. The result is versioned with the code: what was stored with an older one
stays readable, because each frame names its dictionary.
"""

import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Final

import msgspec
import zstandard

from bench.storage import cycles
from collectors.receivers.pcap_file import read_events
from collectors.scenario.packets import packets
from collectors.scenario.pcap import pcap
from collectors.scenario.traffic import traffic
from collectors.wire.events import SipEvent
from monitor.packing import DICTIONARIES, LEVEL

_SEEDS: Final = ("dictionary-1", "dictionary-2", "dictionary-3")
_MESSAGES: Final = 20_000  # of each seed
_SIZE: Final = 64 * 1024
_PHONES: Final = 600
_CALLS_PER_SECOND: Final = 20.0


def chunks(events: list[SipEvent]) -> Iterator[bytes]:
    """What a worker would store of these messages, before it is compressed."""
    encode = msgspec.msgpack.Encoder().encode
    for _, some in cycles(events):
        by_record: dict[str, list[SipEvent]] = defaultdict(list)
        for event in some:
            by_record[event.call_id].append(event)
        yield from map(encode, by_record.values())


def train(number: int) -> bytes:
    """The dictionary of this number."""
    samples: list[bytes | bytearray | memoryview] = [chunk for seed in _SEEDS for chunk in chunks(_events(seed))]
    return zstandard.train_dictionary(_SIZE, samples, dict_id=number, level=LEVEL).as_bytes()


def _events(seed: str) -> list[SipEvent]:
    sent = islice(traffic(seed, phones=_PHONES, calls_per_second=_CALLS_PER_SECOND), _MESSAGES)
    with tempfile.NamedTemporaryFile(suffix=".pcap") as file:
        file.writelines(pcap(packets(sent)))
        file.flush()
        return list(read_events(file.name, "edge-1"))


if __name__ == "__main__":
    path = Path(str(DICTIONARIES)) / f"sip-{int(sys.argv[1])}.zdict"
    path.write_bytes(train(int(sys.argv[1])))
    print(path)
