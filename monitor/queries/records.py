"""Calls, registrations and standalone transactions as pages and frames show them: lists and single rows.

A list takes three queries, however long the tables are: a count up to a bound that the page tells,
one page of rows by keyset, and the findings of those rows that have one.
"""

import re
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

from django.db import connection
from django.db.models import Model, Q, QuerySet

from monitor.core.updates import CallState, FindingState, Kind, RegistrationOutcome, Severity
from monitor.models import Call, FindingRow, Registration, Transaction
from monitor.models.records import slug_of
from monitor.models.terms import term_of
from monitor.queries import search
from monitor.shelf import IMPORTED, OPEN

# A record as a plain value: its columns, `kind`, `codes` as a list, and `finding`: the worst that is
# not cleared ({code, severity, state, at_us, hop, evidence, cause, remedy}), or None.
Row: TypeAlias = dict[str, Any]

ACTIVE_STATES: Final = tuple(state.value for state in CallState if state.alive)
FAILED_OUTCOMES: Final = tuple(
    outcome.value
    for outcome in (RegistrationOutcome.FAILED, RegistrationOutcome.UNANSWERED, RegistrationOutcome.EXPIRED)
)
SERIOUS: Final = (Severity.CRITICAL.value, Severity.MAJOR.value)
# Counting stops here: "more than 1,000" tells a person as much as the exact figure, and is never slow.
COUNT_BOUND: Final = 1_000
# The records among which it is looked what findings there are to choose from.
_NEWEST: Final = 10_000
_RARE: Final = 1000
_NAME: Final = ("day", "key", "incarnation")
_SLUG: Final = re.compile(r"(\d{8})-([0-9a-f]{16})-(\d{1,4})")
_RANK: Final = {severity.value: rank for rank, severity in enumerate(Severity)}


@dataclass(frozen=True, kw_only=True)
class _Table:
    """How one kind is stored: its model, the columns of a row, and what filters mean for it."""

    model: type[Model]
    columns: tuple[str, ...]
    state: str  # the column that `RecordFilter.state` is about


_COMMON: Final = (
    *("id", "import_id", "version", "call_id", "open", "status", "first_us", "last_us"),
    *("messages", "retransmissions", "severity", "codes", "day", "key", "incarnation"),
)
_TABLES: Final = {
    Kind.CALL: _Table(
        model=Call,
        columns=(
            *_COMMON,
            *("from_uri", "to_uri", "caller", "callee", "state", "acked", "answered_us", "ended_us"),
            *("setup_ms", "pdd_ms", "duration_ms"),
        ),
        state="state",
    ),
    Kind.REGISTRATION: _Table(
        model=Registration,
        columns=(*_COMMON, "aor", "contact", "client", "registrar", "outcome", "registered_us", "expires_us"),
        state="outcome",
    ),
    Kind.TRANSACTION: _Table(
        model=Transaction,
        columns=(*_COMMON, "method", "from_uri", "to_uri", "client", "server", "fault"),
        state="method",
    ),
}


@dataclass(frozen=True, kw_only=True)
class RecordFilter:
    """What a list shows. The empty filter is all that was seen live."""

    state: str = ""  # of calls "active" or a CallState, of registrations "failing" or an outcome, else a method
    code: str = ""  # of a finding that is not cleared
    text: str = ""  # a Call-ID, user, number or address; or a part of one (`monitor.queries.search`)
    import_id: int = 0
    since_us: int = 0  # of the first message
    until_us: int = 0  # the same; 0: no end


@dataclass(frozen=True)
class Cursor:
    """A place in the order (newest first, then by id): the row itself is on the page that it came from."""

    way: Literal["older", "newer"]
    first_us: int
    id: int

    @property
    def text(self) -> str:
        """As an address carries it."""
        return f"{self.first_us}-{self.id}"


@dataclass(frozen=True, kw_only=True)
class Page:
    """One page of a list, newest first."""

    rows: list[Row]
    total: int
    beyond_total: bool  # counting stopped at its bound
    older: Cursor | None
    newer: Cursor | None
    searched_us: int = 0  # text was looked for in records that began since then; 0: in all


def page(kind: Kind, wanted: RecordFilter, cursor: Cursor | None, size: int) -> Page:
    """The rows of one kind that match, `size` of them from `cursor` on."""
    table = _TABLES[kind]
    found: list[Row] = []
    for way in search.ways(_matching(table, wanted), wanted.text):
        for some in _windows(way, wanted, cursor):
            found = list(_beyond(some, cursor).values(*table.columns)[: size + 1])
            if len(found) > size:
                break
        if found:
            break
    more = len(found) > size
    # Who has seen the end of a first page has counted already.
    total = _count(_windows(way, wanted, None)) if more or cursor else len(found)
    found = found[:size]
    has_older, has_newer = more, cursor is not None
    if cursor is not None and cursor.way == "newer":
        found.reverse()
        has_older, has_newer = True, more
    return Page(
        rows=_finished(kind, found),
        total=min(total, COUNT_BOUND),
        beyond_total=total > COUNT_BOUND,
        older=Cursor("older", found[-1]["first_us"], found[-1]["id"]) if found and has_older else None,
        newer=Cursor("newer", found[0]["first_us"], found[0]["id"]) if found and has_newer else None,
        searched_us=way.since_us,
    )


