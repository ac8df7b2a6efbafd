"""Link layers: where in a frame its IP packet begins.

Link types are numbered as in capture files (https://www.tcpdump.org/linktypes.html). Each function
takes a frame and returns the offset of its IP header, which a cut frame may not reach, `NOT_IP`, or `EXPORTED`.
Between the link header and IP there may be VLAN tags, MPLS labels, PPPoE and more, in any order; each
says by an EtherType what follows it, so that one loop walks through all of them, as far as a bound.
"""

from collections.abc import Callable
from typing import Final, TypeAlias

NOT_IP: Final = -1
EXPORTED: Final = -3  # no packet, but a message that was taken out of one: `collectors.decode.exported`

LinkLayer: TypeAlias = Callable[[bytes], int]

IPV4: Final[bytes] = b"\x08\x00"
IPV6: Final[bytes] = b"\x86\xdd"
ETHERNET: Final[bytes] = b"\x65\x58"  # a whole frame: transparent bridging (RFC 1701)
PPP: Final[bytes] = b"\x88\x0b"
MPLS: Final[bytes] = b"\x88\x47"
_NOTHING: Final = (b"", 0)

_IP_TYPES: Final = frozenset((IPV4, IPV6))
_MAX_HEADERS: Final = 16
_MAX_LABELS: Final = 16
_SNAP: Final = b"\xaa\xaa\x03\x00\x00\x00"  # IEEE 802.2: an EtherType follows
_PPP_ADDRESS: Final = b"\xff\x03"  # RFC 1662 §3.1
_PPP_TYPES: Final = {0x21: IPV4, 0x57: IPV6, 0x281: MPLS, 0x283: MPLS}  # RFC 1332, RFC 5072, RFC 3032

# AF_INET, and AF_INET6 of Linux, Windows, OpenBSD and NetBSD, FreeBSD, macOS.
_FAMILIES: Final = frozenset((2, 10, 23, 24, 28, 30))


def ethernet(frame: bytes) -> int:
    """LINKTYPE_ETHERNET."""
    return ip_offset(frame, frame[12:14], 14)


def is_plain(octets: bytes, begin: int, end: int) -> bool:
    """Whether in `octets[begin:end]`, a frame of Ethernet, an IP packet follows at once, as in nearly all."""
    if end - begin <= 14:
        return False
    first, second = octets[begin + 12], octets[begin + 13]
    return (first == 0x08 and second == 0) or (first == 0x86 and second == 0xDD)


def ip_offset(frame: bytes, kind: bytes, at: int) -> int:
    """The offset of the IP header in what has the EtherType `kind` (2 octets) and begins at `at`, or `NOT_IP`."""
    for _ in range(_MAX_HEADERS):
        if kind in _IP_TYPES:
            return at
        # What is below 0x0600 is no type but a length (IEEE 802.3).
        step = _logical_link if b"" < kind < b"\x06" else _HEADERS.get(kind)
        if step is None:
            break
        kind, at = step(frame, at)
    return NOT_IP


def ppp(frame: bytes, at: int) -> tuple[bytes, int]:
    """(EtherType, offset) of what a PPP frame carries, with or without its address; the type is empty for others."""
    if frame[at : at + 2] == _PPP_ADDRESS:
        at += 2
    # An odd first octet is a whole protocol number: RFC 1661 §6.5.
    size = 1 if frame[at : at + 1] and frame[at] & 1 else 2
    return _PPP_TYPES.get(int.from_bytes(frame[at : at + size], "big"), b""), at + size


def linux_cooked(frame: bytes) -> int:
    """LINKTYPE_LINUX_SLL: 16 octets, the protocol last."""
    return ip_offset(frame, frame[14:16], 16)


def linux_cooked_v2(frame: bytes) -> int:
    """LINKTYPE_LINUX_SLL2: 20 octets, the protocol first."""
    return ip_offset(frame, frame[:2], 20)


def null(frame: bytes) -> int:
    """LINKTYPE_NULL and LINKTYPE_LOOP: an address family in the byte order of whoever captured it."""
    little, big = int.from_bytes(frame[:4], "little"), int.from_bytes(frame[:4], "big")
    return 4 if little in _FAMILIES or big in _FAMILIES else NOT_IP


def raw_ip(_frame: bytes) -> int:
    """LINKTYPE_RAW, LINKTYPE_IPV4, LINKTYPE_IPV6: no link header at all."""
    return 0


def ppp_frame(frame: bytes) -> int:
    """LINKTYPE_PPP, and LINKTYPE_PPP_HDLC, which has either PPP's address or that of Cisco's own format."""
    return cisco_hdlc(frame) if frame[:1] in (b"\x0f", b"\x8f") else ip_offset(frame, *ppp(frame, 0))


def ppp_over_ethernet(frame: bytes) -> int:
    """LINKTYPE_PPP_ETHER: from the header of PPPoE on."""
    return ip_offset(frame, *_pppoe(frame, 0))


def cisco_hdlc(frame: bytes) -> int:
    """LINKTYPE_C_HDLC: address, control, EtherType."""
    return ip_offset(frame, frame[2:4], 4)


