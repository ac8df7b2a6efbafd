"""URIs and addresses of every kind, the broken ones too."""

import pytest

from collectors.sip.name_addr import (
    Uri,
    display_is_proper,
    is_ipv6_reference,
    read_address,
    read_addresses,
    read_uri,
    unescaped,
)


@pytest.mark.parametrize(
    ("text", "uri"),
    [
        ("sip:bob@example.com", Uri("", "sip", "bob", "", "example.com")),
        ("SIPS:Bob:pw@EXAMPLE.com:5061", Uri("", "sips", "Bob", "pw", "example.com", 5061)),
        ("sip:example.com;lr", Uri("", "sip", "", "", "example.com", None, {"lr": ""})),
        ("sip:b@[2001:db8::10]:5070;lr", Uri("", "sip", "b", "", "[2001:db8::10]", 5070, {"lr": ""})),
        ("sip:[2001:db8::10:5070]", Uri("", "sip", "", "", "[2001:db8::10:5070]")),
        (
            "sip:b@h?Subject=a%20b&=x&Route=%3Csip:r%3E",
            Uri("", "sip", "b", "", "h", None, {}, (("subject", "a b"), ("route", "<sip:r>"))),
        ),
        ("sip:+1;npdi;rn=+2@h;user=phone", Uri("", "sip", "+1;npdi;rn=+2", "", "h", None, {"user": "phone"})),
        ("sip:b?x;y@h", Uri("", "sip", "b?x;y", "", "h")),
        ("sip:b@h?Replaces=1@2;a=b", Uri("", "sip", "b", "", "h", None, {}, (("replaces", "1@2;a=b"),))),
        ("sip:a@corp.com@proxy.com", Uri("", "sip", "a@corp.com", "", "proxy.com")),
        ("im:alice@example.com", Uri("", "im", "alice", "", "example.com")),
        ("tel:+1-201-555-0123;rn=1", Uri("", "tel", "+1-201-555-0123", parameters={"rn": "1"})),
        ("tel:112", Uri("", "tel", "112")),
        ("urn:service:sos", Uri("", "urn")),
        ("isbn:2983792873", Uri("", "isbn")),
        ("sip:2001:db8::10", Uri("", "sip", "", "", "2001", fault="bad-port")),
        ("sip:[2001:db8::10", Uri("", "sip", "", "", "[2001:db8::10", fault="bad-host")),
        ("sip:[2001:db8::x]", Uri("", "sip", "", "", "[2001:db8::x]", fault="bad-host")),
        ("sip:b@h:65536", Uri("", "sip", "b", "", "h", fault="bad-port")),
        ("sip:b@h o", Uri("", "sip", "b", "", "h o", fault="bad-host")),
        ("sip:b@h:²", Uri("", "sip", "b", "", "h", fault="bad-port")),
        ("sip:", Uri("", "sip", fault="bad-host")),
        ("bob", Uri("", fault="no-scheme")),
        ("<sip:bob@h>", Uri("", fault="no-scheme")),
        ("*", Uri("", fault="no-scheme")),
    ],
)
def test_a_uri_is_read(text: str, uri: Uri) -> None:
    found = read_uri(f" {text} ")
    assert found.text == text
    for name in ("scheme", "user", "password", "host", "port", "parameters", "headers", "fault"):
        assert getattr(found, name) == getattr(uri, name), name


def test_a_uri_says_what_it_asks_for() -> None:
    assert read_uri("sips:h;lr").secure
    assert read_uri("sips:h;lr").loose
    assert not read_uri("sip:h").loose
    assert read_uri("sip:b@h?a=1&A=2").header("a") == "1"
    assert read_uri("sip:b@h?a=1&A=2").header("b") is None


@pytest.mark.parametrize(
    ("text", "aor"),
    [
        ("sip:bob:pw@Example.com:5070;x?y=z", "sip:bob@example.com"),
        ("sip:example.com", "sip:example.com"),
        ("tel:+1", "tel:+1"),
        ("urn:service:sos", "urn:service:sos"),
    ],
)
def test_the_address_of_record_is_what_a_person_calls_it(text: str, aor: str) -> None:
    assert read_uri(text).aor == aor


def test_an_address_has_a_name_a_uri_and_parameters() -> None:
    found = read_address(' "Bob \\"B\\" <x>" <sip:bob@h;transport=tcp> ;tag=1;q=0.5')
    assert (found.display, found.uri.text, found.tag) == ('Bob "B" <x>', "sip:bob@h;transport=tcp", "1")
    assert (found.uri.parameters, found.parameters["q"]) == ({"transport": "tcp"}, "0.5")
    bare = read_address("sip:bob@h;tag=1")
    assert (bare.display, bare.uri.text, bare.tag, bare.bracketed) == ("", "sip:bob@h", "1", False)
    assert read_address("sip:bob@h").tag == ""
    assert read_address("Bob Smith<sip:bob@h>").display == "Bob Smith"


def test_an_address_that_is_open_is_read_as_far_as_it_goes() -> None:
    assert read_address("Bob <sip:bob@h").uri.aor == "sip:bob@h"
    assert read_address('"Mr. J. User <sip:j.user@example.com>').uri.aor == "sip:j.user@example.com"
    assert read_address("").uri.fault == "no-scheme"


def test_all_addresses_of_a_route_are_read_in_order() -> None:
    found = read_addresses(["<sip:a;lr>, <sip:b>", "<sip:c;lr>;x"])
    assert [(each.uri.host, each.uri.loose) for each in found] == [("a", True), ("b", False), ("c", True)]


@pytest.mark.parametrize(
    ("host", "good"),
    [
        ("[2001:db8::192.0.2.1]", True),
        ("[::ffff:192.0.2.10]", True),
        ("[2001:db8:::192.0.2.1]", True),  # as the ABNF of RFC 3261 made them (RFC 5118 §4.10)
        ("[1::2::3]", False),
        ("[192.0.2.1]", False),
        ("2001:db8::1", False),
        ("[]", False),
        ("", False),
    ],
)
def test_ipv6_references_are_told_from_what_is_none(host: str, good: bool) -> None:
    assert is_ipv6_reference(host) is good


def test_escapes_are_undone_where_they_are_some() -> None:
    assert unescaped("%61lice") == "alice"
    assert unescaped("a%") == "a%"
    assert unescaped("%ff%00") == "\ufffd\x00"
    assert unescaped("plain") == "plain"


@pytest.mark.parametrize(
    ("display", "proper"),
    [
        ("", True),
        ("Bob Smith", True),
        ('"Bell, Alexander"', True),
        ("Bell, Alexander", False),
        ('"open', False),
        ('"a" b', False),
        ("日本", False),
    ],
)
def test_a_display_name_is_tokens_or_quoted(display: str, proper: bool) -> None:
    assert display_is_proper(display) is proper
