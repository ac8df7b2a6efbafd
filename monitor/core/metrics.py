"""What the live page counts: rates, ratios and gauges of the last 15 minutes, in steps of 10 s.

Definitions, all by wire time:

- *CPS*: calls started per second. *Active calls*: calls that are trying, ringing or answered.
- *ASR* (ITU-T E.411): answered calls of all calls that came to an outcome. An outcome is the first
  2xx, or the end of a call that never had one; a 3xx is none, because the call goes on elsewhere
  (as in SER, RFC 6076 §4.6).
- *NER* (ITU-T E.425): of the same calls those where the network did its part: answered, cancelled
  by the caller, or ended by the user with 480, 486, 600 or 603 (as in SEER, RFC 6076 §4.7).
- *PDD*: first INVITE to first 18x or 2xx; percentiles from a sketch with 5 % relative error.
- *Responses*: the final response of each call and each REGISTER cycle, by class; "none" where none came.
"""

import math
from collections import deque
from collections.abc import Iterable, Iterator
from typing import Final, TypeVar

import msgspec

from collectors.sip.timers import SECOND
from monitor.core.measures.sample import USER_ENDED
from monitor.core.updates import CallState

STEP_US: Final = 10 * SECOND
STEPS: Final = 90
# How long CPS looks back: long enough to be steady, short enough to follow.
RATE_SECONDS: Final = 10
RESPONSE_CLASSES: Final = ("2xx", "3xx", "4xx", "5xx", "6xx", "none")

_Key = TypeVar("_Key")


class Series(msgspec.Struct, frozen=True):
    """A figure now, and its last 15 minutes: 90 values, oldest first, None where nothing is known."""

    now: float | None
    spark: tuple[float | None, ...]


class CallTotals(msgspec.Struct, frozen=True, kw_only=True):
    """Calls of the last 15 minutes, each counted when it happened."""

    started: int
    answered: int
    ended: int
    failed: int
    cancelled: int
    redirected: int


class Metrics(msgspec.Struct, frozen=True, kw_only=True):
    """The figures of the live page, as JSON in `Overview.metrics` and in each frame."""

    at_us: int  # the time that they are for, wire time
    step_s: int = STEP_US // SECOND
    window_s: int = STEP_US * STEPS // SECOND
    active_calls: Series
    cps: Series  # calls started per second; now: over the last 10 s
    asr_percent: Series  # now: over the whole window; None: no call had an outcome
    ner_percent: Series
    pdd_p50_ms: Series
    pdd_p95_ms: Series
    registrations: Series  # bindings in force
    open_alerts: Series
    messages_per_s: Series  # SIP messages that collectors read
    loss: Series  # messages lost; now: in the whole window; spark: in each step
    collectors_up: Series
    collectors_total: int
    responses: dict[str, tuple[int, ...]]  # by class ("2xx" … "6xx", "none"), 90 counts, oldest first
    calls: CallTotals


class Gauges(msgspec.Struct, frozen=True, kw_only=True):
    """What stands at a moment, rather than what happened in a time."""

    active_calls: int = 0
    registrations: int = 0
    open_alerts: int = 0
    collectors_up: int = 0
    collectors_total: int = 0


class Sketch:
    """Percentiles of positive values within 5 %, in at most some hundred counters; mergeable."""

    __slots__ = ("counts", "total")

    _RATIO: Final = 1.1  # a bucket's bounds; its middle is at most 5 % from any value in it
    _LIMIT: Final = 200  # buckets: 1.1**200 ms is six days

    def __init__(self) -> None:
        self.counts: dict[int, int] = {}
        self.total = 0

    def add(self, value: float) -> None:
        """Count one value; those below 1 share a bucket, those over six days another."""
        bucket = min(math.ceil(math.log(value, self._RATIO)), self._LIMIT) if value > 1 else 0
        self.counts[bucket] = self.counts.get(bucket, 0) + 1
        self.total += 1

    def percentile(self, percent: float) -> float | None:
        """The value that `percent` of all do not exceed; None when there is none."""
        rank = self.total * percent / 100
        seen = 0
        for bucket in sorted(self.counts):
            seen += self.counts[bucket]
            if seen >= rank:
                return round(2 * self._RATIO**bucket / (self._RATIO + 1), 1)
        return None

    @classmethod
    def merged(cls, sketches: Iterable["Sketch"]) -> "Sketch":
        """One sketch of all values."""
        merged = cls()
        for sketch in sketches:
            merged.total += sketch.total
            for bucket, count in sketch.counts.items():
                merged.counts[bucket] = merged.counts.get(bucket, 0) + count
        return merged


