"""What packets are wrapped in on their way: tags, labels and tunnels, as a sender of each writes them.

A wrapping takes what is to be carried, named by its EtherType, and gives what carries it, named the same
way, so that any may stand in any other. Tunnels have two ends of their own, and may have to fragment.
"""

import struct
from collections.abc import Callable
from functools import partial
from ipaddress import ip_address
from typing import Final, NamedTuple, TypeAlias

from collectors.scenario.network import checksum, ip_packets, pseudo_checksum

IPV4: Final = 0x0800
IPV6: Final = 0x86DD

_VLAN: Final = 0x8100
_SERVICE_VLAN: Final = 0x88A8
_MPLS: Final = 0x8847
_PPPOE: Final = 0x8864
_ETHERNET: Final = 0x6558
_PPP: Final = 0x880B
_BACKBONE: Final = 0x88E7
_PPP_NUMBERS: Final = {IPV4: 0x0021, IPV6: 0x0057, _MPLS: 0x0281}

_UDP: Final = 17
_GRE: Final = 47
_CHECKSUM, _KEY, _SEQUENCE = 0x8000, 0x2000, 0x1000

_ENDS: Final = (ip_address("198.51.100.1").packed, ip_address("198.51.100.2").packed)
_ENDS_V6: Final = (ip_address("2001:db8:e::1").packed, ip_address("2001:db8:e::2").packed)
_MACS: Final = b"\x02\x00\x00\x00\x0e\x02\x02\x00\x00\x00\x0e\x01"


class Carried(NamedTuple):
    """Octets and what they are."""

    kind: int  # EtherType
    octets: bytes
    back: bool  # from the right end of tunnels to the left one


# (what is to be carried, number of its packet, octets that a packet may have) → what carries it
Wrapping: TypeAlias = Callable[[Carried, int, int], list[Carried]]


def wrapped(packet: bytes, wrappings: tuple[str, ...], number: int, mtu: int) -> list[Carried]:
    """An IP packet in all of `wrappings`, named from the outside in. Raises `KeyError` for an unknown name."""
    version = packet[0] >> 4
    source, destination = (packet[12:16], packet[16:20]) if version == 4 else (packet[8:24], packet[24:40])
    carried = [Carried(IPV4 if version == 4 else IPV6, packet, source > destination)]
    for name in reversed(wrappings):
        carried = [each for inner in carried for each in WRAPPINGS[name](inner, number, mtu)]
    return carried


def _frame(carried: Carried) -> bytes:
    return _MACS + struct.pack("!H", carried.kind) + carried.octets


def _tagged(kind: int, header: bytes, carried: Carried, _number: int, _mtu: int) -> list[Carried]:
    """Octets, then the EtherType of what is carried."""
    return [carried._replace(kind=kind, octets=header + struct.pack("!H", carried.kind) + carried.octets)]


def _labelled(between: bytes | None, carried: Carried, _number: int, _mtu: int) -> list[Carried]:
    """Two labels; then IP, or with `between` a frame after that."""
    content = carried.octets if between is None else between + _frame(carried)
    labels = struct.pack("!II", 16 << 12 | 64, 17 << 12 | 0x100 | 64)
    return [carried._replace(kind=_MPLS, octets=labels + content)]


def _ppp(carried: Carried) -> bytes:
    return struct.pack("!H", _PPP_NUMBERS[carried.kind]) + carried.octets


def _pppoe(carried: Carried, _number: int, _mtu: int) -> list[Carried]:
    frame = _ppp(carried)
    return [carried._replace(kind=_PPPOE, octets=struct.pack("!BBHH", 0x11, 0, 1, len(frame)) + frame)]


def _backbone(carried: Carried, _number: int, _mtu: int) -> list[Carried]:
    return [carried._replace(kind=_BACKBONE, octets=bytes(4) + _frame(carried))]


def _over_ip(
    protocol: int, content: Callable[[Carried], bytes], carried: Carried, number: int, mtu: int, *, v6: bool = False
) -> list[Carried]:
    """A tunnel with a protocol number of its own."""
    ends = _ENDS_V6 if v6 else _ENDS
    packets = ip_packets(protocol, *(ends[::-1] if carried.back else ends), content(carried), number, mtu)
    return [carried._replace(kind=IPV6 if v6 else IPV4, octets=packet) for packet in packets]


def _over_udp(port: int, content: Callable[[Carried], bytes], carried: Carried, number: int, mtu: int) -> list[Carried]:
    payload = content(carried)
    header = struct.pack("!HHH", 49_152 + number % 16_384, port, 8 + len(payload))
    # The sum is the same both ways.
    total = pseudo_checksum(_UDP, *_ENDS, header + b"\0\0" + payload) or 0xFFFF
    return _over_ip(_UDP, lambda _: header + struct.pack("!H", total) + payload, carried, number, mtu)


