"""`registration-expired`: a binding ran out, and nobody renewed it in time."""

from heapq import heapify, heappop, heappush
from typing import Final

from monitor.core.diagnosis.registration import REGISTRATION_EXPIRED
from monitor.core.diagnosis.text import seconds
from monitor.core.hop import address_of
from monitor.core.limits import Limits
from monitor.core.sources.accounts import Accounts, Binding
from monitor.core.sources.blindness import Blindness
from monitor.core.sources.ledger import Ledger
from monitor.core.sources.peers import Peers
from monitor.core.sources.tables import Table
from monitor.core.sources.values import Subject
from monitor.core.updates import FindingState

_MOST: Final = 50_000
_SPARE: Final = 1_024


class Expiry:
    """Watches the deadlines of bindings."""

    def __init__(self, limits: Limits, ledger: Ledger, accounts: Accounts, blind: Blindness, peers: Peers) -> None:
        self._grace_us = limits.expiry_grace_us
        self._ledger = ledger
        self._accounts = accounts
        self._blind = blind
        self._peers = peers
        self._deadlines: list[tuple[int, str, str]] = []  # a heap; a refresh leaves its old one behind
        self._expired: Table[str, set[str]] = Table(set, _MOST)

    def registered(self, binding: Binding) -> None:
        """A binding was made or refreshed: what was said of its expiry is over."""
        account, identity = binding.account, binding.identity
        heappush(self._deadlines, (binding.expires_us + self._grace_us, account, identity))
        if len(self._deadlines) > 2 * len(self._accounts) + _SPARE:
            self._tidy()
        expired = self._expired.get(account)
        if expired is None:
            return
        expired.discard(identity)
        if not expired:
            self._expired.pop(account)
            self._ledger.clear(REGISTRATION_EXPIRED, Subject.ACCOUNT, account, binding.made_us)

    def advance(self, now_us: int) -> None:
        """Time passes."""
        while self._deadlines and self._deadlines[0][0] <= now_us:
            due_us, account, identity = heappop(self._deadlines)
            binding = self._accounts.get(account, identity)
            if binding is not None and binding.expires_us + self._grace_us <= due_us:
                if self._was_blind(binding, due_us):
                    heappush(self._deadlines, (due_us + binding.expires_us - binding.made_us, account, identity))
                    continue
                self._accounts.remove(account, identity)
                if not self._replaced(binding):
                    self._say(binding, due_us)

    def _was_blind(self, binding: Binding, due_us: int) -> bool:
        """Whether it may have been renewed unseen: then its phone comes again within another interval, if it lives."""
        return due_us == binding.expires_us + self._grace_us and self._blind.covers(binding.made_us, due_us)

    def _replaced(self, binding: Binding) -> bool:
        """Whether the same phone has another binding since: it got a new port, or started anew."""
        return any(
            other.made_us >= binding.made_us and (other.key == binding.key or other.address == binding.address)
            for other in self._accounts.bound(binding.account)
        )

    def _say(self, binding: Binding, due_us: int) -> None:
        registrar = self._peers.get(address_of(binding.registrar))
        heard_us = registrar.heard_us if registrar is not None else 0
        # Where nothing at all is seen of its registrar any more, it is the view that may have ended.
        doubt = self._blind.covers(binding.made_us, due_us) or heard_us <= binding.made_us
        self._expired[binding.account].add(binding.identity)
        lived_us = binding.expires_us - binding.made_us
        self._ledger.say(
            REGISTRATION_EXPIRED,
            Subject.ACCOUNT,
            binding.account,
            due_us,
            f"The registration of {binding.account} at {binding.contact} ran out: {binding.address} had "
            f"{seconds(lived_us)} to renew it, and did not.",
            state=FindingState.SUSPECTED if doubt else FindingState.CONFIRMED,
            count=len(self._expired[binding.account]),
            hop=f"{binding.client}>{binding.registrar}",
            evidence=(binding.key,),
        )

    def _tidy(self) -> None:
        self._deadlines = [
            (binding.expires_us + self._grace_us, binding.account, binding.identity) for binding in self._accounts.all()
        ]
        heapify(self._deadlines)
