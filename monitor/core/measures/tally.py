"""What calls and registrations add up to: counts and sketches, from which all figures are made."""

from typing import Final

import msgspec

from monitor.core.measures.sketch import Sketch
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


class Sample(msgspec.Struct, frozen=True, kw_only=True):
    """What a call is to the measures; times in ms, None: has not happened."""

    state: CallState
    status: int | None
    answered: bool
    complete: bool  # answered, acknowledged, ended by BYE
    pdd_ms: float | None
    setup_ms: float | None
    duration_ms: float | None
    disconnect_ms: float | None  # BYE → its 2xx
    failed_ms: float | None  # first INVITE → final response, of a call that failed

    @classmethod
    def of(cls, call: CallRecord) -> "Sample":
        """The sample that a call is."""
        failed = not call.answered and call.status is not None and call.ended_us is not None
        return cls(
            state=call.state,
            status=call.status,
            answered=call.answered,
            complete=call.answered and call.state == CallState.ENDED and call.acked is True,
            pdd_ms=call.pdd_ms,
            setup_ms=call.setup_ms,
            duration_ms=call.duration_ms,
            disconnect_ms=call.disconnect_ms,
            failed_ms=((call.ended_us or 0) - call.first_us) / 1000 if failed else None,
        )

    @property
    def decided(self) -> bool:
        """Whether it came to an outcome: a 2xx, or an end without one. A 3xx that nobody followed is none."""
        return self.answered or self.state in (CallState.FAILED, CallState.CANCELLED)


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
        _count(self.states, call.state.value, 1)
        _count(self.statuses, str(call.status or "none"), 1)
        for sketch, value in (
            (self.pdd, call.pdd_ms),
            (self.setup, call.setup_ms),
            (self.disconnect, call.disconnect_ms),
        ):
            if value is not None:
                sketch.add(value)
        if call.duration_ms is not None:
            self.talks += 1
            self.talk_us += round(call.duration_ms * 1000)
        if not call.decided:
            return
        self.decided += 1
        self.answered += call.answered
        self.complete += call.complete
        if not call.answered:
            self._fail(call)

    def _fail(self, call: Sample) -> None:
        self.cancelled += call.state == CallState.CANCELLED
        self.by_user += call.status in USER_ENDED
        self.ineffective += call.status is None or call.status in INEFFECTIVE
        if call.failed_ms is not None:
            self.failed.add(call.failed_ms)

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


def _count(counts: dict[str, int], name: str, by: int) -> None:
    counts[name] = counts.get(name, 0) + by
