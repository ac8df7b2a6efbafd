"""What the operator doesn't want to see: by address, by method. What is dropped is counted."""

from collections import Counter
from collections.abc import Iterable
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import TypeAlias, TypeVar

from collectors.decode.datagram import Datagram
from collectors.wire.events import SideEvent, SipEvent

Network: TypeAlias = IPv4Network | IPv6Network
_Sent = TypeVar("_Sent", Datagram, SideEvent)


def network(text: str) -> Network:
    """ "192.0.2.0/24" or "192.0.2.7" → network. Raises ValueError, which says what is wrong."""
    return ip_network(text, strict=False)


class AddressFilter:
    """Drops what went from or to some networks; counted as "dropped_address"."""

    def __init__(self, networks: Iterable[Network], counters: Counter[str]) -> None:
        self._networks = tuple(networks)
        self._counters = counters
        self._unwanted = lru_cache(65_536)(self._in_networks)

    def keep(self, datagrams: list[_Sent]) -> list[_Sent]:
        """The datagrams, or side events, that stay, in order."""
        if not self._networks:
            return datagrams
        unwanted = self._unwanted
        kept = [each for each in datagrams if not (unwanted(each.source) or unwanted(each.destination))]
        self._counters["dropped_address"] += len(datagrams) - len(kept)
        return kept

    def _in_networks(self, text: str) -> bool:
        if not text:
            return False  # of media that never came, it is not known from where it should have
        address = ip_address(text)
        return any(address in network for network in self._networks)


class MethodFilter:
    """Drops requests of some methods and the responses to them; counted as "dropped_method"."""

    def __init__(self, methods: Iterable[str], counters: Counter[str]) -> None:
        self._methods = frozenset(methods)
        self._counters = counters

    def keep(self, events: list[SipEvent]) -> list[SipEvent]:
        """The events that stay, in order."""
        if not self._methods:
            return events
        unwanted = self._methods
        kept = [each for each in events if (each.method or each.cseq_method) not in unwanted]
        self._counters["dropped_method"] += len(events) - len(kept)
        return kept

    def keep_side(self, side: list[SideEvent]) -> list[SideEvent]:
        """The side events that stay, in order: those of a message that is dropped belong nowhere."""
        return [each for each in side if each.method not in self._methods]
