"""Which entry of the commit log it is that can't be folded, and when to give up on it. Pure.

A bite that fails is halved until it is one entry; that is set aside when it has failed twice by itself. Bites that go
down grow again.
"""

import traceback
from collections.abc import Sequence
from typing import Final

MOST_TRIES: Final = 2
_MOST_REASON: Final = 8_000  # characters


class Suspects:
    """`bite` is how many entries to take at once."""

    def __init__(self, most: int) -> None:
        self.bite = self._most = most
        self._entry = 0  # that failed by itself
        self._tries = 0
        self._reason = ""

    def failed(self, entries: Sequence[int], error: BaseException) -> None:
        """Folding these entries, or committing what came of them, raised `error`."""
        self.bite = max(1, len(entries) // 2)
        if len(entries) > 1:
            return
        self._tries = self._tries + 1 if self._entry == entries[0] else 1
        self._entry = entries[0]
        self._reason = "".join(traceback.format_exception(error))[-_MOST_REASON:]

    def took(self) -> None:
        """A bite was folded and committed, or an entry set aside."""
        self.bite = min(2 * self.bite, self._most)

    def guilty(self, entry: int) -> str:
        """Why this entry is to be set aside; "" when it is to be taken."""
        return self._reason if self._tries >= MOST_TRIES and entry == self._entry else ""
