"""Hops as text: in the direction of the request, whichever way a message goes, and few of them remembered."""

import pytest

from collectors.wire.events import SipEvent
from monitor.core import hop


def event(source: str, port: int, destination: str, method: str) -> SipEvent:
    return SipEvent(0, 0, source, port, destination, 5060, "udp", "test/eth0", b"", method=method)


def test_a_response_is_on_the_hop_of_its_request() -> None:
    assert hop.request_hop(event("10.0.0.1", 5070, "2001:db8::1", "INVITE")) == "10.0.0.1:5070>[2001:db8::1]:5060"
    assert hop.request_hop(event("2001:db8::1", 5070, "10.0.0.1", "")) == "10.0.0.1:5060>[2001:db8::1]:5070"


def test_however_many_hops_are_named_few_are_remembered() -> None:
    for number in range(66_000):
        address = f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}"
        assert hop.request_hop(event(address, 5060, "192.0.2.1", "INVITE")) == f"{address}:5060>192.0.2.1:5060"
    assert len(hop._WAYS) <= 65_536


@pytest.mark.parametrize(
    ("place", "address"),
    [("10.0.0.1:5060", "10.0.0.1"), ("[2001:db8::1]:5060", "2001:db8::1"), (":5060", ""), ("", ""), ("junk", "")],
)
def test_the_address_of_an_endpoint_has_neither_port_nor_brackets(place: str, address: str) -> None:
    assert hop.address_of(place) == address


@pytest.mark.parametrize(
    ("address", "port", "shown"), [("::1", 5, "[::1]:5"), ("::1", 0, "::1"), ("", 0, ""), ("a", 1, "a:1")]
)
def test_a_place_has_a_port_where_there_is_one(address: str, port: int, shown: str) -> None:
    assert hop.place(address, port) == shown
