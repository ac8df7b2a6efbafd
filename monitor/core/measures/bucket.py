"""Buckets whose bounds grow by a constant factor, so that whatever is in one is known within one per cent: the idea of
DDSketch (Masson, Rim, Lee, 2019). From 1 µs to a day there are some 1,300.
"""

import math
from typing import Final

ACCURACY: Final = 0.01
_GAMMA: Final = (1 + ACCURACY) / (1 - ACCURACY)
_LOG_GAMMA: Final = math.log(_GAMMA)
_LEAST: Final = 0.001  # ms; what is less counts as this
_MOST: Final = 86_400_000.0


def bucket_of(value: float) -> int:
    """The bucket that a value falls into."""
    return math.ceil(math.log(min(max(value, _LEAST), _MOST)) / _LOG_GAMMA)


def percentile(counts: dict[int, int], total: int, percent: float) -> float | None:
    """The value that `percent` of all do not exceed (nearest rank), within `ACCURACY`; None of none.

    `counts`: by bucket, of `total` values.
    """
    return _at(sorted(counts), counts, total, percent) if total else None


def spread(counts: dict[int, int], total: int) -> tuple[float, float]:
    """What half of the values do not exceed, and what 95 in a hundred do not; there is at least one."""
    order = sorted(counts)
    return _at(order, counts, total, 50), _at(order, counts, total, 95)


def _at(order: list[int], counts: dict[int, int], total: int, percent: float) -> float:
    rank = max(math.ceil(total * percent / 100), 1)
    place = -1
    while rank > 0:
        place += 1
        rank -= counts[order[place]]
    return round(2 * _GAMMA ** order[place] / (_GAMMA + 1), 3)
