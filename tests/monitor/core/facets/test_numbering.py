"""Number portability in the Request-URI: noted, once, with what it says."""

from itertools import permutations

import pytest
from msgspec.structs import replace

from collectors.wire.events import SipEvent
from monitor.core.updates import FindingState, Severity
from tests.support.messages import hop, request, response
from tests.support.watch import Watch


def invite(uri: str, at: float = 0, on: str = "alice>bob", vias: int = 1) -> SipEvent:
    event = request("INVITE", at, on, vias=vias)
    return replace(event, raw=event.raw.replace(b"sip:bob@example.com SIP", uri.encode() + b" SIP", 1))


def cause(uri: str) -> str:
    return Watch([invite(uri), response(200, 1)]).finding("lrn-dip").cause


def test_a_ported_number_is_told_with_where_it_lives_now() -> None:
    watch = Watch([invite("sip:+1-202-555-0100;npdi;rn=+1-571-555-0100;cic=+1-6789@gw;user=phone")])
    finding = watch.finding("lrn-dip")
    assert (finding.severity, finding.state, finding.messages) == (Severity.INFO, FindingState.CONFIRMED, (1,))
    assert finding.cause == (
        "+12025550100 was looked up before 10.0.0.1:5060 sent the call: it is ported to +15715550100, carrier +16789."
    )


@pytest.mark.parametrize(
    ("uri", "told"),
    [
        (
            "tel:+12025550100;npdi",
            "was looked up before 10.0.0.1:5060 sent the call: no other routing number came of it.",
        ),
        (
            "tel:5550100;rn=5550199;rn-context=+1-571",
            "with portability data before 10.0.0.1:5060 sent the call: it is ",
        ),
        ("tel:5550100;rn=5550199;rn-context=+1-571", "ported to 5550199 (in +1-571)."),
        ("sip:+12025550100;CIC=+16789@gw", ": carrier +16789."),
        ("sip:%2B12025550100%3Bnpdi@gw", "+12025550100 was looked up"),
    ],
)
def test_each_form_is_told_in_its_words(uri: str, told: str) -> None:
    assert told in cause(uri)


@pytest.mark.parametrize(
    "uri",
    [
        "sip:bob@example.com;transport=udp",
        "sip:+12025550100;phone-context=example.com@gw",
        "sip:bob;rn=1@example.com",  # no telephone number
        "sip:+12025550100;rn=@gw",
        "sip:+12025550100@gw;rnx=1",
    ],
)
def test_a_request_uri_without_portability_data_is_not_told(uri: str) -> None:
    assert Watch([invite(uri)]).findings() == {}


def test_of_several_hops_that_nearest_to_the_caller_is_told_whatever_the_order() -> None:
    near = invite("sip:+12025550100;npdi@gw", 0, "alice>proxy")
    far = invite("sip:+12025550100;npdi;rn=+15715550100@gw", 0.01, "proxy>bob", vias=2)
    for order in permutations((near, far, request("INVITE", 0.02, "proxy>carol", vias=2))):
        finding = Watch(order).finding("lrn-dip")
        assert finding.hop == hop("alice>proxy")
        assert "no other routing number" in finding.cause
