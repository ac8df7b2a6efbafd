"""Addresses that don't lead back: private Contacts, Vias without rport, and gateways that rewrite."""

from collections.abc import Sequence
from typing import Any

import pytest

from collectors.sip.message import parse
from collectors.wire.events import SipEvent
from tests.support.messages import us
from tests.support.watch import Watch

PHONE, HOME, SERVER, TRUNK = "192.168.1.10", "203.0.113.7", "198.51.100.1", "198.51.100.2"
PRIVATE = ("Contact", f"<sip:alice@{PHONE}:5060>")
Headers = Sequence[tuple[str, str]]
SDP = "v=0\r\no=- 1 1 IN IP4 {0}\r\ns=-\r\nc=IN IP4 {0}\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n"


def message(
    start: str,
    at: float,
    source: str,
    destination: str,
    headers: Headers = (),
    *,
    via: str = f"{HOME}:5060;rport",
    branch: str = "z9hG4bK-1",
    cseq: str = "1 INVITE",
    to_tag: str = "",
    body: str = "",
    length: int | None = None,
    ports: tuple[int, int] = (5060, 5060),
    transport: str = "udp",
    call_id: str = "c",
) -> SipEvent:
    raw = "\r\n".join(
        [
            start,
            f"Via: SIP/2.0/{transport.upper()} {via};branch={branch}",
            "From: <sip:alice@example.com>;tag=a",
            "To: <sip:bob@example.com>" + (f";tag={to_tag}" if to_tag else ""),
            f"Call-ID: {call_id}",
            f"CSeq: {cseq}",
            *(f"{name}: {value}" for name, value in headers),
            f"Content-Length: {len(body) if length is None else length}",
            "",
            body,
        ]
    ).encode()
    return SipEvent(us(at), us(at), source, ports[0], destination, ports[1], transport, "lab/eth0", raw, *parse(raw))


def invite(at: float = 0, headers: Headers = (PRIVATE,), **others: object) -> SipEvent:
    return message("INVITE sip:bob@example.com SIP/2.0", at, HOME, SERVER, headers, **others)  # type: ignore[arg-type]  # texts and numbers, as `message` takes them


def ok(at: float, **others: object) -> SipEvent:
    headers = (("Contact", f"<sip:bob@{SERVER}>"),)
    return message("SIP/2.0 200 OK", at, SERVER, HOME, headers, to_tag="b", **others)  # type: ignore[arg-type]  # texts and numbers, as `message` takes them


def bye(at: float, destination: str = PHONE, headers: Headers = (), port: int = 5060) -> SipEvent:
    return message(
        f"BYE sip:alice@{PHONE}:5060 SIP/2.0",
        at,
        SERVER,
        destination,
        headers,
        via=f"{SERVER};rport",
        branch="z9hG4bK-bye",
        cseq="1 BYE",
        to_tag="b",
        ports=(5060, port),
    )


def bye_answer(at: float) -> SipEvent:
    return message(
        "SIP/2.0 200 OK",
        at,
        PHONE,
        SERVER,
        via=f"{SERVER};rport",
        branch="z9hG4bK-bye",
        cseq="1 BYE",
        to_tag="b",
    )


# --- nat-contact


def test_a_request_to_a_private_contact_of_somebody_outside_is_suspected_and_then_certain() -> None:
    watch = Watch([invite(), ok(1), bye(9)], until=60)
    assert watch.story("nat-contact") == [("suspected", 9.0), ("confirmed", 41.0)]
    finding = watch.finding("nat-contact")
    assert (finding.severity, finding.messages) == ("major", (1, 3))
    assert finding.cause == (
        f"{HOME} gave sip:alice@{PHONE}:5060 as its Contact, which is behind its NAT, and the BYE was sent there, "
        "where nobody outside can reach it."
    )


def test_it_is_cleared_when_the_request_is_answered_all_the_same() -> None:
    """A tunnel leads there, for example."""
    watch = Watch([invite(), ok(1), bye(9), bye_answer(9.1)], until=60)
    assert watch.story("nat-contact") == [("suspected", 9.0), ("cleared", 9.1)]


