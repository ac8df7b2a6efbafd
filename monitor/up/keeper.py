"""One program's life under the supervisor: started, heard, watched, started again, stopped."""

import asyncio
import contextlib
import os
import shutil
import signal
import time
from asyncio.subprocess import DEVNULL, STDOUT, Process
from collections.abc import Callable
from pathlib import Path

from monitor.up.backoff import Backoff
from monitor.up.console import Lines
from monitor.up.listener import Listener
from monitor.up.programs import WRONG_USAGE, Program

CHUNK = 65536
SETPRIV = shutil.which("setpriv")


class Keeper:
    """Keeps one program running until `stop()`, or until its work is done.

    Each run is the leader of its own process group; what a run leaves behind in its group is
    killed when it ends. When the supervisor itself is killed, the kernel kills its programs.
    """

    def __init__(self, program: Program, *, write: Callable[[str], None], state_dir: Path) -> None:
        self.program = program
        self._write = write
        self._listener = Listener(state_dir / f"alive-{program.name}.sock")
        self._process: Process | None = None
        self._stopping = asyncio.Event()

    @property
    def pid(self) -> int | None:
        """Of the present run."""
        return self._process.pid if self._process else None

    async def run(self) -> None:
        """Returns when the program is done, can't be helped, or was stopped."""
        backoff = Backoff()
        if self.program.watchdog_s:
            await self._listener.open()
        try:
            while not self._stopping.is_set():
                started_s = time.monotonic()
                code = await self._run_once()
                if self._stopping.is_set() or self._is_over(code):
                    return
                pause_s = backoff.after(time.monotonic() - started_s)
                self._write(f"ended with {describe(code)}; starting it again in {pause_s:g} s")
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._stopping.wait(), pause_s)
        finally:
            self._listener.close()

    def stop(self) -> None:
        """Ask it to end; it is killed when it has not after its time of grace. Asked twice: killed now."""
        if self._stopping.is_set() and self._process:
            _kill_group(self._process.pid)
        self._stopping.set()

    async def wait_ready(self) -> None:
        """Returns when the program says that it is ready, or when it is being stopped."""
        while self.program.ready and not await self.program.ready():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), 0.05)
                return

    def _is_over(self, code: int) -> bool:
        if code == 0 and self.program.ends:
            self._write("done")
            return True
        if code in self.program.hopeless:
            self._write("not started again: it can't run as it is set up (see above)")
            return True
        return False

    async def _run_once(self) -> int:
        if shutil.which(self.program.command[0]) is None:
            self._write(f"there is no program {self.program.command[0]}")
            return WRONG_USAGE
        # A pipe of our own: asyncio's would delay the news of the exit until all of its writers are gone.
        reader, writer = os.pipe()
        try:
            process = self._process = await self._start(output=writer)
        finally:
            os.close(writer)
        hearing = asyncio.create_task(self._hear(reader))
        try:
            return await self._wait(process)
        finally:
            # Children that outlived their parent would keep ports and captures, and write to the pipe.
            _kill_group(process.pid)
            await hearing
            self._process = None

    async def _start(self, output: int) -> Process:
        prefix = (SETPRIV, "--pdeathsig", "KILL", "--") if SETPRIV else ()
        return await asyncio.create_subprocess_exec(
            *prefix,
            *self.program.command,
            stdin=DEVNULL,
            stdout=output,
            stderr=STDOUT,
            env={**os.environ, "PYTHONUNBUFFERED": "1", **self._watchdog_environment(), **self.program.environment},
            # A group of its own: Ctrl-C in the terminal reaches the supervisor only, which stops in order.
            process_group=0,
        )

    def _watchdog_environment(self) -> dict[str, str]:
        # Never that of a service manager above: a program must not speak for the supervisor.
        if not self.program.watchdog_s:
            return {"NOTIFY_SOCKET": "", "WATCHDOG_USEC": ""}
        self._listener.last_s = None
        return {"NOTIFY_SOCKET": str(self._listener.path), "WATCHDOG_USEC": str(int(self.program.watchdog_s * 1e6))}

    async def _wait(self, process: Process) -> int:
        ended = asyncio.create_task(process.wait())
        asked = asyncio.create_task(self._stopping.wait())
        try:
            while not ended.done() and not asked.done():
                await asyncio.wait((ended, asked), timeout=1, return_when=asyncio.FIRST_COMPLETED)
                self._kill_if_silent(process)
            if asked.done():
                with contextlib.suppress(ProcessLookupError):
                    process.terminate()
                await asyncio.wait((ended,), timeout=self.program.grace_s)
            if not ended.done():
                self._write(f"did not end within {self.program.grace_s:g} s; killing it")
                _kill_group(process.pid)
            return await ended
        finally:
            asked.cancel()

    def _kill_if_silent(self, process: Process) -> None:
        silent_s = self._listener.silent_s()
        if self.program.watchdog_s and silent_s > self.program.watchdog_s:
            self._write(f"no sign of life for {silent_s:.0f} s; killing it")
            self._listener.last_s = None
            _kill_group(process.pid)

    async def _hear(self, pipe: int) -> None:
        stream = asyncio.StreamReader()
        transport, _ = await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(stream), os.fdopen(pipe, "rb")
        )
        lines = Lines(self._pass_on)
        while data := await stream.read(CHUNK):
            lines.feed(data)
        lines.feed(b"")
        transport.close()

    def _pass_on(self, line: str) -> None:
        if not any(words in line for words in self.program.hush):
            self._write(line)


def describe(code: int) -> str:
    """An exit code in words: -9 → "signal SIGKILL"."""
    if code >= 0:
        return f"exit code {code}"
    try:
        return f"signal {signal.Signals(-code).name}"
    except ValueError:
        return f"signal {-code}"


def _kill_group(leader: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, signal.SIGKILL)
