"""Endpoints and hops as text: "10.0.0.1:5060", "[2001:db8::1]:5060", "10.0.0.1:5060>10.0.0.2:5060"."""

from functools import lru_cache
from typing import Final

from collectors.wire.events import SipEvent

_MOST_HOPS: Final = 65_536
# By addresses and ports: each hop is one text, however many transactions it carries.
_HOPS: Final[dict[tuple[str, int, str, int], str]] = {}


@lru_cache(8192)
def endpoint(address: str, port: int) -> str:
    """An address and port as one text, IPv6 in brackets (RFC 3986 §3.2.2)."""
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def place(address: str, port: int) -> str:
    """ "10.0.0.1:5060", or "10.0.0.1" where there is no port."""
    return endpoint(address, port) if port else address


def hop_between(source: str, source_port: int, destination: str, destination_port: int) -> str:
    """The hop of a request, by who sends it to whom."""
    way = (source, source_port, destination, destination_port)
    hop = _HOPS.get(way)
    if hop is None:
        if len(_HOPS) >= _MOST_HOPS:
            _HOPS.clear()
        hop = _HOPS[way] = f"{endpoint(source, source_port)}>{endpoint(destination, destination_port)}"
    return hop


def request_hop(event: SipEvent) -> str:
    """The hop of a message, in the direction of the request, which a response travels backwards."""
    if event.method:
        return hop_between(event.source, event.source_port, event.destination, event.destination_port)
    return hop_between(event.destination, event.destination_port, event.source, event.source_port)


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
