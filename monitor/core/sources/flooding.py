"""`flood`: more requests than anybody should send, and nothing comes of them."""

from typing import Final

from collectors.sip.timers import SECOND
from monitor.core.diagnosis.security import FLOOD
from monitor.core.diagnosis.text import seconds
from monitor.core.limits import Limits
from monitor.core.sources.beginning import Beginning
from monitor.core.sources.ledger import Ledger
from monitor.core.sources.peers import Peer, Peers, Rate
from monitor.core.sources.trust import Trust
from monitor.core.sources.values import Subject
from monitor.core.updates import FindingState, RecordGrew, RecordKey

_MOST_NEWEST: Final = 5


class Flooding:
    """Counts requests of each source."""

    def __init__(self, limits: Limits, ledger: Ledger, trust: Trust, peers: Peers) -> None:
        self._limits = limits
        self._ledger = ledger
        self._trust = trust
        self._peers = peers
        self._most = limits.flood_rate * limits.flood_us // SECOND

    def seen(self, begun: Beginning, at_us: int) -> None:
        """A source began something."""
        if self._is_flooded(begun.client, begun.key, 1, at_us):
            self._say(begun.client, begun.hop, at_us)

    def grew(self, update: RecordGrew, at_us: int) -> None:
        """More requests came."""
        peer = self._peers.of(update.source)
        if self._is_flooded(peer, update.key, update.requests, at_us):
            self._say(peer, update.source, at_us)

    def _is_flooded(self, peer: Peer, key: RecordKey, requests: int, at_us: int) -> bool:
        """Whether so many requests more are too many, with those before."""
        rate = peer.rate
        if rate is None:
            rate = peer.rate = Rate(self._limits.flood_us)
        rate.sent.add(at_us, requests, key)
        if rate.sent.total < self._most:
            rate.over_us = 0
        elif not self._goes_well(peer.address, at_us):
            rate.over_us = rate.over_us or at_us
            return True
        return False

    def _goes_well(self, address: str, at_us: int) -> bool:
        """Whether it is a peer, or looks like one: some of what it began succeeded."""
        began, well = self._trust.sums(address, at_us)
        return self._trust.named(address) or well >= max(1, self._limits.trusted_share * began)

    def _say(self, peer: Peer, hop: str, at_us: int) -> None:
        rate, address = peer.rate, peer.address
        assert rate is not None, "it was counted"  # noqa: S101 - only who sends too much is told of
        lasts = at_us - rate.over_us >= self._limits.flood_us
        within_us = self._limits.flood_us
        self._ledger.say(
            FLOOD,
            Subject.SOURCE,
            address,
            at_us,
            f"{address} sends {rate.sent.total * SECOND // within_us:,} requests a second over {seconds(within_us)}, "
            "and next to nothing of it succeeds.",
            state=FindingState.CONFIRMED if lasts else FindingState.SUSPECTED,
            count=rate.sent.total,
            hop=hop,
            evidence=rate.sent.newest(_MOST_NEWEST),
        )
