"""Requests that are challenged, and the credentials with which they come again (RFC 3261 §22)."""

from collections.abc import Set
from typing import Final, NamedTuple

from collectors.sip.auth import parameters
from monitor.core.message import Message
from monitor.core.transaction import Transaction

_MOST_CHALLENGES: Final = 8  # in one message
_NO_REALMS: Final[frozenset[str]] = frozenset()


class Nonce(NamedTuple):
    """A nonce that a server gave out."""

    at_us: int
    realm: str
    nonce: str


def challenges(event: Message) -> list[tuple[Nonce, bool]]:
    """Of a 401 or 407: each nonce that is given out, and whether it is because that of the request was stale."""
    given: list[tuple[Nonce, bool]] = []
    for value in event.all("www-authenticate" if event.status == 401 else "proxy-authenticate")[:_MOST_CHALLENGES]:
        asked = parameters(value)
        nonce = Nonce(event.captured_us, asked.get("realm", ""), asked.get("nonce", ""))
        given.append((nonce, asked.get("stale", "").lower() == "true"))
    return given


def proofs(event: Message) -> tuple[str, ...]:
    """The credentials in a request, as they stand."""
    if event.raw.find(b"uthorization") < 0 and event.raw.find(b"UTHORIZATION") < 0:
        return ()  # spare the search
    own, of_proxies = event.all("authorization"), event.all("proxy-authorization")
    return (*own[:_MOST_CHALLENGES], *of_proxies[:_MOST_CHALLENGES])


def nonces_of(values: tuple[str, ...]) -> dict[str, str]:
    """Realm → nonce of the credentials that are a digest; an empty response is none (IMS AKA, RFC 3310)."""
    found: dict[str, str] = {}
    for value in values:
        digest = parameters(value)
        if digest.get("response") and "auts" not in digest:
            found[digest.get("realm", "")] = digest.get("nonce", "")
    return found


class Try:
    """A request on all its hops, with the credentials that it carries and what came of them. Times in µs, 0: never."""

    __slots__ = (
        "accepted_us",
        "asked",
        "challenged",
        "challenged_us",
        "cseq",
        "first_us",
        "from_tag",
        "hop",
        "method",
        "nonces",
        "numbers",
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
        self.nonces: dict[str, str] = {}  # realm → nonce of its credentials
        self.challenged: set[str] = set()  # realms that asked for credentials, and don't call those sent stale
        self.challenged_us = 0  # last
        self.accepted_us = 0  # first response beyond 100 that is no challenge
        self.status = 0  # of the challenge
        self.told = False  # that its credentials were refused
        self.hop = ""  # that carried the challenge nearest to the client
        self.vias = 0
        self.numbers: list[int] = []  # of the request and of the challenge

    def challenge(self, event: Message, number: int, transaction: Transaction) -> list[Nonce]:
        """It was challenged on one of its hops; the nonces that were given out."""
        given = []
        for nonce, stale in challenges(event):
            given.append(nonce)
            if not stale:
                self.challenged.add(nonce.realm)
        self.challenged_us = max(self.challenged_us, event.captured_us)
        if not self.hop or event.vias < self.vias:
            self.hop, self.vias, self.status = transaction.hop, event.vias, event.status
            self.numbers = [*transaction.numbers[:1], number]
        self.asked = self.asked or transaction.seen_request
        return given

    def refused(self) -> Set[str]:
        """The realms that asked for credentials although it carries some for them."""
        if not self.challenged or not self.nonces:
            return _NO_REALMS  # as of nearly all
        return self.challenged & self.nonces.keys()

    @property
    def subject(self) -> str:
        """Names it within its record."""
        return f"{self.method} {self.cseq} {self.from_tag}"
