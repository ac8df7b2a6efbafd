"""`python -m tests.faults [--database postgresql] [SEED …]`: worlds live through what their seeds mean."""

import argparse
import random
import sys
import time
from collections import Counter
from contextlib import ExitStack
from itertools import count
from typing import TYPE_CHECKING, Any

from tests.faults.runs import BEHIND, WORLD, Run, shown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.postgres import Postgres

_LONGEST_S = 300.0  # that one world may take


def main() -> int:
    """One world after the other; the exit code says whether all is well."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("seeds", nargs="*", metavar="SEED", help="a new one, when none is given")
    parser.add_argument("--soak", type=float, metavar="SECONDS", help="new seeds, on both databases, for so long")
    parser.add_argument("--seconds", type=float, default=8.0, help="how long a world lives (%(default)s)")
    parser.add_argument("--database", choices=("sqlite", "postgresql"), default="sqlite")
    parser.add_argument("--behind", action="store_true", help="hurt what is behind the commit; with --soak, in turn")
    parser.add_argument("--only", default="", metavar="FAULT,…", help="no other faults than these")
    arguments = parser.parse_args()
    totals: Counter[str] = Counter(worlds=0, messages=0, lost=0, failed=0)
    with ExitStack() as stack:
        databases = _Databases(stack)
        for number, seed in enumerate(_seeds(arguments)):
            kind = ("sqlite", "postgresql")[number % 2] if arguments.soak else arguments.database
            behind = arguments.behind or bool(arguments.soak and number // 2 % 2)
            # A house makes its own cluster, to crash it.
            url = "" if kind == "sqlite" else kind if behind else databases.new()
            program = BEHIND if behind else WORLD
            run = Run(seed, seconds=arguments.seconds, database_url=url, only=arguments.only, program=program)
            told = run.told(_LONGEST_S)
            totals.update(worlds=1, messages=told["sent"], lost=told["missing"], failed=bool(told["problems"]))
            if told["problems"]:
                print(shown(told))
            print(_line(kind, told), flush=True)
    print(", ".join(f"{count} {what}" for what, count in totals.items()))
    return 1 if totals["failed"] else 0


class _Databases:
    """Empty databases, one for each world; PostgreSQL is started when it is first wanted."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack
        self._cluster: Postgres | None = None
        self._numbers = count()

    def new(self) -> str:
        """Its URL."""
        if self._cluster is None:
            from tests.support.postgres import Postgres

            self._cluster = Postgres()
            self._stack.callback(self._cluster.stop)
        return self._cluster.create(f"world_{next(self._numbers)}")


def _seeds(arguments: argparse.Namespace) -> "Iterator[str]":
    if not arguments.soak:
        yield from arguments.seeds or [str(random.randrange(2**32))]
        return
    end_s = time.monotonic() + arguments.soak
    while time.monotonic() < end_s:
        yield str(random.randrange(2**32))


def _line(kind: str, told: dict[str, Any]) -> str:
    outcome = "FAILED" if told["problems"] else "ok"
    figures = f"{told['sent']:6} messages, {told['missing']:5} lost"
    return f"{outcome:6} {told['seed']:>10} {kind:10} {figures}: {told['faults']}"


if __name__ == "__main__":
    sys.exit(main())
