"""Houses side by side, with seeds that nobody chose: one is upgraded under traffic, and in one nothing goes wrong."""

import random

import pytest

from tests.faults.behind.house import PAST_CALLS
from tests.faults.behind.one import POSTGRESQL, QUIET, UPGRADED
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


@pytest.mark.timeout(240)
def test_of_two_workers_and_two_beats_each_mail_comes_once_and_what_is_old_goes_once() -> None:
    run = Run(str(random.randrange(2**32)), seconds=SECONDS, database_url=POSTGRESQL, only=QUIET, program=BEHIND)
    try:
        told = run.told(200)
    finally:
        run.kill()
    assert not told["problems"], shown(told)
    assert told["mails"]
    assert told["repeats"] == 0
    assert told["removed"] == PAST_CALLS


@pytest.mark.timeout(240)
def test_while_postgresql_has_no_room_everything_waits_and_all_of_it_is_stored_afterwards() -> None:
    run = Run(
        str(random.randrange(2**32)), seconds=SECONDS, database_url=POSTGRESQL, only="fill-cluster-disk", program=BEHIND
    )
    try:
        told = run.told(200)
    finally:
        run.kill()
    assert not told["problems"], shown(told)
    assert told["missing"] == 0
    if not any("is full" in note for note in told["notes"]):
        pytest.skip("no small disk can be mounted here")
    assert any("ingest waits" in note for note in told["notes"]), told["notes"]