def rows(kind: Kind, slugs: Sequence[str]) -> list[Row]:
    """The live rows of these names, for frames; what is gone meanwhile is left out."""
    table = _TABLES[kind]
    names = {name for slug in slugs if (name := parsed(slug))}
    if not names:
        return []
    # No import lies there: see `monitor.shelf.LIVE` for why it is not asked for by its id.
    shelves = lies(min(day for day, _, _ in names), import_id=0)
    found = table.model._default_manager.filter(shelves, key__in={key for _, key, _ in names})
    wanted = [row for row in found.values(*table.columns) if (row["day"], row["key"], row["incarnation"]) in names]
    return _finished(kind, wanted)


def newest(kind: Kind, limit: int, *conditions: Q) -> list[Row]:
    """The newest live rows that meet one of the conditions, none of which may overlap; without any, of all.

    Each condition is a query of its own: it reads its index in order, where one query for all would sort.
    """
    table = _TABLES[kind]
    live = table.model._default_manager.filter(import_id=0).order_by("-first_us", "id").values(*table.columns)
    found = [row for condition in conditions or (Q(),) for row in live.filter(condition)[:limit]]
    found.sort(key=lambda row: (-row["first_us"], row["id"]))
    return _finished(kind, found[:limit])


def record(kind: Kind, slug: str, import_id: int | None) -> Row | None:
    """One record with all its columns and `findings` (worst first, cleared last); None when there is none.

    Without an import's id the live one, and where only imports have it, the newest of these.
    """
    table = _TABLES[kind]
    name = parsed(slug)
    if name is None:
        return None
    day, key, incarnation = name
    named = table.model._default_manager.filter(lies(day, import_id), day=day, key=key, incarnation=incarnation)
    if import_id is not None:
        named = named.filter(import_id=import_id)
    candidates = list(named.order_by("import_id").values(*table.columns, "hops", "anomalies"))
    if not candidates:
        return None
    row = candidates[0] if candidates[0]["import_id"] == 0 else candidates[-1]
    findings = _findings([row])[_name(row)]
    findings.sort(key=lambda finding: (finding["state"] == FindingState.CLEARED, _weight(finding)))
    return row | {"kind": kind.value, "slug": slug, "codes": row["codes"].split(), "findings": findings}


def finding_codes(kind: Kind, import_id: int) -> list[str]:
    """The codes that the newest records of this kind carry, for the filter's choices."""
    newest = _matching(_TABLES[kind], RecordFilter(import_id=import_id)).values("codes")[:_NEWEST]
    return sorted({code for row in newest if row["codes"] for code in row["codes"].split()})


def parsed(slug: str) -> tuple[int, int, int] | None:
    """The (day, key, incarnation) that a record's name in URLs says; None when it is none."""
    parts = _SLUG.fullmatch(slug)
    return (int(parts[1]), int(parts[2], 16), int(parts[3])) if parts else None


def lies(day: int, import_id: int | None) -> Q:
    """Where rows of a record that began on this day may lie: each shelf that is ruled out is not searched.

    Without an import's id both live ones and those of imports.
    """
    if import_id:
        return Q(shelf=IMPORTED)
    return Q(shelf__gte=day) | (Q(shelf=OPEN) if import_id == 0 else Q(shelf__in=(OPEN, IMPORTED)))


def plain(found: Iterable[Mapping[str, Any]]) -> list[Row]:
    """The rows of a query as plain values."""
    return [dict(row) for row in found]


def _matching(table: _Table, wanted: RecordFilter) -> QuerySet[Any]:
    """What matches but for its text, newest first."""
    records = table.model._default_manager.order_by("-first_us", "id")
    found = records.filter(import_id=wanted.import_id).filter(_shelves(wanted))
    if wanted.state == "active":
        # Records in a correlator's memory are few and have an index of their own; no import has any. Were the
        # import asked for, SQLite would rather read all of it in order.
        found = records.none() if wanted.import_id else records.filter(open=True, shelf=OPEN, state__in=ACTIVE_STATES)
    elif wanted.state == "failing":
        found = found.filter(outcome__in=FAILED_OUTCOMES)
    elif wanted.state:
        found = found.filter(**{table.state: wanted.state})
    if wanted.code:
        found = found.filter(_code(table, wanted.code, wanted.import_id))
    if wanted.since_us:
        found = found.filter(first_us__gte=wanted.since_us)
    if wanted.until_us:
        found = found.filter(first_us__lt=wanted.until_us)
    return found


