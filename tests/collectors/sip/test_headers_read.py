"""Headers that explain what happens: each as a value, whatever stands there."""

import pytest

from collectors.sip.correlation import ChargingVector, SessionId, read_charging_vector, read_session_id
from collectors.sip.intervals import RetryAfter, SessionExpires, read_delta, read_retry_after, read_session_expires
from collectors.sip.reason import Reason, read_reasons
from collectors.sip.refer import Replaces, read_refer_to, read_replaces
from collectors.sip.sequence import CSeq, RAck, read_cseq, read_rack, read_rseq
from collectors.sip.subscription import Event, SubscriptionState, read_event, read_subscription_state
from collectors.sip.warning import SipWarning, read_warnings


def test_several_reasons_are_read_each_with_its_meaning() -> None:
    found = read_reasons(['Q.850 ;cause=34 ;text="No circuit, sorry", SIP;cause=503', 'X.int;reasoncode=1;text="x"'])
    assert found == (Reason("Q.850", 34, "No circuit, sorry"), Reason("SIP", 503, ""), Reason("X.int", None, "x"))
    assert [each.name for each in found] == ["no circuit or channel available", "", "x"]
    assert [(each.isdn, each.sip) for each in found] == [(True, False), (False, True), (False, False)]


def test_a_cause_that_q_850_does_not_know_is_told_by_its_text() -> None:
    (reason,) = read_reasons(["q850;cause=999999;text=odd"])
    assert (reason.isdn, reason.name) == (True, "odd")
    assert read_reasons(["Q.850;cause=1e9"])[0].cause is None
    assert read_reasons([""]) == ()


def test_warnings_are_read_and_what_is_none_is_left_out() -> None:
    found = read_warnings(["307 isi.edu \"Type 'foo' unknown, see b\", 399 h:5060 misc, x", '1812 o "x"'])
    assert found == (SipWarning(307, "isi.edu", "Type 'foo' unknown, see b"), SipWarning(399, "h:5060", "misc"))
    assert [each.name for each in found] == ["session description parameter not understood", "miscellaneous"]
    assert read_warnings(["999 h"])[0].name == ""


@pytest.mark.parametrize(
    ("value", "read"),
    [
        ("120", RetryAfter(120)),
        ("18000;duration=3600", RetryAfter(18000, duration=3600)),
        ("120 (I'm in a meeting; really)", RetryAfter(120, "I'm in a meeting; really")),
        ("949302838503028349304023988", None),
        ("soon", None),
    ],
)
def test_retry_after_is_read(value: str, read: RetryAfter | None) -> None:
    assert read_retry_after(value) == read


@pytest.mark.parametrize(
    ("value", "read"),
    [
        ("1800", SessionExpires(1800)),
        ("90;Refresher=UAS", SessionExpires(90, "uas")),
        ("90;refresher=me", SessionExpires(90)),
        ("never", None),
    ],
)
def test_session_expires_is_read(value: str, read: SessionExpires | None) -> None:
    assert read_session_expires(value) == read


def test_seconds_are_read_without_their_parameters() -> None:
    assert read_delta("90;generic=1") == 90
    assert read_delta("10000000000000") is None
    assert read_delta("") is None


@pytest.mark.parametrize(
    ("value", "read"),
    [
        ("0009 INVITE", CSeq(9, "INVITE")),
        ("0009\t \tINVITE", CSeq(9, "INVITE")),
        ("4294967296 INVITE", None),
        ("36893488147419103232 REGISTER", None),
        ("1", None),
        ("1 IN VITE", None),
        ("INVITE 1", None),
        ("", None),
    ],
)
def test_a_cseq_is_read(value: str, read: CSeq | None) -> None:
    assert read_cseq(value) == read


def test_reliable_provisionals_are_read() -> None:
    assert read_rseq("988789") == 988789
    assert read_rseq("0") is None  # §7.1: from 1
    assert read_rack("776656 1 INVITE") == RAck(776656, 1, "INVITE")
    for broken in ("", "1", "1 2", "x 1 INVITE"):
        assert read_rack(broken) is None


def test_an_attended_transfer_names_the_dialog_that_it_takes_over() -> None:
    taken = Replaces("12345@h", "tt", "ft", early_only=False)
    once = read_refer_to("<sip:bob@h?Replaces=12345%40h%3Bfrom-tag%3Dft%3Bto-tag%3Dtt>")
    twice = read_refer_to("<sip:bob@h;method=invite?Replaces=12345%2540h%253Bfrom-tag%253Dft%253Bto-tag%253Dtt>")
    assert (once.replaces, once.method, once.address.uri.aor) == (taken, "INVITE", "sip:bob@h")
    assert (twice.replaces, twice.method) == (taken, "INVITE")
    assert read_refer_to("sip:bob@h").replaces is None
    assert read_refer_to("<sip:bob@h;method=bye>").method == "BYE"
    assert read_refer_to("<sip:bob@h?Replaces=1>").replaces is None


def test_replaces_needs_a_call_and_both_tags() -> None:
    assert read_replaces("a@h;to-tag=1;from-tag=2;early-only") == Replaces("a@h", "1", "2", early_only=True)
    for broken in ("", "a@h", "a@h;to-tag=1", ";to-tag=1;from-tag=2"):
        assert read_replaces(broken) is None


def test_subscriptions_are_read() -> None:
    assert read_event("Presence.WInfo ; id=1") == Event("presence.winfo", "1")
    active = read_subscription_state("active;expires=3600")
    assert (active, active.over) == (SubscriptionState("active", "", 3600), False)
    over = read_subscription_state("Terminated;reason=NoResource;retry-after=10")
    assert (over, over.over) == (SubscriptionState("terminated", "noresource", None, 10), True)


def test_a_session_is_named_by_both_ends() -> None:
    a, b, nil = "ab30317f1a784dc48ff824d0d3715d86", "47755a9de7794ba387653f2099600ef2", "0" * 32
    assert read_session_id(f"{a.upper()};remote={b}") == SessionId(a, b)
    assert read_session_id(f"{a};remote={nil}") == SessionId(a, "")
    assert read_session_id(f"{nil};remote={b}") == SessionId("", b)
    assert read_session_id("ab30317f-1a78-4dc4-8ff8-24d0d3715d86") == SessionId(a, "")
    assert read_session_id("4711") is None


def test_a_charging_vector_is_read() -> None:
    read = read_charging_vector('icid-value="1234bc9876e";icid-generated-at=192.0.6.8;orig-ioi=home1.net;term-ioi=h2')
    assert read == ChargingVector("1234bc9876e", "192.0.6.8", "home1.net", "h2")
    assert read_charging_vector("icid-value=x") == ChargingVector("x")
    assert read_charging_vector("orig-ioi=home1.net") is None
