"""Datagrams → events: what is SIP is parsed, what is not is counted by kind."""

from collections import Counter
from collections.abc import Callable, Iterable

from collectors.decode.datagram import Datagram
from collectors.sip.faults import cut_short
from collectors.sip.message import looks_like_sip, parse
from collectors.wire.events import SipEvent

_STUN_COOKIE = b"\x21\x12\xa4\x42"  # RFC 8489 §5


def messages(
    datagrams: Iterable[Datagram], counters: Counter[str], others: list[Datagram] | None = None
) -> list[Datagram]:
    """The SIP messages among these, in order and unread; what is none is added to `others`.

    Counts "parsed", since somebody will do that, and "not_sip_<kind>".
    """
    found: list[Datagram] = []
    for datagram in datagrams:
        if looks_like_sip(datagram.payload):
            found.append(datagram)
        else:
            counters[f"not_sip_{kind(datagram.payload)}"] += 1
            if others is not None:
                others.append(datagram)
    counters["parsed"] += len(found)
    return found


def events(
    datagrams: Iterable[Datagram],
    counters: Counter[str],
    received_us: int | None = None,
    redact: Callable[[bytes], bytes] | None = None,
    others: list[Datagram] | None = None,
) -> list[SipEvent]:
    """The SIP messages among these, in order, redacted before they are parsed; what is none is added to `others`.

    `received_us` is the collector's clock; None (a file has none) says that it is the wire time.
    Counts "parsed", "malformed" (which are among the parsed), and "not_sip_<kind>".
    """
    found: list[SipEvent] = []
    for datagram in messages(datagrams, counters, others):
        raw = redact(datagram.payload) if redact else datagram.payload
        parsed = cut_short(parse(raw)) if datagram.cut else parse(raw)
        if parsed[0]:
            counters["malformed"] += 1
        found.append(
            SipEvent(
                datagram.captured_us,
                datagram.captured_us if received_us is None else received_us,
                datagram.source,
                datagram.source_port,
                datagram.destination,
                datagram.destination_port,
                datagram.transport,
                datagram.observer,
                raw,
                *parsed,
            )
        )
    return found


def kind(payload: bytes) -> str:
    """What a datagram that is no SIP message is: "keepalive", "stun", "other"."""
    if len(payload) <= 4 or not payload.strip(b"\r\n\0 "):
        return "keepalive"  # RFC 5626 §3.5.1, and the zeroes and blanks of older phones
    if payload[4:8] == _STUN_COOKIE and payload[0] < 4:
        return "stun"
    return "other"
