"""A REGISTER as an attempt: what it asks for, and the credentials that it carries (RFC 3261 §10.2, §22)."""

from typing import Final

from monitor.core.attempt import Attempt
from monitor.core.logins import credentials
from monitor.core.message import Message
from monitor.core.offers import asked_s, offers
from monitor.core.transaction import Transaction

_MOST_TRIED: Final = 16
# Of most, shared and never changed.
_NO_NONCES: Final[dict[str, str]] = {}
_NO_REALMS: Final[frozenset[str]] = frozenset()


class Login(Attempt):
    """A REGISTER on all its hops, with what it asks for and the credentials that it carries."""

    __slots__ = ("challenged", "contact", "early_final", "expires_s", "identity", "nonces", "success_us", "tried")

    def __init__(self, event: Message) -> None:
        super().__init__(event)
        self.contact = ""
        self.identity = ""  # of the binding that it is about (`Offer.identity`); "" where it asks for none (a query)
        self.expires_s = -1
        # realm → nonce of each credential that is one (an empty response is none: IMS AKA, RFC 3310).
        self.nonces = _NO_NONCES
        self.challenged = _NO_REALMS  # that asked for credentials, and don't call those sent stale
        self.tried: tuple[Transaction, ...] = ()  # those with credentials; guessers send several under one CSeq
        self.success_us = 0  # first 2xx
        self.early_final: Message | None = None  # a response that came before its request

    def sent_on(self, transaction: Transaction, event: Message) -> None:
        """One of its hops was seen for the first time, by its request or a response."""
        super().sent_on(transaction, event)
        self.initial = True  # there is no dialog that it could be within
        if event.method:
            asked = offers(event)
            self.contact = event.contact
            self.identity = asked[0].identity if asked else ""
            self.expires_s = asked_s(event, asked)
            self.nonces = credentials(event)
            if self.nonces:
                self.tried = (*self.tried[1 - _MOST_TRIED :], transaction)

    def before(self, other: "Login") -> bool:
        """Whether it was sent before another one."""
        if self.from_tag == other.from_tag:
            return self.cseq < other.cseq  # §10.2: it counts up, whichever message is seen first
        return self.first_us < other.first_us