def _ip_in_ip(carried: Carried, number: int, mtu: int, *, v6: bool = False) -> list[Carried]:
    return _over_ip({IPV4: 4, IPV6: 41}[carried.kind], _octets, carried, number, mtu, v6=v6)


def _octets(carried: Carried) -> bytes:
    return carried.octets


def _gre(flags: int, kind: int | None, content: Callable[[Carried], bytes], carried: Carried) -> bytes:
    """RFC 2784, RFC 2890; `kind` is that of what is carried unless it is given."""
    fields = struct.pack("!HH", flags, carried.kind if kind is None else kind)
    rest = (struct.pack("!I", 0x0A0B0C00) if flags & _KEY else b"") + (bytes(4) if flags & _SEQUENCE else b"")
    rest += content(carried)
    if not flags & _CHECKSUM:
        return fields + rest
    return fields + struct.pack("!HH", checksum(fields + bytes(4) + rest), 0) + rest


def _pptp(carried: Carried) -> bytes:
    """RFC 2637 §4.1, with an acknowledgment."""
    frame = b"\xff\x03" + _ppp(carried)
    return struct.pack("!HHHHII", 0x3081, _PPP, len(frame), 77 + carried.back, 1, 0) + frame


def _mirrored_iii(carried: Carried) -> bytes:
    """ERSPAN type III with its optional header, after which there is the frame."""
    return struct.pack("!HHIHH", 0x2001, 5, 1234, 0, 1) + bytes(8) + _frame(carried)


def _gtp(extension: bytes, carried: Carried) -> bytes:
    """3GPP TS 29.281; `extension` begins with what the field before it says of it, and ends with a 0."""
    options = b"\0\0\0" + extension if extension else b""
    length = len(options) + len(carried.octets)
    identifier = 0xBEEF + carried.back  # each end gives its own
    return struct.pack("!BBHI", 0x34 if extension else 0x30, 255, length, identifier) + options + carried.octets


def _after(header: bytes, carried: Carried) -> bytes:
    return header + _frame(carried)


def _l2tp(carried: Carried) -> bytes:
    frame = b"\xff\x03" + _ppp(carried)
    return struct.pack("!HHHHHH", 0x4802, 12 + len(frame), 3 + carried.back, 4 + carried.back, 0, 0) + frame


WRAPPINGS: Final[dict[str, Wrapping]] = {
    "vlan": partial(_tagged, _VLAN, b"\x00\x05"),
    "service-vlan": partial(_tagged, _SERVICE_VLAN, b"\x00\x06"),
    "backbone": _backbone,
    "mpls": partial(_labelled, None),
    "pseudowire": partial(_labelled, b""),
    "pseudowire-control": partial(_labelled, bytes(4)),
    "pppoe": _pppoe,
    "ip": _ip_in_ip,
    "ip-in-ipv6": partial(_ip_in_ip, v6=True),
    "gre": partial(_over_ip, _GRE, partial(_gre, 0, None, _octets)),
    "gre-in-ipv6": partial(_over_ip, _GRE, partial(_gre, 0, None, _octets), v6=True),
    "gre-all": partial(_over_ip, _GRE, partial(_gre, _CHECKSUM | _KEY | _SEQUENCE, None, _octets)),
    "gre-ppp": partial(_over_ip, _GRE, partial(_gre, 0, _PPP, _ppp)),
    "pptp": partial(_over_ip, _GRE, _pptp),
    "nvgre": partial(_over_ip, _GRE, partial(_gre, _KEY, _ETHERNET, _frame)),
    "erspan-1": partial(_over_ip, _GRE, partial(_gre, 0, 0x88BE, _frame)),
    "erspan-2": partial(
        _over_ip, _GRE, partial(_gre, _SEQUENCE, 0x88BE, partial(_after, b"\x10\x01\x00\x05" + bytes(4)))
    ),
    "erspan-3": partial(_over_ip, _GRE, partial(_gre, _SEQUENCE, 0x22EB, _mirrored_iii)),
    "etherip": partial(_over_ip, 97, partial(_after, b"\x30\x00")),
    "vxlan": partial(_over_udp, 4789, partial(_after, b"\x08\0\0\0\0\0\x2a\0")),
    "geneve": partial(_over_udp, 6081, partial(_after, b"\x02\0\x65\x58\0\0\x2a\0" + b"\x01\x02\x80\x01" + bytes(4))),
    "tzsp": partial(_over_udp, 37008, partial(_after, b"\x01\0\0\x01" + b"\x0a\x01\x55" + b"\0" + b"\x01")),
    "gtp": partial(_over_udp, 2152, partial(_gtp, b"")),
    # A PDU session container (3GPP TS 38.415).
    "gtp-session": partial(_over_udp, 2152, partial(_gtp, b"\x85\x01\x00\x09\x00")),
    "l2tp": partial(_over_udp, 1701, _l2tp),
}
