"""`one-sided-capture`: peers of which only one direction passes the collectors."""

from typing import Final

from monitor.core.diagnosis.nat import ONE_SIDED_CAPTURE
from monitor.core.hop import address_of
from monitor.core.limits import Limits
from monitor.core.sources.ledger import Ledger
from monitor.core.sources.tables import Table
from monitor.core.sources.values import Subject
from monitor.core.updates import (
    CallAnswered,
    CallEnded,
    CallRang,
    FindingState,
    RecordKey,
    RegistrationEnded,
    RegistrationSucceeded,
    SourceSeen,
)

_MOST: Final = 20_000
_MOST_CALLS: Final = 100_000


class _Peer:
    """What was seen of an address."""

    __slots__ = ("answered", "asked", "begun_us", "requested", "unasked", "unasked_us")

    def __init__(self) -> None:
        self.asked = 0  # INVITEs and REGISTERs sent to it
        self.begun_us = 0  # since when
        self.answered = False  # it was seen to respond
        self.requested = False  # it was seen to ask
        self.unasked = 0  # responses to it, of which no request was seen
        self.unasked_us = 0  # since when


class Sight:
    """Compares what peers are asked, what they ask, and what they answer."""

    def __init__(self, limits: Limits, ledger: Ledger) -> None:
        self._limits = limits
        self._ledger = ledger
        self._peers: Table[str, _Peer] = Table(_Peer, _MOST)
        self._called: Table[RecordKey, list[str]] = Table(list, _MOST_CALLS)

    def seen(self, update: SourceSeen, at_us: int) -> None:
        """Somebody asked somebody, or was answered."""
        client, server = address_of(update.source), address_of(update.destination)
        if update.method == "INVITE":
            self._called[update.key][:] = [server]
        if not update.asked:
            self._answered(server, at_us)
            self._unasked(client, update, at_us)
            return
        peer = self._peers[client]
        if not peer.requested:
            peer.requested = True
            if peer.unasked:
                self._ledger.clear(ONE_SIDED_CAPTURE, Subject.PEER, client, at_us)
        if update.method in ("INVITE", "REGISTER"):
            self._asked(server, update, at_us)

    def call(self, update: CallRang | CallAnswered | CallEnded, at_us: int) -> None:
        """A call was answered, if only by a refusal."""
        if not isinstance(update, CallEnded) or update.status is not None:
            for server in self._called.pop(update.key) or ():
                self._answered(server, at_us)

    def registration(self, update: RegistrationSucceeded | RegistrationEnded, at_us: int) -> None:
        """A registrar answered."""
        if not isinstance(update, RegistrationEnded) or update.status is not None:
            self._answered(address_of(update.registrar), at_us)

    def _answered(self, address: str, at_us: int) -> None:
        peer = self._peers[address]
        if not peer.answered:
            peer.answered = True
            if peer.asked:
                self._ledger.clear(ONE_SIDED_CAPTURE, Subject.PEER, address, at_us)

    def _asked(self, address: str, update: SourceSeen, at_us: int) -> None:
        peer, limits = self._peers[address], self._limits
        peer.asked += 1
        peer.begun_us = peer.begun_us or at_us
        long = at_us - peer.begun_us >= limits.sight_us
        if peer.requested and not peer.answered and peer.asked >= limits.sight_records and long:
            cause = f"Requests of {address} are seen, and not one response, to {peer.asked} calls or registrations"
            self._say(address, cause, peer.asked, update, at_us, FindingState.CONFIRMED)

    def _unasked(self, address: str, update: SourceSeen, at_us: int) -> None:
        peer, limits = self._peers[address], self._limits
        peer.unasked += 1
        peer.unasked_us = peer.unasked_us or at_us
        if peer.unasked >= limits.sight_records and not peer.requested:
            # In the first moments they may be answers to what was asked before.
            long = at_us - peer.unasked_us >= limits.sight_us
            cause = f"Responses to {address} are seen, and not one of the {peer.unasked} requests that they are for"
            state = FindingState.CONFIRMED if long else FindingState.SUSPECTED
            self._say(address, cause, peer.unasked, update, at_us, state)

    def _say(self, address: str, cause: str, count: int, update: SourceSeen, at_us: int, state: FindingState) -> None:
        self._ledger.say(
            ONE_SIDED_CAPTURE,
            Subject.PEER,
            address,
            at_us,
            f"{cause}: the capture is blind in one direction there.",
            state=state,
            count=count,
            hop=f"{update.source}>{update.destination}",
            evidence=(update.key,),
        )
