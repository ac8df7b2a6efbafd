"""The bindings in force: one an address of record and instance (else Contact), whichever Call-ID made it."""

from collections.abc import Iterator
from typing import Final

from collectors.sip.uri import host_of
from monitor.core.hop import address_of
from monitor.core.sources.tables import Table
from monitor.core.updates import RecordKey, RegistrationSucceeded

MOST: Final = 200_000  # accounts, and endpoints behind which they are reached
_MOST_BOUND: Final = 16  # bindings of one account
EVERY: Final = "*"


class Binding:
    """One binding in force."""

    __slots__ = ("account", "client", "contact", "expires_us", "identity", "key", "made_us", "registrar")

    def __init__(self, update: RegistrationSucceeded, at_us: int) -> None:
        self.account = update.aor
        self.identity = update.identity
        self.client = update.client
        self.contact = update.contact
        self.registrar = update.registrar
        self.expires_us = update.expires_us
        self.made_us = at_us
        self.key: RecordKey = update.key

    @property
    def translated(self) -> bool:
        """Whether it came through a NAT: its Contact is not where it came from."""
        return host_of(self.contact).strip("[]") != address_of(self.client)


class Accounts:
    """Who is bound where. Beyond the bounds, what was asked for longest ago is forgotten."""

    def __init__(self, most: int = MOST) -> None:
        self._bound: Table[str, dict[str, Binding]] = Table(dict, most)
        self._behind: Table[str, list[Binding]] = Table(list, most)

    def bound(self, account: str) -> list[Binding]:
        """The bindings of an address of record, the oldest first."""
        return list((self._bound.get(account) or {}).values())

    def all(self) -> Iterator[Binding]:
        """All bindings."""
        return (binding for account in self._bound for binding in self.bound(account))

    def __len__(self) -> int:
        return len(self._bound)

    def get(self, account: str, identity: str) -> Binding | None:
        """One binding."""
        return (self._bound.get(account) or {}).get(identity)

    def behind(self, endpoint: str) -> Binding | None:
        """The binding that came from this endpoint last."""
        found = self._behind.get(endpoint)
        return found[0] if found else None

    def bind(self, update: RegistrationSucceeded, at_us: int) -> Binding:
        """A binding was made, or refreshed."""
        bound = self._bound[update.aor]
        bound.pop(update.identity, None)  # so that it is the newest
        binding = bound[update.identity] = Binding(update, at_us)
        if len(bound) > _MOST_BOUND:
            del bound[next(iter(bound))]
        self._behind[update.client][:] = [binding]
        return binding

    def remove(self, account: str, identity: str) -> list[Binding]:
        """A binding, or every one of the account, is no more."""
        bound = self._bound.get(account) or {}
        removed = list(bound.values()) if identity == EVERY else [bound[identity]] if identity in bound else []
        for binding in removed:
            del bound[binding.identity]
            if self.behind(binding.client) is binding:
                self._behind.pop(binding.client)
        if not bound:
            self._bound.pop(account)
        return removed
