"""A TCP proxy before a server's unix socket: the network between them, and what befalls it."""

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

import msgspec

_CHUNK: Final = 16_384


class Trouble(msgspec.Struct, frozen=True):
    """What is wrong with a link: nothing."""

    refuses: bool = False
    holds: bool = False
    mute: bool = False
    doomed: bool = False  # its connections don't outlive the trouble
    delay_s: float = 0.0
    tears_after: int | None = None  # octets


class Link:
    """Listens on a free port of 127.0.0.1. Harmless until told otherwise; `mend` ends whatever was done to it."""

    def __init__(self, target: Path) -> None:
        self._target = target
        self._loop = asyncio.new_event_loop()
        self._writers: set[asyncio.StreamWriter] = set()
        self._open = asyncio.Event()
        self._open.set()
        self._trouble = Trouble()
        self._thread = threading.Thread(target=self._loop.run_forever, name="link", daemon=True)
        self._thread.start()
        self._server = asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result(10)
        self.port: int = self._server.sockets[0].getsockname()[1]
        self.url = f"redis://127.0.0.1:{self.port}/0"

    # --- what befalls it

    def cut(self) -> None:
        """Connections are reset, new ones closed at once."""
        self._become(Trouble(refuses=True))

    def hold(self) -> None:
        """Nothing passes in either direction, and nobody is told; what was sent arrives when it is mended."""
        self._become(Trouble(holds=True))

    def half_open(self) -> None:
        """The same, but what was sent never arrives: the far end is gone, and says so when it is mended."""
        self._become(Trouble(holds=True, doomed=True))

    def mute(self) -> None:
        """Requests arrive, answers don't; when it is mended, the connections turn out to be dead."""
        self._become(Trouble(mute=True, doomed=True))

    def slow(self, delay_s: float) -> None:
        """Each piece takes so long."""
        self._become(Trouble(delay_s=delay_s))

    def tear(self, octets: int) -> None:
        """Of the next piece that is sent only so many octets arrive; then its connection is reset."""
        self._become(Trouble(tears_after=octets))

    def mend(self) -> None:
        """All is well again."""
        self._become(Trouble())

    def close(self) -> None:
        """Stop listening, and end the thread."""
        self._become(Trouble(refuses=True))
        self._do(self._server.close)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _become(self, trouble: Trouble) -> None:
        self._do(lambda: self._change(trouble))

    def _do(self, action: Callable[[], None]) -> None:
        done = threading.Event()

        def act() -> None:
            action()
            done.set()

        self._loop.call_soon_threadsafe(act)
        done.wait(10)

    # --- in the thread

    def _change(self, trouble: Trouble) -> None:
        before, self._trouble = self._trouble, trouble
        if trouble.refuses or before.doomed:
            for writer in self._writers:
                writer.transport.abort()
        if trouble.holds:
            self._open.clear()
        else:
            self._open.set()

    async def _listen(self) -> asyncio.Server:
        return await asyncio.start_server(self._connected, "127.0.0.1", 0)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._trouble.refuses:
            writer.transport.abort()
            return
        try:
            far_reader, far_writer = await asyncio.open_unix_connection(self._target)
        except OSError:
            writer.transport.abort()
            return
        ends = {writer, far_writer}
        self._writers |= ends
        pumps = [
            asyncio.create_task(self._pump(reader, far_writer, to_server=True)),
            asyncio.create_task(self._pump(far_reader, writer, to_server=False)),
        ]
        await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        for pump in pumps:
            pump.cancel()
        await asyncio.gather(*pumps, return_exceptions=True)
        self._writers -= ends
        for end in ends:
            end.transport.abort()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, to_server: bool) -> None:
        with suppress(OSError):
            while data := await reader.read(_CHUNK):
                if self._trouble.delay_s:
                    await asyncio.sleep(self._trouble.delay_s)
                await self._open.wait()
                if to_server and self._trouble.tears_after is not None:
                    writer.write(data[: self._trouble.tears_after])
                    await writer.drain()
                    self._trouble = Trouble()
                    return
                if to_server or not self._trouble.mute:
                    writer.write(data)
                    await writer.drain()
