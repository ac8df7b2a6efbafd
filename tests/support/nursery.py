"""Starts processes quickly, to be killed: one process that has everything imported, and forks.

nursery = Nursery(environment, "monitor.ingest.shell")
pid = nursery.start("monitor.cli:main", ["correlate"], log=folder / "log")
"""

import ctypes
import importlib
import json
import os
import signal
import subprocess
import sys
import traceback
from pathlib import Path
from typing import Any, Final

import django

from tests.support.environment import ROOT
from tests.support.processes import spawn

_PR_SET_PDEATHSIG: Final = 1


class Nursery:
    """A process that forks others. They die with it, and it with whoever made it."""

    def __init__(self, environment: dict[str, str], *modules: str) -> None:
        """`modules` are imported before anything is forked; Django is set up in any case."""
        self._process = spawn(
            [sys.executable, "-m", "tests.support.nursery", *modules],
            env=environment,
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )

    def start(self, call: str, *arguments: Any, log: Path, environment: dict[str, str] | None = None) -> int:
        """Run "module:function" with arguments that JSON can hold, in a process of its own; its id."""
        order = {"call": call, "arguments": arguments, "log": str(log), "environment": environment or {}}
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps(order).encode() + b"\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())

    def close(self) -> None:
        """End it, and with it all that it started."""
        self._process.kill()
        self._process.communicate()


def main() -> None:
    """Fork for each order on stdin, until it ends."""
    django.setup()
    for module in sys.argv[1:]:
        importlib.import_module(module)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the dead leave no zombies
    for line in sys.stdin:
        order = json.loads(line)
        pid = os.fork()
        if pid == 0:
            _grow_up(order)
        sys.stdout.write(f"{pid}\n")
        sys.stdout.flush()


def _grow_up(order: dict[str, Any]) -> None:
    """Become what was ordered, and end with it."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.environ |= order["environment"]
    output = os.open(order["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for number, opened in enumerate((nothing, output, output)):
        os.dup2(opened, number)
    code = 1
    try:
        module, _, name = order["call"].partition(":")
        code = getattr(importlib.import_module(module), name)(*order["arguments"]) or 0
    except BaseException as error:  # noqa: BLE001 - whatever it is, it must not become another nursery
        traceback.print_exception(error)
    finally:
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    main()