def test_an_ack_to_it_is_missed_when_the_answer_is_sent_again() -> None:
    answered = message("SIP/2.0 200 OK", 1, HOME, SERVER, [PRIVATE], via=f"{SERVER};rport", to_tag="b")
    again = message("SIP/2.0 200 OK", 3, HOME, SERVER, [PRIVATE], via=f"{SERVER};rport", to_tag="b")
    thrice = message("SIP/2.0 200 OK", 5, HOME, SERVER, [PRIVATE], via=f"{SERVER};rport", to_tag="b")
    call = message("INVITE sip:alice@example.com SIP/2.0", 0, SERVER, HOME, via=f"{SERVER};rport")
    ack = message(
        f"ACK sip:alice@{PHONE}:5060 SIP/2.0",
        1.1,
        SERVER,
        PHONE,
        via=f"{SERVER};rport",
        branch="z9hG4bK-ack",
        cseq="1 ACK",
        to_tag="b",
    )
    ringing = message("SIP/2.0 180 Ringing", 0.5, HOME, SERVER, via=f"{SERVER};rport", to_tag="b")
    late_ringing = message("SIP/2.0 180 Ringing", 1.7, HOME, SERVER, via=f"{SERVER};rport", to_tag="b")
    watch = Watch([call, ringing, answered, ack, late_ringing, again, thrice], until=60)
    assert watch.story("nat-contact") == [("suspected", 1.1), ("confirmed", 3.0)]
    assert Watch([call, answered, ack], until=60).story("nat-contact") == [("suspected", 1.1)]


def test_messages_that_come_in_another_order_are_no_finding() -> None:
    assert Watch([invite(), ok(1), bye(9), bye_answer(8.9)]).story("nat-contact")[-1] == ("cleared", 8.9)
    other = "BYE sip:alice@192.168.1.11 SIP/2.0"
    two = [
        invite(),
        invite(0.1, [("Contact", "<sip:alice@192.168.1.11>")], branch="z9hG4bK-2", cseq="2 INVITE"),
        bye(9),
        message(other, 9.5, SERVER, "192.168.1.11", branch="z9hG4bK-b2", cseq="2 BYE", to_tag="b"),
        bye_answer(9.6),
    ]
    assert Watch(two).story("nat-contact") == [("suspected", 9.0), ("suspected", 9.5), ("cleared", 9.6)]


@pytest.mark.parametrize(
    "events",
    [
        [invite(), ok(1), bye(9, HOME, port=31000)],  # the server knows of NATs
        [invite(), ok(1), bye(9, PHONE, [("Route", "<sip:198.51.100.2;lr>")])],
        [invite(headers=[("Contact", f"<sip:alice@{HOME}>")]), ok(1), bye(9)],
        [invite(), ok(1)],
    ],
    ids=["to-where-it-came-from", "by-route", "a-public-contact", "nothing-later"],
)
def test_a_private_contact_alone_is_no_finding(events: list[SipEvent]) -> None:
    assert Watch(events, until=60).story("nat-contact") == []


def test_a_phone_inside_that_calls_a_server_inside_is_none() -> None:
    inside = message("INVITE sip:bob@10.0.0.1 SIP/2.0", 0, PHONE, "10.0.0.1", [PRIVATE])
    assert Watch([inside, bye(9)], until=60).story("nat-contact") == []


def test_only_so_many_contacts_of_a_call_are_remembered() -> None:
    offers = [
        invite(n, [("Contact", f"<sip:alice@192.168.1.{n}>")], branch=f"z9hG4bK-{n}", cseq=f"{n} INVITE")
        for n in range(1, 12)
    ]
    assert Watch([*offers, bye(20)], until=60).story("nat-contact") == []


# --- via-mismatch

BLIND = f"{PHONE}:5060"


def register(at: float, via: str = BLIND, port: int = 31000, cseq: int = 1, transport: str = "udp") -> SipEvent:
    return message(
        "REGISTER sip:example.com SIP/2.0",
        at,
        HOME,
        SERVER,
        via=via,
        cseq=f"{cseq} REGISTER",
        branch=f"z9hG4bK-{cseq}",
        ports=(port, 5060),
        transport=transport,
    )


