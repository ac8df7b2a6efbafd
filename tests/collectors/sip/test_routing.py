"""Via and Contact: where responses go, and where later requests go."""

import pytest

from collectors.sip.contact import read_contacts
from collectors.sip.via import read_via, read_vias


def test_a_via_list_is_read_over_headers_commas_and_blanks() -> None:
    found = read_vias(
        [
            "SIP  /   2.0 /UDP    192.0.2.2;branch=390skdjuw",
            "SIP  / 2.0  / TCP     Spindle.example.com   ; branch  =   z9hG4bK9ikj8  , "
            "SIP  /    2.0   / UDP  192.168.255.111   ; branch= z9hG4bK30239",
        ]
    )
    assert [(each.transport, each.host, each.branch, each.unique, each.fault) for each in found] == [
        ("UDP", "192.0.2.2", "390skdjuw", False, ""),
        ("TCP", "spindle.example.com", "z9hG4bK9ikj8", True, ""),
        ("UDP", "192.168.255.111", "z9hG4bK30239", True, ""),
    ]


def test_a_via_tells_what_the_next_hop_saw() -> None:
    via = read_via("SIP/2.0/UDP 10.0.0.1:5070;rport=40001;received=192.0.2.9;branch=z9hG4bK")
    assert (via.port, via.rport, via.asks_rport, via.received, via.unique) == (5070, 40001, True, "192.0.2.9", False)
    asking = read_via("SIP/2.0/UDP 10.0.0.1;rport")
    assert (asking.rport, asking.asks_rport, asking.received, asking.branch) == (None, True, "", "")


@pytest.mark.parametrize("received", ["[2001:db8::9:255]", "2001:db8::9:255"])
def test_received_may_have_brackets_or_none(received: str) -> None:
    via = read_via(f"SIP/2.0/UDP [2001:db8::9:1]:6050;received={received};branch=z9hG4bKas3")
    assert (via.host, via.port, via.received, via.fault) == ("[2001:db8::9:1]", 6050, "2001:db8::9:255", "")


@pytest.mark.parametrize(
    ("value", "fault"),
    [
        ("SIP/2.0/UDP", "bad-via"),
        ("UDP 192.0.2.1", "bad-via"),
        ("", "bad-via"),
        ("SIP/2.0/UDP h:0x1", "bad-port"),
        ("SIP/2.0/UDP h o", "bad-host"),
        ("SIP/7.0/UDP c.example.com", ""),
    ],
)
def test_a_broken_via_says_what_is_wrong(value: str, fault: str) -> None:
    assert read_via(value).fault == fault


def test_the_version_of_a_via_is_kept() -> None:
    assert read_via("sip/7.0/UDP c.example.com").version == "SIP/7.0"


def test_contacts_are_read_with_what_registrations_need() -> None:
    found = read_contacts(
        [
            '"A, B" <sip:a@192.0.2.1;ob>;expires=3600;q=0.7;+sip.instance="<urn:uuid:1>";reg-id=2;pub-gruu="sip:g"',
            "<sip:b@h>, *",
        ]
    )
    first, second, star = found
    assert (first.uri.aor, first.expires, first.q, first.instance, first.reg_id, first.gruu, first.star) == (
        ("sip:a@192.0.2.1"), 3600, 0.7, "urn:uuid:1", 2, "sip:g", False,
    )  # fmt: skip
    assert (second.expires, second.q, second.instance, second.reg_id, second.gruu) == (None, 1.0, "", None, "")
    assert star.star


@pytest.mark.parametrize(
    ("q", "read"),
    [
        ("0", 0.0),
        ("1", 1.0),
        ("0.5", 0.5),
        (".5", 0.5),
        ("1.001", 1.0),
        ("7", 1.0),
        ("0.x", 1.0),
        ("²", 1.0),
        ("", 1.0),
    ],
)
def test_a_preference_that_is_none_is_the_default(q: str, read: float) -> None:
    assert read_contacts([f"<sip:a>;q={q}"])[0].q == read
