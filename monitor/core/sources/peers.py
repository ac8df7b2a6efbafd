"""What is known of each address: one object for all who watch it, so that it is looked up once."""

from typing import TYPE_CHECKING, Final

from monitor.core.hop import address_of
from monitor.core.limits import MINUTE
from monitor.core.sources.tables import Bounded, Sum

if TYPE_CHECKING:
    from monitor.core.updates import RecordKey

MOST: Final = 50_000
_PERIOD_US: Final = 5 * MINUTE


class Tally:
    """What a source began and what of it went well, in this period of the clock and in the one before."""

    __slots__ = ("_began", "_began_before", "_period", "_well", "_well_before")

    def __init__(self) -> None:
        self._period = 0
        self._began = 0
        self._well = 0
        self._began_before = 0
        self._well_before = 0

    def begin(self, at_us: int) -> None:
        """Something began."""
        self._turn(at_us)
        self._began += 1

    def succeed(self, at_us: int) -> None:
        """Something went well."""
        self._turn(at_us)
        self._well += 1

    def sums(self, at_us: int) -> tuple[int, int]:
        """(began, went well)."""
        self._turn(at_us)
        return self._began + self._began_before, self._well + self._well_before

    def _turn(self, at_us: int) -> None:
        period = at_us // _PERIOD_US
        if period > self._period:
            follows = period == self._period + 1
            self._began_before, self._well_before = (self._began, self._well) if follows else (0, 0)
            self._began, self._well, self._period = 0, 0, period


class Rate:
    """How much one source sent, and of which records."""

    __slots__ = ("over_us", "sent")

    def __init__(self, within_us: int) -> None:
        self.sent: Sum[RecordKey] = Sum(within_us, most=100_000)
        self.over_us = 0  # since when it sends too much


class Peer:
    """One address. Times are wire times in µs; 0: not yet."""

    __slots__ = (
        "address",
        "answered",
        "asked",
        "asked_us",
        "heard_us",
        "rate",
        "requested",
        "rested",
        "tally",
        "unasked",
        "unasked_us",
    )

    def __init__(self, address: str) -> None:
        self.address = address
        self.tally = Tally()
        self.rate: Rate | None = None  # of the requests that it sends
        self.heard_us = 0  # when somebody asked it, or a registration there came to an end, last
        self.asked = 0  # INVITEs and REGISTERs sent to it
        self.asked_us = 0  # since when
        self.answered = False  # it was seen to respond
        self.requested = False  # it was seen to ask
        self.unasked = 0  # responses to it, of which no request was seen
        self.unasked_us = 0  # since when
        self.rested = False  # it asked somebody for a rest (Retry-After)


class Peers:
    """All of them; beyond the bound, the one least recently seen is forgotten."""

    def __init__(self, most: int = MOST) -> None:
        self._known: Bounded[str, Peer] = Bounded(most)

    def of(self, endpoint: str) -> Peer:
        """That of an endpoint, "203.0.113.7:5062"."""
        return self.at(address_of(endpoint))

    def at(self, address: str) -> Peer:
        """That of an address, which is seen now."""
        peer = self._known.find(address)
        if peer is None:
            peer = Peer(address)
            self._known.put(address, peer)
        return peer

    def get(self, address: str) -> Peer | None:
        """That of an address, if it is known."""
        return self._known.get(address)
