"""Garbage collection where much is held for long, and nobody may wait while all of it is looked through."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

# With so many objects more than before the youngest are looked at, and every other time those that were so once: that
# takes some milliseconds. The old, in which no cycles come about, are as good as never looked at.
_THRESHOLDS: Final = (10_000, 1, 100_000)


@contextmanager
def loading() -> Iterator[None]:
    """While modules are loaded, all that is made stays: it is not looked through, neither meanwhile nor later."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def keep_pauses_short() -> None:
    """What there is now is never looked at again, and what comes once or twice. Called when all is loaded.

    A call in memory is a hundred objects. Looked at in bites of a million, as by rarer looks, they would hold up
    everything for half a second at a time at 10,000 messages/s, and cost more in all.
    """
    gc.freeze()
    gc.set_threshold(*_THRESHOLDS)
