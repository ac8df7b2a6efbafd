"""What was seen beside the messages of a record, in words: for its page, the report, the ladder."""

from typing import Final

import msgspec

from collectors.wire.events import ICMP, LOG, RTCP, RTP, SideEvent
from monitor.core.hop import endpoint
from monitor.ladder.words import clean

NAMES: Final = {ICMP: "ICMP error", RTCP: "RTCP report", RTP: "media report", LOG: "log line"}
# What a name ends with says its unit.
_UNITS: Final = {"ms": "ms", "s": "s", "pct": "%", "bps": "bit/s", "hz": "Hz"}
_NO_MEASURES: Final = frozenset(("ssrc", "source_ssrc"))
_MOST_TEXT: Final = 1_000
_MOST_VALUES: Final = 12


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """One side event for people: printable text, safe to show."""

    at_us: int
    kind: str  # as in `SideEvent.kind`
    name: str  # "ICMP error"
    source: str  # "10.0.0.1:5060", "10.0.0.1" without a port, "" where it is not known
    destination: str
    text: str
    values: str  # "jitter 20 ms, lost 2.5 %"


def seen(side: SideEvent) -> Seen:
    """A side event in words."""
    measured = [item for item in sorted(side.values.items()) if item[0] not in _NO_MEASURES][:_MOST_VALUES]
    return Seen(
        at_us=side.captured_us,
        kind=side.kind,
        name=NAMES.get(side.kind) or clean(side.kind),
        source=place(side.source, side.source_port),
        destination=place(side.destination, side.destination_port),
        text=clean(side.text.strip(), _MOST_TEXT),
        values=", ".join(_measured(name, value) for name, value in measured),
    )


def _measured(name: str, value: float) -> str:
    """ "jitter_ms", 20.0 → "jitter 20 ms"."""
    stem, _, unit = name.rpartition("_")
    figure = f"{value:.0f}" if value == int(value) else f"{value:.3g}"
    if unit in _UNITS and stem:
        return f"{clean(stem.replace('_', ' '))} {figure} {_UNITS[unit]}"
    return f"{clean(name.replace('_', ' '))} {figure}"


def place(address: str, port: int) -> str:
    """ "10.0.0.1:5060", or "10.0.0.1" where there is no port."""
    return endpoint(address, port) if port else address
