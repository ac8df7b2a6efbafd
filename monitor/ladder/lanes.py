"""Which lanes a ladder has and in what order: the path of the first request, left to right.

A host is one lane, however many ports it sends from. Its ports are elements of their own, each with its lane,
where it sends to itself, where a request is offered to several of them, or where one comes back to another port
than that from which it set out: two servers on one machine, two phones behind one address.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import TypeAlias

from collectors.wire.events import SipEvent
from monitor.ladder.values import Lane
from monitor.ladder.words import clean

_Key: TypeAlias = tuple[str, int]  # host and port; port 0 for all ports of the host

_MAX_NAME = 40


class Lanes:
    """The lanes, and which one an address belongs to."""

    def __init__(self, lanes: tuple[Lane, ...], index: dict[_Key, int], split: frozenset[str]) -> None:
        self.lanes = lanes
        self._index = index
        self._split = split

    def of(self, host: str, port: int) -> int:
        """The lane of an address that a message had; the shared last one where it has none of its own."""
        return self._index.get(_key(host, port, self._split), len(self.lanes) - 1)

    def find(self, host: str, port: int) -> int | None:
        """The lane of any address, None where it has none of its own."""
        return self._index.get(_key(host, port, self._split))


def arrange(events: Sequence[SipEvent], aliases: Mapping[str, str], limit: int) -> Lanes:
    """At most `limit` lanes in path order, and behind them one for all other hosts where there are more.

    `aliases` names "10.0.0.1:5060" or "10.0.0.1".
    """
    split = _of_several_elements(events)
    ports: dict[_Key, dict[int, None]] = {}
    for event in events:
        for host, port in ((event.source, event.source_port), (event.destination, event.destination_port)):
            ports.setdefault(_key(host, port, split), {})[port] = None
    order = _path_order(_request_edges(events, split), limit)
    lanes = [_lane(key, tuple(ports[key]), aliases) for key in order]
    if others := len(ports) - len(order):
        lanes.append(Lane(name=f"{others} more", address="", others=others))
    return Lanes(tuple(lanes), {key: index for index, key in enumerate(order)}, split)


def endpoint(host: str, port: int) -> str:
    """ "10.0.0.1:5060", "[2001:db8::1]:5060"."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _of_several_elements(events: Sequence[SipEvent]) -> frozenset[str]:
    offered: dict[str, set[int]] = {}
    began: dict[str, set[int]] = {}  # host → ports that a request set out from
    reached: set[_Key] = set()  # where one came by way of others
    split = set()
    for event in events:
        if event.source == event.destination:
            split.add(event.source)
        elif event.method and not event.to_tag:
            offered.setdefault(event.destination, set()).add(event.destination_port)
            if event.vias == 1:
                began.setdefault(event.source, set()).add(event.source_port)
            else:
                reached.add((event.destination, event.destination_port))
    split.update(host for host, ports in offered.items() if len(ports) > 1)
    split.update(host for host, port in reached if began.get(host, set()) - {port})
    return frozenset(split)


def _key(host: str, port: int, split: frozenset[str]) -> _Key:
    return host, port if host in split else 0


def _request_edges(events: Sequence[SipEvent], split: frozenset[str]) -> list[tuple[_Key, _Key]]:
    """(from, to) of every message in the direction of its request, those that build the path first.

    A request outside a dialog travels from the caller on, one Via more at each element; all else
    (responses of a request that was not seen, requests of the callee) only fills in what is missing.
    """

    def rank(event: SipEvent) -> tuple[bool, int, int]:
        builds = bool(event.method) and not event.to_tag
        return not builds, event.vias if builds else 0, event.captured_us

    edges = []
    for event in sorted(events, key=rank):
        source = _key(event.source, event.source_port, split)
        destination = _key(event.destination, event.destination_port, split)
        edges.append((destination, source) if event.status else (source, destination))
    return edges


def _path_order(edges: Iterable[tuple[_Key, _Key]], limit: int) -> list[_Key]:
    """Each element right of who sent to it; branches of a fork one after the other, each with what follows it."""
    order: list[_Key] = []
    parent: dict[_Key, _Key] = {}

    def descends(key: _Key, ancestor: _Key) -> bool:
        while key in parent:
            key = parent[key]
            if key == ancestor:
                return True
        return False

    for source, destination in edges:
        if source not in order and len(order) < limit:
            # Seen sending to an element that is there already: it stands before it.
            order.insert(order.index(destination) if destination in order else len(order), source)
        if destination not in order and source in order and len(order) < limit:
            parent[destination] = source
            place = order.index(source) + 1
            while place < len(order) and descends(order[place], source):
                place += 1
            order.insert(place, destination)
    return order


def _lane(key: _Key, ports: tuple[int, ...], aliases: Mapping[str, str]) -> Lane:
    host, _ = key
    one = endpoint(host, ports[0])
    address = one if len(ports) == 1 else host
    named = (aliases.get(endpoint(host, port)) for port in ports)
    name = next((alias for alias in named if alias), None) or aliases.get(host) or address
    return Lane(name=clean(name, _MAX_NAME), address=clean(address, _MAX_NAME + 16), ports=ports[:8])
