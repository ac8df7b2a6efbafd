"""By how many processes a file is read, and why not by more."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

from monitor.analyze.frames import Frame, UnsharedError
from monitor.analyze.run import run
from monitor.analyze.share import Share
from monitor.analyze.step import ProgressCallback
from monitor.analyze.told import Told
from monitor.core.settings import Settings

# Each process decodes all of the file: with more, that is most of what they do.
MOST: Final = 8
# What is smaller is read before other processes would have begun.
_LEAST_OCTETS: Final = 2 * 1024 * 1024
_CPU_LIMIT: Final = Path("/sys/fs/cgroup/cpu.max")

Read = Callable[[ProgressCallback | None], Told]


class Jobs(NamedTuple):
    """How many processes read a file; `why_one`: why it is one, where more were asked for."""

    number: int
    why_one: str = ""


def jobs_for(file: str, asked: int | None, key_log: str = "") -> Jobs:
    """As many as asked for, or as the machine has cores for us, where the file can be shared out and is worth it."""
    if asked == 1:
        return Jobs(1)
    path = Path(file)
    if file == "-" or not path.is_file():
        return Jobs(1, "what is no regular file can be read only once")
    if key_log:
        return Jobs(1, "what is in TLS is read by tshark, once")
    if not hasattr(os, "fork"):
        return Jobs(1, "this system can't fork a process")
    if asked is not None:
        return Jobs(min(asked, MOST))
    return Jobs(min(usable_cores(), MOST) if path.stat().st_size >= _LEAST_OCTETS else 1)


def usable_cores(limit: Path = _CPU_LIMIT) -> int:
    """The cores that this process may use: those that it is bound to, and what its control group has time for."""
    affinity = getattr(os, "sched_getaffinity", None)  # not on macOS
    cores = len(affinity(0)) if affinity else os.cpu_count() or 1
    try:
        quota, period = limit.read_text().split()
        return max(1, min(cores, int(quota) // int(period)))
    except (OSError, ValueError):  # no such limit; "max"
        return cores


@contextmanager
def reader(file: str, settings: Settings, jobs: int, key_log: str = "", *, written: bool = False) -> Iterator[Read]:
    """What reads the file, to be called once; processes are made on entering, and gone on leaving.

    `written`: only the document is wanted, the result may be without its records. Raises `ReceiverError`, `CrewError`.
    """

    def alone(progress: ProgressCallback | None) -> Told:
        return Told.of(run(file, settings, progress, key_log))

    if jobs == 1:
        yield alone
        return

    # Not above: one process does without, and so do systems that can't fork.
    from monitor.analyze.crew import Crew
    from monitor.analyze.joining import told as joined
    from monitor.analyze.work import work

    def share(number: int) -> Iterator[Frame]:
        return work(file, settings, Share(number, jobs), written=written)

    with Crew(share, jobs) as crew:

        def together(progress: ProgressCallback | None) -> Told:
            try:
                return joined(file, crew.frames(), settings, progress)
            except UnsharedError as error:
                crew.end()
                print(f"offhook analyze: read again by one process: {error}", file=sys.stderr)
                return alone(progress)

        yield together
