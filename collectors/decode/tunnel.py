"""Tunnels: where in a packet another one begins.

Over IP (by protocol number): IP in IP, GRE with PPTP's, NVGRE's and ERSPAN's uses of it, EtherIP, MPLS.
Over UDP (by port *and* by shape, so that SIP on such a port is still SIP): VXLAN, GENEVE, TZSP, GTP-U, L2TP.
The inner packet stays where it is: a tunnel is an offset. Total: what is no tunnel, or is cut, is None.
"""

from collections.abc import Callable
from typing import Final, NamedTuple, TypeAlias

from collectors.decode import link


class Inner(NamedTuple):
    """The packet in a tunnel."""

    at: int  # offset of its IP header in what the tunnel is carried by, or `link.NOT_IP`
    # What sets the tunnel apart from others between the same hosts: a key, a VNI. Not what differs from
    # direction to direction, as the identifiers of GTP, L2TP and PPTP do.
    name: bytes = b""


Tunnel: TypeAlias = Callable[[bytes], Inner | None]

_GRE_CHECKSUM: Final = 0x8000
_GRE_ROUTING: Final = 0x4000
_GRE_KEY: Final = 0x2000
_GRE_SEQUENCE: Final = 0x1000
_GRE_ACKNOWLEDGMENT: Final = 0x0080
_ERSPAN: Final = b"\x88\xbe"  # types I and II
_ERSPAN_III: Final = b"\x22\xeb"
_WCCP: Final = b"\x88\x3e"

_L2TP_CONTROL: Final = 0x8000
_L2TP_LENGTH: Final = 0x4000
_L2TP_SEQUENCE: Final = 0x0800
_L2TP_OFFSET: Final = 0x0200
_L2TP_RESERVED: Final = 0x34F0

_VXLAN_NEXT: Final = {1: link.IPV4, 2: link.IPV6, 3: link.ETHERNET, 5: link.MPLS}

_GTP_PDU: Final = 255
_GTP_MAX_EXTENSIONS: Final = 8
_TZSP_MAX_TAGS: Final = 64


def in_ip(protocol: int, payload: bytes) -> Inner | None:
    """The packet in what an IP packet of this protocol carries."""
    tunnel = _PROTOCOLS.get(protocol)
    return tunnel(payload) if tunnel else None


def in_udp(port: int, payload: bytes) -> Inner | None:
    """The packet in a UDP datagram to `port`."""
    tunnel = PORTS.get(port)
    return tunnel(payload) if tunnel else None


def _ip(_payload: bytes) -> Inner:
    """IP in IP: RFC 2003, RFC 2473, RFC 4213."""
    return Inner(0)


def _ether_ip(payload: bytes) -> Inner | None:
    """A frame after the version, 3, in two octets (RFC 3378)."""
    return Inner(link.ip_offset(payload, link.ETHERNET, 2)) if payload[:1] == b"\x30" else None


def _mpls(payload: bytes) -> Inner:
    """RFC 4023."""
    return Inner(link.ip_offset(payload, link.MPLS, 0))


def _gre(payload: bytes) -> Inner | None:
    """RFC 2784 with RFC 2890; version 1 is PPTP's (RFC 2637 §4.1)."""
    if len(payload) < 4:
        return None
    flags = int.from_bytes(payload[:2], "big")
    version = flags & 7
    if version > 1 or flags & _GRE_ROUTING:
        return None
    kind = payload[2:4]
    at = 8 if flags & _GRE_CHECKSUM else 4
    name = b""
    if flags & _GRE_KEY:
        key = b"" if version else payload[at : at + 4]
        # NVGRE (RFC 7637) has a hash of the flow at its end.
        name = key[:3] if kind == link.ETHERNET else key
        at += 4
    if flags & _GRE_SEQUENCE:
        at += 4
    if version and flags & _GRE_ACKNOWLEDGMENT:
        at += 4
    return Inner(link.ip_offset(payload, *_gre_content(payload, kind, at, flags)), name)


