"""A sketch of many values, from which any percentile comes within one per cent, and which merges by addition.

Values fall into buckets whose bounds grow by a constant factor, so that the error is relative: the idea of
DDSketch (Masson, Rim, Lee, 2019). From 1 µs to a day there are some 1,300 buckets, of which a sketch holds those
that were hit.
"""

import math
from typing import Final

import msgspec

ACCURACY: Final = 0.01
_GAMMA: Final = (1 + ACCURACY) / (1 - ACCURACY)
_LOG_GAMMA: Final = math.log(_GAMMA)
_LEAST: Final = 0.001  # ms; what is less counts as this
_MOST: Final = 86_400_000.0


def bucket_of(value: float) -> int:
    """The bucket that a value falls into."""
    return math.ceil(math.log(min(max(value, _LEAST), _MOST)) / _LOG_GAMMA)


class Sketch(msgspec.Struct):
    """Counts by bucket. Values are not negative: times in ms."""

    counts: dict[int, int] = {}
    total: int = 0

    def add(self, value: float) -> None:
        """One more value."""
        self.count(bucket_of(value))

    def count(self, bucket: int) -> None:
        """One more value of this bucket."""
        counts = self.counts
        counts[bucket] = counts.get(bucket, 0) + 1
        self.total += 1

    def merge(self, other: "Sketch") -> None:
        """Take the values of another one, too."""
        for bucket, count in other.counts.items():
            self.counts[bucket] = self.counts.get(bucket, 0) + count
        self.total += other.total

    def percentile(self, percent: float) -> float | None:
        """The value that `percent` of all do not exceed (nearest rank), within `ACCURACY`; None of none."""
        if not self.total:
            return None
        rank = max(math.ceil(self.total * percent / 100), 1)
        bucket, buckets = 0, iter(sorted(self.counts))
        while rank > 0:
            bucket = next(buckets)
            rank -= self.counts[bucket]
        return round(2 * _GAMMA**bucket / (_GAMMA + 1), 3)
