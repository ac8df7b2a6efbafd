"""What calls and registrations add up to: counts and sketches, from which all figures are made."""

from typing import Final

import msgspec

from monitor.core.measures.sketch import Sketch, bucket_of
from monitor.core.metrics import USER_ENDED
from monitor.core.updates import CallRecord, CallState, RegistrationOutcome

# RFC 6076 §4.8: the network could not do its part.
INEFFECTIVE: Final = frozenset((408, 500, 503, 504))
# The two outcomes that only time brings are, for a measure, what the last final response said.
_OUTCOMES: Final = {
    RegistrationOutcome.PENDING: RegistrationOutcome.UNANSWERED,
    RegistrationOutcome.EXPIRED: RegistrationOutcome.REGISTERED,
}


def outcome(told: RegistrationOutcome) -> RegistrationOutcome:
    """The outcome by the last final response: whatever ran out since, or is still awaited."""
    return _OUTCOMES.get(told, told)


class Sample(msgspec.Struct, frozen=True, gc=False):
    """What a call adds to each of the tallies in which it counts."""

    state: str
    status: str  # the final response at the caller; "none" where none came
    decided: bool  # came to an outcome: a 2xx, or an end without one; a 3xx that nobody followed is none
    answered: bool
    complete: bool  # answered, acknowledged, ended by BYE
    cancelled: bool  # this and the next two count where it was decided without an answer
    by_user: bool
    ineffective: bool
    talk_us: int | None
    pdd: int | None  # buckets of sketches, as those that follow
    setup: int | None
    disconnect: int | None  # BYE → its 2xx
    failed: int | None  # first INVITE → final response, of a call that failed

    @classmethod
    def of(cls, call: CallRecord) -> "Sample":
        """The sample that a call is."""
        return cls.told(
            state=call.state,
            status=call.status,
            answered=call.answered,
            acked=call.acked,
            first_us=call.first_us,
            ended_us=call.ended_us,
            pdd_ms=call.pdd_ms,
            setup_ms=call.setup_ms,
            duration_ms=call.duration_ms,
            disconnect_ms=call.disconnect_ms,
        )

    @classmethod
    def told(
        cls,
        *,
        state: CallState,
        status: int | None,
        answered: bool,
        acked: bool | None,
        first_us: int,
        ended_us: int | None,
        pdd_ms: float | None,
        setup_ms: float | None,
        duration_ms: float | None,
        disconnect_ms: float | None,
    ) -> "Sample":
        """Of a call of which this is told; None: has not happened."""
        failed = not answered and state in (CallState.FAILED, CallState.CANCELLED)
        refused = failed and status is not None and ended_us is not None
        return cls(
            state.value,
            str(status or "none"),
            answered or failed,
            answered,
            answered and state == CallState.ENDED and acked is True,
            state == CallState.CANCELLED,
            status in USER_ENDED,
            status is None or status in INEFFECTIVE,
            None if duration_ms is None else round(duration_ms * 1000),
            _bucket(pdd_ms),
            _bucket(setup_ms),
            _bucket(disconnect_ms),
            bucket_of(((ended_us or 0) - first_us) / 1000) if refused else None,
        )


class Tally(msgspec.Struct):
    """Adds up, and merges. Counts are of calls, save for the last four."""

    calls: int = 0
    decided: int = 0
    answered: int = 0  # of those decided, as all that follow
    cancelled: int = 0
    by_user: int = 0  # 480, 486, 600, 603
    ineffective: int = 0  # 408, 500, 503, 504, or nothing at all
    complete: int = 0
    talks: int = 0
    talk_us: int = 0  # not in ms: however tallies are merged, the sum is the same
    states: dict[str, int] = {}
    statuses: dict[str, int] = {}  # the final response at the caller; "none" where none came
    pdd: Sketch = msgspec.field(default_factory=Sketch)
    setup: Sketch = msgspec.field(default_factory=Sketch)
    disconnect: Sketch = msgspec.field(default_factory=Sketch)
    failed: Sketch = msgspec.field(default_factory=Sketch)
    registrations: int = 0
    waiting: int = 0  # of these, those that had no final response yet
    outcomes: dict[str, int] = {}
    rrd: Sketch = msgspec.field(default_factory=Sketch)

    def add(self, call: Sample) -> None:
        """One more call."""
        self.calls += 1
        _count(self.states, call.state, 1)
        _count(self.statuses, call.status, 1)
        self.decided += call.decided
        if call.answered:
            self.answered += 1
            self.complete += call.complete
        elif call.decided:
            self.cancelled += call.cancelled
            self.by_user += call.by_user
            self.ineffective += call.ineffective
        if call.talk_us is not None:
            self.talks += 1
            self.talk_us += call.talk_us
        if call.pdd is not None:
            self.pdd.count(call.pdd)
        if call.setup is not None:
            self.setup.count(call.setup)
        if call.disconnect is not None:
            self.disconnect.count(call.disconnect)
        if call.failed is not None:
            self.failed.count(call.failed)

    def register(self, told: RegistrationOutcome, delay_ms: float | None) -> None:
        """One more registration; `delay_ms`: first REGISTER → first 2xx, challenge included."""
        self.registrations += 1
        _count(self.outcomes, outcome(told).value, 1)
        self.waiting += told == RegistrationOutcome.PENDING
        if delay_ms is not None:
            self.rrd.add(delay_ms)

    def merge(self, other: "Tally") -> None:
        """Take what another one holds, too."""
        for name in self.__struct_fields__:
            own, its = getattr(self, name), getattr(other, name)
            if isinstance(own, Sketch):
                own.merge(its)
            elif isinstance(own, dict):
                for key, count in its.items():
                    _count(own, key, count)
            else:
                setattr(self, name, own + its)


def _bucket(value_ms: float | None) -> int | None:
    return None if value_ms is None else bucket_of(value_ms)


def _count(counts: dict[str, int], name: str, by: int) -> None:
    counts[name] = counts.get(name, 0) + by
