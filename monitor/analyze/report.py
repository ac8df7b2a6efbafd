"""The report of a capture file for people at a terminal: findings first, then who called whom, then the measures.

All that came from the wire goes through `clean`: a message may hold escape sequences.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final, TypeVar

import msgspec
from rich.console import Console, RenderableType
from rich.console import Group as Lines
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from collectors.wire.events import SideEvent
from monitor import knowledge
from monitor.analyze import subjects
from monitor.analyze.ladders import Ladders
from monitor.analyze.measures import measure
from monitor.analyze.result import Result
from monitor.analyze.summary import Group, counted, groups, ranges, standing
from monitor.analyze.tables import (
    SIGNS,
    STYLES,
    address,
    call_table,
    measure_table,
    media_table,
    quality_table,
    registration_table,
    transaction_table,
)
from monitor.core.reviewed import NOTHING
from monitor.core.updates import FindingState, Record
from monitor.ladder import text as drawing
from monitor.ladder.beside import NAMES, seen
from monitor.ladder.elide import excerpt
from monitor.ladder.values import Absence, Arrow, Ladder, Tone
from monitor.ladder.words import absolute, clean, clock_note, duration

_TONES: Final = {
    Tone.PROVISIONAL: "dim",
    Tone.SUCCESS: "green",
    Tone.REDIRECT: "blue",
    Tone.CHALLENGE: "blue",
    Tone.FAILURE: "red",
    Tone.MALFORMED: "red",
}
# Why frames gave no SIP message, where that may be what the reader of the report is looking for.
_SKIPPED: Final = {
    "tcp": "TCP packets belong to connections without SIP in clear (TLS is read with --keylog)",
    "unknown_link": "packets have a link layer that is not known",
    "bad_fragment": "IP fragments did not fit together",
    "bad_ip": "packets have broken IP headers",
    "bad_udp": "packets have broken UDP headers",
    "bad_tcp": "packets have broken TCP headers",
}
_Some = TypeVar("_Some", bound=Record)

_SHOWN_GROUPS: Final = 20
_SHOWN_LADDERS: Final = 3
_SHOWN_IDS: Final = 3
_SHOWN_SIDE: Final = 50
_LADDER_ROWS: Final = 10
_NO_LADDER: Final = " can't be read twice: give a file to see ladders."


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """What of the report is wanted."""

    findings_only: bool = False
    limit: int = 50  # rows of a table; 0: all


def print_report(result: Result, console: Console, options: Options) -> None:
    """The whole report."""
    for part in _parts(result, console, options):
        console.print(part)


def print_ladders(result: Result, console: Console, call_id: str) -> bool:
    """The full ladders of all records with that Call-ID; False when there is none."""
    records = [record for record in result.records if record.key.call_id == call_id]
    ladders = Ladders(result, [record.key for record in records])
    for record in records:
        console.print(Text(f"{_kind(record)} {clean(call_id, 120)}", style="bold"))
        for finding in standing(record):
            console.print(Text(f"{SIGNS[finding.severity]} {finding.code} {finding.state}", STYLES[finding.severity]))
            console.print(_indented(Text(clean(finding.cause, 1000))))
        ladder = ladders.of(record)
        console.print(_ladder(ladder, console) if ladder else Text(f"Standard input{_NO_LADDER}", "dim"))
        media = result.media.get(record.key, NOTHING)
        if media.streams:
            console.print(_title("Negotiation"))
            console.print(media_table(media.streams))
        if media.quality:
            console.print(_title("Quality"))
            console.print(quality_table(media.quality))
        for line in _also_seen(result.side.get(record.key, ())):
            console.print(line)
    return bool(records)


def _also_seen(side: Sequence[SideEvent]) -> Iterator[Text]:
    """What was seen beside the messages of a record."""
    if side:
        yield _title("Also seen")
    for each in map(seen, side[:_SHOWN_SIDE]):
        way = f"{each.source} → {each.destination}  " if each.source or each.destination else ""
        words = "  ".join(filter(None, (each.text, each.values)))
        yield Text.assemble((f"{absolute(each.at_us)}  ", "dim"), (f"{each.name}  ", "bold"), f"{way}{words}")
    if len(side) > _SHOWN_SIDE:
        yield Text(f"… and {len(side) - _SHOWN_SIDE:,} more: --json has all.", "dim")


def _parts(result: Result, console: Console, options: Options) -> Iterator[RenderableType]:
    yield from _head(result)
    if result.messages:
        yield from _findings(result, console)
        yield from subjects.lines(result.subjects)
    if options.findings_only:
        return
    if result.calls:
        yield from _table("Calls", call_table(_first(result.calls, options.limit)), len(result.calls), options)
    if result.links:
        yield from _legs(result, options)
    if result.registrations:
        rows = _first(result.registrations, options.limit)
        yield from _table("Registrations", registration_table(rows), len(result.registrations), options)
    if result.transactions:
        rows_of = _first(result.transactions, options.limit)
        yield from _table("Other transactions", transaction_table(rows_of), len(result.transactions), options)
    if result.calls or result.registrations:
        yield _title("Measures")
        yield measure_table(measure(result.calls, result.registrations, result.registration_delays_ms)[0])


def _title(words: str, note: str = "") -> Text:
    return Text.assemble(("\n" + words, "bold underline"), (f"  {note}" if note else "", "dim"))


# --- head ----------------------------------------------------------------------------------------


def _head(result: Result) -> Iterator[RenderableType]:
    malformed = f" ({result.malformed:,} malformed)" if result.malformed else ""
    yield Text(clean(result.file, 200), "bold")
    yield Text(f"{counted(result.messages, 'SIP message')}{malformed} in {counted(result.packets, 'packet')}")
    if result.first_us is not None and result.last_us is not None:
        span = duration(result.last_us - result.first_us)
        yield Text(f"{absolute(result.first_us)} – {absolute(result.last_us)} ({span})", "dim")
    yield Text(
        " · ".join(
            (
                counted(len(result.calls), "call"),
                counted(len(result.registrations), "registration"),
                counted(len(result.transactions), "other transaction"),
            )
        )
    )
    if result.side:
        kinds = Counter(each.kind for some in result.side.values() for each in some)
        beside = ", ".join(counted(count, NAMES.get(kind, clean(kind))) for kind, count in sorted(kinds.items()))
        yield Text(f"Also seen, beside messages: {beside}", "dim")
    yield from (Text(f"! {note}", "yellow") for note in _notes(result))


def _notes(result: Result) -> Iterator[str]:
    """What keeps this report from being the whole truth."""
    if result.fault:
        yield f"The file is damaged: {clean(result.fault, 200)}. What came before that is here."
    if result.capture_drops:
        lost = counted(result.capture_drops, "packet")
        yield f"Lost while the file was captured: {lost}. What seems missing may have been there."
    if result.evicted:
        closed = counted(result.evicted, "record")
        yield f"Closed early to bound the memory: {closed}. Their later messages are entries of their own."
    for reason, count in result.skipped.items():
        if reason in _SKIPPED:
            yield f"{count:,} {_SKIPPED[reason]}."
    if result.file == "-":
        yield f"Standard input{_NO_LADDER}"
    if not result.messages:
        yield "No SIP message was found."


# --- legs ----------------------------------------------------------------------------------------


def _legs(result: Result, options: Options) -> Iterator[RenderableType]:
    yield _title("Legs of one conversation", counted(len(result.links), "link"))
    calls = {call.key: call for call in result.calls}
    for link in result.links[: options.limit or None]:
        one, other = (
            f"{address(calls[key].from_uri)} → {address(calls[key].to_uri)}" for key in (link.one, link.other)
        )
        yield Text.assemble(f"{one}  ⇄  {other}", (f"  {link.confidence} %: {link.reason}", "dim"))
        yield _indented(Text(f"{clean(link.one.call_id, 100)}  ⇄  {clean(link.other.call_id, 100)}", "dim"))
    if len(result.links) > options.limit > 0:
        yield Text(f"… and {len(result.links) - options.limit:,} more", "dim")


# --- findings ------------------------------------------------------------------------------------


def _findings(result: Result, console: Console) -> Iterator[RenderableType]:
    found = groups(result)
    if not found:
        yield Text("\nNo findings.", "green")
        return
    confirmed = sum(len(group.found) for group in found if group.state == FindingState.CONFIRMED)
    suspected = sum(len(group.found) for group in found) - confirmed
    yield _title("Findings", f"{confirmed:,} confirmed, {suspected:,} suspected")
    worst = dict.fromkeys(group.found[0][0].key for group in found[:_SHOWN_GROUPS])
    undrawn = dict.fromkeys(list(worst)[:_SHOWN_LADDERS])
    ladders = Ladders(result, undrawn)
    for group in found[:_SHOWN_GROUPS]:
        record = group.found[0][0]
        ladder = ladders.of(record) if record.key in undrawn else None
        undrawn.pop(record.key, None)  # the findings of a record share its ladder
        yield Lines(*_finding(group, ladder, console))
    if len(found) > _SHOWN_GROUPS:
        yield Text(f"… and {counted(len(found) - _SHOWN_GROUPS, 'more kind')} of findings: --json has all.", "dim")


def _finding(group: Group, ladder: Ladder | None, console: Console) -> Iterator[RenderableType]:
    _, example = group.found[0]
    hop = f" · {clean(group.hop, 120).replace('>', ' → ')}" if group.hop else ""
    yield Text.assemble(
        (f"\n{SIGNS[group.severity]} {group.code}", STYLES[group.severity]),
        (f"  {group.severity}, {group.state}", ""),
        (f" · {group.who}{hop}", ""),
    )
    yield _indented(Text(clean(example.cause, 1000)))
    yield _indented(Text(f"→ {clean(example.remedy, 1000)}", "italic"))
    if article := knowledge.finding(group.code):
        likeliest = knowledge.ordered(article, example.variant)[0]
        yield _indented(Text(f"likely: {likeliest.why} To be sure: {likeliest.confirm}".replace("`", ""), "dim"))
    for record, finding in group.found[:_SHOWN_IDS]:
        numbers = ranges(finding.messages)
        yield _indented(Text(f"{clean(record.key.call_id, 100)}  messages {numbers}", "dim"))
    if len(group.found) > _SHOWN_IDS:
        yield _indented(Text(f"… and {len(group.found) - _SHOWN_IDS:,} more", "dim"))
    if ladder is not None:
        yield from (_indented(Text(clock_note(clock), "dim"), above=1) for clock in ladder.clocks)
        yield _indented(_ladder(excerpt(ladder, rows=_LADDER_ROWS), console, margin=4), above=1)


def _indented(what: RenderableType, above: int = 0) -> Padding:
    return Padding(what, (above, 0, 0, 2), expand=False)


def _ladder(ladder: Ladder, console: Console, margin: int = 0) -> RenderableType:
    ascii_only = not console.encoding.lower().startswith("utf")
    lines = drawing.lines(ladder, width=console.width - margin, ascii_only=ascii_only)
    return Lines(*(Text(line.text, _line_style(line), no_wrap=True, overflow="crop") for line in lines))


def _line_style(line: drawing.Line) -> str:
    match line.row:
        case Arrow(pins=pins) if pins:
            return STYLES[pins[0].severity]
        case Arrow(tone=tone):
            return _TONES.get(tone, "")
        case Absence(severity=severity):
            return STYLES[severity]
        case None:
            return "bold"
    return "dim"


# --- tables --------------------------------------------------------------------------------------


def _table(name: str, table: Table, total: int, options: Options) -> Iterator[RenderableType]:
    shown = f"{options.limit:,} of {total:,}, those with findings first; --limit 0 shows all"
    yield _title(name, shown if 0 < options.limit < total else f"{total:,}")
    yield table


def _first(records: Sequence[_Some], limit: int) -> Sequence[_Some]:
    """At most `limit`, those with findings rather than others, in order of time."""
    if not 0 < limit < len(records):
        return records
    by_weight = sorted(records, key=lambda record: not standing(record))[:limit]
    return sorted(by_weight, key=lambda record: record.first_us)


def _kind(record: Record) -> str:
    return str(record.key.kind).capitalize()
