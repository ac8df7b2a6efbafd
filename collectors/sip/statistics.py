"""What endpoints say of the media of a call in BYE, or in its 200: X-RTP-Stat and its kin (docs/reading.md).

No RFC describes them; vendors' documents do. All are lists of key=value, between commas or semicolons.
"""

from typing import Final

import msgspec

from collectors.sip.grammar import MOST_VALUES, parameters, split
from collectors.sip.reading import Reading

HEADERS: Final = (
    "x-rtp-stat",
    "x-rtp-stat-add",
    "p-rtp-stat",
    "rtp-rxstat",
    "rtp-txstat",
    "x-rtp-statistics",
    "x-rtp-stats",
    "x-siemens-rtp-stats",
    "x-siemens-rtp-stats-list",
)

_LONGEST_NUMBER: Final = 24


class Statistics(msgspec.Struct, frozen=True):
    """One header: its numbers, and what is no number. Keys in upper case, as the vendors document them."""

    header: str  # lower case
    values: dict[str, float]
    words: dict[str, str]

    @property
    def sent(self) -> float | None:
        """RTP packets that its sender sent."""
        return self.values.get("PKT" if self.header == "rtp-txstat" else "PS")

    @property
    def received(self) -> float | None:
        """RTP packets that its sender received."""
        return self.values.get("PKT" if self.header == "rtp-rxstat" else "PR")

    @property
    def lost(self) -> float | None:
        """Packets that were sent to it and did not come."""
        return self._first("PL", "LOSTPKT")

    @property
    def jitter_ms(self) -> float | None:
        """As its sender counts it."""
        return self._first("JI", "AVGJIT")

    @property
    def latency_ms(self) -> float | None:
        """As its sender counts it."""
        return self._first("LA", "DL")

    @property
    def duration_s(self) -> float | None:
        """How long there was media."""
        return self._first("DUR", "DU")

    def _first(self, *keys: str) -> float | None:
        return next((self.values[key] for key in keys if key in self.values), None)


def read_statistics(header: str, value: str) -> Statistics:
    """'PS=207;OS=49680;;PR=314;JI=6,1' or 'Dur=26,Pkt=1302,VQMetrics="MLQK=4.1;CCR=0"'.

    Between semicolons a comma parts the figures of one key, the first of which counts. What is in
    quotation marks is a list of its own, and its keys stand beside the others.
    """
    values: dict[str, float] = {}
    words: dict[str, str] = {}
    separator = ";" if len(split(value, ";")) > 1 else ","
    for part in split(value, separator):
        key, equals, text = part.partition("=")
        if not equals:
            continue
        if text.startswith('"') and "=" in text:
            for name, inner in parameters(text.strip('"').replace(",", ";")).items():
                _keep(name, inner, values, words)
        else:
            _keep(key, text.strip(), values, words)
    return Statistics(header, values, words)


def statistics_of(reading: Reading) -> tuple[Statistics, ...]:
    """All such headers of a message."""
    return tuple(read_statistics(name, value) for name in HEADERS for value in reading.all(name)[:MOST_VALUES])


def _keep(key: str, text: str, values: dict[str, float], words: dict[str, str]) -> None:
    key, figure = key.strip().upper(), text.partition(",")[0]
    digits = figure.lstrip("-").replace(".", "", 1)
    if digits.isascii() and digits.isdigit() and len(figure) <= _LONGEST_NUMBER and figure.rfind("-") < 1:
        values.setdefault(key, float(figure))
    else:
        words.setdefault(key, text)
