"""`flood`: more requests than anybody should send, and nothing comes of them."""

from collections import deque
from typing import Final

from collectors.sip.timers import SECOND
from monitor.core.diagnosis.security import FLOOD
from monitor.core.diagnosis.text import seconds
from monitor.core.hop import address_of
from monitor.core.limits import Limits
from monitor.core.sources.ledger import Ledger
from monitor.core.sources.tables import Recent, Table
from monitor.core.sources.trust import Trust
from monitor.core.sources.values import Subject
from monitor.core.updates import FindingState, RecordGrew, RecordKey, SourceSeen

_MOST: Final = 20_000
_MOST_EVIDENCE: Final = 5


class _Rate:
    """How much one source sent, by second; and which records those were, the newest."""

    __slots__ = ("newest", "over_us", "sent")

    def __init__(self, within_us: int) -> None:
        self.sent: Recent[int] = Recent(within_us, most=100_000)
        self.newest: deque[RecordKey] = deque(maxlen=_MOST_EVIDENCE)
        self.over_us = 0  # since when it sends too much


class Flooding:
    """Counts requests of each source."""

    def __init__(self, limits: Limits, ledger: Ledger, trust: Trust) -> None:
        self._limits = limits
        self._ledger = ledger
        self._trust = trust
        self._rates: Table[str, _Rate] = Table(lambda: _Rate(limits.flood_us), _MOST)

    def seen(self, update: SourceSeen | RecordGrew, at_us: int) -> None:
        """Requests came from a source."""
        address = address_of(update.source)
        rate = self._rates[address]
        rate.sent.add(at_us, at_us // SECOND, update.requests if isinstance(update, RecordGrew) else 1)
        rate.newest.append(update.key)
        limits = self._limits
        if rate.sent.total < limits.flood_rate * limits.flood_us // SECOND:
            rate.over_us = 0
        elif not self._goes_well(address, at_us):
            rate.over_us = rate.over_us or at_us
            self._judge(address, rate, at_us, update)

    def _goes_well(self, address: str, at_us: int) -> bool:
        """Whether it is a peer, or looks like one: some of what it began succeeded."""
        began, well = self._trust.sums(address, at_us)
        return self._trust.named(address) or well >= max(1, self._limits.trusted_share * began)

    def _judge(self, address: str, rate: _Rate, at_us: int, update: SourceSeen | RecordGrew) -> None:
        lasts = at_us - rate.over_us >= self._limits.flood_us
        within_us = self._limits.flood_us
        destination = f">{update.destination}" if isinstance(update, SourceSeen) else ""
        self._ledger.say(
            FLOOD,
            Subject.SOURCE,
            address,
            at_us,
            f"{address} sends {rate.sent.total * SECOND // within_us:,} requests a second over {seconds(within_us)}, "
            "and next to nothing of it succeeds.",
            state=FindingState.CONFIRMED if lasts else FindingState.SUSPECTED,
            count=rate.sent.total,
            hop=f"{update.source}{destination}",
            evidence=rate.newest,
        )
