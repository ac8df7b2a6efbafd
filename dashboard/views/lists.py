"""What all list pages share: filters and cursors in the address, chips to remove them, live refresh."""

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from django.http import HttpRequest, QueryDict
from django.utils import timezone

from monitor.queries import Cursor, RecordFilter

PAGE_SIZE: Final = 50
# The choices of "started in the last …", in seconds.
SPANS: Final = {
    "15m": ("15 min", 900),
    "1h": ("1 h", 3600),
    "6h": ("6 h", 21_600),
    "24h": ("24 h", 86_400),
    "7d": ("7 days", 604_800),
}
_CURSOR: Final = re.compile(r"(\d{1,18})-(\d{1,18})")
_MAX_TEXT: Final = 200


@dataclass(frozen=True)
class Chip:
    """A filter in words; its removal is the address without it."""

    word: str
    address: str


def record_filter(query: Mapping[str, str]) -> RecordFilter:
    """The filter that an address describes; what it can't mean is left out. "In the last …" comes before two times."""
    span = SPANS.get(query.get("last", ""))
    last_us = time.time_ns() // 1000 - span[1] * 1_000_000 if span else 0
    return RecordFilter(
        state=query.get("state", "")[:20],
        code=query.get("code", "")[:40],
        text=query.get("q", "").strip()[:_MAX_TEXT].replace("\0", ""),
        import_id=number(query.get("import", "")) or 0,
        since_us=last_us or moment(query.get("from", "")),
        until_us=0 if span else moment(query.get("to", "")),
    )


def asks_between(query: Mapping[str, str]) -> bool:
    """Whether an address names the times between which a record is to have started, or is about to."""
    last = query.get("last", "")
    return last not in SPANS and bool(last == "between" or query.get("from") or query.get("to"))


def cursor(query: Mapping[str, str]) -> Cursor | None:
    """The place that an address names by `older` or `newer`."""
    ways: tuple[Literal["older"], Literal["newer"]] = ("older", "newer")
    for way in ways:
        if match := _CURSOR.fullmatch(query.get(way, "")):
            return Cursor(way, int(match[1]), int(match[2]))
    return None


def moment(text: str) -> int:
    """A time of the reader's zone out of an address ("2026-11-22T15:30"), µs since the epoch; 0 when it is none."""
    try:
        parsed = datetime.fromisoformat(text)
        aware = timezone.make_aware(parsed) if timezone.is_naive(parsed) else parsed
        return max(0, int(aware.timestamp())) * 1_000_000
    except (ValueError, OverflowError):
        return 0


def number(text: str) -> int | None:
    """A database id out of an address, None when it is none."""
    return int(text) if text.isdecimal() and len(text) <= 18 else None


def chips(request: HttpRequest, words: Mapping[str, str]) -> list[Chip]:
    """The filters that are set, each with the address that lacks it. `words`: parameter → what it means."""
    return [Chip(word, address(request.GET, name)) for name, word in words.items() if word and request.GET.get(name)]


def address(query: QueryDict, without: str) -> str:
    """The same list without one filter, from its start."""
    kept = query.copy()
    for name in (without, "older", "newer"):
        kept.pop(name, None)
    return f"?{kept.urlencode()}"
