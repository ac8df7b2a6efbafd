"""Datagrams → events: what is SIP, what is not, what the operator doesn't want."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectors.decode.datagram import Datagram
from collectors.processors.filter import network
from collectors.processors.parse import kind
from collectors.processors.pipeline import Pipeline
from collectors.sip.faults import CUT_FAULT
from collectors.wire.events import SideEvent, SipEvent
from tests.support.packets import SIP

RESPONSE = SIP.replace(b"OPTIONS sip:bob@192.0.2.2 SIP/2.0", b"SIP/2.0 200 OK", 1)
INVITE = SIP.replace(b"OPTIONS", b"INVITE")


def datagram(payload: bytes = SIP, source: str = "192.0.2.1", destination: str = "192.0.2.2", cut: int = 0) -> Datagram:
    return Datagram(1000, source, 5060, destination, 5060, "udp", "edge/eth0", payload, cut)


def test_an_address_that_is_not_known_is_in_no_network() -> None:
    """Of media that never came, none knows from where it should have."""
    silence = SideEvent(1, 1, "", 0, "192.0.2.1", 4000, "udp", "lab/eth0", "rtp", "call-1")
    assert Pipeline(drop_networks=[network("198.51.100.0/24")]).beside([silence]) == [silence]


def test_a_sip_message_becomes_an_event_with_its_fields_parsed() -> None:
    pipeline = Pipeline()
    (event,) = pipeline.run([datagram()], 2000)
    assert event == SipEvent(
        1000, 2000, "192.0.2.1", 5060, "192.0.2.2", 5060, "udp", "edge/eth0", SIP,
        method="OPTIONS", call_id="table@192.0.2.1", from_uri="sip:alice@192.0.2.1", from_tag="a1",
        to_uri="sip:bob@192.0.2.2", cseq=1, cseq_method="OPTIONS", branch="z9hG4bKtable", vias=1,
    )  # fmt: skip
    assert pipeline.counters == {"parsed": 1}


def test_without_a_clock_a_message_was_received_when_it_was_captured() -> None:
    (event,) = Pipeline().run([datagram()])
    assert event.received_us == event.captured_us == 1000


def test_a_malformed_message_is_an_event_too() -> None:
    pipeline = Pipeline()
    (event,) = pipeline.run([datagram(SIP.replace(b"CSeq", b"CSek"))])
    assert event.fault == "no-cseq"
    assert pipeline.counters == {"parsed": 1, "malformed": 1}


def test_a_message_that_the_capture_cut_is_not_its_senders_fault() -> None:
    (event,) = Pipeline().run([datagram(SIP[:-40], cut=40)])
    assert (event.fault, event.call_id) == (CUT_FAULT, "table@192.0.2.1")


@pytest.mark.parametrize(
    ("payload", "name"),
    [
        (b"", "keepalive"),
        (b"\r\n\r\n", "keepalive"),
        (b"\0\0\0\0", "keepalive"),
        (b" \r\n\0\0\0\0\0", "keepalive"),
        (b"\0\1\0\0\x21\x12\xa4\x42" + bytes(12), "stun"),
        (b"\x80\0" + bytes(170), "other"),
        (b"GET / HTTP/1.1\r\n\r\n", "other"),
    ],
)
def test_what_is_no_sip_is_counted_by_kind(payload: bytes, name: str) -> None:
    pipeline = Pipeline()
    assert pipeline.run([datagram(payload)]) == []
    assert kind(payload) == name
    assert pipeline.counters == {f"not_sip_{name}": 1, "parsed": 0}


def test_secrets_are_gone_from_the_message_and_from_its_fields() -> None:
    raw = SIP.replace(b"Max-", b"Contact: <sip:alice:s3cret@192.0.2.1>\r\nMax-")
    (event,) = Pipeline().run([datagram(raw)])
    assert b"s3cret" not in event.raw
    assert event.contact == "sip:alice:xxxxxx@192.0.2.1"
    (event,) = Pipeline(redacted=False).run([datagram(raw)])
    assert event.raw == raw


def test_methods_are_dropped_with_their_responses() -> None:
    pipeline = Pipeline(drop_methods=["OPTIONS"])
    events = pipeline.run([datagram(), datagram(INVITE), datagram(RESPONSE)])
    assert [event.method for event in events] == ["INVITE"]
    assert pipeline.counters == {"parsed": 3, "dropped_method": 2}


@pytest.mark.parametrize(
    ("networks", "kept"),
    [(["198.51.100.0/24"], 1), (["2001:db8::/32"], 1), (["192.0.2.9"], 2), (["198.51.100.7", "2001:db8::/64"], 0)],
)
def test_datagrams_from_or_to_an_address_are_dropped(networks: list[str], kept: int) -> None:
    pipeline = Pipeline(drop_networks=map(network, networks))
    datagrams = [datagram(source="198.51.100.7"), datagram(source="2001:db8::2", destination="2001:db8::1")]
    assert len(pipeline.run(datagrams)) == kept
    assert pipeline.counters["dropped_address"] == 2 - kept


def side(text: str = "", method: str = "OPTIONS", source: str = "192.0.2.9", raw: bytes = b"") -> SideEvent:
    return SideEvent(
        1000, 0, source, 0, "192.0.2.1", 0, "icmp", "edge/eth0", "icmp", call_id="a", method=method, text=text, raw=raw
    )


def test_what_was_seen_beside_messages_passes_without_its_secrets_and_is_counted_by_kind() -> None:
    pipeline = Pipeline()
    secret = "to sip:alice:s3cret@192.0.2.1"
    (seen,) = pipeline.beside([side(secret, raw=secret.encode())], 2000)
    assert (seen.received_us, seen.text, seen.raw) == (
        2000,
        "to sip:alice:xxxxxx@192.0.2.1",
        b"to sip:alice:xxxxxx@192.0.2.1",
    )
    assert pipeline.counters == {"side_icmp": 1}
    (seen,) = Pipeline(redacted=False).beside([side(secret, raw=secret.encode())])
    assert (seen.received_us, seen.text, seen.raw) == (1000, secret, secret.encode())
    assert Pipeline().beside([]) == []


def test_what_was_seen_of_a_message_that_is_dropped_is_dropped_with_it() -> None:
    pipeline = Pipeline(drop_methods=["OPTIONS"], drop_networks=[network("198.51.100.0/24")])
    seen = pipeline.beside([side(), side(method="INVITE"), side(method="INVITE", source="198.51.100.1")])
    assert [each.method for each in seen] == ["INVITE"]
    assert pipeline.counters["side_icmp"] == 1


def test_a_network_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="example"):
        network("example")


@given(st.lists(st.binary(max_size=100), max_size=20))
def test_every_datagram_is_an_event_or_counted(payloads: list[bytes]) -> None:
    pipeline = Pipeline()
    events = pipeline.run([datagram(payload) for payload in payloads])
    counted = sum(count for name, count in pipeline.counters.items() if name.startswith("not_sip_"))
    assert len(events) + counted == len(payloads)


def test_messages_that_somebody_else_reads_stay_as_they_are_and_are_counted() -> None:
    pipeline = Pipeline()
    one, other = datagram(INVITE), datagram(RESPONSE)
    assert pipeline.unread([one, datagram(b"\r\n\r\n"), other]) == [one, other]
    assert pipeline.counters == {"parsed": 2, "not_sip_keepalive": 1}
