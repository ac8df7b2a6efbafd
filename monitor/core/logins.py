"""Requests that are challenged, and the credentials with which they come again (RFC 3261 §22)."""

from collections.abc import Set
from typing import Final, NamedTuple

from collectors.sip.auth import parameters
from collectors.sip.reading import Names
from monitor.core.message import Message
from monitor.core.transaction import Transaction

_MOST_CHALLENGES: Final = 8  # in one message
_MOST_OF_A_TRY: Final = 64  # different ones, of all hops
_PARTS: Final = frozenset(" ,")  # what may stand before a parameter
_CREDENTIALS: Final = Names("authorization", "proxy-authorization")
_NO_REALMS: Final[frozenset[str]] = frozenset()


class Nonce(NamedTuple):
    """A nonce that a server gave out."""

    at_us: int
    realm: str
    nonce: str


def challenges(event: Message) -> list[tuple[Nonce, bool]]:
    """Of a 401 or 407: each nonce that is given out, and whether it is because that of the request was stale."""
    return [read_challenge(event.captured_us, value) for value in unread_challenges(event)]


def unread_challenges(event: Message) -> list[str]:
    """Those of a 401 or 407, as they stand."""
    return event.all("www-authenticate" if event.status == 401 else "proxy-authenticate")[:_MOST_CHALLENGES]


def read_challenge(at_us: int, value: str) -> tuple[Nonce, bool]:
    """The nonce that such a challenge gives out, and whether it is because that of the request was stale."""
    asked = parameters(value)
    return Nonce(at_us, asked.get("realm", ""), asked.get("nonce", "")), asked.get("stale", "").lower() == "true"


def has_credentials(event: Message) -> bool:
    """Whether it is a request with credentials."""
    return event.method != "" and bool(event.among(_CREDENTIALS))


def proofs(event: Message) -> tuple[str, ...]:
    """The credentials in a request, as they stand."""
    said = event.among(_CREDENTIALS)
    own = event.all("authorization")[:_MOST_CHALLENGES] if "authorization" in said else []
    of_proxies = event.all("proxy-authorization")[:_MOST_CHALLENGES] if "proxy-authorization" in said else []
    return (*own, *of_proxies)


def nonces_of(values: tuple[str, ...]) -> dict[str, str]:
    """Realm → nonce of the credentials that are a digest; an empty response is none (IMS AKA, RFC 3310)."""
    found: dict[str, str] = {}
    for value in values:
        digest = parameters(value)
        if digest.get("response") and "auts" not in digest:
            found[digest.get("realm", "")] = digest.get("nonce", "")
    return found


def _is_digest(value: str) -> bool:
    """Whether credentials are a digest, by how nearly every client writes it: that spares the reading."""
    before, _, response = value.partition('response="')
    return before[-1:] in _PARTS and response[:1].isalnum() and "auts" not in value


class Try:
    """A request on all its hops, with the credentials that it carries and what came of them. Times in µs, 0: never.

    Challenges and credentials are read if the request is refused again, or never repeated: that is rare.
    """

    __slots__ = (
        "_challenges",
        "_nonces",
        "_proofs",
        "_realms",
        "accepted_us",
        "asked",
        "challenged_us",
        "cseq",
        "first_us",
        "from_tag",
        "hop",
        "method",
        "numbers",
        "proven",
        "status",
        "told",
        "vias",
    )

    def __init__(self, event: Message) -> None:
        self.method = event.cseq_method
        self.cseq = event.cseq
        self.from_tag = event.from_tag
        self.first_us = event.captured_us
        self.asked = False  # the request itself was seen
        self.proven = False  # its credentials are known, and need no other hop
        self._proofs: tuple[str, ...] = ()  # these
        self._nonces: dict[str, str] | None = None  # as they were read
        self._challenges: tuple[str, ...] = ()  # each that it got, once
        self._realms: Set[str] | None = None  # of these, as they were read
        self.challenged_us = 0  # last
        self.accepted_us = 0  # first response beyond 100 that is no challenge
        self.status = 0  # of the challenge
        self.told = False  # that its credentials were refused
        self.hop = ""  # that carried the challenge nearest to the client
        self.vias = 0
        self.numbers: list[int] = []  # of the request and of the challenge

    def proves(self, given: tuple[str, ...]) -> None:
        """It carried these credentials on one of its hops; the first that are a digest count."""
        if given != self._proofs and not self.nonces:
            self._proofs, self._nonces = given, None
            self.proven = any(map(_is_digest, given))

    @property
    def nonces(self) -> dict[str, str]:
        """Realm → nonce of its credentials."""
        if self._nonces is None:
            self._nonces = nonces_of(self._proofs)
        return self._nonces

    def challenge(self, event: Message, number: int, transaction: Transaction) -> list[str]:
        """It was challenged on one of its hops; the challenges."""
        given = unread_challenges(event)
        for value in given:
            if value not in self._challenges and len(self._challenges) < _MOST_OF_A_TRY:
                self._challenges += (value,)
                self._realms = None
        self.challenged_us = max(self.challenged_us, event.captured_us)
        if not self.hop or event.vias < self.vias:
            self.hop, self.vias, self.status = transaction.hop, event.vias, event.status
            self.numbers = [*transaction.numbers[:1], number]
        self.asked = self.asked or transaction.seen_request
        return given

    @property
    def challenged(self) -> Set[str]:
        """The realms that asked for credentials, and don't call those sent stale."""
        if self._realms is None:
            read = [read_challenge(0, value) for value in self._challenges]
            self._realms = {nonce.realm for nonce, stale in read if not stale}
        return self._realms

    def refused(self) -> Set[str]:
        """The realms that asked for credentials although it carries some for them."""
        if not self._challenges or not self._proofs:
            return _NO_REALMS  # as of nearly all
        return self.challenged & self.nonces.keys()

    @property
    def subject(self) -> str:
        """Names it within its record."""
        return f"{self.method} {self.cseq} {self.from_tag}"
