"""Whom to trust: peers that the operator names, and those that carry calls and registrations which succeed.

A trunk may send more in a second than a scanner in a minute. What tells them apart is that its calls ring.
"""

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Final

from monitor.core.hop import address_of
from monitor.core.limits import MINUTE, Limits
from monitor.core.sources.tables import Table
from monitor.core.updates import (
    CallAnswered,
    CallEnded,
    CallRang,
    RecordKey,
    RegistrationSucceeded,
    SourceSeen,
)

_PERIOD_US: Final = 5 * MINUTE
_MOST_SOURCES: Final = 50_000
_MOST_CALLS: Final = 100_000


class _Tally:
    """What a source began and what of it went well, in this period of the clock and in the one before."""

    __slots__ = ("_before", "_now", "_period")

    def __init__(self) -> None:
        self._period = 0
        self._now = [0, 0]
        self._before = [0, 0]

    def count(self, at_us: int, *, well: bool) -> None:
        """Something began, or went well."""
        self._turn(at_us)
        self._now[well] += 1

    def sums(self, at_us: int) -> tuple[int, int]:
        """(began, went well)."""
        self._turn(at_us)
        return self._now[0] + self._before[0], self._now[1] + self._before[1]

    def _turn(self, at_us: int) -> None:
        period = at_us // _PERIOD_US
        if period > self._period:
            self._before = self._now if period == self._period + 1 else [0, 0]
            self._now, self._period = [0, 0], period


class Trust:
    """Networks by configuration; addresses by what they were seen to do."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._networks = [ip_network(network) for network in limits.trusted_peers]
        self._named: Table[str, list[bool]] = Table(list, _MOST_SOURCES)
        self._tallies: Table[str, _Tally] = Table(_Tally, _MOST_SOURCES)
        self._calls: Table[RecordKey, list[str]] = Table(list, _MOST_CALLS)  # who began it, and whom it reached

    def seen(self, update: SourceSeen, at_us: int) -> None:
        """A source began something."""
        source = address_of(update.source)
        self._tallies[source].count(at_us, well=False)
        if update.method == "INVITE":
            self._calls[update.key][:] = source, address_of(update.destination)

    def went_well(self, update: CallRang | CallAnswered | RegistrationSucceeded, at_us: int) -> None:
        """A call reached somebody, which counts once; a registration succeeded."""
        if isinstance(update, RegistrationSucceeded):
            self._tallies[address_of(update.client)].count(at_us, well=True)
            return
        for address in self._calls.pop(update.key) or ():
            self._tallies[address].count(at_us, well=True)

    def ended(self, update: CallEnded) -> None:
        """A call that reached nobody will not any more."""
        self._calls.pop(update.key)

    def named(self, address: str) -> bool:
        """Whether the operator names this address."""
        if not self._networks:
            return False
        known = self._named[address]
        if not known:
            parsed = _parsed(address)
            known.append(parsed is not None and any(parsed in network for network in self._networks))
        return known[0]

    def trusted(self, address: str, at_us: int) -> bool:
        """Whether the operator names it, or it carries what succeeds."""
        if self.named(address):
            return True
        began, well = self.sums(address, at_us)
        return well >= self._limits.trusted_successes and well >= self._limits.trusted_share * began

    def sums(self, address: str, at_us: int) -> tuple[int, int]:
        """(began, went well) of the last five to ten minutes."""
        tally = self._tallies.get(address)
        return tally.sums(at_us) if tally is not None else (0, 0)


def _parsed(address: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(address.partition("%")[0])
    except ValueError:
        return None
