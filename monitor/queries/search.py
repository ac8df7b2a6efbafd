"""What a text finds in a list: a Call-ID, then who and where, by index; then parts of words, among the newest.

Somebody who looks for a call knows its Call-ID, a number (written in any way), a user, a URI or an address. That
is found in an index, however many records there are. Only what is none of these is looked for within the
columns, and on PostgreSQL, which may hold millions, among so many of the newest that a page takes no longer.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any, Final

from django.db import connection
from django.db.models import BooleanField, Func, Model, Q, QuerySet

from collectors.sip.timers import SECOND
from monitor.core.updates import Kind, RecordKey
from monitor.models.terms import COLUMNS, FUNCTION, SUFFIX
from monitor.shelf import OPEN, day_of

NEWEST: Final = 10_000  # records within which parts of words are looked for
_DAY_US: Final = 86_400 * SECOND
WINDOWS_US: Final = (_DAY_US, 5 * _DAY_US)
_NUMBER: Final = re.compile(r"\+?[\d\s().\-/]+")
_WITH_PORT: Final = re.compile(r"(\[.+\]|[^:]+):\d{1,5}")


@dataclass(frozen=True)
class Way:
    """One way of looking: the records that it finds, and since when it looks."""

    records: QuerySet[Any]
    since_us: int = 0  # 0: since ever
    by_terms: bool = False


@dataclass(frozen=True)
class Wanted:
    """What a text means: a term, and where it says more than that, an address or a part of a URI."""

    term: str
    address: str = ""
    uri: str = ""


class Mentions(Func):
    """Whether a term is among those of a record of this table."""

    function = FUNCTION
    template = "%(function)s(%(expressions)s) @> ARRAY["
    output_field = BooleanField()

    def __init__(self, table: str, term: str) -> None:
        super().__init__(*COLUMNS[table])
        self._term = term

    def as_sql(self, compiler: Any, connection: Any, *arguments: Any, **context: Any) -> tuple[str, tuple[Any, ...]]:
        """The term comes behind the columns."""
        sql, params = super().as_sql(compiler, connection, *arguments, **context)
        return f"{sql}%s]", (*params, self._term)


def ways(records: QuerySet[Any], text: str) -> Iterator[Way]:
    """The ways of finding a text among these records, newest first, the surest first; for a page the first that
    finds any is what was meant. Without a text, the records themselves. There is always one.
    """
    if not text:
        yield Way(records)
        return
    yield Way(records.filter(_whole(records.model, text)))
    *names, _ = COLUMNS[records.model._meta.db_table]
    parts = Q(*((f"{name}__icontains", text) for name in (*names, "call_id")), _connector=Q.OR)
    meant = wanted(text)
    if connection.vendor != "postgresql":
        number = meant.term if meant and meant.term.isdecimal() else text
        yield Way(records.filter(parts | Q(*((f"{name}__icontains", number) for name in names[:2]), _connector=Q.OR)))
        return
    if meant:
        yield Way(_named(records, meant), by_terms=True)
    newest = records.order_by("-first_us").values_list("first_us", flat=True)
    since_us = next(iter(newest[NEWEST : NEWEST + 1]), 0)
    yield Way(records.filter(parts, first_us__gte=since_us), since_us)


def windows(records: QuerySet[Any], until_us: int) -> Iterator[QuerySet[Any]]:
    """These records, but at first only those that began in the days before a time, so that a page of what is not rare
    is read from the index of a few days. A page that is full is right: all that is newer was looked at.
    """
    for length_us in WINDOWS_US:
        since_us = until_us - length_us
        yield records.filter(on_shelves_since(since_us), first_us__gte=since_us)
    yield records


def on_shelves_since(since_us: int) -> Q:
    """Where records that began since then can lie: PostgreSQL leaves the other partitions alone."""
    return Q(shelf=OPEN) | Q(shelf__gte=day_of(since_us))


def at_a_glance(holds: Q) -> Q:
    """What goes on has no index of terms, and to make those of each row takes long: first whether it may have the term
    at all. Of the other shelves this says nothing, so that it changes no plan there.
    """
    return ~Q(shelf=OPEN) | holds


def _whole(model: type[Model], text: str) -> Q:
    """The condition that a text is a record's Call-ID: by its key, save where more than that makes up the key."""
    kind = {"monitor_call": Kind.CALL, "monitor_registration": Kind.REGISTRATION}.get(model._meta.db_table)
    return Q(key=RecordKey(kind, text, "", day=0).hash) if kind else Q(call_id=text)


def wanted(text: str) -> Wanted | None:
    """What a text may mean: a number, a user, a URI, a host, a host with its port. None where it is no word."""
    text = text.strip().lower()
    if host := _host(text):
        return Wanted(host)
    if (endpoint := _WITH_PORT.fullmatch(text)) and (host := _host(endpoint[1])):
        return Wanted(host, address=text)
    if _NUMBER.fullmatch(text) and len(digits := re.sub(r"\D", "", text)) >= SUFFIX:
        return Wanted(digits[-SUFFIX:])
    user, at, _ = text.partition("@")
    scheme, colon, rest = user.partition(":")
    user = rest if colon and scheme in ("sip", "sips", "tel") else user
    if not user or re.search(r"\s", user):
        return None
    whole = text if at else f":{user}@" if len(user) >= SUFFIX else ""
    return Wanted(user[-SUFFIX:], uri=whole)


def _host(text: str) -> str:
    try:
        address = ip_address(text.removeprefix("[").removesuffix("]"))
    except ValueError:
        return ""
    return f"[{address}]:" if address.version == 6 else f"{address}:"


def _named(records: QuerySet[Any], meant: Wanted) -> QuerySet[Any]:
    table = records.model._meta.db_table
    first_uri, second_uri, first_address, second_address, _ = COLUMNS[table]
    of_host = (f"{first_address}__contains", f"{second_address}__contains")
    of_user = (f"{first_uri}__icontains", f"{second_uri}__icontains")
    where = of_host if meant.term.endswith(":") else of_user
    holds = Q(*((each, meant.term) for each in where), _connector=Q.OR)
    found = records.filter(Mentions(table, meant.term), at_a_glance(holds))
    if meant.address:
        found = found.filter(Q((first_address, meant.address), (second_address, meant.address), _connector=Q.OR))
    if meant.uri:
        uris = ((f"{name}__icontains", meant.uri) for name in (first_uri, second_uri))
        found = found.filter(Q(*uris, _connector=Q.OR))
    return found
