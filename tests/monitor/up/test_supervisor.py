"""The supervisor, on small programs of the system."""

import asyncio
import io
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import pytest

from monitor.up.console import Console
from monitor.up.programs import Program
from monitor.up.supervisor import Supervisor
from tests.support.processes import alive, wait_for

SLEEP = ("sleep", "600")
T = TypeVar("T")


async def eventually(condition: Callable[[], T | None]) -> T:
    async with asyncio.timeout(20):
        while True:
            if value := condition():
                return value
            await asyncio.sleep(0.01)


class Run:
    """A supervisor in this process's event loop, with what it printed."""

    def __init__(self, programs: list[Program], state_dir: Path) -> None:
        self.stream = io.StringIO()
        console = Console([program.name for program in programs], stream=self.stream)
        self.supervisor = Supervisor(programs, console=console, state_dir=state_dir)
        self.task = asyncio.create_task(self.supervisor.run())

    @property
    def output(self) -> str:
        return self.stream.getvalue()

    async def pid_of(self, name: str, *, other_than: int | None = None) -> int:
        def pid() -> int | None:
            found = self.supervisor.pid(name)
            return None if found == other_than else found

        return await eventually(pid)

    async def says(self, text: str) -> None:
        await eventually(lambda: text in self.output)

    async def stop(self) -> None:
        self.supervisor.stop()
        async with asyncio.timeout(20):
            await self.task


def python(code: str) -> tuple[str, ...]:
    return (sys.executable, "-c", textwrap.dedent(code))


def test_a_killed_program_is_started_again(tmp_path: Path) -> None:
    async def story() -> None:
        run = Run([Program(name="ingest", command=SLEEP)], tmp_path)
        first = await run.pid_of("ingest")
        os.kill(first, signal.SIGKILL)
        second = await run.pid_of("ingest", other_than=first)
        assert alive(second)
        assert "ended with signal SIGKILL; starting it again in 0.5 s" in run.output
        await run.stop()
        assert not alive(second)

    asyncio.run(story())


def test_nothing_is_left_running_after_a_stop_not_even_grandchildren(tmp_path: Path) -> None:
    async def story() -> None:
        command = ("sh", "-c", "sleep 600 & echo child $!; wait")
        run = Run([Program(name="collector", command=command), Program(name="web", command=SLEEP)], tmp_path)
        await run.says("child ")
        grandchild = int(run.output.split("child ")[1].split()[0])
        pids = [await run.pid_of("web"), await run.pid_of("collector"), grandchild]
        assert all(map(alive, pids))
        await run.stop()
        await eventually(lambda: not any(map(alive, pids)))

    asyncio.run(story())


def test_a_stop_in_the_moment_of_the_start_leaves_nothing(tmp_path: Path) -> None:
    async def story() -> None:
        run = Run([Program(name="web", command=SLEEP)], tmp_path)
        await asyncio.sleep(0)
        await run.stop()
        assert run.supervisor.pid("web") is None

    asyncio.run(story())


def test_programs_stop_in_the_reverse_order_of_their_stages(tmp_path: Path) -> None:
    trap = "trap 'echo bye; exit 0' TERM; echo hello; while :; do sleep 0.05; done"

    async def story() -> None:
        programs = [
            Program(name="collector", stage=2, command=("sh", "-c", trap)),
            Program(name="valkey", stage=0, command=("sh", "-c", trap)),
            Program(name="web", stage=1, command=("sh", "-c", trap)),
        ]
        run = Run(programs, tmp_path)
        for name in ("valkey", "web", "collector"):
            await run.says(f"{name:<9} │ hello")
        await run.stop()
        order = [line.split()[1] for line in run.output.splitlines() if "bye" in line]
        assert order == ["collector", "web", "valkey"]

    asyncio.run(story())


def test_a_later_stage_waits_until_the_earlier_is_ready(tmp_path: Path) -> None:
    async def story() -> None:
        open_door = asyncio.Event()

        async def ready() -> bool:
            return open_door.is_set()

        programs = [
            Program(name="valkey", stage=0, command=SLEEP, ready=ready),
            Program(name="web", stage=1, command=SLEEP),
        ]
        run = Run(programs, tmp_path)
        await run.pid_of("valkey")
        await asyncio.sleep(0.2)
        assert run.supervisor.pid("web") is None
        open_door.set()
        await run.pid_of("web")
        await run.stop()

    asyncio.run(story())


def test_a_stop_while_something_is_not_ready_does_not_wait_for_it(tmp_path: Path) -> None:
    async def story() -> None:
        async def never() -> bool:
            return False

        run = Run([Program(name="valkey", stage=0, command=SLEEP, ready=never)], tmp_path)
        await run.pid_of("valkey")
        await run.stop()

    asyncio.run(story())


