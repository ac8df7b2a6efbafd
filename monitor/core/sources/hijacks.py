"""`registration-hijack-suspect`: an account that is suddenly bound from elsewhere, after signs that it was forced."""

from typing import Final

from monitor.core.diagnosis.security import REGISTRATION_HIJACK_SUSPECT
from monitor.core.hop import address_of
from monitor.core.limits import Limits
from monitor.core.sources.accounts import Binding
from monitor.core.sources.ledger import Ledger
from monitor.core.sources.logins import Logins, network_of
from monitor.core.sources.tables import Table
from monitor.core.sources.trust import Trust
from monitor.core.sources.values import Subject
from monitor.core.updates import FindingState, RegistrationEnded, Severity

_MOST: Final = 50_000
_MOST_NETWORKS: Final = 8


class _Account:
    """From where an account was bound, and by whom somebody else's binding of it was removed, and when."""

    __slots__ = ("address", "networks", "removed")

    def __init__(self) -> None:
        self.address = ""  # the last one
        self.networks: tuple[str, ...] = ()  # where there was another one before: theirs, that of the last one last
        self.removed: tuple[str, int] = ("", 0)


class Hijacks:
    """Knows from which networks accounts are used."""

    def __init__(self, limits: Limits, ledger: Ledger, trust: Trust, logins: Logins) -> None:
        self._limits = limits
        self._ledger = ledger
        self._trust = trust
        self._logins = logins
        self._accounts: Table[str, _Account] = Table(_Account, _MOST)

    def removed(self, update: RegistrationEnded, removed: list[Binding], at_us: int) -> None:
        """Bindings were removed. A phone removes its own; who moved has the same Call-ID as before."""
        network = network_of(address_of(update.client))
        for binding in removed:
            if binding.key != update.key and network_of(binding.address) != network:
                self._accounts[update.aor].removed = (network, at_us)

    def registered(self, binding: Binding) -> None:
        """An account was bound. Most are from one address, whose network nobody needs to know."""
        account, address = self._accounts[binding.account], binding.address
        if account.address and account.address != address:
            self._moved(account, binding)
        account.address = address

    def _moved(self, account: _Account, binding: Binding) -> None:
        """It is bound from another address than the last time."""
        network, networks = network_of(binding.address), account.networks or (network_of(account.address),)
        if network not in networks and not self._trust.named(binding.address):
            by, removed_us = account.removed
            took = by == network and binding.made_us - removed_us <= self._limits.hijack_us
            failures = self._logins.failures(binding)
            if took or failures >= self._limits.hijack_failures:
                self._say(binding, failures, took=took)
        others = [each for each in networks if each != network]
        account.networks = (*others[1 - _MOST_NETWORKS :], network)

    def _say(self, binding: Binding, failures: int, *, took: bool) -> None:
        signs = [f"after {failures} failed logins from there"] if failures else []
        signs += ["after removing the binding that was there"] if took else []
        self._ledger.say(
            REGISTRATION_HIJACK_SUSPECT,
            Subject.ACCOUNT,
            binding.account,
            binding.made_us,
            f"{binding.account} was registered from {binding.address}, a network that it never used, "
            f"{' and '.join(signs)}.",
            state=FindingState.SUSPECTED,
            severity=None if failures >= self._limits.hijack_failures else Severity.MINOR,
            hop=f"{binding.client}>{binding.registrar}",
            evidence=(binding.key,),
        )
