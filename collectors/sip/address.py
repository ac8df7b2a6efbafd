"""What an IP address is good for: whether it can be reached from elsewhere, and of which family it is. Total."""

from enum import StrEnum
from ipaddress import IPv6Address, ip_network
from typing import Final, TypeAlias

from collectors.sip.uri import host_of


class Scope(StrEnum):
    """From where an address can be reached."""

    PUBLIC = "public"
    PRIVATE = "private"  # RFC 1918, RFC 4193
    SHARED = "shared"  # carrier-grade NAT, RFC 6598
    LINK_LOCAL = "link-local"  # RFC 3927, RFC 4291 §2.5.6
    LOOPBACK = "loopback"
    UNSPECIFIED = "unspecified"  # 0.0.0.0, ::
    MULTICAST = "multicast"
    NONE = "none"  # no IP address: a host name, or junk


# The first that holds an address counts. Addresses reserved for documentation are as public as any: they
# stand for public ones wherever they are used.
_NETWORKS: Final = (
    (ip_network("0.0.0.0/32"), Scope.UNSPECIFIED),
    (ip_network("127.0.0.0/8"), Scope.LOOPBACK),
    (ip_network("10.0.0.0/8"), Scope.PRIVATE),
    (ip_network("172.16.0.0/12"), Scope.PRIVATE),
    (ip_network("192.168.0.0/16"), Scope.PRIVATE),
    (ip_network("100.64.0.0/10"), Scope.SHARED),
    (ip_network("169.254.0.0/16"), Scope.LINK_LOCAL),
    (ip_network("224.0.0.0/4"), Scope.MULTICAST),
    (ip_network("::/128"), Scope.UNSPECIFIED),
    (ip_network("::1/128"), Scope.LOOPBACK),
    (ip_network("fc00::/7"), Scope.PRIVATE),
    (ip_network("fe80::/10"), Scope.LINK_LOCAL),
    (ip_network("ff00::/8"), Scope.MULTICAST),
)
_Range: TypeAlias = tuple[int, int, Scope]  # first and last address
_RANGES: Final[dict[int, tuple[_Range, ...]]] = {
    version: tuple((int(net[0]), int(net[-1]), scope) for net, scope in _NETWORKS if net.version == version)
    for version in (4, 6)
}

# Asked with each message, and slowly through the class (Python 3.11).
PUBLIC: Final = Scope.PUBLIC
_PRIVATE: Final = Scope.PRIVATE
_SHARED: Final = Scope.SHARED
_LINK_LOCAL: Final = Scope.LINK_LOCAL
LOOPBACK: Final = Scope.LOOPBACK

_DIGITS: Final = 32  # of an IPv6 address
_MAPPED: Final = 0xFFFF  # what stands before an IPv4 address within IPv6 (RFC 4291 §2.5.5.2)
_MOST_KNOWN: Final = 8_192
_KNOWN: Final[dict[str, Scope]] = {}
_URIS: Final[dict[str, bool]] = {}  # whether they lead inside


def scope(address: str) -> Scope:
    """The scope of an address as text, IPv6 with or without brackets; an IPv4 one within IPv6 is that IPv4."""
    known = _KNOWN.get(address)
    if known is None:
        if len(_KNOWN) >= _MOST_KNOWN:
            _KNOWN.clear()
        known = _KNOWN[address] = _scope(address)
    return known


def _scope(address: str) -> Scope:
    text = address.strip("[]")
    version, number = 4, _dotted(text)
    if number < 0:
        version, number = 6, _grouped(text) if ":" in text else -1
        if number < 0:
            return Scope.NONE
        if number >> 32 == _MAPPED:
            version, number = 4, number & 0xFFFF_FFFF
    for first, last, found in _RANGES[version]:
        if first <= number <= last:
            return found
    return PUBLIC


def _grouped(address: str) -> int:
    """The number of an IPv6 address, -1 of what is none: as nearly all are spelled, sooner than by the library."""
    head, gap, tail = address.partition("::")
    before, behind = head.split(":") if head else [], tail.split(":") if tail else []
    lacking = 8 - len(before) - len(behind)
    digits = ""
    if (lacking > 0 if gap else lacking == 0) and address.isascii():
        for group in [*before, *["0"] * lacking, *behind]:
            if not group.isalnum() or len(group) > 4:
                break
            digits += group.zfill(4)
    try:
        return int(digits, 16) if len(digits) == _DIGITS else int(IPv6Address(address))
    except ValueError:
        return -1


def _dotted(address: str) -> int:
    """The number of an IPv4 address, as nearly all are, read ten times as fast as `ip_address` does; -1 of others."""
    parts = address.split(".")
    if len(parts) != 4:
        return -1
    number = 0
    for part in parts:
        if not part.isascii() or not part.isdigit() or len(part) > 3 or (part[0] == "0" and part != "0"):
            return -1
        octet = int(part)
        if octet > 255:
            return -1
        number = number * 256 + octet
    return number


def inside(address: str) -> bool:
    """Whether an address can't be reached by who is somewhere else: private, shared, link-local or loopback."""
    found = scope(address)
    return found is _PRIVATE or found is _SHARED or found is _LINK_LOCAL or found is LOOPBACK


def leads_inside(uri: str) -> bool:
    """Whether the host of a SIP URI is such an address: of a Contact, each message of its dialog asks."""
    known = _URIS.get(uri)
    if known is None:
        if len(_URIS) >= _MOST_KNOWN:
            _URIS.clear()
        known = _URIS[uri] = inside(host_of(uri))
    return known


def family(address: str) -> int:
    """4 or 6; 0 for what is no IP address."""
    if scope(address) is Scope.NONE:
        return 0
    return 6 if ":" in address else 4
