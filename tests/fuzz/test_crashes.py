"""What fuzzing found stays found: each file in `crashes/TARGET/` is an input that broke its parser once."""

from pathlib import Path

import pytest

from tests.fuzz.targets import TARGETS

CRASHES = Path(__file__).parent / "crashes"
FILES = sorted(path for path in CRASHES.glob("*/*") if path.is_file())


@pytest.mark.timeout(60)
def test_an_input_that_once_broke_a_parser_does_so_no_more() -> None:
    for path in FILES:
        TARGETS[path.parent.name](path.read_bytes())
