"""Starts overviews quickly, to be killed: one process that has everything imported, and forks.

For each line on stdin it starts one and says its process id.
"""

import os
import signal
import sys

import django


def main() -> None:
    """Until stdin ends."""
    django.setup()
    from monitor.watch import run

    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the dead leave no zombies
    _say("ready")
    for _ in sys.stdin:
        pid = os.fork()
        if pid == 0:
            os._exit(run())
        _say(str(pid))


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
