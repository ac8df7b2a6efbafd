"""The live socket: a snapshot, then deltas in order, and a tick so that silence can be told from failure.

The browser may send {"type": "snapshot"} (it saw a gap) and {"type": "watch", "slug": …} (it shows one
record). Close codes: 4400 not understood, 4401 not logged in, 4408 too slow.
"""

import asyncio
import logging
import re
import time
from collections import deque
from contextlib import suppress
from typing import Any, Final
from urllib.parse import parse_qs

import msgspec
from channels.auth import get_user
from channels.consumer import get_handler_name
from channels.exceptions import StopConsumer
from channels.generic.websocket import AsyncWebsocketConsumer
from django.contrib.sessions.backends.db import SessionStore
from django.db import Error
from redis.exceptions import RedisError

from dashboard.live.snapshots import shared
from monitor import queries

log = logging.getLogger(__name__)

UNREADABLE: Final = 4400
UNAUTHENTICATED: Final = 4401
TOO_SLOW: Final = 4408

TICK_S: Final = 2.0
PERMISSION_S: Final = 10.0  # how long an answer of the session store is good for
# At ten frames a second a browser may fall three seconds behind before it is cut off; it then starts
# afresh with a snapshot, which is less than what it missed.
QUEUE_FRAMES: Final = 32
SNAPSHOT_EVERY_S: Final = 1.0
# Deltas that come while a snapshot is read, and are told again behind it; where more come, the browser sees a gap.
KEPT_FRAMES: Final = 16
MAX_REQUEST: Final = 1024  # characters
MAX_WATCHED: Final = 4
_CLOSE_TIMEOUT_S: Final = 1.0
# The bus is away: no tick arrives, the page says that its data is old, and tries again.
_BUS_ERRORS: Final = (RedisError, OSError)
_SLUG: Final = re.compile(r"\d{8}-[0-9a-f]{16}-\d{1,5}")


class _Request(msgspec.Struct, frozen=True):
    """What a browser may ask for."""

    type: str
    slug: str = ""


_decode_request = msgspec.json.Decoder(_Request).decode


