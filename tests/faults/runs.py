"""Worlds as processes: each in namespaces of its own, so that it may mount small disks and take any port."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path
from typing import Any, Final

from tests.support.environment import ROOT
from tests.support.processes import spawn

WORLD: Final = "tests.faults.one"
ISOLATED: Final = "FAULTS_ISOLATED"  # set in the environment of a world that has namespaces of its own
BEHIND: Final = "tests.faults.behind.one"


class Run:
    """A world that has been started; `told` waits for its end and says how it was."""

    def __init__(
        self, seed: str, *, seconds: float, database_url: str = "", only: str = "", program: str = WORLD
    ) -> None:
        """`database_url` names an empty database of PostgreSQL; without it, SQLite. `only`: faults, with commas."""
        self.seed = seed
        self.command = f"python -m tests.faults{' --behind' if program == BEHIND else ''} {seed} --seconds {seconds:g}"
        words = [sys.executable, "-m", program, seed, str(seconds), database_url, only]
        # What a world leaves when it is ended at once goes with this.
        self._folder = tempfile.mkdtemp(prefix="offhook-faults-", dir="/tmp")
        Path(self._folder).chmod(0o711)  # a cluster of PostgreSQL lies in it, which does not run as root
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("OFFHOOK_", "DJANGO_"))}
        clean |= {"TMPDIR": self._folder, ISOLATED: "yes" if _own_namespaces() else ""}
        self.process = spawn(
            [*_own_namespaces(), *words], cwd=ROOT, env=clean, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )

    def told(self, seconds: float) -> dict[str, Any]:
        """`problems`, `notes`, and figures. Ends it when it takes longer."""
        try:
            output, errors = self.process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            output, errors = self.process.communicate()
        finally:
            shutil.rmtree(self._folder, ignore_errors=True)
        try:
            told: dict[str, Any] = json.loads(output)
        except ValueError:
            told = {"problems": [f"it ended with {self.process.returncode}: {errors.decode(errors='replace')[-6000:]}"]}
        return {
            "seed": self.seed,
            "command": self.command,
            "notes": [],
            "log": "",
            "faults": "",
            "sent": 0,
            "missing": 0,
        } | told

    def kill(self) -> None:
        """End it at once."""
        self.process.kill()
        self.process.communicate()
        shutil.rmtree(self._folder, ignore_errors=True)


def shown(told: dict[str, Any]) -> str:
    """All that helps to understand a world that went wrong."""
    seed = f"seed {told['seed']}: {told['command']}"
    return "\n".join([seed, *told["notes"], "", *told["problems"][:20], "", told["log"]])


@cache
def _own_namespaces() -> list[str]:
    """The words before a command that give it mounts and a network of its own; none where that is not allowed."""
    root = [] if os.geteuid() == 0 else ["--map-root-user"]
    words = ["unshare", *root, "--mount", "--net", "--kill-child", "--fork"]
    inside = ["sh", "-c", 'ip link set dev lo up && exec "$@"', "sh"]
    try:
        allowed = subprocess.run([*words, *inside, "true"], capture_output=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return []
    return [] if allowed.returncode else [*words, *inside]
