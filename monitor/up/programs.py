"""What the supervisor runs: a program, how it starts and when it is over."""

import sys
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

# The exit code of programs whose arguments or configuration are wrong.
WRONG_USAGE = 2


@dataclass(frozen=True, kw_only=True)
class Program:
    """One supervised program.

    Programs of a lower stage start earlier, and stop later. The next stage waits until `ready`
    says so. A program that ends is started again, save with a code of `hopeless`, where a restart
    changes nothing; or with 0 if it `ends`, which says that its work is done.
    `watchdog_s`: killed when it has once said that it is alive, and then says nothing for so long.
    `hush`: lines with one of these words in them tell nobody anything.
    """

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    stage: int = 1
    ends: bool = False
    hopeless: frozenset[int] = frozenset({WRONG_USAGE})
    watchdog_s: float | None = None
    grace_s: float = 10  # between SIGTERM and SIGKILL
    ready: Callable[[], Awaitable[bool]] | None = None
    hush: tuple[str, ...] = ()


def python(*arguments: str) -> tuple[str, ...]:
    """The command line of a Python module of ours."""
    return (sys.executable, "-m", *arguments)
