"""A few worlds of each run, side by side, with seeds that nobody chose; `make soak` has more of them."""

import random

import pytest

from tests.faults.runs import Run, shown
from tests.support.postgres import Postgres

SECONDS = 5.0


@pytest.mark.timeout(180)
def test_whatever_befalls_it_nothing_is_lost_uncounted_and_nothing_doubled(postgres: Postgres) -> None:
    databases = ["", postgres.create("faults")]
    runs = [Run(str(random.randrange(2**32)), seconds=SECONDS, database_url=url) for url in databases]
    try:
        told = [run.told(150) for run in runs]
    finally:
        for run in runs:
            run.kill()
    assert not any(each["problems"] for each in told), "\n\n".join(shown(each) for each in told if each["problems"])
    assert all(each["sent"] for each in told)
