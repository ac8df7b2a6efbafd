"""What a mail says: what, where, since when, how often, the evidence, what to do, where to look."""

import re
from email import message_from_bytes, policy

import pytest

from collectors.sip.timers import SECOND
from monitor.core.overview import Overview
from monitor.models import Alert, AlertOccurrence, Delivery
from monitor.notify import email
from monitor.notify.email.letter import compose, one_line, write
from monitor.notify.email.story import Story, span, tell
from monitor.services import alerts, commit_log
from tests.monitor.core.told import commit, report, tick
from tests.monitor.overview.stage import Ingest

pytestmark = pytest.mark.django_db(transaction=True)

T0 = 1_764_000_000 * SECOND  # 2025-11-24 16:00:00 UTC


@pytest.fixture
def ingest() -> Ingest:
    return Ingest()


def overview() -> None:
    """Fold all that waits, write what it means."""
    entries = commit_log.unfolded(1000)
    folded = Overview()
    decisions = [decision for entry in entries for decision in folded.feed(entry.committed)]
    alerts.apply(decisions, T0 + 100 * SECOND)


def story(event: str = "opened") -> Story:
    return tell(Alert.objects.get(), event)


def test_the_mail_of_a_missing_ack_says_all_that_one_must_know(ingest: Ingest) -> None:
    ingest.play("missing-ack", T0, until_s=9)
    overview()
    letter = write(story())
    assert re.fullmatch(r"\[Offhook\] critical: missing ACK, \S+ → \S+ \(1 call\)", letter.subject), letter.subject
    alert = Alert.objects.get()
    call = AlertOccurrence.objects.get()
    for part in (letter.text, letter.html):
        assert alert.place.split(" ")[0] in part
        assert "The ACK never came" in part
        assert "2025-11-24 16:00:0" in part
        assert "UTC" in part
        assert "INVITE" in part  # the ladder
        assert "×4" in part  # the 200 and its three resends
        assert f"http://127.0.0.1:8600/calls/{call.slug}" in part
        assert f"http://127.0.0.1:8600/alerts/{alert.pk}" in part
        assert "Record-Route" in part  # the remedy
        assert call.from_uri in part
    assert "<table" in letter.html
    assert "<table" not in letter.text
    assert max(len(line) for line in letter.text.splitlines()) <= 100


def test_the_html_loads_nothing_and_paints_no_background(ingest: Ingest) -> None:
    ingest.play("missing-ack", T0, until_s=9)
    overview()
    html = write(story()).html
    assert not re.search(r"<(img|link|script|style|iframe)|url\(|background", html)
    assert 'name="color-scheme" content="light dark"' in html
    assert "max-width:600px" in html


def test_many_calls_are_told_with_their_time(ingest: Ingest) -> None:
    for n in range(14):
        ingest.play("missing-ack", T0 + 20 * n * SECOND, until_s=9, seed=f"seed-{n}")
    overview()
    alert = Alert.objects.order_by("-count").first()
    assert alert is not None
    Alert.objects.filter(pk=alert.pk).update(count=14, opened_us=T0, last_us=T0 + 300 * SECOND)
    letter = write(tell(Alert.objects.get(pk=alert.pk), "escalated"))
    assert letter.subject.startswith("[Offhook] critical, growing: missing ACK")
    assert letter.subject.endswith("(14 calls in 5 min)")


def test_a_failed_registration_shows_its_own_ladder(ingest: Ingest) -> None:
    ingest.play("registration-forbidden", T0)
    overview()
    letter = write(story())
    assert letter.subject.startswith("[Offhook] major: registrations failing at ")
    assert "REGISTER" in letter.text
    assert "403" in letter.text
    assert "/registrations/" in letter.text


def test_a_resolved_alert_says_why(ingest: Ingest) -> None:
    ingest.play("late-ack", T0)
    overview()
    letter = write(story("resolved"))
    assert letter.subject.startswith("[Offhook] resolved: missing ACK")
    assert letter.subject.endswith("(all cleared)")
    assert "The ACK came after all." in letter.text
    assert "The ACK came after all." in letter.html
    assert "WHAT TO DO" not in letter.text


