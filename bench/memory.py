"""What open dialogs take in memory: `python -m bench.memory DIALOGS HOPS` prints JSON.

Calls that were answered and go on, all at once, each as one observer sees it: from INVITE with its offer to the ACK,
over one hop (a PBX or a trunk) or over two (both sides of a proxy). Each message has been encoded and decoded, so that
it has its own texts and numbers, as those have that ingest feeds. In a process of its own, whose resident memory is
compared before and after.
"""

import gc
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from msgspec.msgpack import Decoder, Encoder
from msgspec.structs import replace

from collectors.scenario.library import play
from collectors.sip.message import parse
from collectors.sip.timers import SECOND
from collectors.wire.events import SipEvent
from monitor.core.correlator import Correlator
from monitor.core.settings import Settings

DIALOGS: Final = 100_000
_PARSED_FROM: Final = SipEvent.__struct_fields__.index("fault")
_WITHIN_US: Final = 300 * SECOND  # they all begin, evenly: as many calls as last five minutes
_WINDOW_US: Final = 2_000_000
_FILLING: Final = 10_000  # calls that fill what remembers texts
_ENCODER: Final = Encoder()
_DECODER: Final = Decoder(SipEvent)


def dialogs(number: int, hops: int) -> Iterator[list[SipEvent]]:
    """So many calls, one after the other: the same call by other names."""
    model = _model(hops)
    names = _names(model)
    for call in range(number):
        told = [(name, b"%s%x" % (name[: -len(b"%x" % number)], call)) for name in names]
        yield [_renamed(event, told, call * _WITHIN_US // number) for event in model]


def _model(hops: int) -> list[SipEvent]:
    """A good call as far as the ACK, on its first hop or on all (two)."""
    events = list(play("good").events(observer="bench/eth0"))
    first = {events[0].source, events[0].destination}
    seen = [event for event in events if hops > 1 or {event.source, event.destination} == first]
    return [event for event in seen if event.cseq_method in ("INVITE", "ACK")]


def _names(model: list[SipEvent]) -> list[bytes]:
    """What is another text in each call."""
    texts = {text for event in model for text in (event.call_id, event.from_tag, event.to_tag, event.branch) if text}
    return sorted((text.encode() for text in texts), key=len, reverse=True)


def _renamed(event: SipEvent, told: list[tuple[bytes, bytes]], later_us: int) -> SipEvent:
    raw = event.raw
    for name, new in told:
        raw = raw.replace(name, new)
    fields = dict(zip(SipEvent.__struct_fields__[_PARSED_FROM:], parse(raw), strict=True))
    at_us = event.captured_us + later_us
    renamed = replace(event, captured_us=at_us, received_us=at_us, raw=raw, **fields)
    return _DECODER.decode(_ENCODER.encode(renamed))


def measure(number: int, hops: int) -> dict[str, Any]:
    """Octets of resident memory a dialog, and all of the process."""
    correlator, spare = Correlator(Settings(max_records=number + 1)), Correlator()
    for events in dialogs(min(number, _FILLING), hops):  # what is made once, and for all: tables of bounded size
        for event in events:
            spare.feed(event)
    before, messages = _resident(), 0
    for turn, events in enumerate(dialogs(number, hops)):
        for event in events:
            correlator.feed(event)
        messages += len(events)
        if not turn % 1_000:
            correlator.advance(events[-1].captured_us - _WINDOW_US)
    correlator.advance(events[-1].captured_us)
    after = _resident()
    return {
        "dialogs": len(correlator),
        "hops": hops,
        "messages": messages,
        "octets_a_dialog": (after - before) / len(correlator),
        "resident_mib": after / 2**20,
    }


def _resident() -> int:
    """Octets of memory that this process holds, garbage collected."""
    gc.collect()
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:"))


if __name__ == "__main__":
    json.dump(measure(int(sys.argv[1]), int(sys.argv[2])), sys.stdout)
