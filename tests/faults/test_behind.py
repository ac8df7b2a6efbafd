"""Two houses of each run, side by side, with seeds that nobody chose; one of them is upgraded under traffic."""

import random

import pytest

from tests.faults.behind.one import POSTGRESQL, UPGRADED
from tests.faults.runs import BEHIND, Run, shown

SECONDS = 3.0


@pytest.mark.timeout(240)
def test_every_alert_opens_once_and_every_mail_comes_whatever_befalls_those_who_send_it() -> None:
    runs = [
        Run(str(random.randrange(2**32)), seconds=SECONDS, database_url=kind, only=only, program=BEHIND)
        for kind, only in zip(("", POSTGRESQL), random.sample(("", UPGRADED), 2), strict=True)
    ]
    try:
        told = [run.told(200) for run in runs]
    finally:
        for run in runs:
            run.kill()
    assert not any(each["problems"] for each in told), "\n\n".join(shown(each) for each in told if each["problems"])
    assert all(each["mails"] for each in told)
