"""Who calls, from where, and by which way."""

import pytest

from collectors.sip.diversion import read_diversions, read_history
from collectors.sip.name_addr import read_uri
from collectors.sip.party import caller, read_privacy
from collectors.sip.phone import Phone, read_phone
from collectors.sip.reading import Reading
from collectors.sip.reason import Reason


@pytest.mark.parametrize(
    ("uri", "phone"),
    [
        ("tel:+1-202-555-0100;npdi;rn=+1-571-555-0100", Phone("+12025550100", "", "+15715550100", "", "", dipped=True)),
        ("tel:7042;phone-context=example.com", Phone("7042", "example.com")),
        ("tel:2025550100;rn=5550100;rn-context=+1-571", Phone("2025550100", "", "5550100", "+1-571")),
        (
            "sip:+12025550100;npdi;rn=+15715550100;cic=+1-6789@gw;user=phone",
            Phone("+12025550100", "", "+15715550100", "", "+16789", dipped=True),
        ),
        ("sip:+12025550100@gw.example.com;npdi;rn=%2b1", Phone("+12025550100", "", "%2b1", "", "", dipped=True)),
        ("sip:%2B12025550100%3Bnpdi@gw", Phone("+12025550100", dipped=True)),
        ("sip:(202)555.0100@gw", Phone("2025550100")),
        ("sip:*21#@gw", Phone("*21#")),
        ("sip:bob@example.com", None),
        ("sip:dad@example.com", None),
        ("sip:example.com", None),
        ("urn:service:sos", None),
    ],
)
def test_a_number_is_read_with_its_portability(uri: str, phone: Phone | None) -> None:
    assert read_phone(read_uri(uri)) == phone


def test_portability_is_there_when_any_of_its_data_is() -> None:
    assert not Phone("1").portability
    assert Phone("1", dipped=True).portability
    assert Phone("1", routing_number="2").portability
    assert Phone("1", carrier="2").portability


def head(*lines: str) -> Reading:
    return Reading("\r\n".join(["INVITE sip:b@h SIP/2.0", *lines, "", ""]).encode())


def test_what_the_network_asserts_comes_before_what_the_caller_says() -> None:
    found = caller(
        head(
            "From: Anonymous <sip:anonymous@anonymous.invalid>;tag=1",
            "Remote-Party-ID: <sip:1@gw>;party=calling;screen=yes;privacy=off, <sip:9@gw>;party=called",
            'P-Asserted-Identity: "A" <sip:+1@gw>, <tel:+1>',
        )
    )
    assert [(each.source, each.address.uri.text, each.screened, each.anonymous) for each in found] == [
        ("p-asserted-identity", "sip:+1@gw", None, False),
        ("p-asserted-identity", "tel:+1", None, False),
        ("remote-party-id", "sip:1@gw", True, False),
        ("from", "sip:anonymous@anonymous.invalid", None, True),
    ]
    (restricted,) = caller(head("P-Preferred-Identity: <sip:Restricted@h>;screen=no"))
    assert (restricted.anonymous, restricted.screened) == (True, False)


def test_privacy_is_a_set_of_wishes() -> None:
    assert read_privacy(["Id; critical", "user"]) == ("id", "critical", "user")


def test_diversions_tell_who_diverted_and_why() -> None:
    found = read_diversions(
        ["<sip:b@h>;reason=User-Busy;counter=2, <sip:a@h>", "sip:z@h;reason=unconditional;counter=x"]
    )
    assert [(each.address.uri.user, each.reason, each.counter) for each in found] == [
        ("b", "user-busy", 2), ("a", "", 1), ("z", "unconditional", 1),
    ]  # fmt: skip


def test_history_tells_the_targets_of_a_request_and_why_each_was_left() -> None:
    found = read_history(
        [
            "<sip:a@h?Reason=SIP%3Bcause%3D302&Privacy=history>;index=1, <sip:b@h>;index=1.1;rc=1",
            "<sip:c@h?Privacy=none>;index=x;mp=1.1",
        ]
    )
    assert [(each.uri.user, each.index, each.private, each.mapped) for each in found] == [
        ("a", (1,), True, ""), ("b", (1, 1), False, "rc"), ("c", (), False, "mp"),
    ]  # fmt: skip
    assert found[0].reasons == (Reason("SIP", 302, ""),)
    assert found[1].reasons == ()
