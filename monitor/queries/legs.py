"""The conversation that a call is a leg of: calls with marks in common, judged by `monitor.core.legs`."""

from collections import defaultdict
from typing import Any, Final, TypeAlias

from django.db.models import Q

from monitor.core.legs import Leg, Link, links
from monitor.core.marks import Mark, MarkKind
from monitor.core.updates import Kind, RecordKey
from monitor.models import Call, LegMark
from monitor.models.records import slug_of

Row: TypeAlias = dict[str, Any]
_Name: TypeAlias = tuple[int, int, int]  # key, day, incarnation

MOST_LEGS: Final = 16  # of a conversation that are shown
_MOST_ROUNDS: Final = 4  # B2BUAs in a row
_MOST_ROWS: Final = 1_000  # that share a mark, in one round
_COLUMNS: Final = (
    *("key", "day", "incarnation", "import_id", "call_id", "from_uri", "to_uri", "caller", "callee"),
    *("state", "status", "first_us", "answered_us", "ended_us", "hops", "severity"),
)


def conversation(record: Row) -> list[Row]:
    """The other legs in order of time: columns of calls, with `confidence` (percent) and `reason` of the link.

    Legs of legs are found too: each is told by the link that leads to it.
    """
    import_id = record["import_id"]
    known: dict[_Name, Leg] = {}
    rows: dict[RecordKey, Row] = {}
    told: dict[RecordKey, Link] = {}
    frontier = [_name(record)]
    for _ in range(_MOST_ROUNDS):
        legs = _neighbours(frontier, known, rows, import_id)
        known |= legs
        joined = links(list(known.values()))
        reached = {_key(record), *told}
        frontier = []
        while step := next((each for each in joined if (each.one in reached) != (each.other in reached)), None):
            fresh = step.other if step.one in reached else step.one
            if len(told) >= MOST_LEGS:
                break
            told[fresh] = step
            reached.add(fresh)
            frontier.append(_name(rows[fresh]))
        if not frontier:
            break
    found = [rows[key] | {"confidence": link.confidence, "reason": link.reason} for key, link in told.items()]
    return sorted(found, key=lambda row: row["first_us"])


def _neighbours(
    names: list[_Name], known: dict[_Name, Leg], rows: dict[RecordKey, Row], import_id: int
) -> dict[_Name, Leg]:
    """These calls and all that share a mark with one of them, with the marks that they share."""
    ours = LegMark.objects.filter(_any_of(names), import_id=import_id)
    marks: dict[_Name, set[Mark]] = defaultdict(set)
    hashes = set()
    for key, day, incarnation, mark, kind in ours.values_list("key", "day", "incarnation", "mark", "kind"):
        marks[key, day, incarnation].add(Mark(MarkKind(kind), str(mark)))
        hashes.add(mark)
    shared = LegMark.objects.filter(mark__in=hashes, import_id=import_id).order_by("-at_us")
    columns = shared.values_list("key", "day", "incarnation", "mark", "kind")[:_MOST_ROWS]
    for key, day, incarnation, mark, kind in columns:
        marks[key, day, incarnation].add(Mark(MarkKind(kind), str(mark)))
    legs: dict[_Name, Leg] = {}
    for row in Call.objects.filter(_any_of(list(marks)), import_id=import_id).values(*_COLUMNS) if marks else ():
        name = _name(row)
        before = known[name].marks if name in known else frozenset()
        rows[_key(row)] = row | {"slug": slug_of(row["day"], row["key"], row["incarnation"])}
        legs[name] = Leg(
            key=_key(row),
            marks=before | marks[name],
            begun_us=row["first_us"],
            set_up_us=row["answered_us"] or row["ended_us"],
            over_us=row["ended_us"],
            hops=tuple(row["hops"]),
        )
    return legs


def _any_of(names: list[_Name]) -> Q:
    condition = Q(pk__in=())
    for key, day, incarnation in names:
        condition |= Q(key=key, day=day, incarnation=incarnation)
    return condition


def _name(row: Row) -> _Name:
    return row["key"], row["day"], row["incarnation"]


def _key(row: Row) -> RecordKey:
    return RecordKey(Kind.CALL, row["call_id"], "", row["day"], row["incarnation"])
