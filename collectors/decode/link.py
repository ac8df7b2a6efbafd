"""Link layers: where in a frame its IP packet begins.

Link types are numbered as in capture files (https://www.tcpdump.org/linktypes.html). Each function
takes a frame and returns the offset of the IP header, or `NOT_IP` or `CUT`; none of them raises.
"""

from collections.abc import Callable
from typing import Final, TypeAlias

NOT_IP: Final = -1
CUT: Final = -2  # the frame ends before its IP header begins

LinkLayer: TypeAlias = Callable[[bytes], int]

_IP_TYPES: Final = frozenset((b"\x08\x00", b"\x86\xdd"))
# IEEE 802.1Q, 802.1ad (QinQ), and what was used for QinQ before that.
_VLAN_TYPES: Final = frozenset((b"\x81\x00", b"\x88\xa8", b"\x91\x00", b"\x92\x00"))
_PPPOE_SESSION: Final = b"\x88\x64"  # RFC 2516
_PPP_IP: Final = frozenset((b"\x00\x21", b"\x00\x57"))
_MAX_TAGS: Final = 8

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
    if len(frame) <= 20:
        return CUT
    if kind in _IP_TYPES:
        return 20
    return _after_tag(frame, 20) if kind in _VLAN_TYPES else NOT_IP


def null(frame: bytes) -> int:
    """LINKTYPE_NULL and LINKTYPE_LOOP: an address family in the byte order of whoever captured it."""
    if len(frame) <= 4:
        return CUT
    little = int.from_bytes(frame[:4], "little")
    return 4 if little in _FAMILIES or int.from_bytes(frame[:4], "big") in _FAMILIES else NOT_IP


def raw_ip(frame: bytes) -> int:
    """LINKTYPE_RAW, _IPV4, _IPV6: no link header at all."""
    return 0 if frame else CUT


def _after_tag(frame: bytes, at: int) -> int:
    """The same with a VLAN tag's two octets of priority and number at `at`, a type after them."""
    return _after_type(frame, at + 2)


def _after_type(frame: bytes, at: int) -> int:
    """The offset of the IP header in a frame that has an EtherType at `at`."""
    for _ in range(_MAX_TAGS):
        kind = frame[at : at + 2]
        if kind in _IP_TYPES:
            return at + 2 if len(frame) > at + 2 else CUT
        if kind == _PPPOE_SESSION:
            return at + 10 if frame[at + 8 : at + 10] in _PPP_IP and len(frame) > at + 10 else NOT_IP
        if kind not in _VLAN_TYPES:
            return NOT_IP if len(kind) == 2 else CUT
        at += 4
    return NOT_IP


LAYERS: Final[dict[int, LinkLayer]] = {
    0: null,
    1: ethernet,
    12: raw_ip,  # DLT_RAW of Linux, when a file was written with the number of the live interface
    14: raw_ip,  # DLT_RAW of OpenBSD
    101: raw_ip,
    108: null,
    113: linux_cooked,
    228: raw_ip,
    229: raw_ip,
    276: linux_cooked_v2,
}
