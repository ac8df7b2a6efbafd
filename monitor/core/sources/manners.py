"""How peers treat each other: `weak-auth`, `retry-after-ignored`."""

from typing import Final

from collectors.sip.timers import SECOND
from monitor.core.diagnosis.security import WEAK_AUTH
from monitor.core.diagnosis.setup import RETRY_AFTER_IGNORED
from monitor.core.hop import address_of
from monitor.core.limits import Limits
from monitor.core.sources.beginning import Beginning
from monitor.core.sources.ledger import Ledger
from monitor.core.sources.peers import Peers
from monitor.core.sources.tables import Bounded, Table
from monitor.core.sources.values import Subject
from monitor.core.updates import RetryAfterGiven, Severity, WeaklyChallenged

_MOST: Final = 20_000
_LONGEST_US: Final = 3600 * SECOND  # of a rest that a server may ask for
_DAY_US: Final = 86_400 * SECOND  # how long one knows it of a peer
# What a client may well go on with: looking whether the server is back.
_PROBES: Final = frozenset({"OPTIONS"})


class _Rest:
    """A rest that a server asked a client for."""

    __slots__ = ("asked_us", "ignored", "until_us")

    def __init__(self) -> None:
        self.asked_us = 0
        self.until_us = 0
        self.ignored = 0


class Manners:
    """Notes weak challenges once a peer, and who goes on during a Retry-After."""

    def __init__(self, limits: Limits, ledger: Ledger, peers: Peers) -> None:
        self._limits = limits
        self._ledger = ledger
        self._peers = peers
        self._said_us: Bounded[str, int] = Bounded(_MOST)
        # By endpoint of the client, server and method: behind one address there may be many phones.
        self._rests: Table[tuple[str, str, str], _Rest] = Table(_Rest, _MOST)

    def challenged(self, update: WeaklyChallenged, at_us: int) -> None:
        """A server asks for credentials in a weak way."""
        address = address_of(update.server)
        said_us = self._said_us.find(address)
        if said_us is not None and at_us < said_us + _DAY_US:
            return
        self._said_us.put(address, at_us)
        basic = update.scheme == "basic"
        self._ledger.say(
            WEAK_AUTH,
            Subject.PEER,
            address,
            at_us,
            f"{address} asks for {'a password in the clear (Basic)' if basic else 'a digest without qop'} in realm "
            f'"{update.realm}".',
            severity=Severity.MINOR if basic else None,
            hop=f"{update.client}>{update.server}",
            evidence=(update.key,),
        )

    def rest_asked(self, update: RetryAfterGiven, at_us: int) -> None:
        """A server is overloaded and says for how long it wants no requests. A probe may look whether it is back."""
        if update.method in _PROBES:
            return
        server = self._peers.of(update.server)
        server.rested = True
        rest = self._rests[update.client, server.address, update.method]
        rest.asked_us, rest.ignored = at_us, 0
        rest.until_us = at_us + min(update.seconds * SECOND, _LONGEST_US)

    def seen(self, begun: Beginning, at_us: int) -> None:
        """A client sends a request."""
        if not begun.server.rested:
            return
        client, server = begun.source, begun.server.address
        rest = self._rests.get((client, server, begun.method))
        if rest is None or not rest.asked_us < at_us < rest.until_us:
            return
        rest.ignored += 1
        if rest.ignored < self._limits.ignored_rests:
            return
        self._ledger.say(
            RETRY_AFTER_IGNORED,
            Subject.SOURCE,
            begun.client.address,
            at_us,
            f"{server} asked {client} for a rest of {(rest.until_us - rest.asked_us) // SECOND:,} s (503, "
            f"Retry-After), and {rest.ignored} more requests came during it.",
            count=rest.ignored,
            hop=begun.hop,
            evidence=(begun.key,),
        )
