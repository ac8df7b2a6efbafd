"""Fuzzes the parsers one after the other: `python -m tests.fuzz SECONDS FOLDER [TARGET …]`; 1 when one broke.

FOLDER keeps what was found from run to run. An input that breaks a parser, or takes it ten seconds, or 1 GB of
memory, lands in `tests/fuzz/crashes/TARGET/`, where it is a test from then on.
"""

import re
import subprocess
import sys
from pathlib import Path

from tests.fuzz.targets import TARGETS
from tests.fuzz.test_crashes import CRASHES

_LIMITS = ("-timeout=10", "-rss_limit_mb=1024", "-malloc_limit_mb=256", "-max_len=20000", "-print_final_stats=1")
_FIGURES = {
    "runs": r"stat::number_of_executed_units: +(\d+)",
    "peak MB": r"stat::peak_rss_mb: +(\d+)",
    "covered": r"cov: (\d+)(?!.*cov: )",
}


def fuzz(target: str, seconds: int, folder: Path) -> bool:
    """Fuzz one target, say what came of it, and whether it held."""
    crashes = CRASHES / target
    crashes.mkdir(parents=True, exist_ok=True)
    command = [
        *(sys.executable, "-m", "tests.fuzz.one", target, str(folder / target), f"-max_total_time={seconds}"),
        *(f"-artifact_prefix={crashes}/", *_LIMITS),
    ]
    ended = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    told = {name: re.search(pattern, ended.stderr, re.DOTALL) for name, pattern in _FIGURES.items()}
    figures = ", ".join(f"{name} {found[1]}" for name, found in told.items() if found)
    print(f"{target:16} {'held ' if ended.returncode == 0 else 'BROKE'}  {figures}", flush=True)
    if ended.returncode:
        print(ended.stdout[-4_000:], ended.stderr[-4_000:], sep="\n", flush=True)
    if not any(crashes.iterdir()):
        crashes.rmdir()
    return ended.returncode == 0


def main(arguments: list[str]) -> int:
    """All targets, or those that are named."""
    seconds, folder, *names = arguments
    unknown = [name for name in names if name not in TARGETS]
    if unknown:
        print(f"no such target: {', '.join(unknown)}; there are: {', '.join(TARGETS)}", file=sys.stderr)
        return 2
    held = [fuzz(name, int(seconds), Path(folder)) for name in names or TARGETS]
    return 0 if all(held) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
