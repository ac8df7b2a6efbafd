"""`one-sided-capture`: peers of which only one direction passes the collectors."""

from typing import Final

from monitor.core.diagnosis.nat import ONE_SIDED_CAPTURE
from monitor.core.limits import Limits
from monitor.core.sources.beginning import Beginning
from monitor.core.sources.ledger import Ledger
from monitor.core.sources.peers import Peer
from monitor.core.sources.values import Subject
from monitor.core.updates import FindingState

_ASKED: Final = frozenset({"INVITE", "REGISTER"})


class Sight:
    """Compares what peers are asked, what they ask, and what they answer."""

    def __init__(self, limits: Limits, ledger: Ledger) -> None:
        self._limits = limits
        self._ledger = ledger

    def seen(self, begun: Beginning, at_us: int) -> None:
        """Somebody asked somebody, or was answered."""
        client = begun.client
        if not begun.asked:
            self.answered(begun.server, at_us)
            self._unasked(client, begun, at_us)
            return
        if not client.requested:
            client.requested = True
            if client.unasked:
                self._ledger.clear(ONE_SIDED_CAPTURE, Subject.PEER, client.address, at_us)
        if begun.method in _ASKED:
            self._asked(begun.server, begun, at_us)

    def answered(self, peer: Peer, at_us: int) -> None:
        """It responded to a call, if only by a refusal, or to a registration."""
        if not peer.answered:
            peer.answered = True
            if peer.asked:
                self._ledger.clear(ONE_SIDED_CAPTURE, Subject.PEER, peer.address, at_us)

    def _asked(self, peer: Peer, begun: Beginning, at_us: int) -> None:
        peer.asked += 1
        peer.asked_us = peer.asked_us or at_us
        limits = self._limits
        if not peer.requested or peer.answered or peer.asked < limits.sight_records:
            return
        if at_us - peer.asked_us >= limits.sight_us:
            cause = f"Requests of {peer.address} are seen, and not one response, to {peer.asked} calls or registrations"
            self._say(peer.address, cause, peer.asked, begun, at_us, FindingState.CONFIRMED)

    def _unasked(self, peer: Peer, begun: Beginning, at_us: int) -> None:
        peer.unasked += 1
        peer.unasked_us = peer.unasked_us or at_us
        limits = self._limits
        if peer.unasked >= limits.sight_records and not peer.requested:
            # In the first moments they may be answers to what was asked before.
            long = at_us - peer.unasked_us >= limits.sight_us
            address, count = peer.address, peer.unasked
            cause = f"Responses to {address} are seen, and not one of the {count} requests that they are for"
            state = FindingState.CONFIRMED if long else FindingState.SUSPECTED
            self._say(address, cause, count, begun, at_us, state)

    def _say(self, address: str, cause: str, count: int, begun: Beginning, at_us: int, state: FindingState) -> None:
        self._ledger.say(
            ONE_SIDED_CAPTURE,
            Subject.PEER,
            address,
            at_us,
            f"{cause}: the capture is blind in one direction there.",
            state=state,
            count=count,
            hop=begun.hop,
            evidence=(begun.key,),
        )
