"""Live tests in a network namespace of their own: ports are free there, and nothing leaves the machine."""

import subprocess
import sys
import textwrap

from tests.support.environment import ROOT


def run_isolated(program: str, *arguments: str, seconds: float = 20) -> str:
    """Run Python code where only a loopback interface exists, which is up; its output.

    It may capture there, whoever runs the tests: in its user namespace it is root.
    """
    command = ["unshare", "--map-root-user", "--net", "--kill-child", "--fork", "sh", "-ec"]
    command += ['ip link set dev lo up; exec "$@"', "sh", sys.executable, "-c", textwrap.dedent(program), *arguments]
    result = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=seconds, check=False, stdin=subprocess.DEVNULL
    )
    if result.returncode:
        raise AssertionError(f"exit code {result.returncode}\n{result.stdout}\n{result.stderr}")
    return result.stdout