def test_a_program_that_does_not_listen_is_killed_after_its_time_of_grace(tmp_path: Path) -> None:
    async def story() -> None:
        deaf = python(
            "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up'); time.sleep(600)"
        )
        run = Run([Program(name="worker", command=deaf, grace_s=0.2)], tmp_path)
        await run.says("up")
        await run.stop()
        assert "did not end within 0.2 s; killing it" in run.output

    asyncio.run(story())


def test_a_second_request_to_stop_kills_at_once(tmp_path: Path) -> None:
    async def story() -> None:
        deaf = python(
            "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up'); time.sleep(600)"
        )
        run = Run([Program(name="worker", command=deaf, grace_s=60)], tmp_path)
        await run.says("up")
        run.supervisor.stop()
        await asyncio.sleep(0.1)
        await run.stop()

    asyncio.run(story())


@pytest.mark.parametrize(
    ("code", "ends", "words"),
    [
        (2, False, "not started again"),
        (2, True, "not started again"),
        (0, True, "done"),
        (0, False, "ended with exit code 0; starting it again"),
        (3, True, "ended with exit code 3; starting it again"),
    ],
)
def test_what_an_exit_code_means(tmp_path: Path, code: int, ends: bool, words: str) -> None:
    async def story() -> None:
        run = Run([Program(name="collector", command=("sh", "-c", f"exit {code}"), ends=ends)], tmp_path)
        await run.says(words)
        await run.stop()

    asyncio.run(story())


def test_a_program_that_is_not_there_is_said_and_not_tried_again(tmp_path: Path) -> None:
    async def story() -> None:
        run = Run([Program(name="valkey", command=("/nowhere/valkey-server",))], tmp_path)
        await run.says("not started again")
        await run.stop()

    asyncio.run(story())


def test_a_program_that_stops_giving_signs_of_life_is_killed_and_started_again(tmp_path: Path) -> None:
    frozen = python(
        """
        import time
        from monitor.watchdog import Watchdog
        Watchdog().alive()
        print("alive")
        time.sleep(600)
        """
    )

    async def story() -> None:
        run = Run([Program(name="ingest", command=frozen, watchdog_s=0.5)], tmp_path)
        await run.says("alive")
        await run.says("no sign of life")
        await run.says("ended with signal SIGKILL; starting it again")
        await run.stop()

    asyncio.run(story())


def test_a_program_that_keeps_giving_signs_of_life_is_let_live(tmp_path: Path) -> None:
    lively = python(
        """
        import time
        from monitor.watchdog import Watchdog
        watchdog = Watchdog()
        while True:
            watchdog.alive()
            time.sleep(0.05)
        """
    )

    async def story() -> None:
        run = Run([Program(name="ingest", command=lively, watchdog_s=2)], tmp_path)
        first = await run.pid_of("ingest")
        await asyncio.sleep(2.5)
        assert run.supervisor.pid("ingest") == first
        await run.stop()

    asyncio.run(story())


@contextmanager
def supervising_process(tmp_path: Path) -> Iterator[tuple[int, int]]:
    """A supervisor in a process of its own, and a program of its: their ids."""
    code = f"""
        import asyncio
        from pathlib import Path
        from monitor.up.console import Console
        from monitor.up.programs import Program
        from monitor.up.supervisor import Supervisor

        programs = [Program(name="web", command=("sh", "-c", "echo pid $$; exec sleep 600"))]
        asyncio.run(Supervisor(programs, console=Console(["web"]), state_dir=Path({str(tmp_path)!r})).run())
    """
    with subprocess.Popen(python(code), stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        line = process.stdout.readline()
        yield process.pid, int(line.split()[-1])
        process.kill()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGKILL])
def test_no_signal_to_the_supervisor_leaves_its_programs_behind(tmp_path: Path, number: signal.Signals) -> None:
    with supervising_process(tmp_path) as (supervisor, program):
        assert alive(program)
        os.kill(supervisor, number)
        wait_for(lambda: not alive(program), 5, what="the program's end")
        wait_for(lambda: not alive(supervisor), 5, what="the supervisor's end")


def test_lines_that_tell_nobody_anything_are_left_out(tmp_path: Path) -> None:
    async def story() -> None:
        command = ("sh", "-c", "echo WARNING of nothing; echo WARNING of something")
        run = Run([Program(name="valkey", command=command, ends=True, hush=("of nothing",))], tmp_path)
        await run.says("WARNING of something")
        assert "of nothing" not in run.output
        await run.stop()

    asyncio.run(story())