def _gre_content(payload: bytes, kind: bytes, at: int, flags: int) -> tuple[bytes, int]:
    """(EtherType, offset) of what GRE carries; the header of a mirrored frame (ERSPAN) is passed over."""
    if kind == _ERSPAN:
        # Type I has no header of its own, and GRE no sequence number then.
        return link.ETHERNET, at + 8 if flags & _GRE_SEQUENCE else at
    if kind == _ERSPAN_III:
        last = int.from_bytes(payload[at + 10 : at + 12], "big")
        optional = 8 if last & 1 else 0
        version = payload[at + 12 + optional : at + 13 + optional]
        mirrors_ip = last >> 10 & 31 == 2
        kind = (link.IPV6 if version >= b"\x60" else link.IPV4) if mirrors_ip else link.ETHERNET
        return kind, at + 12 + optional
    if kind == _WCCP:
        # Its second version puts a header of four octets before the packet.
        return link.IPV4, at if payload[at : at + 1] >= b"\x40" else at + 4
    return kind, at


def _vxlan(payload: bytes) -> Inner | None:
    """RFC 7348, with the group policy and generic protocol extensions: flags, VNI, and four reserved bits."""
    if len(payload) < 8 or payload[0] & 0x78 != 0x08 or payload[7]:
        return None
    generic = payload[0] & 0x04
    kind = _VXLAN_NEXT.get(payload[3], b"") if generic else link.ETHERNET
    return Inner(link.ip_offset(payload, kind, 8), payload[4:7])


def _geneve(payload: bytes) -> Inner | None:
    """RFC 8926 §3.4: version 0, options in units of four octets, EtherType, VNI."""
    if len(payload) < 8 or payload[0] & 0xC0 or payload[1] & 0x3F or payload[7]:
        return None
    return Inner(link.ip_offset(payload, payload[2:4], 8 + (payload[0] & 0x3F) * 4), payload[4:7])


def _tzsp(payload: bytes) -> Inner | None:
    """TaZmen Sniffer Protocol: version 1, a frame that was received or is to be sent, tags, the frame."""
    if payload[:2] not in (b"\x01\x00", b"\x01\x01"):
        return None
    at = 4
    for _ in range(_TZSP_MAX_TAGS):
        tag = payload[at : at + 1]
        at += 1
        if tag == b"\x01":
            kind = payload[2:4]
            if kind == b"\x00\x12":
                return Inner(link.wireless(payload, at))
            return Inner(link.ip_offset(payload, link.ETHERNET, at)) if kind == b"\x00\x01" else Inner(link.NOT_IP)
        if tag != b"\0":  # padding has no length
            at += 1 + int.from_bytes(payload[at : at + 1], "big")
    return None


def _gtp(payload: bytes) -> Inner | None:
    """A user's packet in GTP version 1 (3GPP TS 29.281 §5.1), whatever extension headers come before it."""
    if len(payload) < 8 or payload[0] & 0xF0 != 0x30 or payload[1] != _GTP_PDU:
        return None
    at = 8
    if payload[0] & 7:  # any of the three options makes room for all
        following = payload[11:12] if payload[0] & 4 else b"\0"
        at = 12
        for _ in range(_GTP_MAX_EXTENSIONS):
            if following in (b"\0", b""):
                break
            at += 4 * int.from_bytes(payload[at : at + 1], "big")
            following = payload[at - 1 : at]
        else:
            return None
    version = payload[at : at + 1]
    # A session of Ethernet frames (3GPP TS 23.501 §5.6.10.2) looks like the others, but for what is in it.
    is_ip = b"\x40" <= version < b"\x70"
    return Inner(at if is_ip else link.ip_offset(payload, link.ETHERNET, at))


def _l2tp(payload: bytes) -> Inner | None:
    """A data message of version 2 (RFC 2661 §3.1): PPP after optional fields."""
    if len(payload) < 6:
        return None
    flags = int.from_bytes(payload[:2], "big")
    if flags & 0x0F != 2 or flags & (_L2TP_CONTROL | _L2TP_RESERVED):
        return None
    at = 8 if flags & _L2TP_LENGTH else 6  # behind tunnel and session
    if flags & _L2TP_SEQUENCE:
        at += 4
    if flags & _L2TP_OFFSET:
        at += 2 + int.from_bytes(payload[at : at + 2], "big")
    return Inner(link.ip_offset(payload, link.PPP, at))


_PROTOCOLS: Final[dict[int, Tunnel]] = {4: _ip, 41: _ip, 47: _gre, 97: _ether_ip, 137: _mpls}

# By the port that a datagram goes to; 8472 was Linux's before there was a number for VXLAN.
PORTS: Final[dict[int, Tunnel]] = {
    1701: _l2tp,
    2152: _gtp,
    4789: _vxlan,
    4790: _vxlan,
    6081: _geneve,
    8472: _vxlan,
    37008: _tzsp,
}