def mpls_frame(frame: bytes) -> int:
    """LINKTYPE_MPLS: from the first label on."""
    return ip_offset(frame, MPLS, 0)


def wireless(frame: bytes, at: int = 0) -> int:
    """LINKTYPE_IEEE802_11: data frames that are not encrypted (IEEE 802.11 §9.2.4)."""
    if len(frame) < at + 24:
        return NOT_IP
    control, flags = frame[at], frame[at + 1]
    if control & 0x4C != 0x08 or flags & 0x40:
        return NOT_IP
    quality = control & 0x80
    at += 24 + (6 if flags & 3 == 3 else 0) + (2 if quality else 0) + (4 if quality and flags & 0x80 else 0)
    return ip_offset(frame, *_logical_link(frame, at))


def radiotap(frame: bytes) -> int:
    """LINKTYPE_IEEE802_11_RADIOTAP: a header that says its length, then the frame."""
    return wireless(frame, int.from_bytes(frame[2:4], "little"))


def exported(_frame: bytes) -> int:
    """LINKTYPE_WIRESHARK_UPPER_PDU: messages without their packets."""
    return EXPORTED


def _vlan(frame: bytes, at: int) -> tuple[bytes, int]:
    return frame[at + 2 : at + 4], at + 4


def _pppoe(frame: bytes, at: int) -> tuple[bytes, int]:
    return ppp(frame, at + 6)


def _whole_frame(frame: bytes, at: int) -> tuple[bytes, int]:
    return frame[at + 12 : at + 14], at + 14


def _backbone(frame: bytes, at: int) -> tuple[bytes, int]:
    return _whole_frame(frame, at + 4)


def _logical_link(frame: bytes, at: int) -> tuple[bytes, int]:
    return (frame[at + 6 : at + 8], at + 8) if frame[at : at + 6] == _SNAP else _NOTHING


def _labels(frame: bytes, at: int) -> tuple[bytes, int]:
    """What follows a stack of MPLS labels (RFC 3032); the last one has a bit set."""
    for _ in range(_MAX_LABELS):
        if len(frame) < at + 5:
            break
        at += 4
        if frame[at - 2] & 1:
            return _unlabelled(frame, at)
    return _NOTHING


def _unlabelled(frame: bytes, at: int) -> tuple[bytes, int]:
    """Labels don't say what follows: IP, or a frame of a pseudowire with or without control word (RFC 4448, RFC 4928).

    The first half octet is the IP version, 0 in a control word, and anything in a frame's address.
    """
    version = frame[at] >> 4
    if version in (4, 6):
        framed = _leads_to_ip(frame, at + 12) and not (version == 4 and _checksum_fits(frame, at))
        return _whole_frame(frame, at) if framed else (IPV4 if version == 4 else IPV6, at)
    following = frame[at + 12 : at + 14]
    if following in _IP_TYPES or following in _HEADERS:
        return _whole_frame(frame, at)
    return _whole_frame(frame, at + 4) if version == 0 else _NOTHING


def _leads_to_ip(frame: bytes, at: int) -> bool:
    """Whether an EtherType is at `at`: of IP, with its version after it, or of VLAN tags with the same in them."""
    kind, at = frame[at : at + 2], at + 2
    while _HEADERS.get(kind) is _vlan:
        kind, at = _vlan(frame, at)
    return len(frame) > at and (kind, frame[at] >> 4) in ((IPV4, 4), (IPV6, 6))


def _checksum_fits(frame: bytes, at: int) -> bool:
    """Whether an IPv4 header without options is at `at`: its words add up to 0xFFFF (RFC 1071)."""
    return sum(int.from_bytes(frame[i : i + 2], "big") for i in range(at, at + 20, 2)) % 0xFFFF == 0


_HEADERS: Final[dict[bytes, Callable[[bytes, int], tuple[bytes, int]]]] = {
    b"\x81\x00": _vlan,  # IEEE 802.1Q
    b"\x88\xa8": _vlan,  # IEEE 802.1ad (QinQ), and what was used for it before
    b"\x91\x00": _vlan,
    b"\x92\x00": _vlan,
    b"\x88\xe7": _backbone,  # IEEE 802.1ah, MAC in MAC
    b"\x88\x64": _pppoe,  # RFC 2516
    PPP: ppp,
    MPLS: _labels,
    b"\x88\x48": _labels,  # multicast, or with upstream labels (RFC 5332)
    ETHERNET: _whole_frame,
}

LAYERS: Final[dict[int, LinkLayer]] = {
    0: null,
    1: ethernet,
    9: ppp_frame,
    12: raw_ip,  # the number of Linux's own, live
    14: raw_ip,  # and OpenBSD's
    50: ppp_frame,
    51: ppp_over_ethernet,
    101: raw_ip,
    104: cisco_hdlc,
    105: wireless,
    108: null,
    113: linux_cooked,
    127: radiotap,
    219: mpls_frame,
    228: raw_ip,
    229: raw_ip,
    252: exported,
    276: linux_cooked_v2,
}
