"""Places where agents send to: "udp:0.0.0.0:9060", "tcp:[::]:9060", "tls:192.0.2.1:9061"."""

import socket
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Final, NamedTuple, TypeAlias

PROTOCOLS: Final = ("udp", "tcp", "tls")
Network: TypeAlias = IPv4Network | IPv6Network


class Place(NamedTuple):
    """A transport, and an address of this host with a port (0: any that is free)."""

    transport: str
    host: str
    port: int

    @property
    def family(self) -> socket.AddressFamily:
        """Of its socket."""
        return socket.AF_INET6 if ":" in self.host else socket.AF_INET

    def __str__(self) -> str:
        return f"{self.transport}:[{self.host}]:{self.port}" if ":" in self.host else ":".join(map(str, self))


def place(text: str, protocols: tuple[str, ...] = PROTOCOLS) -> Place:
    """ "udp:0.0.0.0:9060" → Place. Raises ValueError, which says what is wrong."""
    transport, _, rest = text.partition(":")
    host, _, port = rest.rpartition(":")
    wrong = ValueError(f"{text!r} is none of {', '.join(protocols)} with an address and a port, like udp:0.0.0.0:9060")
    if transport not in protocols or not (port.isascii() and port.isdecimal() and int(port) < 65_536):
        raise wrong
    try:
        return Place(transport, str(ip_address(host.strip("[]"))), int(port))
    except ValueError as error:
        raise wrong from error


class AllowList:
    """Who may send: the networks that were named, or all where none was."""

    def __init__(self, networks: tuple[Network, ...]) -> None:
        self._networks = networks

    def admits(self, address: str) -> bool:
        """Whether an address is in one of the networks."""
        if not self._networks:
            return True
        found: IPv4Address | IPv6Address = ip_address(address.partition("%")[0])
        if isinstance(found, IPv6Address) and found.ipv4_mapped:
            found = found.ipv4_mapped
        return any(found in network for network in self._networks)
