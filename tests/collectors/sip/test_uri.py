"""Addresses: lenient readings of name-addr, addr-spec, hosts and users."""

import pytest

from collectors.sip.uri import addr_spec, host_of, user_of, without_parameters


@pytest.mark.parametrize(
    ("value", "uri", "rest"),
    [
        ('"Bob" <sip:bob@example.com;transport=tcp>;tag=1', "sip:bob@example.com", ";tag=1"),
        ("Bob <sip:bob@example.com?subject=x>", "sip:bob@example.com", ""),
        ("sip:bob@example.com;tag=1", "sip:bob@example.com", ";tag=1"),
        ('"<sip:no@example.com>" <sip:bob@example.com>', "sip:bob@example.com", ""),
        (r'"a \" < b" <sip:bob@example.com>;q', "sip:bob@example.com", ";q"),
        (r'"a\\" <sip:bob@example.com>;q', "sip:bob@example.com", ";q"),
        ('"a" "<sip:no@example.com>" <sip:bob@example.com>', "sip:no@example.com", '" <sip:bob@example.com>'),
        ('"never closed <sip:bob@example.com>', "sip:bob@example.com", ""),
        ("<sip:bob@example.com", "sip:bob@example.com", ""),
        ('"only a name <"', '"only a name <"', ""),
        ("<>", "", ""),
        ("", "", ""),
    ],
)
def test_the_address_is_found(value: str, uri: str, rest: str) -> None:
    assert addr_spec(value) == (uri, rest)


@pytest.mark.parametrize(
    ("uri", "bare"),
    [
        ("sip:bob@example.com;user=phone?x=y", "sip:bob@example.com"),
        ("sip:+15551234;npdi=yes@host:5060;user=phone?x=y", "sip:+15551234;npdi=yes@host:5060"),
        ("sip:example.com?x=y", "sip:example.com"),
        ("tel:+15551234;phone-context=x", "tel:+15551234"),
        ("sip:bob@example.com", "sip:bob@example.com"),
    ],
)
def test_parameters_and_headers_are_taken_off_but_not_those_of_the_user(uri: str, bare: str) -> None:
    assert without_parameters(uri) == bare


@pytest.mark.parametrize(
    ("uri", "user", "host"),
    [
        ("sip:bob@example.com:5060", "bob", "example.com"),
        ("sips:bob:secret@10.0.0.1", "bob", "10.0.0.1"),
        ("sip:bob@[2001:db8::1]:5060", "bob", "[2001:db8::1]"),
        ("sip:[2001:db8::1]", "", "[2001:db8::1]"),
        ("sip:example.com:5070", "", "example.com"),
        ("tel:+15551234", "+15551234", "+15551234"),
        ("TEL:123", "123", "123"),
        ("nonsense", "", ""),
    ],
)
def test_user_and_host_are_told_apart(uri: str, user: str, host: str) -> None:
    assert (user_of(uri), host_of(uri)) == (user, host)
