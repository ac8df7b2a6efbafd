"""Small records to draw: who sent what to whom when, as `SipEvent`s."""

from collections.abc import Iterable

from collectors.sip.message import parse
from collectors.wire.events import SipEvent
from monitor.core.updates import Finding, FindingState, Severity

START_US = 1_795_000_000_000_000  # 2026-11-18 11:06:40 UTC
SDP = "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n"
ALICE, PROXY, PBX, BOB = "198.51.100.7:5060", "203.0.113.10:5060", "203.0.113.20:5080", "192.0.2.44:5062"
ALIASES = {"203.0.113.10": "proxy-1", PBX: "pbx-3"}

REASONS = {
    100: "Trying",
    180: "Ringing",
    183: "Session Progress",
    200: "OK",
    401: "Unauthorized",
    407: "Proxy Authentication Required",
    486: "Busy Here",
}


def message(
    at_s: float,
    source: str,
    destination: str,
    start: str | int,
    *,
    cseq: str = "1 INVITE",
    vias: int = 1,
    to_tag: str = "",
    sdp: bool = False,
    headers: str = "",
    call_id: str = "1@example.com",
    observer: str = "edge-1/eth0",
    transport: str = "udp",
) -> SipEvent:
    """`start` is a method or a status; the rest is as it would be on the wire."""
    line = (
        f"SIP/2.0 {start} {REASONS.get(start, 'Reason')}"
        if isinstance(start, int)
        else f"{start} sip:bob@example.com SIP/2.0"
    )
    via = "".join(f"Via: SIP/2.0/UDP h{hop};branch=z9hG4bK{cseq}{hop}\r\n".replace(" ", "") for hop in range(vias))
    body = SDP if sdp else ""
    raw = (
        f"{line}\r\n{via}From: <sip:alice@example.com>;tag=a\r\n"
        f"To: <sip:bob@example.com>{f';tag={to_tag}' if to_tag else ''}\r\nCall-ID: {call_id}\r\nCSeq: {cseq}\r\n"
        f"{headers}{'Content-Type: application/sdp' + chr(13) + chr(10) if sdp else ''}"
        f"Content-Length: {len(body)}\r\n\r\n{body}"
    ).encode()
    return event(at_s, source, destination, raw, observer=observer, transport=transport)


def event(
    at_s: float,
    source: str,
    destination: str,
    raw: bytes,
    *,
    observer: str = "edge-1/eth0",
    transport: str = "udp",
) -> SipEvent:
    at_us = START_US + round(at_s * 1_000_000)
    host, port = _address(source)
    peer, peer_port = _address(destination)
    return SipEvent(at_us, at_us, host, port, peer, peer_port, transport, observer, raw, *parse(raw))


def finding(
    code: str,
    messages: Iterable[int],
    *,
    hop: str = "",
    severity: Severity = Severity.CRITICAL,
    state: FindingState = FindingState.CONFIRMED,
    at_s: float = 32.0,
    cause: str = "The ACK never arrived.",
) -> Finding:
    return Finding(
        code=code,
        subject="",
        severity=severity,
        state=state,
        at_us=START_US + round(at_s * 1_000_000),
        hop=hop,
        messages=tuple(messages),
        cause=cause,
        remedy="Look at the Contact of the 200 OK.",
    )


def good_call() -> list[SipEvent]:
    """A call over one proxy, answered after 3.2 s, 42 s of talk."""
    return [
        message(0.0, ALICE, PROXY, "INVITE", sdp=True),
        message(0.001, PROXY, ALICE, 100),
        message(0.004, PROXY, PBX, "INVITE", vias=2, sdp=True),
        message(0.012, PBX, PROXY, 100, vias=2),
        message(0.412, PBX, PROXY, 180, vias=2, to_tag="b"),
        message(0.413, PROXY, ALICE, 180, to_tag="b"),
        message(3.201, PBX, PROXY, 200, vias=2, to_tag="b", sdp=True),
        message(3.203, PROXY, ALICE, 200, to_tag="b", sdp=True),
        message(3.220, ALICE, PROXY, "ACK", cseq="1 ACK", to_tag="b"),
        message(3.221, PROXY, PBX, "ACK", cseq="1 ACK", vias=2, to_tag="b"),
        message(45.300, ALICE, PROXY, "BYE", cseq="2 BYE", to_tag="b"),
        message(45.302, PROXY, PBX, "BYE", cseq="2 BYE", vias=2, to_tag="b"),
        message(45.309, PBX, PROXY, 200, cseq="2 BYE", vias=2, to_tag="b"),
        message(45.310, PROXY, ALICE, 200, cseq="2 BYE", to_tag="b"),
    ]


