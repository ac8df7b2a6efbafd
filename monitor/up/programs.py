"""What the supervisor runs: a program, how it starts and when it is over."""

import sys
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

# Exit code of every Offhook program whose arguments or configuration are wrong: a restart changes nothing.
WRONG_USAGE = 2


@dataclass(frozen=True, kw_only=True)
class Program:
    """One supervised program.

    Programs of a lower stage start earlier, and stop later. The next stage waits until `ready`
    says so. `ends`: exit code 0 means that its work is done, where otherwise it is started again.
    `watchdog_s`: killed when it has once said that it is alive, and then says nothing for so long.
    """

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    stage: int = 1
    ends: bool = False
    watchdog_s: float | None = None
    grace_s: float = 10  # between SIGTERM and SIGKILL
    ready: Callable[[], Awaitable[bool]] | None = None


def python(*arguments: str) -> tuple[str, ...]:
    """The command line of a Python module of ours."""
    return (sys.executable, "-m", *arguments)