def test_a_quiet_alert_says_for_how_long(ingest: Ingest) -> None:
    ingest.play("missing-ack", T0)
    ingest.advance(T0 + 3600 * SECOND)
    overview()
    letter = write(story("resolved"))
    assert "Nothing more came for 10 min." in letter.text
    # The call has two findings by now; shown is the one that came first.
    assert AlertOccurrence.objects.count() == 2
    assert "ACK never came" in letter.text.split("EVIDENCE")[1]


def test_an_alert_about_a_collector_needs_no_ladder() -> None:
    folded = Overview()
    for committed in (commit(0, report(0)), *(tick(n) for n in range(2, 20, 2))):
        alerts.apply(folded.feed(committed), T0)
    letter = write(story())
    assert letter.subject == "[Offhook] major: collector edge-1 is offline (1 collector)"
    assert "EVIDENCE" not in letter.text
    assert "OFFHOOK_STREAM_URL" in letter.text


def test_a_call_whose_messages_are_gone_is_told_without_its_ladder(ingest: Ingest) -> None:
    from monitor.models import Call, MessageChunk

    ingest.play("missing-ack", T0, until_s=9)
    overview()
    MessageChunk.objects.all().delete()
    assert story().ladder_text == ""
    Call.objects.all().delete()
    assert story().ladder_html == ""
    assert len(story().examples) == 1


def test_an_alert_of_a_rule_that_is_gone_can_still_be_told(ingest: Ingest) -> None:
    ingest.play("missing-ack", T0, until_s=9)
    overview()
    Alert.objects.update(rule="former", count=3)
    assert "3 times in" in write(story()).subject


def test_what_comes_from_the_wire_is_escaped_and_made_printable(ingest: Ingest) -> None:
    ingest.play("missing-ack", T0, until_s=9)
    overview()
    AlertOccurrence.objects.update(from_uri="sip:<script>alert(1)</script>\u202e@x", cause="a\r\nb <b>")
    Alert.objects.update(title="missing ACK\r\nBcc: evil@example.com", summary="<i>x</i>")
    letter = write(story())
    assert "<script>" not in letter.html
    assert "<i>x</i>" not in letter.html
    assert "\u202e" not in letter.text + letter.html
    assert "\n" not in letter.subject


def test_the_mail_travels_under_its_own_name_in_both_forms(ingest: Ingest) -> None:
    ingest.play("missing-ack", T0, until_s=9)
    overview()
    first = Delivery.objects.get()
    first.recipient = "noc@example.com"
    first.save()
    second = Delivery.objects.create(
        alert=first.alert,
        event="resolved",
        recipient="noc@example.com",
        message_id="<2@x>",
        state="pending",
        created_us=T0,
    )
    for delivery in (first, second):
        letter = email.render(delivery)
        delivery.subject, delivery.text, delivery.html = letter.subject, letter.text, letter.html
    one, two = (compose(delivery, "Offhook <offhook@example.com>") for delivery in (first, second))
    assert one["Message-ID"] == first.message_id
    assert "In-Reply-To" not in one
    assert two["In-Reply-To"] == two["References"] == first.message_id
    assert one["Date"] == "Mon, 24 Nov 2025 16:01:40 +0000"
    assert one["Auto-Submitted"] == "auto-generated"
    received = message_from_bytes(one.as_bytes(policy=policy.SMTP), policy=policy.default)
    assert [part.get_content_type() for part in received.iter_parts()] == ["text/plain", "text/html"]
    assert compose(first, "Offhook <offhook@example.com>").as_bytes().split(b"==")[0] == one.as_bytes().split(b"==")[0]


@pytest.mark.parametrize(
    ("seconds", "want"),
    [(0, "1 s"), (42, "42 s"), (119, "119 s"), (300, "5 min"), (7199, "120 min"), (7200, "2 h"), (90_000, "25 h")],
)
def test_a_span_is_one_figure(seconds: int, want: str) -> None:
    assert span(seconds * SECOND) == want


def test_a_header_is_one_line_of_bounded_length() -> None:
    assert one_line("a\r\n b\tc\0") == "a b c"
    assert one_line("x" * 500).endswith("…")
    assert len(one_line("x" * 500)) == 180
