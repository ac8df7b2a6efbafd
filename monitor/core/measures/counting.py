"""How calls add up."""

from collections.abc import Iterable

from monitor.core.measures.sample import Sample
from monitor.core.measures.tally import Tally


def count(tally: Tally, calls: Iterable[Sample]) -> None:
    """Add calls to a tally, all at once: its fields cost more to reach than what is added to them."""
    states, statuses = tally.states, tally.statuses
    pdd, setup, disconnect, failed = tally.pdd, tally.setup, tally.disconnect, tally.failed
    pdds, setups, disconnects, failures = pdd.counts, setup.counts, disconnect.counts, failed.counts
    number = decided = answered = complete = cancelled = by_user = ineffective = talks = talk_us = 0
    rang = set_up = disconnected = refused = 0
    for call in calls:
        number += 1
        states[call.state] = states.get(call.state, 0) + 1
        statuses[call.status] = statuses.get(call.status, 0) + 1
        decided += call.decided
        if call.answered:
            answered += 1
            complete += call.complete
        elif call.decided:
            cancelled += call.cancelled
            by_user += call.by_user
            ineffective += call.ineffective
        if call.talk_us is not None:
            talks += 1
            talk_us += call.talk_us
        rang += _hit(pdds, call.pdd)
        set_up += _hit(setups, call.setup)
        disconnected += _hit(disconnects, call.disconnect)
        refused += _hit(failures, call.failed)
    tally.calls += number
    tally.decided += decided
    tally.answered += answered
    tally.complete += complete
    tally.cancelled += cancelled
    tally.by_user += by_user
    tally.ineffective += ineffective
    tally.talks += talks
    tally.talk_us += talk_us
    pdd.total += rang
    setup.total += set_up
    disconnect.total += disconnected
    failed.total += refused


def _hit(counts: dict[int, int], bucket: int | None) -> int:
    """How many values that is."""
    if bucket is None:
        return 0
    counts[bucket] = counts.get(bucket, 0) + 1
    return 1
