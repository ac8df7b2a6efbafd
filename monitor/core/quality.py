"""How the media of a call arrive, as their receivers say: from RTCP, its extended reports, and BYE statistics."""

from collections import OrderedDict
from collections.abc import Mapping
from typing import Final

import msgspec

from collectors.sip.statistics import Statistics
from collectors.wire.events import SideEvent
from monitor.core.emodel import mos, rating
from monitor.core.hop import endpoint

_MOST_STREAMS: Final = 16  # of one call
_MOST_SENT: Final = 8  # sender reports that may still be answered
_ENOUGH: Final = 3  # reports before one is believed
_ENOUGH_PACKETS: Final = 100
_MOST_JITTER: Final = 480_000.0  # 10 s of the fastest clock: more is no jitter, but a report that is encrypted
_LONGEST_MS: Final = 60_000.0


class QualityRow(msgspec.Struct, frozen=True, kw_only=True):
    """What one receiver says of one stream."""

    source: str  # "RTCP", "VoIP metrics", or the name of a header in a BYE
    reporter: str  # who says so: "10.0.0.1:4001"
    sender: str  # whose stream it is, as far as the report's way tells
    reports: int
    loss_pct: float | None  # mean
    worst_loss_pct: float | None  # of one report
    jitter_ms: float | None  # mean
    round_trip_ms: float | None
    mos: float | None
    reported: bool  # the MOS is the reporter's own, not ours by the E-model
    messages: tuple[int, ...]  # by number within the record, where messages say so

    @property
    def sure(self) -> bool:
        """Whether there is enough to go by."""
        return self.reports >= _ENOUGH or bool(self.messages)


class _Heard:
    """What one receiver reported of one stream, summed up."""

    __slots__ = (
        "jitters",
        "last_us",
        "loss",
        "mos",
        "mos_count",
        "reporter",
        "reports",
        "round_trip_ms",
        "sender",
        "worst",
    )

    def __init__(self, side: SideEvent) -> None:
        self.reporter = endpoint(side.source, side.source_port) if side.source_port else side.source
        self.sender = endpoint(side.destination, side.destination_port) if side.destination_port else side.destination
        self.reports = 0
        self.loss = 0.0
        self.worst = 0.0
        self.jitters = 0.0  # in units of the clock
        self.round_trip_ms = 0.0
        self.mos = 0.0
        self.mos_count = 0
        self.last_us = 0


