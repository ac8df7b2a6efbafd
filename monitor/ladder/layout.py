"""From the messages and findings of a record to its `Ladder`."""

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Final

import msgspec

from collectors.sip.timers import TIMERS, Timers
from collectors.wire.events import SideEvent, SipEvent
from monitor.core.clocks import clocks, corrected
from monitor.core.updates import Finding, FindingState
from monitor.ladder.beside import Notes
from monitor.ladder.elide import GAP_US, Item, assemble, head_tail_and_evidence
from monitor.ladder.folding import Fold, fold
from monitor.ladder.lanes import Lanes, arrange
from monitor.ladder.pinning import Placed, Timer, number_rows, place
from monitor.ladder.values import Arrow, Bar, Gap, Ladder, Row
from monitor.ladder.words import clean, detail, label, tone

_NO_ALIASES: Final[Mapping[str, str]] = MappingProxyType({})


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What keeps a picture a picture. What is over a limit is counted in it."""

    lanes: int = 12
    rows: int = 300
    findings: int = 50


LIMITS: Final = Limits()


def lay_out(
    events: Sequence[SipEvent],
    findings: Sequence[Finding] = (),
    *,
    side: Iterable[SideEvent] = (),
    aliases: Mapping[str, str] = _NO_ALIASES,
    timers: Timers = TIMERS,
    limits: Limits = LIMITS,
) -> Ladder:
    """The ladder of a record.

    `events` are its messages in arrival order, so that the nth is number n, which is what
    `Finding.messages` and `Arrow.number` speak of. `side` is what was seen beside them. `aliases` names
    "10.0.0.1:5060" or "10.0.0.1". `Pin.finding` is an index of `findings`. Where collectors' clocks differ,
    times are those of one of them (`Ladder.clocks`).
    """
    differing = clocks(events)
    events = corrected(events, differing)
    lanes = arrange(events, aliases, limits.lanes)
    arrows = _arrows(fold(events), lanes, Notes(side))
    row_of = number_rows(arrows)
    placed = [
        place(index, finding, arrows, row_of, lanes, timers)
        for index, finding in enumerate(findings[: limits.findings])
    ]
    items = _items(arrows, placed, _evidence(findings[: limits.findings], row_of))
    rows, places = assemble(items, head_tail_and_evidence(items, limits.rows))
    return Ladder(
        lanes=lanes.lanes,
        rows=tuple(rows),
        bars=_bars(items, rows, places, [each.timer for each in placed if each.timer]),
        first_us=min((event.captured_us for event in events), default=0),
        last_us=max((event.captured_us for event in events), default=0),
        messages=len(events),
        pins=tuple(each.pin for each in placed),
        clocks=tuple(differing),
    )


def _arrows(folds: Sequence[Fold], lanes: Lanes, notes: Notes) -> list[Arrow]:
    arrows = []
    before_us = folds[0].event.captured_us if folds else 0
    for each in folds:
        event = each.event
        arrows.append(
            Arrow(
                number=each.number,
                numbers=tuple(each.numbers),
                at_us=event.captured_us,
                delta_us=event.captured_us - before_us,
                source=lanes.of(event.source, event.source_port),
                destination=lanes.of(event.destination, event.destination_port),
                label=label(event),
                detail=" · ".join(filter(None, (detail(event), notes.of(event)))),
                tone=tone(event),
                transport=clean(event.transport),
                count=each.count,
                span_us=each.span_us,
                observers=len(each.seen),
            )
        )
        before_us = event.captured_us
    return arrows


def _evidence(findings: Sequence[Finding], row_of: Mapping[int, int]) -> dict[int, tuple[int, ...]]:
    """Row → the findings, by index, whose evidence it is."""
    found: dict[int, tuple[int, ...]] = {}
    for index, finding in enumerate(findings):
        if finding.state is not FindingState.CLEARED:
            for row in {row_of[number] for number in finding.messages if number in row_of}:
                found[row] = (*found.get(row, ()), index)
    return found


def _items(arrows: Sequence[Arrow], placed: Sequence[Placed], evidence: Mapping[int, tuple[int, ...]]) -> list[Item]:
    """The arrows with their pins, each followed by what should have come after it and did not."""
    items: list[Item] = []
    for row, arrow in enumerate(arrows):
        pins = tuple(each.pin for each in placed if each.row == row)
        items.append(
            msgspec.structs.replace(arrow, pins=pins, evidence=evidence.get(row, ()))
            if pins or row in evidence
            else arrow
        )
        items.extend(each.absence for each in placed if each.absence and each.absence_after == row)
    return items


def _bars(
    items: Sequence[Item], rows: Sequence[Row], places: Sequence[int], timers: Sequence[Timer]
) -> tuple[Bar, ...]:
    """Each timer from the row where it started to the last row within it; one of those that are alike.

    A timer that ran out in a silence ends in its row.
    """
    bars: dict[tuple[int, int, int], Bar] = {}
    times = _times(items)
    for timer in timers:
        inside = [index for index, at_us in enumerate(times) if timer.start_us <= at_us <= timer.end_us]
        first, last = places[inside[0]], places[inside[-1]]
        if last + 1 < len(rows) and isinstance(rows[last + 1], Gap) and timer.end_us - times[inside[-1]] >= GAP_US:
            last += 1
        if first < last:
            bar = Bar(
                lane=timer.lane,
                first_row=first,
                last_row=last,
                text=timer.text,
                severity=timer.finding.severity,
                state=timer.finding.state,
                finding=timer.index,
            )
            bars.setdefault((timer.lane, first, last), bar)
    return tuple(bars.values())


def _times(items: Sequence[Item]) -> list[int]:
    """The time of each item; what never came has the time of the row above it."""
    times = []
    at_us = 0
    for item in items:
        if isinstance(item, Arrow):
            at_us = item.at_us
        times.append(at_us)
    return times
