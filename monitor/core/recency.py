"""In which order records were fed: a chain through the records themselves, which takes two references of each."""

from collections.abc import Iterator

from monitor.core.fold import Fold


class Recency:
    """The records in memory, the least recently fed first."""

    def __init__(self) -> None:
        self.oldest: Fold | None = None
        self._newest: Fold | None = None

    def __iter__(self) -> Iterator[Fold]:
        fold = self.oldest
        while fold is not None:
            yield fold
            fold = fold.newer

    def add(self, fold: Fold) -> None:
        """One that is not in the chain was fed."""
        newest = fold.older = self._newest
        if newest is None:
            self.oldest = fold
        else:
            newest.newer = fold
        self._newest = fold

    def remove(self, fold: Fold) -> None:
        """It leaves the chain."""
        older, newer = fold.older, fold.newer
        fold.older = fold.newer = None
        if older is None:
            self.oldest = newer
        else:
            older.newer = newer
        if newer is None:
            self._newest = older
        else:
            newer.older = older

    def renew(self, fold: Fold) -> None:
        """One that is in the chain was fed."""
        if fold.newer is not None:
            self.remove(fold)
            self.add(fold)
