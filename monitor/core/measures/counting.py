"""How calls and registrations add up."""

from collections.abc import Sequence
from typing import Final

from monitor.core.measures.bucket import bucket_of
from monitor.core.measures.sample import Outcome, Sample
from monitor.core.measures.sketch import Sketch
from monitor.core.measures.tally import Tally
from monitor.core.updates import RegistrationOutcome

_PENDING: Final = RegistrationOutcome.PENDING
_EXPIRED: Final = RegistrationOutcome.EXPIRED
_UNANSWERED: Final = RegistrationOutcome.UNANSWERED
_REGISTERED: Final = RegistrationOutcome.REGISTERED


def count(tally: Tally, calls: Sequence[Sample]) -> None:
    """Add calls to a tally, all at once: its fields cost more to reach than what is added to them."""
    outcomes: dict[Outcome, int] = {}
    talks = talk_us = 0
    for call in calls:
        outcomes[call.outcome] = outcomes.get(call.outcome, 0) + 1
        if call.talk_us is not None:
            talks += 1
            talk_us += call.talk_us
    for outcome, number in outcomes.items():
        _add(tally, outcome, number)
    tally.calls += len(calls)
    tally.talks += talks
    tally.talk_us += talk_us
    _hit(tally.pdd, [call.pdd for call in calls])
    _hit(tally.setup, [call.setup for call in calls])
    _hit(tally.disconnect, [call.disconnect for call in calls])
    _hit(tally.failed, [call.failed for call in calls])


def _add(tally: Tally, outcome: Outcome, calls: int) -> None:
    """Add so many calls that went alike."""
    states, statuses = tally.states, tally.statuses
    states[outcome.state] = states.get(outcome.state, 0) + calls
    statuses[outcome.status] = statuses.get(outcome.status, 0) + calls
    tally.decided += calls * outcome.decided
    tally.answered += calls * outcome.answered
    tally.complete += calls * outcome.complete
    tally.cancelled += calls * outcome.cancelled
    tally.by_user += calls * outcome.by_user
    tally.ineffective += calls * outcome.ineffective


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
