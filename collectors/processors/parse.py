"""Datagrams → events: what is SIP is parsed, what is not is counted by kind."""

from collections import Counter
from collections.abc import Callable, Iterable

from msgspec.structs import astuple

from collectors.decode.datagram import Datagram
from collectors.sip.faults import CUT_FAULT
from collectors.sip.message import looks_like_sip, parse
from collectors.wire.events import SipEvent

_STUN_COOKIE = b"\x21\x12\xa4\x42"  # RFC 8489 §5


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
    for datagram in datagrams:
        # Field by field: an event made by a call with `*` takes a third longer.
        captured_us, source, source_port, destination, destination_port, transport, observer, raw, cut = astuple(
            datagram
        )
        if not looks_like_sip(raw):
            counters[f"not_sip_{kind(raw)}"] += 1
            if others is not None:
                others.append(datagram)
            continue
        if redact:
            raw = redact(raw)
        (
            fault,
            method,
            status,
            call_id,
            from_uri,
            from_tag,
            to_uri,
            to_tag,
            cseq,
            cseq_method,
            branch,
            vias,
            contact,
        ) = parse(raw)
        if cut:
            fault = CUT_FAULT
        if fault:
            counters["malformed"] += 1
        found.append(
            SipEvent(
                captured_us,
                captured_us if received_us is None else received_us,
                source,
                source_port,
                destination,
                destination_port,
                transport,
                observer,
                raw,
                fault,
                method,
                status,
                call_id,
                from_uri,
                from_tag,
                to_uri,
                to_tag,
                cseq,
                cseq_method,
                branch,
                vias,
                contact,
            )
        )
    counters["parsed"] += len(found)
    return found


def part(
    datagrams: Iterable[Datagram],
    mine: Callable[[bytes], bool],
    counters: Counter[str],
    redact: Callable[[bytes], bytes] | None = None,
    others: list[Datagram] | None = None,
) -> list[SipEvent | Datagram]:
    """As `events`, but the messages that are not `mine` stay as they are, in their places, unread.

    They count as "parsed", since somebody else does, and never as "malformed".
    """
    found: list[SipEvent | Datagram] = []
    read: list[Datagram] = []
    places: list[int] = []  # of messages to be read, among those found
    for datagram in datagrams:
        if looks_like_sip(datagram.payload):
            if mine(datagram.payload):
                places.append(len(found))
                read.append(datagram)
            found.append(datagram)
        else:
            read.append(datagram)
    for place, event in zip(places, events(read, counters, None, redact, others), strict=True):
        found[place] = event
    counters["parsed"] += len(found) - len(places)
    return found


def kind(payload: bytes) -> str:
    """What a datagram that is no SIP message is: "keepalive", "stun", "other"."""
    if len(payload) <= 4 or not payload.strip(b"\r\n\0 "):
        return "keepalive"  # RFC 5626 §3.5.1, and the zeroes and blanks of older phones
    if payload[4:8] == _STUN_COOKIE and payload[0] < 4:
        return "stun"
    return "other"
