"""Messages made by hand, where a scenario would say too much or could not say it: a few fields, the rest as usual.

    invite = request("INVITE", 0)                       # alice>bob, at second 0
    ringing = response(180, 1.5, to_tag="b")            # to it
    forwarded = request("INVITE", 0.01, "proxy>bob", vias=2)

A hop is named in the direction of the request, for responses too.
"""

from collections.abc import Sequence
from typing import Final

from collectors.scenario import START_US
from collectors.sip.message import parse
from collectors.sip.timers import SECOND
from collectors.wire.events import SipEvent

PLACES: Final = {
    "alice": "10.0.0.1",
    "proxy": "10.0.0.2",
    "bob": "10.0.0.3",
    "carol": "10.0.0.4",
    "edge": "10.0.0.5",
}
Headers = Sequence[tuple[str, str]]


def us(seconds: float) -> int:
    """Seconds of a timeline as wire time."""
    return START_US + round(seconds * SECOND)


def hop(name: str) -> str:
    """ "alice>bob" as records spell it: "10.0.0.1:5060>10.0.0.3:5060"."""
    return ">".join(f"{PLACES[place]}:5060" for place in name.split(">"))


def request(
    method: str,
    at: float,
    on: str = "alice>bob",
    *,
    cseq: int = 1,
    call_id: str = "call-1",
    from_tag: str = "a",
    to_tag: str = "",
    branch: str = "",
    vias: int = 1,
    headers: Headers = (),
    transport: str = "udp",
    observer: str = "lab/eth0",
    ports: tuple[int, int] = (5060, 5060),
    body: str = "",
) -> SipEvent:
    """A request on a hop, at a second of the timeline."""
    source, destination = on.split(">")
    lines = [
        f"{method} sip:bob@example.com SIP/2.0",
        *_common(method, on, cseq, call_id, from_tag, to_tag, branch, vias, transport),
        *(f"{name}: {value}" for name, value in headers),
    ]
    return _event(lines, at, source, destination, ports, transport, observer, body)


def response(
    status: int,
    at: float,
    on: str = "alice>bob",
    *,
    method: str = "INVITE",
    cseq: int = 1,
    call_id: str = "call-1",
    from_tag: str = "a",
    to_tag: str = "b",
    branch: str = "",
    vias: int = 1,
    headers: Headers = (),
    transport: str = "udp",
    observer: str = "lab/eth0",
    ports: tuple[int, int] = (5060, 5060),
    reason: str = "Because",
    body: str = "",
) -> SipEvent:
    """A response to a request that went over a hop."""
    source, destination = on.split(">")
    lines = [
        f"SIP/2.0 {status} {reason}",
        *_common(method, on, cseq, call_id, from_tag, to_tag, branch, vias, transport),
        *(f"{name}: {value}" for name, value in headers),
    ]
    return _event(lines, at, destination, source, ports[::-1], transport, observer, body)


def _common(
    method: str, on: str, cseq: int, call_id: str, from_tag: str, to_tag: str, branch: str, vias: int, transport: str
) -> list[str]:
    # ACKs and CANCELs of a transaction have its branch; those of a 2xx are given one of their own.
    own = branch or f"z9hG4bK-{on}-{cseq}{'' if method in ('INVITE', 'ACK', 'CANCEL') else method}"
    caller, callee = ("alice", "bob") if from_tag < "b" else ("bob", "alice")
    return [
        f"Via: SIP/2.0/{transport.upper()} {on.partition('>')[0]}.example.com;branch={own}",
        *(f"Via: SIP/2.0/UDP below{number}.example.com;branch=z9hG4bK-{number}" for number in range(vias - 1, 0, -1)),
        f"From: <sip:{caller}@example.com>;tag={from_tag}",
        f"To: <sip:{callee}@example.com>" + (f";tag={to_tag}" if to_tag else ""),
        *([f"Call-ID: {call_id}"] if call_id else []),
        f"CSeq: {cseq} {method}",
    ]


def _event(
    lines: list[str],
    at: float,
    source: str,
    destination: str,
    ports: tuple[int, int],
    transport: str,
    observer: str,
    body: str = "",
) -> SipEvent:
    raw = ("\r\n".join(lines) + f"\r\nContent-Length: {len(body)}\r\n\r\n{body}").encode()
    return SipEvent(
        us(at),
        us(at),
        PLACES[source],
        ports[0],
        PLACES[destination],
        ports[1],
        transport,
        observer,
        raw,
        *parse(raw),
    )