class _Step:
    """What happened in 10 seconds, and how things stood at their end."""

    __slots__ = (
        "answered",
        "effective",
        "ends",
        "gauges",
        "lost",
        "messages",
        "outcomes",
        "pdd",
        "responses",
        "started",
    )

    def __init__(self) -> None:
        self.started = 0
        self.answered = 0
        self.outcomes = 0
        self.effective = 0
        self.ends: dict[CallState, int] = {}
        self.responses: dict[str, int] = {}
        self.pdd = Sketch()
        self.messages = 0
        self.lost = 0
        self.gauges: Gauges | None = None


class Meter:
    """Counts what happens into steps, as time passes; forgets what is older than the window.

    Events may be ahead of the time that `advance` gave (positive evidence does not wait for the
    watermark) and behind it (another partition is slower): each counts in the step of its own time.
    """

    def __init__(self) -> None:
        self._now_us = 0
        self._steps: deque[_Step] = deque(maxlen=STEPS)
        self._last = 0  # the number of the newest step
        self._seconds: dict[int, int] = {}  # calls started, by second
        self._gauges = Gauges()
        self._rates: dict[str, float] = {}
        self.too_late = 0  # events older than the window: counted nowhere else

    # --- time ----------------------------------------------------------------------------------

    @property
    def now_us(self) -> int:
        """The latest time heard of."""
        return self._now_us

    def advance(self, now_us: int, gauges: Gauges) -> None:
        """Time is `now_us` at least, and this is how things stand."""
        self._pass(now_us)
        self._gauges = gauges

    def _pass(self, now_us: int) -> None:
        if now_us <= self._now_us:
            return
        self._now_us = now_us
        number = now_us // STEP_US
        if not self._steps:
            self._steps.append(_Step())
        # A jump over the whole window leaves nothing of the old one.
        for _ in range(min(number - self._last, STEPS) if self._last else 0):
            self._steps[-1].gauges = self._gauges
            self._steps.append(_Step())
        self._last = number
        oldest = now_us // SECOND - RATE_SECONDS
        for second in [s for s in self._seconds if s < oldest]:
            del self._seconds[second]

    def _step(self, at_us: int) -> _Step | None:
        self._pass(at_us)
        age = self._last - at_us // STEP_US
        if age >= STEPS:
            self.too_late += 1
            return None
        while age >= len(self._steps):  # before the first that was heard of
            self._steps.appendleft(_Step())
        return self._steps[-1 - age]

    # --- what happens --------------------------------------------------------------------------

    def call_started(self, at_us: int) -> None:
        """A call began."""
        if step := self._step(at_us):
            step.started += 1
            second = at_us // SECOND
            if second >= self._now_us // SECOND - RATE_SECONDS:
                self._seconds[second] = self._seconds.get(second, 0) + 1

    def call_proceeded(self, at_us: int, pdd_ms: float) -> None:
        """The first 18x of a call came, or a 2xx before any, `pdd_ms` after its INVITE."""
        if step := self._step(at_us):
            step.pdd.add(pdd_ms)

    def call_answered(self, at_us: int) -> None:
        """The first 2xx of a call came."""
        if step := self._step(at_us):
            step.answered += 1
            step.outcomes += 1
            step.effective += 1
            _count(step.responses, "2xx")

    def call_ended(self, at_us: int, state: CallState, status: int | None, *, answered: bool) -> None:
        """A call is over; `status` is its final response where it had one."""
        step = self._step(at_us)
        if step is None:
            return
        _count(step.ends, state)
        if answered:
            return
        _count(step.responses, response_class(status))
        if state is not CallState.REDIRECTED:
            step.outcomes += 1
            step.effective += state is CallState.CANCELLED or status in USER_ENDED

    def registration_answered(self, at_us: int, status: int | None) -> None:
        """A REGISTER cycle came to its final response, or to none."""
        if step := self._step(at_us):
            _count(step.responses, response_class(status))

    def messages_read(self, at_us: int, collector: str, count: int, per_second: float) -> None:
        """A collector read so many messages since its last report."""
        if step := self._step(at_us):
            step.messages += count
            self._rates[collector] = per_second

    def collector_gone(self, collector: str) -> None:
        """A collector reads nothing any more."""
        self._rates.pop(collector, None)

    def messages_lost(self, at_us: int, count: int) -> None:
        """Messages were lost; at least one where the number is not known."""
        if step := self._step(at_us):
            step.lost += max(count, 1)

    # --- what it comes to ----------------------------------------------------------------------

    def metrics(self) -> Metrics:
        """All figures as they are now."""
        seconds = (self._now_us // SECOND - n for n in range(1, RATE_SECONDS + 1))
        pdd = Sketch.merged(step.pdd for step in self._steps)
        outcomes = sum(step.outcomes for step in self._steps)
        return Metrics(
            at_us=self._now_us,
            active_calls=self._gauge("active_calls"),
            cps=self._series(
                sum(self._seconds.get(second, 0) for second in seconds) / RATE_SECONDS,
                (step.started * SECOND / STEP_US for step in self._steps),
            ),
            asr_percent=self._series(
                _percent(sum(step.answered for step in self._steps), outcomes),
                (_percent(step.answered, step.outcomes) for step in self._steps),
            ),
            ner_percent=self._series(
                _percent(sum(step.effective for step in self._steps), outcomes),
                (_percent(step.effective, step.outcomes) for step in self._steps),
            ),
            pdd_p50_ms=self._series(pdd.percentile(50), (step.pdd.percentile(50) for step in self._steps)),
            pdd_p95_ms=self._series(pdd.percentile(95), (step.pdd.percentile(95) for step in self._steps)),
            registrations=self._gauge("registrations"),
            open_alerts=self._gauge("open_alerts"),
            messages_per_s=self._series(
                round(sum(self._rates.values()), 1), (step.messages * SECOND / STEP_US for step in self._steps)
            ),
            loss=self._series(sum(step.lost for step in self._steps), (step.lost for step in self._steps)),
            collectors_up=self._gauge("collectors_up"),
            collectors_total=self._gauges.collectors_total,
            responses={name: self._responses(name) for name in RESPONSE_CLASSES},
            calls=self._totals(),
        )

    def _series(self, now: float | None, steps: Iterator[float | None]) -> Series:
        return Series(now, (None,) * (STEPS - len(self._steps)) + tuple(steps))

    def _gauge(self, name: str) -> Series:
        # The newest step is not over: it stands as things stand now.
        past = (getattr(step.gauges or self._gauges, name) for step in self._steps)
        return self._series(getattr(self._gauges, name), past)

    def _responses(self, name: str) -> tuple[int, ...]:
        return (0,) * (STEPS - len(self._steps)) + tuple(step.responses.get(name, 0) for step in self._steps)

    def _totals(self) -> CallTotals:
        def ends(state: CallState) -> int:
            return sum(step.ends.get(state, 0) for step in self._steps)

        return CallTotals(
            started=sum(step.started for step in self._steps),
            answered=sum(step.answered for step in self._steps),
            ended=ends(CallState.ENDED),
            failed=ends(CallState.FAILED),
            cancelled=ends(CallState.CANCELLED),
            redirected=ends(CallState.REDIRECTED),
        )


def response_class(status: int | None) -> str:
    """486 → "4xx"; no response at all → "none"."""
    return f"{status // 100}xx" if status else "none"


def _count(counts: dict[_Key, int], key: _Key) -> None:
    counts[key] = counts.get(key, 0) + 1


def _percent(part: int, whole: int) -> float | None:
    return round(100 * part / whole, 1) if whole else None
