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
from monitor.core.sources.tables import Table
from monitor.core.sources.values import Subject
from monitor.core.updates import FindingState, RegistrationSucceeded

_MOST: Final = 50_000
_SPARE: Final = 1_024


class Expiry:
    """Watches the deadlines of bindings."""

    def __init__(self, limits: Limits, ledger: Ledger, accounts: Accounts, blind: Blindness) -> None:
        self._limits = limits
        self._ledger = ledger
        self._accounts = accounts
        self._blind = blind
        self._deadlines: list[tuple[int, str, str]] = []  # a heap; a refresh leaves its old one behind
        self._expired: Table[str, set[str]] = Table(set, _MOST)
        self._heard: Table[str, list[int]] = Table(list, _MOST)  # registrar → when it was seen at work last

    def seen(self, registrar: str, at_us: int) -> None:
        """A registrar is at work, and within sight."""
        self._heard[address_of(registrar)][:] = [at_us]

    def registered(self, update: RegistrationSucceeded, at_us: int) -> None:
        """A binding was made or refreshed: what was said of its expiry is over."""
        heappush(self._deadlines, (update.expires_us + self._limits.expiry_grace_us, update.aor, update.identity))
        if len(self._deadlines) > 2 * len(self._accounts) + _SPARE:
            self._tidy()
        expired = self._expired.get(update.aor)
        if expired is None:
            return
        expired.discard(update.identity)
        if not expired:
            self._expired.pop(update.aor)
            self._ledger.clear(REGISTRATION_EXPIRED, Subject.ACCOUNT, update.aor, at_us)

    def advance(self, now_us: int) -> None:
        """Time passes."""
        while self._deadlines and self._deadlines[0][0] <= now_us:
            due_us, account, identity = heappop(self._deadlines)
            binding = self._accounts.get(account, identity)
            if binding is not None and binding.expires_us + self._limits.expiry_grace_us <= due_us:
                self._accounts.remove(account, identity)
                if not self._replaced(binding):
                    self._say(binding, due_us)

    def _replaced(self, binding: Binding) -> bool:
        """Whether the same phone has another binding since: it got a new port, or started anew."""
        return any(
            other.made_us >= binding.made_us
            and (other.key == binding.key or address_of(other.client) == address_of(binding.client))
            for other in self._accounts.bound(binding.account)
        )

    def _say(self, binding: Binding, due_us: int) -> None:
        (heard_us,) = self._heard.get(address_of(binding.registrar)) or (0,)
        # Where nothing at all is seen of its registrar any more, it is the view that may have ended.
        doubt = self._blind.covers(binding.made_us, due_us) or heard_us <= binding.made_us
        self._expired[binding.account].add(binding.identity)
        lived_us = binding.expires_us - binding.made_us
        self._ledger.say(
            REGISTRATION_EXPIRED,
            Subject.ACCOUNT,
            binding.account,
            due_us,
            f"The registration of {binding.account} at {binding.contact} ran out: {address_of(binding.client)} had "
            f"{seconds(lived_us)} to renew it, and did not.",
            state=FindingState.SUSPECTED if doubt else FindingState.CONFIRMED,
            count=len(self._expired[binding.account]),
            hop=f"{binding.client}>{binding.registrar}",
            evidence=(binding.key,),
        )

    def _tidy(self) -> None:
        grace_us = self._limits.expiry_grace_us
        self._deadlines = [
            (binding.expires_us + grace_us, binding.account, binding.identity) for binding in self._accounts.all()
        ]
        heapify(self._deadlines)
