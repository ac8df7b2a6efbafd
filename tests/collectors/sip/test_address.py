"""From where an address can be reached."""

import pytest

from collectors.sip import address
from collectors.sip.address import Scope, family, inside, leads_inside, scope


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("203.0.113.7", Scope.PUBLIC),
        ("172.32.0.1", Scope.PUBLIC),
        ("10.1.2.3", Scope.PRIVATE),
        ("172.31.255.255", Scope.PRIVATE),
        ("192.168.1.2", Scope.PRIVATE),
        ("100.64.0.1", Scope.SHARED),
        ("100.128.0.1", Scope.PUBLIC),
        ("169.254.1.1", Scope.LINK_LOCAL),
        ("127.0.0.1", Scope.LOOPBACK),
        ("0.0.0.0", Scope.UNSPECIFIED),
        ("239.1.1.1", Scope.MULTICAST),
        ("2001:db8::1", Scope.PUBLIC),
        ("[fd00::1]", Scope.PRIVATE),
        ("fe80::1", Scope.LINK_LOCAL),
        ("::1", Scope.LOOPBACK),
        ("::", Scope.UNSPECIFIED),
        ("ff02::1", Scope.MULTICAST),
        ("::ffff:10.0.0.1", Scope.PRIVATE),
        ("::ffff:a00:1", Scope.PRIVATE),
        ("fd00:0:0:0:0:0:0:1", Scope.PRIVATE),
        ("fe80::1%eth0", Scope.LINK_LOCAL),
        ("2001:db8::1:g", Scope.NONE),
        ("2001:db8::12345", Scope.NONE),
        ("2001:db8:1", Scope.NONE),
        ("1::2:3:4:5:6:7:8", Scope.NONE),
        ("pbx.example.com", Scope.NONE),
        ("[10.0.0.1]", Scope.PRIVATE),
        ("10.0.0.01", Scope.NONE),
        ("2001:db8::1::2", Scope.NONE),
        ("10.0.0.256", Scope.NONE),
        ("10.0.0.0001", Scope.NONE),
        ("10.0.0.", Scope.NONE),
        ("10.0.0.²", Scope.NONE),
        ("255.255.255.255", Scope.PUBLIC),
        ("", Scope.NONE),
    ],
)
def test_an_address_has_a_scope(address: str, expected: Scope) -> None:
    assert scope(address) is expected


def test_of_addresses_that_never_end_only_so_many_are_remembered() -> None:
    for number in range(8_193):
        assert scope(f"10.1.{number >> 8}.{number & 255}") is Scope.PRIVATE
    assert len(address._KNOWN) <= 8_192
    assert scope("10.1.0.0") is Scope.PRIVATE


def test_a_uri_leads_inside_where_its_host_is() -> None:
    uris = ("sip:alice@10.0.0.1:5070", "sip:[fe80::1]", "sip:alice@203.0.113.1", "sip:10.0.0.1@example.com", "*", "")
    assert [leads_inside(uri) for uri in uris] == [True, True, False, False, False, False]
    for number in range(8_193):
        assert leads_inside(f"sip:{number}@192.168.0.1")
    assert len(address._URIS) <= 8_192


def test_what_is_inside_can_not_be_reached_from_outside() -> None:
    assert [inside(address) for address in ("10.0.0.1", "100.64.0.1", "203.0.113.1", "0.0.0.0", "x")] == [
        True,
        True,
        False,
        False,
        False,
    ]


def test_the_family_is_told_by_the_address() -> None:
    assert [family(address) for address in ("10.0.0.1", "2001:db8::1", "pbx.example.com")] == [4, 6, 0]
