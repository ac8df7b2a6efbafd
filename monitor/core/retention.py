"""How long what is kept, and how much of it: limits by age and by size, a pair for each kind of data.

Values only: `monitor.services.retention` measures and removes.
"""

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Final

import msgspec

HOUR_US: Final = 3_600 * 1_000_000
_UNITS: Final = {"MB": 10**6, "GB": 10**9, "TB": 10**12}
_MOST_HOURS: Final = 3650 * 24
_LEAST_OCTETS: Final = 1_000_000
_MOST_OCTETS: Final = 1000 * 10**12
_BURST: Final = 32 * 10**6  # octets that may come at once
_ENOUGH_FREE: Final = 20 * 10**9  # octets, however large the disk
_PART: Final = re.compile(r"(\d+)(h|d|MB|GB|TB)", re.ASCII | re.IGNORECASE)


class DataKind(StrEnum):
    """What is kept, as operators see it."""

    MESSAGES = "messages"  # the raw messages of calls, registrations and other requests
    RECORDS = "records"  # these themselves, with their findings
    ALERTS = "alerts"  # and what was sent because of them
    MEASURES = "measures"
    IMPORTS = "imports"  # uploaded files, and all that was read out of them
    LETTERS = "letters"  # what could not be read, and the record of losses
    LOG = "log"  # commits, for the overview


class Keep(msgspec.Struct, frozen=True):
    """How long, and how much at most."""

    hours: int
    octets: int

    def __str__(self) -> str:
        """As a variable says it: "14d,20GB"."""
        return f"{age_text(self.hours)},{size_text(self.octets)}"


def age_text(hours: int) -> str:
    """336 → "14d", 36 → "36h"."""
    return f"{hours // 24}d" if hours % 24 == 0 else f"{hours}h"


def size_text(octets: int) -> str:
    """20_000_000_000 → "20GB", 1_500_000_000 → "1500MB"."""
    unit = next((unit for unit in ("TB", "GB") if octets % _UNITS[unit] == 0), "MB")
    return f"{octets // _UNITS[unit]}{unit}"


def age(text: str) -> int:
    """Read "14d" or "36h", in hours. Raises `ValueError`."""
    part = _PART.fullmatch(text.strip())
    if part is None or part[2].lower() not in "hd":
        raise ValueError(f"{text!r} is no age like 14d or 36h")
    return int(part[1]) * (24 if part[2].lower() == "d" else 1)


def keep(text: str, default: Keep) -> Keep:
    """Read "14d,20GB", in which either may be left to the default. Raises `ValueError`."""
    hours, octets = default.hours, default.octets
    for word in re.split(r"[\s,]+", text.strip()):
        part = _PART.fullmatch(word)
        if part is None:
            raise ValueError(f"{word!r} is neither an age like 14d or 36h nor a size like 20GB or 500MB")
        if part[2].lower() in "hd":
            hours = age(word)
        else:
            octets = int(part[1]) * _UNITS[part[2].upper()]
    return checked(Keep(hours, octets))


def checked(wanted: Keep) -> Keep:
    """The same, within bounds. Raises `ValueError`."""
    if not 1 <= wanted.hours <= _MOST_HOURS:
        raise ValueError("an age is from 1h to 3650d")
    size(wanted.octets)
    return wanted


def size(octets: int) -> int:
    """The same, within bounds. Raises `ValueError`."""
    if not _LEAST_OCTETS <= octets <= _MOST_OCTETS:
        raise ValueError("a size is from 1MB to 1000TB")
    return octets


class Policy(msgspec.Struct, frozen=True):
    """All limits. `total` is of the whole database, in octets."""

    kinds: Mapping[DataKind, Keep]
    total: int


DEFAULTS: Final = Policy(
    {
        DataKind.MESSAGES: Keep(14 * 24, 20 * 10**9),
        DataKind.RECORDS: Keep(30 * 24, 10 * 10**9),
        DataKind.ALERTS: Keep(365 * 24, 10**9),
        DataKind.MEASURES: Keep(365 * 24, 2 * 10**9),
        DataKind.IMPORTS: Keep(14 * 24, 10 * 10**9),
        DataKind.LETTERS: Keep(30 * 24, 10**9),
        DataKind.LOG: Keep(1, 2 * 10**9),
    },
    50 * 10**9,
)


def wanted(used: int, growth: int) -> int:
    """What a kind needs so that nothing of it must go: with room for what comes until the next look.

    `growth`: octets that came between two looks. A tenth stays free in any case, of small limits up to a quarter:
    so not every look removes something, and a burst finds room.
    """
    return used + max(used // 9, min(used // 3, _BURST), 2 * growth)


def allot(total: int, limits: Mapping[DataKind, int], wants: Mapping[DataKind, int]) -> dict[DataKind, int]:
    """Which limits hold when all together may take `total` octets.

    All limits shrink by one factor, as little as is needed: what a kind does not want, others may take.
    """
    left, weight, undecided = max(total, 0), sum(limits.values()), set(limits)
    while undecided:
        content = [kind for kind in undecided if wants[kind] * weight <= limits[kind] * left]
        if not content:
            break
        for kind in content:
            undecided.remove(kind)
            left, weight = left - wants[kind], weight - limits[kind]
    if not undecided or left >= weight:
        return dict(limits)
    return {kind: limit * left // weight for kind, limit in limits.items()}


def surplus(used: int, limit: int, growth: int) -> float:
    """The part of it that is to go: 0 where there is room for what it wants.

    Otherwise a tenth below that.
    """
    if not used or wanted(used, growth) <= limit:
        return 0.0
    keeps = max((limit - max(limit // 10, min(limit // 4, _BURST), 2 * growth)) * 9 // 10, limit * 2 // 5)
    return max(0.0, (used - keeps) / used)


def disk_is_short(octets: int, free: int, *, was: bool) -> bool:
    """Whether a disk is nearly full: under a tenth is free, and under 20 GB. `was`: so far; then it takes a fifth
    more to be none any longer.
    """
    least = min(octets // 10, _ENOUGH_FREE)
    return free < (least * 6 // 5 if was else least)
