"""Rows that are left out: the middle of a long record, and everything but the evidence in an excerpt."""

from collections.abc import Iterable, Sequence, Set
from typing import Final, TypeAlias

import msgspec

from collectors.sip.timers import SECOND
from monitor.ladder.values import Absence, Arrow, Bar, Elision, Gap, Ladder, Lane, Row

Item: TypeAlias = Arrow | Absence | Elision

# A silence from here on is a row of its own; most pauses of a working call set-up are shorter.
GAP_US: Final = 3 * SECOND


def assemble(items: Sequence[Item], keep: Set[int]) -> tuple[list[Row], list[int]]:
    """The rows with what is not in `keep` (indices of items) left out and long silences marked.

    Also returns the row of each item: where it is, or where its elision is.
    """
    rows: list[Row] = []
    places: list[int] = []
    hidden: list[Item] = []
    for index, item in enumerate(items):
        if index not in keep and not _alone(index, items, keep):
            hidden.append(item)
            places.append(len(rows))
            continue
        if hidden:
            rows.append(_elision(hidden))
            hidden = []
        elif isinstance(item, Arrow) and item.delta_us >= GAP_US and rows:
            rows.append(Gap(duration_us=item.delta_us))
        places.append(len(rows))
        rows.append(item)
    if hidden:
        rows.append(_elision(hidden))
    return rows, places


def head_tail_and_evidence(items: Sequence[Item], limit: int) -> set[int]:
    """At most `limit` items: the evidence with what surrounds it, the start (two thirds), the end."""
    if len(items) <= limit:
        return set(range(len(items)))
    around = (near for index, item in enumerate(items) if _tells(item) for near in (index, index - 1, index + 1))
    keep: set[int] = set()
    for index in around:
        if len(keep) >= limit // 2:
            break
        if 0 <= index < len(items):
            keep.add(index)
    room = limit - len(keep)
    head = room * 2 // 3
    keep.update(range(head))
    keep.update(range(len(items) - (room - head), len(items)))
    return keep


def excerpt(ladder: Ladder, rows: int = 6, finding: int | None = None) -> Ladder:
    """The small ladder for a list, a mail, a report: at most `rows` items around the evidence.

    `finding` (an index of the findings) chooses whose evidence; by default that of all. Lanes that the rows left
    don't touch go too. Without evidence it is the start and the end of the record.
    """
    if finding is not None:
        ladder = _only(ladder, finding)
    item_of_row, items = _items(ladder.rows)
    kept_rows, places = assemble(items, _most_telling(items, rows))
    bars = [
        msgspec.structs.replace(
            bar, first_row=places[item_of_row[bar.first_row]], last_row=places[item_of_row[bar.last_row]]
        )
        for bar in ladder.bars
    ]
    return _without_idle_lanes(msgspec.structs.replace(ladder, rows=tuple(kept_rows), bars=tuple(bars)))


def _alone(index: int, items: Sequence[Item], keep: Set[int]) -> bool:
    """One item between two that are kept: a note that it was left out would take as much room."""
    return index - 1 in keep and index + 1 in keep and not isinstance(items[index], Elision)


def _elision(hidden: Sequence[Item]) -> Elision:
    rows = messages = 0
    first = 0
    duration_us = 0
    start_us: int | None = None
    for item in hidden:
        match item:
            case Elision():
                rows += item.rows
                messages += item.messages
                first = first or item.first
                duration_us += item.duration_us
            case Arrow():
                rows += 1
                messages += len(item.numbers)
                first = first or item.number
                start_us = item.at_us if start_us is None else start_us
                duration_us = max(duration_us, item.at_us + item.span_us - start_us)
            case Absence():
                rows += 1
    return Elision(rows=rows, messages=messages, first=first, duration_us=duration_us)


def _tells(item: Item) -> bool:
    return isinstance(item, Absence) or (isinstance(item, Arrow) and bool(item.evidence or item.pins))


def _items(rows: Sequence[Row]) -> tuple[list[int], list[Item]]:
    """The rows without gaps, and for each row which item it is (a gap: the next one)."""
    items: list[Item] = []
    item_of_row = []
    for row in rows:
        item_of_row.append(len(items))
        if not isinstance(row, Gap):
            items.append(row)
    return item_of_row, items


def _only(ladder: Ladder, finding: int) -> Ladder:
    def strip(row: Row) -> Row:
        if not isinstance(row, Arrow):
            return row
        pins = tuple(pin for pin in row.pins if pin.finding == finding)
        return msgspec.structs.replace(row, pins=pins, evidence=(finding,) if finding in row.evidence else ())

    gone = {index for index, row in enumerate(ladder.rows) if isinstance(row, Absence) and row.finding != finding}
    rows = tuple(strip(row) for index, row in enumerate(ladder.rows) if index not in gone)
    # A bar that ends at a row that is gone ends at the row above it.
    moved = [max(0, index - sum(1 for each in gone if each <= index)) for index in range(len(ladder.rows))]
    bars = tuple(
        msgspec.structs.replace(bar, first_row=moved[bar.first_row], last_row=moved[bar.last_row])
        for bar in ladder.bars
        if bar.finding == finding
    )
    return msgspec.structs.replace(ladder, rows=rows, bars=bars)


def _most_telling(items: Sequence[Item], limit: int) -> set[int]:
    """Pinned rows and absences, then other evidence, then the first row and the last, then what is near to those."""
    pinned = [i for i, item in enumerate(items) if isinstance(item, Absence) or (isinstance(item, Arrow) and item.pins)]
    evidence = [i for i, item in enumerate(items) if isinstance(item, Arrow) and item.evidence]
    wanted = dict.fromkeys([*pinned, *evidence, 0, len(items) - 1])
    centre = pinned or evidence or [0]
    rest = sorted(range(len(items)), key=lambda index: min(abs(index - each) for each in centre[:8]))
    order: Iterable[int] = dict.fromkeys([*wanted, *rest])
    chosen = [index for index in order if 0 <= index < len(items) and not isinstance(items[index], Elision)]
    return set(chosen[:limit])


def _without_idle_lanes(ladder: Ladder) -> Ladder:
    used = {lane for row in ladder.rows if isinstance(row, Arrow | Absence) for lane in (row.source, row.destination)}
    if not used:
        return ladder
    new = {old: index for index, old in enumerate(sorted(used))}
    lanes: tuple[Lane, ...] = tuple(ladder.lanes[old] for old in sorted(used))

    def move(row: Row) -> Row:
        if isinstance(row, Arrow | Absence):
            return msgspec.structs.replace(row, source=new[row.source], destination=new[row.destination])
        return row

    bars: tuple[Bar, ...] = tuple(
        msgspec.structs.replace(bar, lane=new[bar.lane]) for bar in ladder.bars if bar.lane in new
    )
    return msgspec.structs.replace(ladder, lanes=lanes, rows=tuple(move(row) for row in ladder.rows), bars=bars)
