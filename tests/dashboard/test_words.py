"""How pages write things: times, spans, parties, states, and what became of a record."""

import re

import pytest
from django.utils import timezone

from collectors.scenario.library import CALLS, REGISTRATIONS
from collectors.sip.message import parse
from collectors.wire.events import SipEvent
from dashboard import charts, words
from dashboard.templatetags import offhook
from monitor import queries
from monitor.core.updates import CallState, Kind, RegistrationOutcome
from monitor.models import Call, Registration, Transaction
from tests.dashboard import factories

AT_US = 1_795_340_527_123_456  # 2026-11-22 09:42:07.123456 UTC


@pytest.mark.parametrize(
    ("ms", "text"),
    [
        (None, "–"),
        (0, "0 ms"),
        (840.4, "840 ms"),
        (3250, "3.25 s"),
        (28_400, "28.4 s"),
        (725_000, "12 min 05 s"),
        (7_380_000, "2 h 03 min"),
    ],
)
def test_a_duration_reads_as_people_say_it(ms: float | None, text: str) -> None:
    assert offhook.duration(ms) == text


@pytest.mark.parametrize(
    ("uri", "user", "host"),
    [
        ("sip:alice@example.com", "alice", "example.com"),
        ("sips:a@b@[2001:db8::1]:5061", "a@b", "[2001:db8::1]:5061"),
        ("sip:pbx.example.com", "", "pbx.example.com"),
        ("tel:+49891234", "+49891234", ""),
        ("", "", ""),
        ("urn:service:sos", "", "urn:service:sos"),
    ],
)
def test_a_party_is_told_by_user_and_host(uri: str, user: str, host: str) -> None:
    assert offhook.split_uri(uri) == (user, host)
    assert offhook.person(uri) == (user or host or "unknown")


def test_a_hostile_party_is_only_text() -> None:
    assert "<img" not in offhook.party('sip:"><img src=x>@example.com')


def test_a_time_has_its_zone_and_its_hover_microseconds_and_utc() -> None:
    with timezone.override("Europe/Berlin"):
        shown = offhook.when(AT_US, "full")
        assert "22 Nov 2026 10:42:07 CET" in shown
        assert "2026-11-22 10:42:07.123456 CET · 2026-11-22 09:42:07.123456 UTC" in shown
        assert ">10:42:07.123<" in offhook.when(AT_US, "ms")
        assert offhook.zone() == "CET"


@pytest.mark.parametrize("us", [None, 0])
def test_no_time_is_a_dash(us: int | None) -> None:
    assert offhook.when(us) == "–"
    assert offhook.since(us) == "–"


def test_a_time_that_no_calendar_holds_is_no_crash() -> None:
    assert "1970" in offhook.when(2**63 - 1, "full")


@pytest.mark.parametrize(
    ("size", "text"), [(None, "–"), (312, "312 B"), (4_218_332, "4.2 MB"), (7 * 10**12, "7000.0 GB")]
)
def test_a_size_has_its_unit(size: int | None, text: str) -> None:
    assert offhook.octets(size) == text


@pytest.mark.parametrize(("us", "text"), [(400, "under 1 ms"), (3400, "+3 ms"), (-1_200_000, "−1.20 s")])
def test_a_clocks_offset_has_its_sign(us: int, text: str) -> None:
    assert offhook.offset(us) == text


def test_hops_are_the_way_that_they_make() -> None:
    assert offhook.path(["A>B", "B>C", "C>D"]) == "A → B → C → D"
    assert offhook.path(["A>B", "B>C", "B>D"]) == "A → B → C, B → D"
    assert offhook.path([]) == "–"


def test_every_state_has_a_badge_and_an_unknown_one_its_name() -> None:
    for state in (*CallState, *RegistrationOutcome):
        assert state in offhook.BADGES
    assert "never-seen" in offhook.badge("never-seen")


def test_how_often_is_drawn_over_its_time() -> None:
    minute = 60_000_000
    chart = charts.bars([0, 10 * minute, 10 * minute, 30 * minute, 31 * minute], 0, 30 * minute)
    assert chart is not None
    assert [bar.x for bar in chart.bars] == [0, 60, 174]
    assert [bar.height for bar in chart.bars] == [13, 26, 13]
    assert charts.bars([], 0, minute) is None


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("situation", "sentence"),
    [
        ("good", r"Answered after .*; ended after "),
        ("missing-ack", r", and never acknowledged; ended after 32.0 s"),
        ("busy", r"Failed with 486 Busy Here after "),
        ("cancel-crosses-answer", r"^(Cancelled by the caller|Answered)"),
        ("no-answer", r"Cancelled by the caller after "),
        ("unanswered-invite", r"Failed with 408 Request Timeout after 32.0 s"),
        ("redirected-unfollowed", r"Redirected with 302"),
    ],
)
def test_what_became_of_a_call_is_one_sentence(situation: str, sentence: str) -> None:
    factories.store_situations([situation], ago_s=400)
    assert_sentence(Kind.CALL, Call.objects.latest("first_us").slug, sentence)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("situation", "sentence"),
    [
        ("registered", r"Registered at 203.0.113.5:5060"),
        ("unregistered", r"removed its binding"),
        ("registration-forbidden", r"Refused with 403 Forbidden"),
        ("registration-challenged", r"never sent credentials"),
        ("registration-unanswered", r"never answered"),
        ("registration-expired", r"ran out without a refresh"),
    ],
)
def test_what_became_of_a_registration_is_one_sentence(situation: str, sentence: str) -> None:
    ago_s = 60 if situation == "registered" else 400
    factories.store_situations([situation], ago_s=ago_s)
    assert_sentence(Kind.REGISTRATION, Registration.objects.get().slug, sentence)


@pytest.mark.django_db
def test_every_situation_while_it_goes_on_has_its_sentence() -> None:
    for situation in (*CALLS, *REGISTRATIONS):
        events = factories.events_of([situation], factories.now_us() - 60_000_000)
        for count in range(1, min(len(events), 8)):
            Call.objects.all().delete()
            Registration.objects.all().delete()
            factories.store(events[:count], events[count - 1].captured_us)
            for kind, model in ((Kind.CALL, Call), (Kind.REGISTRATION, Registration)):
                for row in model._default_manager.all():
                    assert_sentence(kind, row.slug, r"\.$")


def assert_sentence(kind: Kind, slug: str, pattern: str) -> None:
    record = queries.record(kind, slug, None)
    assert record is not None
    sentence = words.result(record, queries.messages(record))
    assert re.search(pattern, sentence), sentence
    assert words.title(record)


@pytest.mark.django_db
def test_a_message_that_breaks_the_rules_says_which() -> None:
    raw = b"OPTIONS sip:pbx SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1\r\nCSeq: many OPTIONS\r\n\r\n"
    now_us = factories.now_us()
    event = SipEvent(now_us, now_us, "192.0.2.1", 5060, "192.0.2.2", 5060, "udp", "edge-1/eth0", raw, *parse(raw))
    factories.store([event], now_us)
    assert_sentence(Kind.TRANSACTION, Transaction.objects.get().slug, r"^A message that breaks the rules: no call id")
