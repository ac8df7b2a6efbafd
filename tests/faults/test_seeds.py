"""A few worlds of each run, side by side, with seeds that nobody chose; `make soak` has more of them."""

import random

import pytest

from tests.faults.runs import Run, shown
from tests.support.postgres import Postgres

SECONDS = 5.0
ANY = ""
# What ingest must outlast as if nothing had been: all that was sent is there.
HARMLESS = "kill-worker,freeze-worker,two-owners,poison"


@pytest.mark.timeout(240)
def test_whatever_befalls_it_nothing_is_lost_uncounted_and_nothing_doubled(postgres: Postgres) -> None:
    runs = [
        Run(
            str(random.randrange(2**32)),
            seconds=SECONDS,
            database_url=postgres.create(f"faults_{number}") if number % 2 else "",
            only=only,
        )
        for number, only in enumerate((ANY, ANY, HARMLESS, HARMLESS))
    ]
    try:
        told = [run.told(200) for run in runs]
    finally:
        for run in runs:
            run.kill()
    assert not any(each["problems"] for each in told), "\n\n".join(shown(each) for each in told if each["problems"])
    assert all(each["sent"] for each in told)
    assert not any(each["missing"] for each in told[2:])
