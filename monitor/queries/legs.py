"""The conversation that a call is a leg of: calls with marks in common, judged by `monitor.core.legs`."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any, Final, TypeAlias

from django.db import connection
from django.db.models import BooleanField, Func, Q

from monitor.core.leg import Leg, Link
from monitor.core.legs import links
from monitor.core.marks import Mark
from monitor.core.updates import Kind, RecordKey
from monitor.models import Call, LegMark
from monitor.models.records import slug_of
from monitor.packed import mark

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
    marks: dict[_Name, set[Mark]] = defaultdict(set)
    numbers: set[int] = set()
    for name, found in _marks(_any_of(names), _any_of(names), import_id):
        marks[name] |= _read(found)
        numbers.update(found)
    for name, found in _marks(Q(mark__in=numbers), Q(_Share(sorted(numbers))), import_id):
        marks[name] |= _read(numbers.intersection(found))
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


def _marks(going_on: Q, put_away: Q, import_id: int) -> Iterator[tuple[_Name, list[int]]]:
    """The marks of calls, by conditions on `LegMark` and on `Call`: PostgreSQL keeps those of what is over there."""
    rows = LegMark.objects.filter(going_on, import_id=import_id).order_by("-at_us")
    for *name, number in rows.values_list("key", "day", "incarnation", "mark")[:_MOST_ROWS]:
        yield (name[0], name[1], name[2]), [number]
    if connection.vendor == "postgresql":
        calls = Call.objects.filter(put_away, import_id=import_id, marks__isnull=False).order_by("-first_us")
        for *name, found in calls.values_list("key", "day", "incarnation", "marks")[:_MOST_ROWS]:
            yield (name[0], name[1], name[2]), list(found or ())


def _read(numbers: Iterable[int]) -> set[Mark]:
    return {mark(number) for number in numbers}


class _Share(Func):
    """Whether a call has one of these marks."""

    output_field = BooleanField()

    def __init__(self, numbers: list[int]) -> None:
        super().__init__()
        self._numbers = numbers

    def as_sql(self, compiler: Any, connection: Any, *arguments: Any, **context: Any) -> tuple[str, tuple[Any, ...]]:
        """The array is one parameter."""
        return "marks && %s::bigint[]", (self._numbers,)


def _any_of(names: list[_Name]) -> Q:
    condition = Q(pk__in=())
    for key, day, incarnation in names:
        condition |= Q(key=key, day=day, incarnation=incarnation)
    return condition


def _name(row: Row) -> _Name:
    return row["key"], row["day"], row["incarnation"]


def _key(row: Row) -> RecordKey:
    return RecordKey(Kind.CALL, row["call_id"], "", row["day"], row["incarnation"])
