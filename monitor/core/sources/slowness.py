"""`slow-setup` of a peer: calls ring later than they usually do there, and often."""

from collections import deque
from typing import Final

from collectors.sip.timers import MILLISECOND, SECOND
from monitor.core.diagnosis.setup import SLOW_SETUP
from monitor.core.limits import Limits
from monitor.core.measures.bucket import bucket_of
from monitor.core.measures.sketch import Sketch
from monitor.core.sources.beginning import Underway
from monitor.core.sources.ledger import Ledger
from monitor.core.sources.tables import Table
from monitor.core.sources.values import Subject
from monitor.core.updates import CallAnswered, CallRang, FindingState, RecordKey

_MOST_PEERS: Final = 5_000
_MOST_RECENT: Final = 1_000
_CLEARLY: Final = 1.1  # a sketch is within one per cent, and what is a little more is no news
_PERIOD_US: Final = 3600 * SECOND


class _Delay:
    """The post-dial delay of a call."""

    __slots__ = ("at_us", "destination", "key", "ms", "source")

    def __init__(self, at_us: int, ms: float, key: RecordKey, source: str, destination: str) -> None:
        self.at_us = at_us
        self.ms = ms
        self.key = key
        self.source = source
        self.destination = destination


class _Usual:
    """What is usual at a peer: the delays of this hour and the one before, but for those of the last minutes."""

    __slots__ = ("_before", "_now", "_period", "recent")

    def __init__(self) -> None:
        self.recent: deque[_Delay] = deque()
        self._period = 0
        self._now = Sketch()
        self._before = Sketch()

    def add(self, delay: _Delay, within_us: int) -> None:
        """One more call; those of longer ago than that become what is usual."""
        self.recent.append(delay)
        while self.recent[0].at_us <= delay.at_us - within_us or len(self.recent) > _MOST_RECENT:
            self._settle(self.recent.popleft())

    def percentile(self, least: int) -> float | None:
        """The 95th percentile of what is usual, in ms; None of fewer calls than `least`."""
        if self._before.total + self._now.total < least:
            return None
        usual = Sketch()
        usual.merge(self._before)
        usual.merge(self._now)
        return usual.percentile(95)

    def _settle(self, delay: _Delay) -> None:
        period = delay.at_us // _PERIOD_US
        if period > self._period:
            self._before = self._now if period == self._period + 1 else Sketch()
            self._now, self._period = Sketch(), period
        self._now.count(bucket_of(delay.ms))


class Slowness:
    """Compares what rings late with what is usual at the peer that the call went to."""

    def __init__(self, limits: Limits, ledger: Ledger) -> None:
        self._limits = limits
        self._within_us = limits.slow_us
        self._floor_us = limits.slow_floor_us
        self._ledger = ledger
        self._peers: Table[str, _Usual] = Table(_Usual, _MOST_PEERS)

    def rang(self, update: CallRang | CallAnswered, call: Underway, at_us: int) -> None:
        """It rings, or is answered without: that is the end of its post-dial delay."""
        delay_ms = update.pdd_ms if isinstance(update, CallRang) else update.setup_ms
        if not call.asked or delay_ms is None:
            return
        peer = call.server.address
        usual = self._peers[peer]
        usual.add(_Delay(at_us, delay_ms, update.key, call.source, call.destination), self._within_us)
        if delay_ms * MILLISECOND >= self._floor_us:
            self._judge(peer, usual, at_us)

    def _judge(self, peer: str, usual: _Usual, at_us: int) -> None:
        limits = self._limits
        usual_ms = usual.percentile(limits.slow_least)
        if usual_ms is None:
            return
        bound_ms = max(usual_ms * _CLEARLY, limits.slow_floor_us / MILLISECOND)
        slow = [delay for delay in usual.recent if delay.ms > bound_ms]
        if len(slow) < limits.slow_calls or len(slow) < limits.slow_share * len(usual.recent):
            return
        last = slow[-1]
        self._ledger.say(
            SLOW_SETUP,
            Subject.PEER,
            peer,
            at_us,
            f"Calls to {peer} ring late: {len(slow)} of {len(usual.recent)} within {limits.slow_us // 60_000_000} min "
            f"took longer than {bound_ms / 1000:.1f} s, the last one {last.ms / 1000:.1f} s; of 100, 95 take at most "
            f"{usual_ms / 1000:.1f} s there.",
            state=FindingState.CONFIRMED,
            count=len(slow),
            hop=f"{last.source}>{last.destination}",
            variant="unusual",
            evidence=[delay.key for delay in slow],
        )
