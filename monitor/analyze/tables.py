"""The tables of the report: calls, registrations, other transactions, measures."""

from collections import Counter
from collections.abc import Sequence
from typing import Final

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from monitor.analyze.summary import standing
from monitor.core.measures import Figures
from monitor.core.measures.counting import outcome
from monitor.core.quality import QualityRow
from monitor.core.stream_row import Side, StreamRow
from monitor.core.updates import CallRecord, FindingState, Record, RegistrationRecord, Severity, TransactionRecord
from monitor.ladder.words import clean, clock, duration

STYLES: Final = {
    Severity.CRITICAL: "bold red",
    Severity.MAJOR: "red",
    Severity.MINOR: "yellow",
    Severity.INFO: "blue",
}
SIGNS: Final = {Severity.CRITICAL: "▲", Severity.MAJOR: "▲", Severity.MINOR: "◆", Severity.INFO: "●"}
_STATES: Final = {"failed": "red", "cancelled": "dim", "answered": "green", "unanswered": "red", "ringing": "cyan"}


def _new_table(*columns: str) -> Table:
    """Columns by name: in ">name" are figures, right-aligned; "name…" gives way where the page is narrow."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False, header_style="dim", show_edge=False)
    for name in columns:
        gives_way = name.endswith("…")
        table.add_column(
            name.strip(">…"),
            justify="right" if name.startswith(">") else "left",
            overflow="ellipsis",
            no_wrap=not gives_way,
            min_width=10 if gives_way else None,
        )
    return table


def call_table(calls: Sequence[CallRecord]) -> Table:
    table = _new_table(
        "time", "from…", "to…", "state", ">status", ">PDD", ">set-up", ">talk", ">messages", ">resent", "findings…",
        "Call-ID…",
    )  # fmt: skip
    for call in calls:
        table.add_row(
            *_when_and_who(call.first_us, call.from_uri, call.to_uri),
            _state(str(call.state)),
            str(call.status or ""),
            _ms(call.pdd_ms),
            _ms(call.setup_ms),
            _ms(call.duration_ms),
            *_messages(call),
            _codes(call),
            Text(clean(call.key.call_id, 60), "dim"),
        )
    return table


def registration_table(registrations: Sequence[RegistrationRecord]) -> Table:
    table = _new_table(
        "time", "address of record…", "contact…", "outcome", ">status", ">messages", ">resent", "findings…", "Call-ID…",
    )  # fmt: skip
    for registration in registrations:
        table.add_row(
            *_when_and_who(registration.first_us, registration.aor, registration.contact),
            _state(str(outcome(registration.outcome))),
            str(registration.status or ""),
            *_messages(registration),
            _codes(registration),
            Text(clean(registration.key.call_id, 60), "dim"),
        )
    return table


def transaction_table(transactions: Sequence[TransactionRecord]) -> Table:
    table = _new_table(
        "time", "method", "from…", "to…", ">status", ">messages", ">resent", "malformed", "Call-ID…",
    )  # fmt: skip
    for each in transactions:
        when, from_, to = _when_and_who(each.first_us, each.from_uri, each.to_uri)
        table.add_row(
            when,
            Text(clean(each.method, 16) or "–"),
            from_,
            to,
            str(each.status or ""),
            *_messages(each),
            Text(clean(each.fault), "red"),
            Text(clean(each.key.call_id, 60), "dim"),
        )
    return table


def _when_and_who(first_us: int, one: str, other: str) -> tuple[Text, Text, Text]:
    return Text(clock(first_us)[:12], "dim"), Text(address(one)), Text(address(other))


def address(uri: str) -> str:
    return clean(uri.partition(":")[2] or uri, 40)


def _state(state: str) -> Text:
    return Text(state, _STATES.get(state, ""))


def _messages(record: Record) -> tuple[str, str]:
    return f"{record.messages:,}", f"{record.retransmissions:,}" if record.retransmissions else ""


def _codes(record: Record) -> Text:
    codes: Counter[tuple[str, str]] = Counter()
    for finding in standing(record):
        doubt = "?" if finding.state == FindingState.SUSPECTED else ""
        codes[clean(finding.code) + doubt, STYLES[finding.severity]] += 1
    return Text(" ").join(
        Text(f"{code} ×{count}" if count > 1 else code, style) for (code, style), count in codes.items()
    )


def media_table(rows: Sequence[StreamRow]) -> Table:
    """What each side said of each stream."""
    table = _new_table("time", "stream", "result", "offer…", "answer…", "in common…", "messages")
    for row in rows:
        table.add_row(
            clock(row.at_us),
            clean(f"{row.kind} ({row.method})", 40),
            row.state,
            _media_side(row.offer),
            _media_side(row.answer),
            clean(", ".join(row.common), 120),
            ", ".join(map(str, row.messages)),
        )
    return table


def _media_side(side: Side | None) -> str:
    if side is None:
        return ""
    extras = (side.security, f"{side.ptime} ms" if side.ptime else "", f"DTMF {side.dtmf}" if side.dtmf else "")
    parts = (side.address, side.direction, ", ".join(side.codecs), *extras, "ICE" if side.ice else "")
    return clean("  ".join(filter(None, parts)), 200)


def quality_table(rows: Sequence[QualityRow]) -> Table:
    """What receivers reported."""
    table = _new_table(
        "source", "who reports…", "whose stream…", ">reports", ">loss", ">worst", ">jitter", ">round trip", ">MOS",
    )  # fmt: skip
    for row in rows:
        table.add_row(
            clean(row.source, 40),
            clean(row.reporter, 60),
            clean(row.sender, 60),
            str(row.reports),
            _figure(row.loss_pct, " %"),
            _figure(row.worst_loss_pct, " %"),
            _figure(row.jitter_ms, " ms"),
            _figure(row.round_trip_ms, " ms"),
            _figure(row.mos),
        )
    return table


def _figure(value: float | None, unit: str = "") -> str:
    return "" if value is None else f"{value:.1f}{unit}"


def measure_table(figures: Figures) -> Table:
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(justify="right", no_wrap=True)
    table.add_column(style="dim")
    rows = (
        ("ASR", _percent(figures.asr_percent), "answered, of calls with an outcome (E.411; SER of RFC 6076)"),
        ("NER", _percent(figures.ner_percent), "answered, cancelled, or ended by the user (E.425)"),
        ("SEER", _percent(figures.seer_percent), "answered, or 480, 486, 600, 603 (RFC 6076 §4.7)"),
        ("ISA", _percent(figures.isa_percent), "408, 500, 503, 504, or nothing at all (§4.8)"),
        ("SCR", _percent(figures.scr_percent), "answered, acknowledged and ended by BYE (§4.9)"),
        ("PDD", _spread(figures.pdd_p50_ms, figures.pdd_p95_ms), "first INVITE to first 18x or 2xx: half, 95 %"),
        ("Set-up", _spread(figures.setup_p50_ms, figures.setup_p95_ms), "first INVITE to first 2xx: half, 95 %"),
        ("SDD", _spread(figures.sdd_p50_ms, figures.sdd_p95_ms), "BYE to its 2xx (§4.4): half, 95 %"),
        ("ACD", _ms(figures.acd_ms), "2xx to BYE, mean"),
        ("IRA", _percent(figures.ira_percent), "registrations that failed or stayed unanswered (§4.2)"),
        ("RRD", _spread(figures.rrd_p50_ms, figures.rrd_p95_ms), "first REGISTER to 2xx (§4.1): half, 95 %"),
    )
    for name, value, meaning in rows:
        if value:
            table.add_row(name, value, meaning)
    return table


def _percent(value: float | None) -> str:
    return "" if value is None else f"{value:.1f} %"


def _ms(value: float | None) -> str:
    return "" if value is None else duration(round(value * 1000))


def _spread(half: float | None, most: float | None) -> str:
    return "" if half is None else f"{_ms(half)}, {_ms(most)}"
