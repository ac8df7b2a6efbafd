"""What was seen beside the messages of a record, in words: for its page, the report, the ladder."""

from collections.abc import Iterable, Mapping
from typing import Final, TypeAlias

import msgspec

from collectors.wire.events import FRAGMENTS, ICMP, LOG, RTCP, RTP, TCP, SideEvent, SipEvent
from monitor.core.hop import place, request_hop
from monitor.ladder.words import clean

NAMES: Final = {
    ICMP: "ICMP error",
    TCP: "connection",
    FRAGMENTS: "IP fragments",
    RTCP: "RTCP report",
    RTP: "media report",
    LOG: "log line",
}
# What a name ends with says its unit.
_UNITS: Final = {"ms": "ms", "s": "s", "pct": "%", "bps": "bit/s", "hz": "Hz"}
_NO_MEASURES: Final = frozenset(("ssrc", "source_ssrc"))
_MOST_TEXT: Final = 1_000
_MOST_VALUES: Final = 12


# What tells a message, and its transmissions, from the others of a record: hop, branch, CSeq, method, status.
_Message: TypeAlias = tuple[str, str, int, str, float]


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


class Notes:
    """What is written beside the arrows of a ladder: why a message did not arrive."""

    def __init__(self, side: Iterable[SideEvent]) -> None:
        self._notes: Mapping[_Message, str] = {
            (each.hop, each.branch, each.cseq, each.method, each.values.get("status", 0)): clean(each.text)
            for each in side
            if each.kind in (ICMP, TCP)
        }

    def of(self, event: SipEvent) -> str:
        """The note of a message; "" where there is none."""
        if not self._notes:
            return ""
        method = event.method or event.cseq_method
        return self._notes.get((request_hop(event), event.branch, event.cseq, method, event.status), "")


def _measured(name: str, value: float) -> str:
    """ "jitter_ms", 20.0 → "jitter 20 ms"."""
    stem, _, unit = name.rpartition("_")
    figure = f"{value:.0f}" if float(value).is_integer() else f"{value:.3g}"
    if unit in _UNITS and stem:
        return f"{clean(stem.replace('_', ' '))} {figure} {_UNITS[unit]}"
    return f"{clean(name.replace('_', ' '))} {figure}"
