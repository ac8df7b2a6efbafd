"""ICMP and ICMPv6 errors that quote a SIP message: evidence that it did not arrive, and never a message.

An error quotes the packet that it is about: eight octets of its payload at least (RFC 792), usually as much
as fits into 576 octets (RFC 1812 §4.3.2.3), or into 1,280 (RFC 4443). What is read of the message ends with its
last whole line, so that nothing is taken for whole that was cut.
"""

import struct
from typing import Final

from collectors.decode import ip
from collectors.sip.message import looks_like_sip, parse
from collectors.wire.events import ICMP, SideEvent
from collectors.wire.trouble import Trouble

_HEADER: Final = 8
_PORTS: Final = struct.Struct("!HH")
_QUOTED_AT_LEAST: Final = 128  # octets, where an extension follows the quote (RFC 4884 §4.1)

# RFC 792 with RFC 1812 §5.2.7; by type, then by code. A redirect was delivered; a source quench means nothing.
_V4: Final[dict[int, dict[int, Trouble]]] = {
    3: {
        **dict.fromkeys((0, 6, 11), Trouble.NETWORK),
        **dict.fromkeys((1, 7, 8, 12), Trouble.HOST),
        2: Trouble.PROTOCOL,
        3: Trouble.PORT,
        4: Trouble.TOO_BIG,
        **dict.fromkeys((9, 10, 13, 14, 15), Trouble.PROHIBITED),
    },
    11: dict.fromkeys((0, 1), Trouble.EXPIRED),
    12: {},
}
# RFC 4443 §3.
_V6: Final[dict[int, dict[int, Trouble]]] = {
    1: {
        0: Trouble.NETWORK,
        **dict.fromkeys((1, 5, 6), Trouble.PROHIBITED),
        2: Trouble.NETWORK,
        3: Trouble.HOST,
        4: Trouble.PORT,
    },
    2: {0: Trouble.TOO_BIG},
    3: dict.fromkeys((0, 1), Trouble.EXPIRED),
    4: {1: Trouble.PROTOCOL},
}
# By protocol: whether of ICMP, which types are errors, and where the length of the quote is, in which unit of octets.
_VERSIONS: Final = {ip.ICMP: (_V4, 5, 4), ip.ICMPV6: (_V6, 4, 8)}


def is_error(packet: ip.Packet) -> bool:
    """Whether an ICMP packet says that another one was not delivered."""
    codes, _, _ = _VERSIONS[packet.protocol]
    return len(packet.payload) >= _HEADER and packet.payload[0] in codes


def quoted(packet: ip.Packet, captured_us: int, observer: str) -> SideEvent | None:
    """The error in an ICMP packet that is one, if it quotes the head of a SIP message over UDP or TCP; else None."""
    codes, _, _ = _VERSIONS[packet.protocol]
    payload = packet.payload
    about = ip.parse(_quote(packet), 0)
    if not isinstance(about, ip.Packet) or (about.piece and about.piece.offset):
        return None
    transport, at = _transport(about)
    message = about.payload[at:]
    whole = message[: message.rfind(b"\n") + 1]
    if not transport or not looks_like_sip(whole):
        return None
    _, method, status, call_id, _, from_tag, _, _, cseq, cseq_method, branch, _, _ = parse(whole)
    source, destination = _ends(about)
    values: dict[str, float] = {"type": payload[0], "code": payload[1], **({"status": status} if status else {})}
    return SideEvent(
        captured_us,
        captured_us,
        ip.address(packet.source),
        0,
        ip.address(packet.destination),
        0,
        transport,
        observer,
        ICMP,
        call_id,
        method or cseq_method,
        cseq,
        from_tag,
        branch,
        codes[payload[0]].get(payload[1], Trouble.OTHER),
        values,
        message,
        f"{destination}>{source}" if status else f"{source}>{destination}",
    )


def _quote(packet: ip.Packet) -> bytes:
    """What the error quotes, without extensions behind it (RFC 4884)."""
    payload = packet.payload
    _, place, unit = _VERSIONS[packet.protocol]
    size = payload[place] * unit
    return payload[_HEADER : _HEADER + size] if size >= _QUOTED_AT_LEAST else payload[_HEADER:]


def _transport(about: ip.Packet) -> tuple[str, int]:
    """(transport, offset of its content) of a quoted packet; the transport is "" for others, and where it is cut."""
    payload = about.payload
    if about.protocol == ip.UDP and len(payload) > 8:
        return "udp", 8
    if about.protocol == ip.TCP and len(payload) > 20:
        return "tcp", (payload[12] >> 4) * 4
    return "", 0


def _ends(about: ip.Packet) -> tuple[str, str]:
    """Source and destination of a quoted packet, as endpoints."""
    form = "{}:{}" if len(about.source) == 4 else "[{}]:{}"
    source_port, destination_port = _PORTS.unpack_from(about.payload)
    return (
        form.format(ip.address(about.source), source_port),
        form.format(ip.address(about.destination), destination_port),
    )
