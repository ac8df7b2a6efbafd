"""A REGISTER as an attempt: what it asks for, and the credentials that it carries (RFC 3261 §10.2, §22)."""

from typing import Final

from monitor.core.attempt import CHALLENGES, Attempt, Attempts
from monitor.core.logins import Nonce, challenges, nonces_of, proofs
from monitor.core.message import Message
from monitor.core.offers import asked_s, offers
from monitor.core.transaction import Transaction

_MOST_TRIED: Final = 16
_MOST_NONCES: Final = 16
# Of most, shared and never changed.
_NO_NONCES: Final[dict[str, str]] = {}
_NO_REALMS: Final[frozenset[str]] = frozenset()


class Login(Attempt):
    """A REGISTER on all its hops, with what it asks for and the credentials that it carries."""

    __slots__ = (
        "_nonces",
        "_proofs",
        "_tried",
        "challenged",
        "contact",
        "early_final",
        "expires_s",
        "identity",
        "success_us",
    )

    def __init__(self, event: Message) -> None:
        super().__init__(event)
        self.contact = ""
        self.identity = ""  # of the binding that it is about (`Offer.identity`); "" where it asks for none (a query)
        self.expires_s = -1
        self.challenged = _NO_REALMS  # that asked for credentials, and don't call those sent stale
        self.success_us = 0  # first 2xx
        self.early_final: Message | None = None  # a response that came before its request
        self._proofs: tuple[str, ...] = ()  # its credentials, unless they were read
        self._nonces = _NO_NONCES  # as they were read
        self._tried: tuple[tuple[Transaction, tuple[str, ...]], ...] = ()  # hops with credentials, and these

    def sent_on(self, transaction: Transaction, event: Message) -> None:
        """One of its hops was seen for the first time, by its request or a response."""
        super().sent_on(transaction, event)
        self.initial = True  # there is no dialog that it could be within
        if event.method:
            asked = offers(event)
            self.contact = event.contact
            self.identity = asked[0].identity if asked else ""
            self.expires_s = asked_s(event, asked)
            self._prove(transaction, proofs(event))

    def _prove(self, transaction: Transaction, given: tuple[str, ...]) -> None:
        """It carried these credentials on one of its hops. They are read if it is refused, which is rare."""
        if self._tried and self._tried[-1][1] == given:
            given = self._tried[-1][1]  # the next hop: one text for both
        self._proofs, self._nonces = given, _NO_NONCES
        if given:
            self._tried = (*self._tried[1 - _MOST_TRIED :], (transaction, given))

    @property
    def nonces(self) -> dict[str, str]:
        """Realm → nonce of its credentials, as the hop carried them that was seen last."""
        if self._proofs:
            self._nonces, self._proofs = nonces_of(self._proofs), ()
        return self._nonces

    @property
    def refused(self) -> bool:
        """Whether it may have been: a first challenge, to a request without credentials, refuses nothing."""
        status = self.status()
        return (status >= 300 and status not in CHALLENGES) or bool(self.challenged and self.nonces)

    def tried(self, transaction: Transaction) -> bool:
        """Whether it carried credentials on this hop. Guessers send several under one CSeq."""
        return any(tried is transaction and nonces_of(given) for tried, given in self._tried)

    def before(self, other: "Login") -> bool:
        """Whether it was sent before another one."""
        if self.from_tag == other.from_tag:
            return self.cseq < other.cseq  # §10.2: it counts up, whichever message is seen first
        return self.first_us < other.first_us


class Nonces:
    """The nonces that the servers of one session gave out, the latest of them."""

    __slots__ = ("_given",)

    def __init__(self) -> None:
        self._given: tuple[Nonce, ...] = ()

    def learn(self, event: Message, login: Login) -> None:
        """A challenge to a login: what it gives out, and who asks for credentials."""
        for nonce, stale in challenges(event):
            self._given = (*self._given[1 - _MOST_NONCES :], nonce)
            if not stale:
                login.challenged |= {nonce.realm}

    def refused_us(self, login: Login, logins: Attempts[Login]) -> int:
        """When the latest nonce was given out with which a login was refused; 0 where it was not refused so."""
        for realm in login.challenged:  # of most nobody, and no credentials need to be read
            used, latest = login.nonces.get(realm), self._latest(realm, login.first_us)
            # Of an earlier use that was not refused, the success may be out of sight.
            served = any(
                realm not in other.challenged and other.first_us < login.first_us and used in other.nonces.values()
                for other in logins
            )
            if latest is not None and latest.nonce == used and not served:
                return latest.at_us
        return 0

    def latest_used_by(self, login: Login) -> bool:
        """Whether the credentials of a login were for a nonce that was the latest, and not said to be stale."""
        for realm, used in login.nonces.items():
            latest = self._latest(realm, login.first_us)
            if latest is not None and latest.nonce == used:
                return login.status() not in CHALLENGES or realm in login.challenged
        return False

    def _latest(self, realm: str, until_us: int) -> Nonce | None:
        return max((nonce for nonce in self._given if nonce.realm == realm and nonce.at_us <= until_us), default=None)
