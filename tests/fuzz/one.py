"""Fuzzes one target with atheris: `python -m tests.fuzz.one TARGET FOLDER [libFuzzer options]`.

FOLDER holds what was found so far, and is begun with the target's seeds. atheris ends the process itself: with 0 when
its time is over, else with the input that broke the target in the file that -artifact_prefix names.
"""

import sys
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["collectors", "monitor"]):
    from tests.fuzz.targets import TARGETS


def main() -> None:
    """Begin with the seeds, and go on until libFuzzer's limits."""
    name, folder, *options = sys.argv[1:]
    from tests.fuzz.seeds import seeds

    Path(folder).mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(seeds(name)):
        Path(folder, f"seed-{number}").write_bytes(seed)
    atheris.Setup([sys.argv[0], *options, folder], TARGETS[name])
    atheris.Fuzz()


if __name__ == "__main__":
    main()
