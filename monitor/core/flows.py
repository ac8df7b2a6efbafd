"""Where media of a call were seen to go, and where not, as collectors tell (docs/media.md)."""

from typing import Final, NamedTuple, TypeAlias

from collectors.wire.events import RTCP, SideEvent
from monitor.core.negotiation import Exchange, Sight

_MOST_FLOWS: Final = 64  # of one call
_MOST_SILENCES: Final = 64

Place: TypeAlias = tuple[str, int]  # address and port


class Silence(NamedTuple):
    """To an announced place, nothing had gone. Times in µs."""

    at_us: int
    since_us: int
    host_seen: bool  # media of another stream was seen on its way to that host: this could have been seen, too


class Leg(NamedTuple):
    """The last agreed audio stream of a dialog, as one hop saw it: who wants it where."""

    exchange: Exchange
    offer: Sight
    answer: Sight
    offered: Place
    accepted: Place

    @property
    def subject(self) -> str:
        """Names it within its call."""
        return f"{self.exchange.subject} {self.offer.vias}"


class Flows:
    """What was told of one call."""

    __slots__ = ("_controlled", "_flows", "_heard_us", "_stopped_us", "silences")

    def __init__(self) -> None:
        self._flows: dict[tuple[Place, Place], float] = {}  # source, destination → packets
        self._controlled: set[Place] = set()  # where RTCP went
        self._heard_us = 0  # when media was last seen, in any direction
        self._stopped_us = 0  # since when none was, as a collector says that saw both directions
        self.silences: dict[Place, Silence] = {}

    def take(self, side: SideEvent) -> None:
        """A report of presence, or of absence; or RTCP."""
        if "stopped_ms" in side.values:
            self._stopped_us = max(self._stopped_us, side.captured_us - round(side.values["stopped_ms"] * 1000))
            return
        if side.kind == RTCP:
            self._heard_us = max(self._heard_us, side.captured_us)
            if len(self._controlled) < _MOST_FLOWS:
                self._controlled.add((side.destination, side.destination_port))
            return
        packets = side.values.get("packets", 0.0)
        destination = side.destination, side.destination_port
        if packets > 0:
            self._heard_us = max(self._heard_us, side.captured_us)
            key = (side.source, side.source_port), destination
            if key in self._flows or len(self._flows) < _MOST_FLOWS:
                self._flows[key] = max(packets, self._flows.get(key, 0.0))
        elif destination in self.silences or len(self.silences) < _MOST_SILENCES:
            known = self.silences.get(destination)
            watched_us = round(side.values.get("watched_ms", 0.0) * 1000)
            seen = side.values.get("host_seen", 0.0) > 0 or (known is not None and known.host_seen)
            self.silences[destination] = Silence(side.captured_us, side.captured_us - watched_us, seen)

    def stopped_us(self) -> int:
        """Since when media has flowed in no direction any more, after it did; 0 where it does, or never did."""
        return self._stopped_us if self._heard_us <= self._stopped_us else 0

    def controlled(self, place: Place) -> bool:
        """Whether RTCP went to a place, on its port or the next (RFC 3550 §11, RFC 5761): the way there is open."""
        address, port = place
        return not self._controlled.isdisjoint((place, (address, port + 1)))

    def between(self, source: Place, destination: Place) -> float:
        """Packets that left the one announced place, or went to the other: NAT may hide one of the two."""
        return sum(packets for (begin, end), packets in self._flows.items() if begin == source or end == destination)

    def reached(self) -> frozenset[Place]:
        """Where media went."""
        return frozenset(destination for _, destination in self._flows)


def legs(exchanges: list[Exchange]) -> list[Leg]:
    """Of each dialog the audio that both sides last agreed to send and to hear, at addresses that stay as they are."""
    last: dict[frozenset[str], list[Leg]] = {}
    for exchange in exchanges:
        if exchange.agreed and exchange.concluded:
            last[exchange.tags] = [leg for view in exchange.views() if (leg := _leg(exchange, *view)) is not None]
    return [leg for found in last.values() for leg in found]


def _leg(exchange: Exchange, offer: Sight, answer: Sight) -> Leg | None:
    for offered, accepted in zip(offer.streams, answer.streams, strict=False):
        if offered.terms.kind == "audio" and offered.terms.rtp and offered.port > 0 < accepted.port:
            both = {offered.terms.direction, accepted.terms.direction} == {"sendrecv"}
            # Media within one host is on no wire.
            if not both or offered.terms.ice or accepted.terms.ice or offered.address == accepted.address:
                return None
            return Leg(exchange, offer, answer, (offered.address, offered.port), (accepted.address, accepted.port))
    return None