def challenge(at: float, port: int, cseq: int = 1) -> SipEvent:
    return message(
        "SIP/2.0 401 Unauthorized",
        at,
        SERVER,
        HOME,
        via=BLIND,
        cseq=f"{cseq} REGISTER",
        branch=f"z9hG4bK-{cseq}",
        to_tag="b",
        ports=(5060, port),
    )


def test_a_response_to_the_port_of_a_via_is_suspect_and_certain_when_the_client_asks_again() -> None:
    watch = Watch([register(0), challenge(0.1, 5060), register(0.5), challenge(0.6, 5060), register(1.5)], until=60)
    assert watch.story("via-mismatch") == [("suspected", 0.1), ("confirmed", 0.5)]
    finding = watch.finding("via-mismatch")
    assert (finding.severity, finding.messages) == ("major", (1, 2))
    assert finding.cause == (
        f"{HOME}:31000 wrote {PHONE}:5060 in its Via, without rport: {SERVER}:5060 answered to that port instead of "
        "31000, and the client, which never got it, asked again."
    )


def test_a_client_that_goes_on_got_it() -> None:
    watch = Watch([register(0), challenge(0.1, 5060), register(1, cseq=2)], until=60)
    assert watch.story("via-mismatch") == [("suspected", 0.1), ("cleared", 1.0)]
    late = Watch([register(0), challenge(0.3, 5060), register(0.2, cseq=2)], until=60)
    assert late.story("via-mismatch") == [("suspected", 0.3), ("cleared", 0.2)]


def test_an_ack_says_so_too() -> None:
    ack = message(
        "ACK sip:bob@example.com SIP/2.0", 1.2, HOME, SERVER, via=BLIND, cseq="1 ACK", to_tag="b", ports=(31000, 5060)
    )
    answered = ok(1, via=BLIND)
    assert Watch([invite(via=BLIND, ports=(31000, 5060)), answered, ack], until=60).story("via-mismatch") == [
        ("suspected", 1.0),
        ("cleared", 1.2),
    ]


@pytest.mark.parametrize(
    "events",
    [
        [register(0), challenge(0.1, 31000)],
        [register(0, f"{PHONE}:5060;rport"), challenge(0.1, 5060), register(0.5, f"{PHONE}:5060;rport")],
        [register(0, PHONE, 5060), challenge(0.1, 5060), register(0.5, PHONE, 5060)],
        [register(0, "198.51.100.9:5060"), challenge(0.1, 5060), register(0.5, "198.51.100.9:5060")],
        [register(0, transport="tcp"), challenge(0.1, 5060)],
        [register(0), register(0.5)],
    ],
    ids=["the-server-knows", "rport", "the-same-port", "a-public-via", "tcp", "no-response"],
)
def test_vias_that_do_no_harm_are_none(events: list[SipEvent]) -> None:
    assert Watch(events, until=60).story("via-mismatch") == []


def test_only_so_many_requests_of_a_record_are_followed() -> None:
    events = [event for n in range(1, 12) for event in (register(n, cseq=n), challenge(n + 0.1, 31000, n))]
    last = [register(20, cseq=20), challenge(20.1, 5060, 20)]
    assert Watch([*events, *last], until=60).story("via-mismatch") == []


# --- sip-alg


def views(**outside: object) -> list[SipEvent]:
    """An INVITE as the phone sent it, and as it came out of the router."""
    inside = message(
        "INVITE sip:bob@example.com SIP/2.0", 0, PHONE, SERVER, [PRIVATE], via=f"{PHONE};rport", body=SDP.format(PHONE)
    )
    given: dict[str, Any] = {"headers": [PRIVATE], "via": f"{PHONE};rport", "body": SDP.format(PHONE)}
    return [inside, invite(0.001, **(given | outside))]


def test_a_message_that_was_rewritten_between_two_points_shows_a_gateway() -> None:
    public = [("Contact", f"<sip:alice@{HOME}:5060>")]
    watch = Watch(views(headers=public, body=SDP.format(HOME)), until=60)
    finding = watch.finding("sip-alg")
    assert (finding.state, finding.severity, finding.messages) == ("confirmed", "minor", (1, 2))
    more = Watch([*views(headers=public), invite(0.6, via=f"{HOME}:5060", branch="z9hG4bK-2")], until=60)
    assert more.finding("sip-alg").messages == (1, 2)
    assert "something rewrote Contact, SDP and Content-Length of the INVITE" in finding.cause
    (via,) = [Watch(views(via=f"{HOME};rport", headers=[("Contact", "<sip:a@h.example>")])).finding("sip-alg").cause]
    assert "rewrote Contact and Via" in via