def _count(windows: Iterable[QuerySet[Any]]) -> int:
    """How many there are in the last of these, or in the first that has more than are counted."""
    total = 0
    for some in windows:
        total = some.order_by()[: COUNT_BOUND + 1].count()
        if total > COUNT_BOUND:
            break
    return total


def _windows(way: search.Way, wanted: RecordFilter, cursor: Cursor | None) -> Iterable[QuerySet[Any]]:
    """What is looked at, one after the other, until a page is full."""
    selective = way.by_terms or (wanted.code and connection.vendor == "postgresql")
    if not selective or wanted.import_id or (cursor and cursor.way == "newer"):
        return (way.records,)
    ends = [us for us in (wanted.until_us, cursor.first_us if cursor else 0) if us]
    return search.windows(way.records, min([*ends, time.time_ns() // 1_000]))


def _shelves(wanted: RecordFilter) -> Q:
    """Where such records can lie: PostgreSQL leaves the other partitions alone."""
    if connection.vendor != "postgresql":
        return Q()
    if wanted.import_id:
        return Q(shelf=IMPORTED)
    if wanted.since_us:
        return search.on_shelves_since(wanted.since_us)
    return Q(shelf__gte=OPEN)


def _code(table: _Table, code: str, import_id: int) -> Q:
    """Records with a rare finding are found by it; those with a common one are met soon in any order."""
    carries = Q(codes__contains=f" {code} ")
    if connection.vendor == "postgresql":
        return Q(search.Mentions(table.model._meta.db_table, term_of(code))) & search.at_a_glance(carries)
    findings = FindingRow.objects.filter(code=code, import_id=import_id).exclude(state=FindingState.CLEARED)
    keys = list(findings.order_by().values_list("key", flat=True)[: _RARE + 1])
    if len(keys) > _RARE:
        return carries
    # By id, which no planner takes for worse than reading all in order.
    return carries & Q(id__in=list(table.model._default_manager.filter(key__in=keys).values_list("id", flat=True)))


def _beyond(matching: QuerySet[Any], cursor: Cursor | None) -> QuerySet[Any]:
    if cursor is None:
        return matching
    # The first condition alone bounds the index; the second settles rows of the same microsecond.
    same = Q(first_us=cursor.first_us)
    if cursor.way == "older":
        return matching.filter(first_us__lte=cursor.first_us).exclude(same & Q(id__lte=cursor.id))
    beyond = matching.filter(first_us__gte=cursor.first_us).exclude(same & Q(id__gte=cursor.id))
    return beyond.order_by("first_us", "-id")


def _finished(kind: Kind, found: list[Row]) -> list[Row]:
    """Rows as values: codes as a list, the worst finding beside those that have one."""
    findings = _findings(row for row in found if row["codes"].strip())
    finished = []
    for row in found:
        name = row["day"], row["key"], row["incarnation"]
        standing = [item for item in findings.get(_name(row), ()) if item["state"] != FindingState.CLEARED]
        worst = min(standing, key=_weight, default=None)
        row |= {"kind": kind.value, "slug": slug_of(*name), "codes": row["codes"].split(), "finding": worst}
        finished.append({column: value for column, value in row.items() if column not in _NAME})
    return finished


def _name(row: Row) -> tuple[Any, ...]:
    return row["day"], row["key"], row["incarnation"], row["import_id"]


def _findings(of: Iterable[Row]) -> dict[tuple[Any, ...], list[Row]]:
    """The findings of some records by the record's name, in order of raising; one query, none for no records."""
    wanted = list(of)
    findings: dict[tuple[Any, ...], list[Row]] = {_name(row): [] for row in wanted}
    if not wanted:
        return findings
    # The key begins an index; a stray day, incarnation or import is sorted out below.
    imported = {row["import_id"] for row in wanted}
    shelves = lies(min(row["day"] for row in wanted), imported.pop() if len(imported) == 1 else None)
    found = FindingRow.objects.filter(shelves, key__in={row["key"] for row in wanted})
    for row in plain(found.order_by("at_us", "id").values()):
        if _name(row) in findings:
            row |= dict(zip(("hop", "cause", "remedy"), row.pop("told"), strict=True))
            findings[_name(row)].append({name: value for name, value in row.items() if name != "shelf"})
    return findings


def _weight(finding: Row) -> int:
    return _RANK.get(finding["severity"], len(_RANK))