# When a UAS sends its 2xx again: T1, doubling up to T2, until 64·T1 (RFC 3261 §13.3.1.4).
RESENDS = (0.0, 0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5)


def lost_ack() -> tuple[list[SipEvent], list[Finding]]:
    """The proxy receives the ACK and does not forward it; the callee gives up at 32 s."""
    events = [
        message(0.0, ALICE, PROXY, "INVITE", sdp=True),
        message(0.001, PROXY, ALICE, 100),
        message(0.004, PROXY, PBX, "INVITE", vias=2, sdp=True),
        message(0.402, PBX, PROXY, 180, vias=2, to_tag="b"),
        message(0.403, PROXY, ALICE, 180, to_tag="b"),
    ]
    answers: list[int] = []
    for resend in RESENDS:
        events.append(message(2.0 + resend, PBX, PROXY, 200, vias=2, to_tag="b", sdp=True))
        answers.append(len(events))
        events.append(message(2.002 + resend, PROXY, ALICE, 200, to_tag="b", sdp=True))
        events.append(message(2.010 + resend, ALICE, PROXY, "ACK", cseq="1 ACK", to_tag="b"))
    acknowledgement = answers[0] + 2
    events.append(message(34.0, PBX, PROXY, "BYE", cseq="1 BYE", to_tag="a"))
    events.append(message(34.001, PROXY, PBX, 200, cseq="1 BYE", to_tag="a"))
    return events, [
        finding(
            "missing-ack",
            (*answers, acknowledgement, len(events) - 1),
            hop=f"{PROXY}>{PBX}",
            at_s=34.0,
            cause="proxy-1 received the ACK and did not send it on to pbx-3.",
        ),
        finding(
            "dropped-at-32s",
            (answers[0], len(events) - 1),
            hop=f"{PROXY}>{PBX}",
            at_s=34.0,
            cause="The callee ended the call 32 s after its 200 OK, because no ACK came.",
        ),
    ]


def unanswered() -> tuple[list[SipEvent], list[Finding]]:
    """INVITEs into the void, given up at Timer B."""
    events = [message(at_s, ALICE, PBX, "INVITE", sdp=True) for at_s in (0.0, 0.5, 1.5, 3.5, 7.5, 15.5, 31.5)]
    return events, [finding("invite-unanswered", range(1, 8), hop=f"{ALICE}>{PBX}", severity=Severity.MAJOR, at_s=32.0)]


def registration(rounds: int = 1) -> list[SipEvent]:
    """A registration with digest authentication, refreshed each 60 s."""
    events: list[SipEvent] = []
    for turn in range(rounds):
        at_s, number = turn * 60.0, turn * 2 + 1
        events += [
            message(at_s, ALICE, PROXY, "REGISTER", cseq=f"{number} REGISTER"),
            message(at_s + 0.02, PROXY, ALICE, 401, cseq=f"{number} REGISTER", to_tag="r"),
            message(
                at_s + 0.05,
                ALICE,
                PROXY,
                "REGISTER",
                cseq=f"{number + 1} REGISTER",
                headers='Authorization: Digest username="alice"\r\n',
            ),
            message(at_s + 0.08, PROXY, ALICE, 200, cseq=f"{number + 1} REGISTER", to_tag="r"),
        ]
    return events


def _address(endpoint: str) -> tuple[str, int]:
    host, _, port = endpoint.rpartition(":")
    return host.strip("[]"), int(port)