class LiveConsumer(AsyncWebsocketConsumer):
    """One browser. `?lists=alerts,calls` limits what it gets.

    The channel layer calls the handlers below one at a time and keeps what comes meanwhile, so deltas
    that arrive while the first snapshot is read follow it in order. Later snapshots hold up no delta, since it may
    tell of an alert: what comes while one is read goes on at once, and again behind it. Nothing here waits for the
    browser: frames go to a bounded queue, and who lets it fill is cut off.
    """

    async def dispatch(self, message: dict[str, Any]) -> None:
        """Call a message's handler; without the base class's look after database connections, for which every frame
        of every browser would wait its turn in the thread in which snapshots are read.
        """
        await getattr(self, get_handler_name(message))(message)

    async def connect(self) -> None:
        """Accept whoever is logged in; the snapshot is the first frame."""
        await self.accept()
        self._frames: asyncio.Queue[str] = asyncio.Queue(QUEUE_FRAMES)
        self._tasks: list[asyncio.Task[None]] = []
        self._permitted_until = 0.0
        self._snapshot_at = 0.0
        self._sequence = -1
        self._asked = asyncio.Event()  # for another snapshot
        self._meanwhile: deque[dict[str, Any]] | None = None  # deltas since the beginning of a read, while there is one
        self._watched: list[str] = []
        self._lists = _lists(self.scope["query_string"])
        if not await self._is_permitted():
            await self._cut_off(UNAUTHENTICATED)
        # Before the snapshot: a delta in between must not be missed.
        await self.channel_layer.group_add("live", self.channel_name)
        self._tasks = [asyncio.create_task(self._send_frames()), asyncio.create_task(self._tick())]
        self._put(*await self._snapshot())
        self._tasks.append(asyncio.create_task(self._refresh()))

    async def disconnect(self, code: int) -> None:
        """Leave the groups and stop sending."""
        await self._leave()

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """A request of the browser."""
        match _request(text_data):
            case _Request("snapshot"):
                self._asked.set()
            case _Request("watch", slug) if len(self._watched) < MAX_WATCHED and _SLUG.fullmatch(slug):
                self._watched.append(slug)
                await self.channel_layer.group_add(f"record.{slug}", self.channel_name)
            case _:
                await self._cut_off(UNREADABLE)

    async def delta(self, frame: dict[str, Any]) -> None:
        """From group `live`: what changed."""
        if frame["sequence"] > self._sequence:
            self._sequence = frame["sequence"]
            unwanted = set(queries.LISTS) - self._lists
            wanted = {name: value for name, value in frame.items() if name not in unwanted}
            if "thin" in wanted:
                wanted["thin"] = [name for name in wanted["thin"] if name in self._lists]
            if self._meanwhile is not None:
                self._meanwhile.append(wanted)
            await self._post(wanted)

    async def record(self, frame: dict[str, Any]) -> None:
        """From group `record.SLUG`: that record changed."""
        await self._post(frame)

    async def _refresh(self) -> None:
        """A snapshot whenever one was asked for, with a pause between them."""
        while True:
            await self._asked.wait()
            await asyncio.sleep(max(0.0, self._snapshot_at + SNAPSHOT_EVERY_S - time.monotonic()))
            self._asked.clear()
            try:
                frames = await self._snapshot()
            except (Error, TimeoutError) as error:
                log.warning("a snapshot can't be read, trying again: %r", error)
                self._asked.set()
            else:
                with suppress(asyncio.QueueFull):  # the next delta or tick finds the same, and cuts off
                    self._put(*frames)

    async def _snapshot(self) -> list[dict[str, Any]]:
        """One, and behind it what it may not have; nothing for who may not see it, whom the next tick cuts off."""
        if not await self._is_permitted():
            return []
        meanwhile = self._meanwhile = deque(maxlen=KEPT_FRAMES)
        try:
            snapshot = await shared().fresh(self._lists)
        finally:
            self._snapshot_at = time.monotonic()
            self._meanwhile = None
        self._sequence = max(self._sequence, snapshot["sequence"])
        return [snapshot, *(frame for frame in meanwhile if frame["sequence"] > snapshot["sequence"])]

    async def _post(self, frame: dict[str, Any]) -> None:
        """Queue a frame for whoever may still have it."""
        if not await self._is_permitted():
            await self._cut_off(UNAUTHENTICATED)
        try:
            self._put(frame)
        except asyncio.QueueFull:
            await self._cut_off(TOO_SLOW)

    def _put(self, *frames: dict[str, Any]) -> None:
        """Queue these one behind the other, each with the server's clock. Raises `asyncio.QueueFull`."""
        for frame in frames:
            self._frames.put_nowait(msgspec.json.encode(frame | {"now_us": time.time_ns() // 1000}).decode())

    async def _send_frames(self) -> None:
        with suppress(OSError):  # the browser is gone: its `disconnect` is on its way
            while True:
                await self.send(await self._frames.get())

    async def _tick(self) -> None:
        """Through the layer, like all else: a tick that comes proves the whole way from bus to browser."""
        while True:
            await asyncio.sleep(TICK_S)
            with suppress(*_BUS_ERRORS):
                await self.channel_layer.send(self.channel_name, {"type": "tick"})

    async def tick(self, _message: dict[str, Any]) -> None:
        """From `_tick`: tell the browser that all is well, and how far it should be."""
        await self._post({"type": "tick", "sequence": self._sequence})

    async def _is_permitted(self) -> bool:
        """Whether the session still is one of an active user, asked of the store again and again."""
        if time.monotonic() >= self._permitted_until:
            # A new one of the same key: the scope's has cached what it read at connect.
            user = await get_user({"session": SessionStore(self.scope["session"].session_key)})
            if not (user.is_authenticated and user.is_active):
                return False
            self._permitted_until = time.monotonic() + PERMISSION_S
        return True

    async def _cut_off(self, code: int) -> None:
        """Close with a code where the browser still listens, and end."""
        await self._leave()
        with suppress(TimeoutError):
            async with asyncio.timeout(_CLOSE_TIMEOUT_S):
                await self.close(code)
        raise StopConsumer

    async def _leave(self) -> None:
        for task in self._tasks:
            task.cancel()
        with suppress(*_BUS_ERRORS):
            await self.channel_layer.group_discard("live", self.channel_name)
            for slug in self._watched:
                await self.channel_layer.group_discard(f"record.{slug}", self.channel_name)


def _request(text: str | None) -> _Request | None:
    if not text or len(text) > MAX_REQUEST:
        return None
    try:
        return _decode_request(text)
    except msgspec.MsgspecError:
        return None


def _lists(query_string: bytes) -> frozenset[str]:
    """The lists that the address asks for; without any, all."""
    asked = parse_qs(query_string.decode("ascii", "replace")).get("lists")
    return frozenset(queries.LISTS) & frozenset(asked[0].split(",")) if asked else frozenset(queries.LISTS)