class Qualities:
    """The reports of one call. Reports that two observers saw count once."""

    __slots__ = ("_answered", "_heard", "_seen", "_sent", "told")

    def __init__(self) -> None:
        self._heard: dict[tuple[str, float, float], _Heard] = {}
        self._seen: OrderedDict[tuple[float, ...], None] = OrderedDict()
        self._sent: OrderedDict[float, int] = OrderedDict()  # sender report, as receivers name it → when it passed here
        # Who reports → how often that told the round trip between here and there, and the least of these, in ms.
        self._answered: dict[float, tuple[int, float]] = {}
        self.told: list[QualityRow] = []

    def take(self, side: SideEvent) -> bool:
        """An RTCP report; whether it is news."""
        values = side.values
        ssrc, source = values.get("ssrc", 0.0), values.get("source_ssrc", 0.0)
        if not self._news(side, ssrc, source):
            return False
        if "sent" in values:
            self._sent[values["sent"]] = side.captured_us
            if len(self._sent) > _MOST_SENT:
                self._sent.popitem(last=False)
        if "lost_pct" not in values or values.get("jitter", 0.0) > _MOST_JITTER:
            return False
        kind = "VoIP metrics" if "burst_pct" in values else "RTCP"
        key = (kind, ssrc, source)
        heard = self._heard.get(key)
        if heard is None:
            if len(self._heard) >= _MOST_STREAMS:
                return False
            heard = self._heard[key] = _Heard(side)
        self._sum_up(heard, side.captured_us, ssrc, values)
        return True

    def _news(self, side: SideEvent, ssrc: float, source: float) -> bool:
        key = (ssrc, source, side.values.get("highest", float(side.captured_us)), side.values.get("sent", 0.0))
        if key in self._seen:
            return False
        self._seen[key] = None
        if len(self._seen) > 2 * _MOST_STREAMS:
            self._seen.popitem(last=False)
        return True

    def _sum_up(self, heard: _Heard, at_us: int, ssrc: float, values: Mapping[str, float]) -> None:
        heard.reports += 1
        heard.last_us = max(heard.last_us, at_us)
        heard.loss += values["lost_pct"]
        heard.worst = max(heard.worst, values["lost_pct"])
        heard.jitters += values.get("jitter", 0.0)
        passed_us = self._sent.get(values.get("of", -1.0))
        if passed_us is not None:
            count, least_ms = self._answered.get(ssrc, (0, _LONGEST_MS))
            round_trip_ms = max(0.0, (at_us - passed_us) / 1000 - values["held_ms"])
            self._answered[ssrc] = count + 1, min(least_ms, round_trip_ms)
        heard.round_trip_ms = max(heard.round_trip_ms, values.get("round_trip_ms", 0.0))
        score = values.get("mos_cq", values.get("mos_lq"))
        if score is not None:
            heard.mos += score
            heard.mos_count += 1

    def tell(self, statistics: Statistics, reporter: str, sender: str, number: int, codec: str) -> bool:
        """What an endpoint says in a BYE, or in its 200; whether that is something."""
        lost, received = statistics.lost, statistics.received
        if lost is None or received is None or received + lost < _ENOUGH_PACKETS or lost < 0:
            return False
        loss_pct, jitter_ms = lost * 100 / (received + lost), statistics.jitter_ms
        delay_ms = statistics.latency_ms
        score = mos(rating(loss_pct, jitter_ms or 0.0, 2 * (delay_ms or 0.0), codec))
        row = QualityRow(
            source=statistics.header,
            reporter=reporter,
            sender=sender,
            reports=1,
            loss_pct=loss_pct,
            worst_loss_pct=None,
            jitter_ms=jitter_ms,
            round_trip_ms=None if delay_ms is None else 2 * delay_ms,
            mos=score,
            reported=False,
            messages=(number,),
        )
        said = (row.source, row.loss_pct, row.jitter_ms, row.round_trip_ms)
        if any(said == (each.source, each.loss_pct, each.jitter_ms, each.round_trip_ms) for each in self.told):
            return False  # on another hop
        self.told.append(row)
        return True

    def rows(self, codec: str, clock: int) -> list[QualityRow]:
        """All of it. `codec`, `clock` (Hz): what the call agreed on, by which jitter becomes time and loss a score."""
        # From here to the one end and back, and to the other: together the whole way and back. Many devices are
        # wrong about how long they held a report: the least of several is the nearest to the truth.
        whole_ms = sum(least_ms for count, least_ms in self._answered.values() if count >= _ENOUGH)
        return [self._row(kind, heard, whole_ms, codec, clock) for (kind, _, _), heard in self._heard.items()] + (
            self.told
        )

    def _row(self, kind: str, heard: _Heard, whole_ms: float, codec: str, clock: int) -> QualityRow:
        loss_pct = heard.loss / heard.reports
        jitter_ms = heard.jitters / heard.reports * 1000 / clock if kind == "RTCP" else None
        round_trip_ms = heard.round_trip_ms or whole_ms
        reported = heard.mos_count > 0
        score = (
            heard.mos / heard.mos_count if reported else mos(rating(loss_pct, jitter_ms or 0.0, round_trip_ms, codec))
        )
        return QualityRow(
            source=kind,
            reporter=heard.reporter,
            sender=heard.sender,
            reports=heard.reports,
            loss_pct=loss_pct,
            worst_loss_pct=heard.worst,
            jitter_ms=jitter_ms,
            round_trip_ms=round_trip_ms or None,
            mos=score,
            reported=reported,
            messages=(),
        )
