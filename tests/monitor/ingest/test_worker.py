"""The whole worker on a real stream store and database: one result, however its work is cut and cut off."""

import logging
import random
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import connection

from monitor.ingest.stream import Streams
from monitor.ingest.worker import Worker
from monitor.services.apply_updates import Fenced
from monitor.services.shelving import put_away
from tests.monitor.ingest.bench import expire_leases
from tests.monitor.ingest.story import PARTITIONS, Story, begin_again, outcome
from tests.support.valkey import Valkey

pytestmark = pytest.mark.django_db(transaction=True)

log = logging.getLogger(__name__)


class Killed(BaseException):
    """The end of a worker, where nobody expects it."""


class Perilous(Streams):
    """The connection of a worker that may be killed before or after each thing that it asks of the store."""

    def __init__(self, url: str, dice: random.Random) -> None:
        super().__init__(url)
        self.dice = dice

    def _ask(self, *command: Any) -> Any:
        with_peril(self.dice, 0.01)
        answer = super()._ask(*command)
        with_peril(self.dice, 0.01)
        return answer

    def _pipeline(self, commands: list[tuple[Any, ...]]) -> None:
        with_peril(self.dice, 0.05)
        super()._pipeline(commands)


def with_peril(dice: random.Random, probability: float) -> None:
    if dice.random() < probability:
        raise Killed


@pytest.fixture
def new_worker(valkey: Valkey, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Streams | None], Worker]]:
    monkeypatch.setattr("monitor.ingest.worker.BLOCK_MS", 5)
    made: list[Streams] = []

    def make(streams: Streams | None = None) -> Worker:
        made.append(streams or Streams(valkey.url))
        return Worker(made[-1], made[-1], PARTITIONS)

    yield make
    for streams in made:
        streams.close()


def finish(worker: Worker) -> None:
    """Until nothing comes any more."""
    while worker.cycle():
        pass


@pytest.mark.parametrize("page", [500, 40, 3])
def test_killed_at_any_point_and_taken_over_by_others_the_outcome_is_the_same(
    page: int, valkey: Valkey, new_worker: Callable[..., Worker], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("monitor.ingest.archive._PAGE", page)
    monkeypatch.setattr("monitor.ingest.archive._MOST_MESSAGES", 10 * page)
    seed = random.randrange(2**32)
    log.warning("seed %d", seed)
    story, dice = Story(seed, int(time.time()) * 1_000_000), random.Random(seed)
    with valkey.client() as client:
        for _ in story.store(client):
            pass
        finish(new_worker())
        steady = outcome()
        begin_again(client)

        worker, frozen, killed = new_worker(Perilous(valkey.url, dice)), new_worker(), 0

        def peril(execute: Callable[..., Any], *statement: Any) -> Any:
            with_peril(dice, 0.003)
            return execute(*statement)

        for number, _ in enumerate(story.store(client)):
            if number % 7:
                continue
            try:
                with connection.execute_wrapper(peril):
                    worker.cycle()
                if dice.random() < 0.2:
                    put_away(time.time_ns() // 1_000)
            except Killed:
                killed += 1
                expire_leases()
                worker = new_worker(Perilous(valkey.url, dice))
            except Fenced:
                worker = new_worker(Perilous(valkey.url, dice))
            if dice.random() < 0.03:
                worker, frozen = frozen, worker
                expire_leases()
        expire_leases()
        finish(new_worker())
    log.warning("killed %d times in %d entries", killed, len(story.entries))
    again = outcome()
    for name, rows in steady.items():
        assert again[name] == rows, name
