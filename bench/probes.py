"""Faults planted among the load, each with the moment from which its finding is true.

    refused      a REGISTER gets a 403: true with the 403
    missing-ack  an INVITE is answered and nobody sends the ACK: suspected with the third resend of the 200
    unanswered   a REGISTER over TCP gets no answer: suspected 4 s later. Absence waits for the reordering window, too

Each happens at an address of its own (198.18.0.0/15 is for benchmarks, RFC 2544), so that its alert can be
told from all others.
"""

from collections.abc import Iterator
from typing import Final

import msgspec

from collectors.scenario.message import Endpoint
from collectors.scenario.packets import packets
from collectors.scenario.stage import Sent
from collectors.sip.timers import MILLISECOND, SECOND
from monitor.core.settings import Settings

REFUSED: Final = "refused"
MISSING_ACK: Final = "missing-ack"
UNANSWERED: Final = "unanswered"
KINDS: Final = (REFUSED, MISSING_ACK, UNANSWERED)
CODES: Final = {
    REFUSED: "registration-rejected",
    MISSING_ACK: "missing-ack",
    UNANSWERED: "registration-unanswered",
}
# The state of its finding at that moment; a row that says "confirmed" half a minute later tells of something else.
STATES: Final = {REFUSED: "confirmed", MISSING_ACK: "suspected", UNANSWERED: "suspected"}
TAKES_US: Final = 5 * SECOND  # from a probe's first packet to its truth, at most
_RESENDS_US: Final = (500 * MILLISECOND, 1_500 * MILLISECOND, 3_500 * MILLISECOND)  # RFC 3261 §13.3.1.4


class Probe(msgspec.Struct, frozen=True):
    """One fault: what is sent for it, and when it is true; times in µs since its beginning."""

    kind: str
    name: str  # the user part of its URIs
    place: str  # the address of its server
    frames: list[tuple[int, bytes]]
    messages: int
    fault: int  # of `frames`, the one with which the fault has happened, or from which its deadline counts
    waits_us: int = 0  # from that frame to the moment from which the absence may be claimed


def probe(number: int) -> Probe:
    """The probe of this number, up to 65,000; the kinds take turns."""
    kind = KINDS[number % len(KINDS)]
    name = f"probe-{number}"
    client = Endpoint(f"198.19.{number // 250}.{number % 250 + 1}", 5060)
    server = Endpoint(f"198.18.{number // 250}.{number % 250 + 1}", 5060)
    sent = list(_SENT[kind](name, client, server))
    frames = list(packets(sent))
    fault = len(frames) - 1
    settings = Settings()
    waits_us = settings.unanswered_reliable_us + settings.window_us if kind == UNANSWERED else 0
    return Probe(kind, name, server.address, frames, len(sent), fault, waits_us)


def _refused(name: str, client: Endpoint, server: Endpoint) -> Iterator[Sent]:
    yield _request(0, "REGISTER", name, client, server, "udp")
    yield _response(20 * MILLISECOND, 403, "Forbidden", "REGISTER", name, client, server)


def _missing_ack(name: str, client: Endpoint, server: Endpoint) -> Iterator[Sent]:
    yield _request(0, "INVITE", name, client, server, "udp")
    for at_us in (0, *_RESENDS_US):
        yield _response(100 * MILLISECOND + at_us, 200, "OK", "INVITE", name, client, server)


def _unanswered(name: str, client: Endpoint, server: Endpoint) -> Iterator[Sent]:
    # Silence says something only of who was heard to answer before.
    yield _request(0, "OPTIONS", f"{name}-alive", client, server, "udp")
    yield _response(20 * MILLISECOND, 200, "OK", "OPTIONS", f"{name}-alive", client, server)
    yield _request(100 * MILLISECOND, "REGISTER", name, client, server, "tcp")


_SENT: Final = {REFUSED: _refused, MISSING_ACK: _missing_ack, UNANSWERED: _unanswered}


def _request(at_us: int, method: str, name: str, client: Endpoint, server: Endpoint, transport: str) -> Sent:
    lines = [f"{method} sip:{server.address} SIP/2.0", *_common(method, name, client, server, transport)]
    lines += [f"To: <sip:{name}@{server.address}>", "Max-Forwards: 70"]
    return Sent(at_us, at_us, client, server, transport, _octets(lines))


def _response(at_us: int, status: int, reason: str, method: str, name: str, client: Endpoint, server: Endpoint) -> Sent:
    lines = [f"SIP/2.0 {status} {reason}", *_common(method, name, client, server, "udp")]
    lines += [f"To: <sip:{name}@{server.address}>;tag=there"]
    return Sent(at_us, at_us, server, client, "udp", _octets(lines))


def _common(method: str, name: str, client: Endpoint, server: Endpoint, transport: str) -> list[str]:
    return [
        f"Via: SIP/2.0/{transport.upper()} {client.address}:5060;branch=z9hG4bK{name}",
        f"From: <sip:{name}@{server.address}>;tag=here",
        f"Call-ID: {name}@{client.address}",
        f"CSeq: 1 {method}",
        f"Contact: <sip:{name}@{client.address}>",
    ]


def _octets(lines: list[str]) -> bytes:
    return "\r\n".join([*lines, "Content-Length: 0", "", ""]).encode()
