"""SIP messages that came in IP fragments, and those of which one did not come: evidence beside the message.

Firewalls and NATs like to drop fragments; then it looks as if nobody answered (RFC 3261 §18.1.1).
"""

from collections.abc import Iterable, Iterator
from typing import Final

from collectors.decode import ip, udp
from collectors.decode.datagram import Datagram, Skip
from collectors.decode.openings import endpoint
from collectors.sip.message import looks_like_sip, parse
from collectors.wire.events import FRAGMENTS, SideEvent

WHOLE: Final = "in fragments"
TORN: Final = "a fragment is missing"
_ANY: Final = 65_535  # octets that may be missing


def joined(datagrams: Iterable[Datagram], whole: ip.Packet, pieces: int) -> Iterator[SideEvent]:
    """Of the messages among these datagrams that are what a packet carried, which came in so many pieces."""
    source = ip.address(whole.source)
    for datagram in datagrams:
        if datagram.transport == "udp" and datagram.source == source and looks_like_sip(datagram.payload):
            yield _told(datagram, WHOLE, {"fragments": float(pieces), "octets": float(len(datagram.payload))})


def torn(at_us: int, first: ip.Packet, observer: str) -> SideEvent | None:
    """Of the first piece of a datagram whose others did not all come; None where it is not the head of a message."""
    if first.protocol != ip.UDP:
        return None
    parsed = udp.parse(first.payload, _ANY)
    if isinstance(parsed, Skip) or not looks_like_sip(parsed[2]):
        return None
    source_port, destination_port, payload, _ = parsed
    ends = (ip.address(first.source), source_port, ip.address(first.destination), destination_port)
    head = payload[: payload.rfind(b"\n") + 1]
    return _told(Datagram(at_us, *ends, "udp", observer, head), TORN, {"seen_octets": float(len(payload))})


def _told(datagram: Datagram, text: str, values: dict[str, float]) -> SideEvent:
    _, method, status, call_id, _, from_tag, _, _, cseq, cseq_method, branch, _, _ = parse(datagram.payload)
    source = endpoint(datagram.source, datagram.source_port)
    destination = endpoint(datagram.destination, datagram.destination_port)
    return SideEvent(
        datagram.captured_us,
        datagram.captured_us,
        datagram.source,
        datagram.source_port,
        datagram.destination,
        datagram.destination_port,
        "udp",
        datagram.observer,
        FRAGMENTS,
        call_id,
        method or cseq_method,
        cseq,
        from_tag,
        branch,
        text,
        values | ({"status": float(status)} if status else {}),
        hop=f"{destination}>{source}" if status else f"{source}>{destination}",
    )
