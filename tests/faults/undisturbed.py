"""The same entries once more, taken in by one worker whom nothing befalls: what should have come of them."""

from collections import defaultdict
from collections.abc import Iterator
from itertools import pairwise
from typing import Any, Final

from collectors.sip.timers import MILLISECOND, SECOND
from monitor.ingest import dead_letters
from monitor.ingest.presence import PAUSE_US
from monitor.ingest.stream import Streams, position
from monitor.ingest.worker import Worker
from monitor.models import Partition
from tests.faults.journal import Taken, entries
from tests.faults.world import PARTITIONS, World
from tests.monitor.ingest.story import begin_again, outcome
from tests.support.processes import wait_for

_LATER_US: Final = 120 * SECOND  # by then everything is over
_OF_MESSAGES: Final = ("messages", "side", "unmatched")
_PATIENCE_S: Final = 60.0
_SHOWN: Final = 700  # characters of a row


class Stopped(Streams):
    """A store whose clock stands still at `at_us`: what becomes of its entries doesn't depend on when that is asked."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.at_us = 0

    def now_us(self) -> int:
        return self.at_us


def finish(world: World) -> int:
    """Take dead letters again, with no bug any more, and let time pass until every record is over, at once; gives the
    time of the store at which that is.
    """
    world.note(f"{dead_letters.replay(world.store.url)} dead letters are taken again")
    streams = Streams(world.store.url)
    at_us = streams.now_us() + _LATER_US
    streams.close()
    _work(world, at_us)
    return at_us


def differences(world: World, at_us: int) -> Iterator[str]:
    """How what is in the database differs from what an undisturbed worker makes of the store's journal
    up to the same time.

    Empties the database. A store that lost its data has no journal of what was lost with them, and what defective
    workers set aside comes late. And where nobody was
    heard for long, a worker that was there may know of a silence that the entries don't tell of: then it withholds
    claims, and only messages are compared.
    """
    if world.wiped or world.setting.defective:
        return
    journal = list(entries(world.store_disk.folder / "appendonlydir"))
    survived = outcome()
    with world.store.client() as client:
        begin_again(client)
        for name, entry_id, field, data in journal:
            client.xadd(name, {field: data}, id=entry_id)
    _work(world, at_us)
    undisturbed = outcome()
    quiet = _longest_pause_us(journal) > PAUSE_US
    for what in _OF_MESSAGES if quiet else undisturbed:
        yield from _compared(what, survived[what], undisturbed[what])


def _longest_pause_us(journal: list[Taken]) -> int:
    """Within any stream."""
    times: dict[str, list[int]] = defaultdict(list)
    for taken in journal:
        times[taken.stream].append(position(taken.id)[0] * MILLISECOND)
    return max((later - sooner for each in times.values() for sooner, later in pairwise(each)), default=0)


def _work(world: World, at_us: int) -> None:
    streams = Stopped(world.store.url)
    worker = Worker(streams, streams, PARTITIONS)

    def over() -> bool:
        more = worker.cycle()
        return not more and all(row.watermark_us > streams.at_us - SECOND for row in Partition.objects.all())

    # What is taken for over in one step of time leaves memory in the next: workers in a hurt world make many.
    for streams.at_us in (at_us - _LATER_US // 2, at_us):
        wait_for(over, _PATIENCE_S, what="all of the streams is taken, and time has passed")
    streams.close()


def _compared(what: str, survived: Any, undisturbed: Any) -> Iterator[str]:
    if survived == undisturbed:
        return
    if isinstance(survived, dict):
        survived, undisturbed = sorted(map(repr, survived.items())), sorted(map(repr, undisturbed.items()))
    more = [each for each in survived if each not in undisturbed]
    less = [each for each in undisturbed if each not in survived]
    yield f"{what}: {len(more)} that an undisturbed worker would not give, {len(less)} that it would give"
    yield from (f"  not expected: {each[:_SHOWN]}" for each in more[:2])
    yield from (f"  expected: {each[:_SHOWN]}" for each in less[:2])
