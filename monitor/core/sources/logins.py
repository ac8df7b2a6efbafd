"""`brute-force`: passwords tried on accounts."""

from functools import lru_cache
from ipaddress import ip_address
from typing import Final

from monitor.core.diagnosis.security import BRUTE_FORCE, SCANNER
from monitor.core.diagnosis.text import seconds
from monitor.core.hop import address_of
from monitor.core.limits import Limits
from monitor.core.sources.accounts import Binding
from monitor.core.sources.ledger import Ledger
from monitor.core.sources.tables import Bounded, Recent, Table
from monitor.core.sources.trust import Trust
from monitor.core.sources.values import Subject
from monitor.core.updates import (
    FindingConfirmed,
    FindingRaised,
    FindingState,
    LoginFailed,
    RecordKey,
)

_MOST: Final = 20_000  # pairs of source and account, and as many sources and accounts


class _Guesses:
    """The failed logins of one source on one account: by Call-ID, in a short and in a long time."""

    __slots__ = ("broken_us", "fast", "slow")

    def __init__(self, limits: Limits) -> None:
        self.broken_us = 0  # when one was right
        self.fast: Recent[str] = Recent(limits.guesses_us)
        self.slow: Recent[str] = Recent(limits.slow_guesses_us)


class Logins:
    """Counts credentials that were refused."""

    def __init__(self, limits: Limits, ledger: Ledger, trust: Trust) -> None:
        self._limits = limits
        self._ledger = ledger
        self._trust = trust
        self._guesses: Table[tuple[str, str], _Guesses] = Table(lambda: _Guesses(limits), _MOST)
        self._sprayed: Table[str, Recent[str]] = Table(lambda: Recent(limits.sprayed_us), _MOST)
        self._tried: Table[str, Recent[str]] = Table(lambda: Recent(limits.distributed_us), _MOST)
        self._known: Bounded[str, str] = Bounded(_MOST)  # account → where it registered last

    def failed(self, update: LoginFailed, at_us: int) -> None:
        """A registration's credentials were refused."""
        self._failed(address_of(update.source), f"{update.source}>{update.server}", update.account, at_us, update.key)

    def call_refused(self, update: FindingRaised | FindingConfirmed, at_us: int) -> None:
        """`auth-failed` of a call: its credentials were refused."""
        client, _, _ = update.finding.hop.partition(">")
        self._failed(address_of(client), update.finding.hop, update.from_uri, at_us, update.key)

    def failures(self, binding: Binding) -> int:
        """How many logins of this source to this account failed before, in the last minutes."""
        guesses = self._guesses.get((binding.address, binding.account))
        return guesses.slow.total if guesses is not None else 0

    def registered(self, binding: Binding) -> None:
        """The right password: what was a brute force before is a break-in now."""
        address, account = binding.address, binding.account
        guesses = self._guesses.get((address, account))
        found = None if guesses is None else self._ledger.stands(BRUTE_FORCE, Subject.SOURCE, address)
        if guesses is None or found is None or found.finding.state != FindingState.CONFIRMED:
            self._known.put(account, address)
            return
        guesses.broken_us = binding.made_us
        self._say_broken(address, account, found.finding.hop, found.count, binding.made_us, binding.key)

    def _say_broken(self, address: str, account: str, hop: str, count: int, at_us: int, key: RecordKey) -> None:
        self._ledger.say(
            BRUTE_FORCE,
            Subject.SOURCE,
            address,
            at_us,
            f"{address} tried passwords on {account} until one was right: it is registered there now.",
            count=count,
            hop=hop,
            evidence=(key,),
        )

    def _failed(self, address: str, hop: str, account: str, at_us: int, key: RecordKey) -> None:
        if self._trust.named(address) or self._known.get(account) == address:
            return
        self._guessed(address, hop, account, at_us, key)
        self._spread(address, hop, account, at_us, key)
        self._gathered(address, hop, account, at_us, key)

    def _guessed(self, address: str, hop: str, account: str, at_us: int, key: RecordKey) -> None:
        """Many passwords on one account."""
        limits, guesses = self._limits, self._guesses[address, account]
        guesses.fast.add(at_us, key.call_id)
        guesses.slow.add(at_us, key.call_id)
        if guesses.broken_us:
            self._say_broken(address, account, hop, guesses.slow.total, at_us, key)
            return
        scans = self._ledger.stands(SCANNER, Subject.SOURCE, address) is not None
        fast = guesses.fast.total >= (limits.scanner_guesses if scans else limits.guesses)
        if not fast and guesses.slow.total < limits.slow_guesses:
            return
        counted, within_us = (guesses.fast, limits.guesses_us) if fast else (guesses.slow, limits.slow_guesses_us)
        self._ledger.say(
            BRUTE_FORCE,
            Subject.SOURCE,
            address,
            at_us,
            f"{address} failed to log in to {account} {counted.total} times within {seconds(within_us)}.",
            state=FindingState.CONFIRMED if scans or len(counted) > 1 else FindingState.SUSPECTED,
            count=guesses.slow.total,
            hop=hop,
            evidence=(key,),
        )

    def _spread(self, address: str, hop: str, account: str, at_us: int, key: RecordKey) -> None:
        """Many accounts from one source."""
        limits, sprayed = self._limits, self._sprayed[address]
        sprayed.add(at_us, account)
        if len(sprayed) < limits.sprayed_accounts or self._trust.trusted(address, at_us):
            return
        self._ledger.say(
            BRUTE_FORCE,
            Subject.SOURCE,
            address,
            at_us,
            f"{address} failed to log in to {len(sprayed)} accounts within {seconds(limits.sprayed_us)}.",
            state=FindingState.SUSPECTED,
            count=sprayed.total,
            hop=hop,
            evidence=(key,),
        )

    def _gathered(self, address: str, hop: str, account: str, at_us: int, key: RecordKey) -> None:
        """One account from many networks."""
        limits, tried = self._limits, self._tried[account]
        tried.add(at_us, network_of(address))
        if len(tried) < limits.distributed_networks or tried.total < limits.distributed_guesses:
            return
        self._ledger.say(
            BRUTE_FORCE,
            Subject.ACCOUNT,
            account,
            at_us,
            f"Logins to {account} failed {tried.total} times from {len(tried)} networks within "
            f"{seconds(limits.distributed_us)}.",
            count=tried.total,
            hop=hop,
            evidence=(key,),
        )


@lru_cache(8192)
def network_of(address: str) -> str:
    """A name of the network that an address is of: /24, /48; the text itself where it is no address."""
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    network = int(parsed) >> (8 if parsed.version == 4 else 80)
    if parsed.version == 4:
        return f"{network >> 16}.{network >> 8 & 255}.{network & 255}.0/24"
    return f"{network >> 32:x}:{network >> 16 & 0xFFFF:x}:{network & 0xFFFF:x}::/48"
