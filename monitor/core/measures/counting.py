"""How calls and registrations add up."""

from collections.abc import Sequence
from typing import Final

from monitor.core.measures.bucket import bucket_of
from monitor.core.measures.sample import Sample
from monitor.core.measures.sketch import Sketch
from monitor.core.measures.tally import Tally
from monitor.core.updates import RegistrationOutcome

_PENDING: Final = RegistrationOutcome.PENDING
_EXPIRED: Final = RegistrationOutcome.EXPIRED
_UNANSWERED: Final = RegistrationOutcome.UNANSWERED
_REGISTERED: Final = RegistrationOutcome.REGISTERED


def count(tally: Tally, calls: Sequence[Sample]) -> None:
    """Add calls to a tally, all at once: its fields cost more to reach than what is added to them."""
    states, statuses = tally.states, tally.statuses
    decided = answered = complete = cancelled = by_user = ineffective = talks = talk_us = 0
    for call in calls:
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
    tally.calls += len(calls)
    tally.decided += decided
    tally.answered += answered
    tally.complete += complete
    tally.cancelled += cancelled
    tally.by_user += by_user
    tally.ineffective += ineffective
    tally.talks += talks
    tally.talk_us += talk_us
    _hit(tally.pdd, [call.pdd for call in calls])
    _hit(tally.setup, [call.setup for call in calls])
    _hit(tally.disconnect, [call.disconnect for call in calls])
    _hit(tally.failed, [call.failed for call in calls])


def _hit(sketch: Sketch, buckets: list[int | None]) -> None:
    """Count the values of these buckets; None: there was no value."""
    counts, total = sketch.counts, 0
    for bucket in buckets:
        if bucket is not None:
            counts[bucket] = counts.get(bucket, 0) + 1
            total += 1
    sketch.total += total


def register(tally: Tally, told: RegistrationOutcome, delay_ms: float | None) -> None:
    """Add a registration to a tally; `delay_ms`: first REGISTER → first 2xx, challenge included."""
    tally.registrations += 1
    outcomes, name = tally.outcomes, str(outcome(told))
    outcomes[name] = outcomes.get(name, 0) + 1
    if told is _PENDING:
        tally.waiting += 1
    if delay_ms is not None:
        _hit(tally.rrd, [bucket_of(delay_ms)])


def outcome(told: RegistrationOutcome) -> RegistrationOutcome:
    """The outcome by the last final response: whatever ran out since, or is still awaited, only time brought."""
    if told is _PENDING:
        return _UNANSWERED
    return _REGISTERED if told is _EXPIRED else told
