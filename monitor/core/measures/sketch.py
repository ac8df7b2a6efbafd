"""A sketch of many values, from which any percentile comes within one per cent, and which merges by addition.

Of all buckets (`bucket.py`), a sketch holds those that were hit.
"""

import msgspec

from monitor.core.measures.bucket import bucket_of, percentile


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
        """The value that `percent` of all do not exceed (nearest rank), within one per cent; None of none."""
        return percentile(self.counts, self.total, percent)
