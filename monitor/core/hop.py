"""Endpoints and hops as text: "10.0.0.1:5060", "[2001:db8::1]:5060", "10.0.0.1:5060>10.0.0.2:5060"."""

from sys import intern
from typing import Final

from collectors.sip.address import PUBLIC, inside, scope
from collectors.wire.events import SipEvent

_MOST_WAYS: Final = 65_536


def endpoint(address: str, port: int) -> str:
    """An address and port as one text, IPv6 in brackets (RFC 3986 §3.2.2)."""
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def place(address: str, port: int) -> str:
    """ "10.0.0.1:5060", or "10.0.0.1" where there is no port."""
    return endpoint(address, port) if port else address


class Way:
    """A hop by its parts, in the direction of the request. Shared: never changed."""

    __slots__ = (
        "destination",
        "destination_outside",
        "destination_port",
        "ends",
        "hop",
        "source",
        "source_outside",
        "source_port",
        "through_nat",
        "via",
    )

    def __init__(self, source: str, source_port: int, destination: str, destination_port: int) -> None:
        # Each event that was decoded has its own texts: of those that are everywhere the same, one is kept.
        self.source = intern(source)
        self.source_port = source_port
        self.destination = intern(destination)
        self.destination_port = destination_port
        # Who asks, who answers.
        self.ends = intern(endpoint(source, source_port)), intern(endpoint(destination, destination_port))
        self.hop = ">".join(self.ends)
        # How a request begins its topmost Via if who sends it knows its own address, as nearly all do.
        self.via = f"Via: SIP/2.0/UDP {self.ends[0]};".encode("utf-8", "replace")
        self.source_outside = scope(source) is PUBLIC
        self.destination_outside = scope(destination) is PUBLIC
        self.through_nat = (self.source_outside and inside(destination)) or (
            self.destination_outside and inside(source)
        )


# By addresses and ports: each is one object, however many transactions it carries.
_WAYS: Final[dict[tuple[str, int, str, int], Way]] = {}


def way_between(source: str, source_port: int, destination: str, destination_port: int) -> Way:
    """The hop of a request, by who sends it to whom."""
    parts = (source, source_port, destination, destination_port)
    way = _WAYS.get(parts)
    if way is None:
        if len(_WAYS) >= _MOST_WAYS:
            _WAYS.clear()
        way = _WAYS[parts] = Way(source, source_port, destination, destination_port)
    return way


def request_hop(event: SipEvent) -> str:
    """The hop of a message, in the direction of the request, which a response travels backwards."""
    if event.method:
        return way_between(event.source, event.source_port, event.destination, event.destination_port).hop
    return way_between(event.destination, event.destination_port, event.source, event.source_port).hop


def address_of(place: str) -> str:
    """The address of an endpoint, without port and brackets."""
    end = place.rfind(":")
    if end <= 0:
        return ""
    return place[1 : end - 1] if place[0] == "[" else place[:end]


def ends(hop: str) -> tuple[str, str]:
    """The two endpoints of a hop: who asks, who answers."""
    source, _, destination = hop.partition(">")
    return source, destination
