"""Snapshots for all sockets of a process: hundreds of browsers that ask cost no more than a few."""

import asyncio
import time
from typing import Any, Final
from weakref import WeakKeyDictionary

from channels.db import database_sync_to_async

from monitor import queries

PACE_S: Final = 0.25  # from the beginning of one read to that of the next
TIMEOUT_S: Final = 10.0  # for a read


class Snapshots:
    """Reads one after the other. Who asks before a read begins shares it; who asks later gets the next."""

    def __init__(self) -> None:
        self._waiting: dict[frozenset[str], asyncio.Task[dict[str, Any]]] = {}  # by lists: reads that are to begin
        self._last: asyncio.Task[dict[str, Any]] | None = None
        self._began = float("-inf")  # time.monotonic()

    async def fresh(self, lists: frozenset[str]) -> dict[str, Any]:
        """One with these lists that is read from now on; shared, not to be changed.

        Raises `TimeoutError`, or what the database raises.
        """
        read = self._waiting.get(lists)
        if read is None:
            read = self._waiting[lists] = self._last = asyncio.create_task(self._read(lists, self._last))
            read.add_done_callback(self._done)
        return await asyncio.shield(read)

    async def _read(self, lists: frozenset[str], before: asyncio.Task[Any] | None) -> dict[str, Any]:
        if before is not None:
            await asyncio.wait([before])
        await asyncio.sleep(max(0.0, self._began + PACE_S - time.monotonic()))
        self._began = time.monotonic()
        del self._waiting[lists]
        async with asyncio.timeout(TIMEOUT_S):
            snapshot: dict[str, Any] = await database_sync_to_async(queries.live_snapshot)(lists)
        return snapshot

    def _done(self, read: asyncio.Task[Any]) -> None:
        if self._last is read:
            self._last = None
        if not read.cancelled():
            read.exception()  # whoever asked may have left: that it failed is no news then


_OF_LOOP: Final[WeakKeyDictionary[asyncio.AbstractEventLoop, Snapshots]] = WeakKeyDictionary()


def shared() -> Snapshots:
    """Those of the running event loop, of which a web process has one."""
    return _OF_LOOP.setdefault(asyncio.get_running_loop(), Snapshots())
