"""Whom to trust: peers that the operator names, and those that carry calls and registrations which succeed.

A trunk may send more in a second than a scanner in a minute. What tells them apart is that its calls ring.
"""

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Final

from monitor.core.limits import Limits
from monitor.core.sources.peers import Peers
from monitor.core.sources.tables import Bounded

_MOST: Final = 50_000


class Trust:
    """Networks by configuration; addresses by what they were seen to do."""

    def __init__(self, limits: Limits, peers: Peers) -> None:
        self._limits = limits
        self._peers = peers
        self._networks = [ip_network(network) for network in limits.trusted_peers]
        self._named: Bounded[str, bool] = Bounded(_MOST)

    def named(self, address: str) -> bool:
        """Whether the operator names this address."""
        if not self._networks:
            return False
        named = self._named.find(address)
        if named is None:
            parsed = _parsed(address)
            named = parsed is not None and any(parsed in network for network in self._networks)
            self._named.put(address, named)
        return named

    def trusted(self, address: str, at_us: int) -> bool:
        """Whether the operator names it, or it carries what succeeds."""
        if self.named(address):
            return True
        began, well = self.sums(address, at_us)
        return well >= self._limits.trusted_successes and well >= self._limits.trusted_share * began

    def sums(self, address: str, at_us: int) -> tuple[int, int]:
        """(began, went well) of the last five to ten minutes."""
        peer = self._peers.get(address)
        return peer.tally.sums(at_us) if peer is not None else (0, 0)


def _parsed(address: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(address.partition("%")[0])
    except ValueError:
        return None
