"""`python -m bench.dictionary {sip | prose} NUMBER`: train a dictionary with which rows are compressed in the database.

"sip" is for messages: chunks as a live worker commits them; "prose" for what findings say. Both are of made-up traffic
(`collectors/scenario`) under other seeds than the bench's, so that what is measured was not learnt. The result is
versioned with the code: what was stored with an older one stays readable, because each frame names its dictionary.
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
from collectors.sip.timers import MILLISECOND
from collectors.wire.events import SipEvent
from monitor.core.correlator import Correlator
from monitor.core.updates import FindingConfirmed, FindingRaised
from monitor.packed import PROSE_LEVEL
from monitor.packing import DICTIONARIES, LEVEL

_SEEDS: Final = ("dictionary-1", "dictionary-2", "dictionary-3")
_MESSAGES: Final = 20_000  # of each seed
_WINDOW_US: Final = 500 * MILLISECOND
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


def told(events: list[SipEvent]) -> Iterator[bytes]:
    """What findings in these messages say, before it is compressed."""
    encode = msgspec.msgpack.Encoder().encode
    correlator = Correlator()
    for event in events:
        for update in (*correlator.feed(event), *correlator.advance(event.captured_us - _WINDOW_US)):
            if isinstance(update, FindingRaised | FindingConfirmed):
                finding = update.finding
                yield encode([finding.hop, finding.cause, finding.remedy])


def train(name: str, number: int) -> bytes:
    """The dictionary of this name and number."""
    size, level, samples = _KINDS[name]
    found: list[bytes | bytearray | memoryview] = [sample for seed in _SEEDS for sample in samples(_events(seed))]
    return zstandard.train_dictionary(size, found, dict_id=number, level=level).as_bytes()


def _events(seed: str) -> list[SipEvent]:
    sent = islice(traffic(seed, phones=_PHONES, calls_per_second=_CALLS_PER_SECOND), _MESSAGES)
    with tempfile.NamedTemporaryFile(suffix=".pcap") as file:
        file.writelines(pcap(packets(sent)))
        file.flush()
        return list(read_events(file.name, "edge-1"))


_KINDS: Final = {"sip": (64 * 1024, LEVEL, chunks), "prose": (16 * 1024, PROSE_LEVEL, told)}


if __name__ == "__main__":
    path = Path(str(DICTIONARIES)) / f"{sys.argv[1]}-{int(sys.argv[2])}.zdict"
    path.write_bytes(train(sys.argv[1], int(sys.argv[2])))
    print(path)