def test_a_nat_that_leaves_messages_alone_is_none() -> None:
    assert Watch(views(), until=60).story("sip-alg") == []
    length = Watch(views(length=200), until=60).finding("sip-alg").cause
    assert "rewrote Content-Length of" in length


def test_a_proxy_adds_its_via_and_may_rewrite() -> None:
    inside, _ = views()
    forwarded = message(
        "INVITE sip:bob@example.com SIP/2.0",
        0.001,
        SERVER,
        TRUNK,
        [("Via", f"SIP/2.0/UDP {PHONE};branch=z9hG4bK-1"), ("Contact", f"<sip:b2b@{SERVER}>")],
        via=f"{SERVER};rport",
        branch="z9hG4bK-2",
    )
    assert Watch([inside, forwarded], until=60).story("sip-alg") == []


def test_a_retry_on_the_same_hop_is_compared_with_nothing() -> None:
    inside, _ = views()
    other = message("INVITE sip:bob@example.com SIP/2.0", 0.2, PHONE, SERVER, via=f"{PHONE};rport")
    assert Watch([inside, other], until=60).story("sip-alg") == []


def test_responses_are_compared_as_well() -> None:
    inside, outside = views()
    answers = [
        message("SIP/2.0 200 OK", 1, SERVER, HOME, [("Contact", "<sip:bob@198.51.100.1>")], to_tag="b"),
        message("SIP/2.0 200 OK", 1.001, SERVER, PHONE, [("Contact", "<sip:bob@10.9.9.9>")], to_tag="b"),
    ]
    assert "rewrote Contact of the 200" in Watch([inside, outside, *answers], until=60).finding("sip-alg").cause


def test_a_public_via_and_a_private_contact_of_one_message_are_a_suspicion() -> None:
    watch = Watch([invite(via=f"{HOME}:5060")], until=60)
    assert watch.story("sip-alg") == [("suspected", 0.0)]
    assert f"{HOME} is in the Via" in watch.finding("sip-alg").cause
    assert Watch([invite(via=f"{PHONE}:5060;rport")], until=60).story("sip-alg") == []
    assert Watch([invite(via=f"{PHONE}:5060;received={HOME}")], until=60).story("sip-alg") == []
    registered = message(
        "REGISTER sip:example.com SIP/2.0", 0, HOME, SERVER, [PRIVATE], via=f"{HOME}:5060", cseq="1 REGISTER"
    )
    assert Watch([registered], until=60).story("sip-alg") == [("suspected", 0.0)]


def test_a_length_that_fits_a_private_address_beside_a_public_one_is_a_suspicion() -> None:
    public = [("Contact", f"<sip:alice@{HOME}>")]
    body = SDP.format(HOME)
    assert Watch([invite(headers=public, body=body, length=len(body) + 4)]).story("sip-alg") == [("suspected", 0.0)]
    cut = body[:-9]
    assert Watch([invite(headers=public, body=cut, length=len(body))]).story("sip-alg") == []
    assert Watch([invite(headers=public, body=body)]).story("sip-alg") == []
    text = "hello\r\n"
    assert Watch([invite(headers=public, body=text, length=20)]).story("sip-alg") == []


def test_what_has_no_branch_and_what_is_too_much_is_left_alone() -> None:
    inside = message("INVITE sip:bob@example.com SIP/2.0", 0, PHONE, SERVER, branch="")
    outside = message("INVITE sip:bob@example.com SIP/2.0", 0.1, HOME, SERVER, branch="")
    assert Watch([inside, outside], until=60).story("sip-alg") == []
    start = "OPTIONS sip:x SIP/2.0"
    many = [message(start, n / 10, PHONE, SERVER, branch=f"z9hG4bK-{n}", cseq="1 OPTIONS") for n in range(40)]
    last = message(start, 5, HOME, SERVER, [PRIVATE], branch="z9hG4bK-39", cseq="1 OPTIONS", via=PHONE)
    assert Watch([*many, last], until=60).story("sip-alg") == []
