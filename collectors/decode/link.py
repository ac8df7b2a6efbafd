"""Link layers: where in a frame its IP packet begins.

Link types are numbered as in capture files (https://www.tcpdump.org/linktypes.html). Each function
takes a frame and returns the offset of its IP header, which a cut frame may not reach, or `NOT_IP`.
"""

from collections.abc import Callable
from typing import Final, TypeAlias

NOT_IP: Final = -1

LinkLayer: TypeAlias = Callable[[bytes], int]

_IP_TYPES: Final = frozenset((b"\x08\x00", b"\x86\xdd"))
# IEEE 802.1Q, 802.1ad (QinQ), and what was used for QinQ before that.
_VLAN_TYPES: Final = frozenset((b"\x81\x00", b"\x88\xa8", b"\x91\x00", b"\x92\x00"))
_MAX_VLANS: Final = 8
_PPPOE_SESSION: Final = b"\x88\x64"  # RFC 2516
_PPP_IP: Final = frozenset((b"\x00\x21", b"\x00\x57"))

# AF_INET, and AF_INET6 of Linux, Windows, OpenBSD and NetBSD, FreeBSD, macOS.
_FAMILIES: Final = frozenset((2, 10, 23, 24, 28, 30))


def ethernet(frame: bytes) -> int:
    """LINKTYPE_ETHERNET, with any VLAN tags and PPPoE."""
    if frame[12:14] == b"\x08\x00":
        return 14
    return _after_type(frame, 12)


def linux_cooked(frame: bytes) -> int:
    """LINKTYPE_LINUX_SLL: 16 octets, the protocol last."""
    return _after_type(frame, 14)


def linux_cooked_v2(frame: bytes) -> int:
    """LINKTYPE_LINUX_SLL2: 20 octets, the protocol first."""
    kind = frame[:2]
    if kind in _IP_TYPES:
        return 20
    return _after_type(frame, 22) if kind in _VLAN_TYPES else NOT_IP


def null(frame: bytes) -> int:
    """LINKTYPE_NULL and LINKTYPE_LOOP: an address family in the byte order of whoever captured it."""
    little, big = int.from_bytes(frame[:4], "little"), int.from_bytes(frame[:4], "big")
    return 4 if little in _FAMILIES or big in _FAMILIES else NOT_IP


def raw_ip(_frame: bytes) -> int:
    """LINKTYPE_RAW, LINKTYPE_IPV4, LINKTYPE_IPV6: no link header at all."""
    return 0


def _after_type(frame: bytes, at: int) -> int:
    """The offset of the IP header in a frame that has an EtherType at `at`."""
    for _ in range(_MAX_VLANS + 1):
        kind = frame[at : at + 2]
        if kind in _IP_TYPES:
            return at + 2
        if kind == _PPPOE_SESSION:
            return at + 10 if frame[at + 8 : at + 10] in _PPP_IP else NOT_IP
        if kind not in _VLAN_TYPES:
            break
        at += 4
    return NOT_IP


LAYERS: Final[dict[int, LinkLayer]] = {
    0: null,
    1: ethernet,
    12: raw_ip,  # the number of Linux's own, live
    14: raw_ip,  # and OpenBSD's
    101: raw_ip,
    108: null,
    113: linux_cooked,
    228: raw_ip,
    229: raw_ip,
    276: linux_cooked_v2,
}
