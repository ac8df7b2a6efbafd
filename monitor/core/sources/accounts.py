"""The bindings in force: one an address of record and instance (else Contact), whichever Call-ID made it."""

from collections.abc import Iterator
from typing import Final

from collectors.sip.uri import host_of
from monitor.core.hop import address_of
from monitor.core.sources.tables import Bounded
from monitor.core.updates import RecordKey, RegistrationSucceeded

MOST: Final = 200_000  # accounts, and endpoints behind which they are reached
_MOST_BOUND: Final = 16  # bindings of one account
EVERY: Final = "*"


class Binding:
    """One binding in force. `address`: that of the client."""

    __slots__ = ("account", "address", "client", "contact", "expires_us", "identity", "key", "made_us", "registrar")

    def __init__(self, update: RegistrationSucceeded, at_us: int) -> None:
        self.account = update.aor
        self.identity = update.identity
        self.client = update.client
        self.address = address_of(self.client)
        self.contact = update.contact
        self.registrar = update.registrar
        self.expires_us = update.expires_us
        self.made_us = at_us
        self.key: RecordKey = update.key

    @property
    def translated(self) -> bool:
        """Whether it came through a NAT: its Contact is not where it came from."""
        return host_of(self.contact).strip("[]") != self.address


class Accounts:
    """Who is bound where. Beyond the bounds, what was asked for longest ago is forgotten."""

    def __init__(self, most: int = MOST) -> None:
        self._bound: Bounded[str, tuple[Binding, ...]] = Bounded(most)
        self._behind: Bounded[str, Binding] = Bounded(most)

    def bound(self, account: str) -> tuple[Binding, ...]:
        """The bindings of an address of record, the oldest first."""
        return self._bound.get(account) or ()

    def all(self) -> Iterator[Binding]:
        """All bindings."""
        return (binding for account in self._bound for binding in self.bound(account))

    def __len__(self) -> int:
        return len(self._bound)

    def get(self, account: str, identity: str) -> Binding | None:
        """One binding."""
        for binding in self.bound(account):
            if binding.identity == identity:
                return binding
        return None

    def behind(self, endpoint: str) -> Binding | None:
        """The binding that came from this endpoint last."""
        return self._behind.get(endpoint)

    def bind(self, binding: Binding) -> None:
        """A binding was made, or refreshed."""
        others = [each for each in self.bound(binding.account) if each.identity != binding.identity]
        self._bound.put(binding.account, (*others[1 - _MOST_BOUND :], binding))
        self._behind.put(binding.client, binding)

    def remove(self, account: str, identity: str) -> list[Binding]:
        """A binding, or every one of the account, is no more."""
        bound = self.bound(account)
        removed = [binding for binding in bound if identity in (EVERY, binding.identity)]
        for binding in removed:
            if self.behind(binding.client) is binding:
                self._behind.pop(binding.client)
        if len(removed) < len(bound):
            self._bound.put(account, tuple([binding for binding in bound if binding not in removed]))
        else:
            self._bound.pop(account)
        return removed
