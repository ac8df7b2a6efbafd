"""Runs programs together: in stages up, in reverse down, each one kept running in between."""

import asyncio
import signal
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path

from monitor.up.console import Console
from monitor.up.keeper import Keeper
from monitor.up.programs import Program

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Supervisor:
    """`run()` returns when a signal asked for the end and everything has ended."""

    def __init__(self, programs: Iterable[Program], *, console: Console, state_dir: Path) -> None:
        self._console = console
        self._keepers = [
            Keeper(program, write=self._writer(program.name), state_dir=state_dir)
            for program in sorted(programs, key=lambda program: program.stage)
        ]
        self._tasks: dict[Keeper, asyncio.Task[None]] = {}
        self._asked = asyncio.Event()

    def pid(self, name: str) -> int | None:
        """Of a program's present run."""
        return next(keeper.pid for keeper in self._keepers if keeper.program.name == name)

    async def run(self, *, started: Callable[[], Awaitable[None]] | None = None) -> None:
        """Start all, await `started` beside them, keep them, and stop all when a signal asks for it."""
        loop = asyncio.get_running_loop()
        for number in SIGNALS:
            loop.add_signal_handler(number, self.stop)
        try:
            await self._start()
            greeting = asyncio.ensure_future(started()) if started else None
            await self._asked.wait()
            if greeting:
                greeting.cancel()
            await self._stop()
        finally:
            for number in SIGNALS:
                loop.remove_signal_handler(number)

    def stop(self) -> None:
        """Ask for the end; asked again while it is under way, kill what is still there."""
        if self._asked.is_set():
            for keeper in self._keepers:
                keeper.stop()
        self._asked.set()

    async def _start(self) -> None:
        for stage in self._stages():
            for keeper in stage:
                self._tasks[keeper] = asyncio.create_task(keeper.run(), name=keeper.program.name)
            ready = asyncio.gather(*(keeper.wait_ready() for keeper in stage))
            asked = asyncio.create_task(self._asked.wait())
            await asyncio.wait((asyncio.ensure_future(ready), asked), return_when=asyncio.FIRST_COMPLETED)
            asked.cancel()
            if self._asked.is_set():
                ready.cancel()
                return

    async def _stop(self) -> None:
        for stage in reversed(self._stages()):
            running = [task for keeper in stage if (task := self._tasks.get(keeper))]
            for keeper in stage:
                keeper.stop()
            await asyncio.gather(*running)

    def _stages(self) -> list[list[Keeper]]:
        numbers = sorted({keeper.program.stage for keeper in self._keepers})
        return [[keeper for keeper in self._keepers if keeper.program.stage == number] for number in numbers]

    def _writer(self, name: str) -> Callable[[str], None]:
        return lambda text: self._console.line(name, text)
