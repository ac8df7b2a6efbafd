"""Every page: behind login, with and without data, and what it must say."""

import re

import msgspec
import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import URLPattern, reverse
from django.urls.converters import IntConverter
from msgspec.structs import replace

from collectors.wire.events import RTCP
from dashboard.urls import urlpatterns
from dashboard.views.raw import MAX_SHOWN, explain
from monitor.models import AlertOccurrence, Call, MessageChunk, Registration, Transaction
from tests.dashboard import factories
from tests.dashboard.conftest import PASSWORD
from tests.support.beside import beside

LISTS = ("live", "calls", "registrations", "transactions", "sources", "alerts", "collectors", "imports", "outbox")


def addresses() -> dict[str, str]:
    """Every page there is, and everything that can be done on one."""
    found = {}
    for pattern in urlpatterns:
        assert isinstance(pattern, URLPattern)
        if pattern.name is None:  # it only leads to one of the others
            continue
        kinds = pattern.pattern.converters
        values = {
            name: 1 if type(kind) is IntConverter else "20260101-0123456789abcdef-1" for name, kind in kinds.items()
        }
        found[str(pattern.name)] = reverse(str(pattern.name), kwargs=values)
    return found


@pytest.mark.parametrize("name", sorted(addresses().keys() - {"login", "logout"}))
def test_nobody_sees_or_does_anything_without_logging_in(db: None, name: str) -> None:
    address = addresses()[name]
    for ask in (Client().get, Client().post):
        response = ask(address)
        assert response.status_code == 302
        assert response.headers["Location"] == f"{reverse('login')}?next={address}"


@pytest.mark.parametrize("name", LISTS)
def test_an_empty_installation_has_pages(client: Client, name: str) -> None:
    response = client.get(reverse(name))
    assert response.status_code == 200
    assert "Content-Security-Policy" in response.headers


@pytest.mark.parametrize(
    ("asked", "meant"),
    [
        ("/calls/", "/calls"),
        ("/calls/?state=failed&q=1", "/calls?state=failed&q=1"),
        ("/settings/storage/", "/settings/storage"),
    ],
)
def test_a_slash_too_many_leads_to_the_page_that_was_meant(client: Client, asked: str, meant: str) -> None:
    response = client.get(asked)
    assert (response.status_code, response.headers["Location"]) == (302, meant)


@pytest.mark.parametrize("asked", ["//example.com/", "/\\example.com/", "/calls//", "/../calls/"])
def test_no_slash_leads_to_another_host(client: Client, asked: str) -> None:
    assert client.get("/", PATH_INFO=asked).status_code == 404


def test_the_first_page_after_logging_in_is_the_one_that_was_asked_for(user: User) -> None:
    client = Client()
    form = {"username": "ada", "password": PASSWORD, "next": "/calls?state=failed"}
    assert client.post(reverse("login"), form).headers["Location"] == "/calls?state=failed"


def test_a_wrong_password_is_told_and_the_name_kept(user: User) -> None:
    page = Client().post(reverse("login"), {"username": "ada", "password": "wrong"}).content.decode()
    assert "don&#x27;t belong together" in page or "don't belong together" in page
    assert 'value="ada"' in page


def test_logging_out_ends_the_session(client: Client) -> None:
    client.post(reverse("logout"))
    assert client.get(reverse("live")).status_code == 302


def test_every_situation_has_a_page_with_a_ladder_and_its_messages(client: Client) -> None:
    factories.store_situations()
    pages = [
        *(("call", call.slug) for call in Call.objects.all()),
        *(("registration", registration.slug) for registration in Registration.objects.all()),
        *(("transaction", transaction.slug) for transaction in Transaction.objects.all()),
    ]
    assert len(pages) > 30
    for name, slug in pages:
        page = client.get(reverse(name, args=[slug]))
        assert page.status_code == 200
        assert "ladder-body" in page.content.decode()
        message = client.get(reverse(f"{name}-message", args=[slug, 1]))
        assert re.search(r"SIP/2\.0", message.content.decode())


def test_a_call_shows_what_its_sides_offered_and_answered(client: Client) -> None:
    now_us = factories.now_us()
    factories.store(factories.events_of(["hold-resume"], now_us - 600_000_000), now_us)
    page = client.get(reverse("call", args=[Call.objects.get().slug])).content.decode()
    assert "Negotiation" in page
    assert page.count("Agreed") == 3
    assert "sendonly" in page
    assert "PCMU/8000" in page


def test_a_call_shows_what_receivers_reported(client: Client) -> None:
    now_us = factories.now_us()
    events = factories.events_of(["good"], now_us - 60_000_000)
    values = {"ssrc": 1.0, "source_ssrc": 2.0, "lost_pct": 12.5, "jitter": 160.0}
    reports = [
        msgspec.structs.replace(beside(events[0], RTCP, after=after), values=values | {"highest": after})
        for after in (5.0, 10.0, 15.0)
    ]
    factories.store(events, now_us, side=reports)
    page = client.get(reverse("call", args=[Call.objects.get().slug])).content.decode()
    assert "Quality" in page
    assert "12.5 %" in page
    assert "poor-quality" in page


def test_a_page_lists_what_was_seen_beside_the_messages(client: Client) -> None:
    now_us = factories.now_us()
    events = factories.events_of(["good"], now_us - 60_000_000)
    side = [
        beside(events[0], text="<b>port unreachable</b>"),
        *[beside(events[0], RTCP, after=number / 100, text="") for number in range(300)],
    ]
    factories.store(events, now_us, side=side)
    address = reverse("call", args=[Call.objects.get().slug])
    page = client.get(address).content.decode()
    assert "&lt;b&gt;port unreachable&lt;/b&gt;" in page
    assert page.count("RTCP report") == 199
    assert "the first 200" in page
    MessageChunk.objects.update(side=b"", side_count=0)
    assert "Also seen" not in client.get(address).content.decode()


def test_a_name_that_is_not_ours_says_what_to_set(db: None) -> None:
    response = Client(headers={"host": "monitor.example.net"}).get(reverse("login"))
    assert response.status_code == 400
    assert "OFFHOOK_ALLOWED_HOSTS" in response.content.decode()


@pytest.mark.parametrize(
    "path", ["/alerts?state=lost", "/alerts/77", "/outbox?state=lost", "/outbox/77", "/outbox/77/html", "/nowhere"]
)
def test_what_is_not_there_is_said_in_the_dashboards_own_words(client: Client, path: str) -> None:
    response = client.get(path)
    assert response.status_code == 404
    assert "nothing at this address" in response.content.decode()


def test_a_message_that_is_not_there_says_so(client: Client) -> None:
    factories.store_situations(["good"], ago_s=60)
    address = reverse("call-message", args=[Call.objects.get().slug, 999])
    assert client.get(address).status_code == 404


def test_a_live_refresh_gets_the_part_that_can_change_and_no_frame(client: Client) -> None:
    factories.store_situations(["missing-ack"], ago_s=60)
    alert = factories.an_alert()
    parts = {
        reverse("calls"): "rows",
        reverse("alerts"): "rows",
        reverse("collectors"): "rows",
        reverse("imports"): "rows",
        reverse("alert", args=[alert.pk]): "alert",
        reverse("call", args=[Call.objects.get().slug]): "record",
    }
    for path, target in parts.items():
        part = client.get(path, headers={"HX-Target": target}).content.decode()
        assert part.strip()
        assert "<html" not in part


def test_an_alert_about_a_collector_leads_to_the_collectors(client: Client) -> None:
    alert = factories.an_alert("capture-loss", title="messages lost at collector edge-1")
    AlertOccurrence.objects.create(
        alert=alert, kind="collector", slug="edge 1", code="capture-loss", state="confirmed", at_us=1, cause="12 lost"
    )
    page = client.get(reverse("alert", args=[alert.pk])).content.decode()
    assert "Messages lost at collector edge-1" in page
    assert re.search(rf'href="{reverse("collectors")}"\s+data-stop', page)


@pytest.mark.parametrize("zone", ["Nowhere/Land", "../../etc/passwd", "Europe", "\x00", "x" * 500])
def test_a_zone_that_is_none_is_utc(client: Client, zone: str) -> None:
    factories.store_situations(["good"], ago_s=60)
    client.cookies["offhook_zone"] = zone
    assert 'data-zone="UTC"' in client.get(reverse("calls")).content.decode()


def test_a_message_comes_with_what_it_says(client: Client) -> None:
    now_us = factories.now_us()
    events = factories.events_of(["good"], now_us - 60_000_000)
    raw = events[0].raw.replace(b"\r\n\r\n", b'\r\nReason: Q.850;cause=17;text="<b>"\r\n\r\n', 1)
    factories.store([replace(events[0], raw=raw), *events[1:]], now_us)
    pages = [client.get(reverse("call-message", args=[Call.objects.get().slug, number])) for number in (1, 2)]
    first, second = [re.sub(r"\s+", " ", page.content.decode()) for page in pages]
    assert "What this message says" in first
    assert "<dt>Reason</dt> <dd> Q.850 17: user busy (“&lt;b&gt;”) </dd>" in first
    assert "What this message says" not in second


def test_a_raw_message_is_shown_as_it_was_sent_and_does_nothing() -> None:
    raw = explain(b"INVITE sip:a SIP/2.0\r\nSubject: one\r\n two\r\nX: <b>\xff\x07\r\n\r\nv=0\r\n")
    assert raw.start == "INVITE sip:a SIP/2.0"
    assert [(line.name, line.rest) for line in raw.lines] == [
        ("Subject", ": one"),
        ("", " two"),
        ("X", ": <b>\\xff\\x07"),
    ]
    assert raw.body == "v=0\n"
    assert explain(b"x" * 70_000).left_out == 70_000 - MAX_SHOWN


def test_losses_are_told_by_reason_and_what_nobody_counted_is_said(client: Client) -> None:
    factories.a_collector()
    factories.a_loss(reason="kernel", count=12)
    factories.a_loss(reason="kernel", count=30)
    factories.a_loss(reason="silent", count=0)
    page = client.get(reverse("collectors")).content.decode()
    assert re.search(r"<dt>Lost</dt>\s*<dd[^>]*>\s*42\s*<", page)
    assert "kernel 42" in page
    factories.a_loss(reason="restart", count=0)
    page = client.get(reverse("collectors")).content.decode()
    assert "42, and more that nobody counted" in page
    assert "restart, number unknown" in page


def test_a_record_that_is_not_there_says_so(client: Client) -> None:
    response = client.get(reverse("call", args=["20260101-0123456789abcdef-1"]))
    assert response.status_code == 404
    assert "nothing at this address" in response.content.decode()


def test_an_alerts_example_shows_what_came_first_not_what_followed_from_it(client: Client) -> None:
    factories.store_situations(["missing-ack"], ago_s=120)
    alert = factories.an_alert()
    raised = alert.occurrences.get()
    AlertOccurrence.objects.create(
        alert=alert, kind="call", slug=raised.slug, code="dropped-at-32s", state="confirmed", at_us=raised.at_us
    )
    page = client.get(reverse("alert", args=[alert.pk])).content.decode()
    assert page.count('class="mini"') == 1
    assert '<g class="absence' in page


def test_a_call_whose_end_nobody_saw_says_so_in_lists_and_on_its_page(client: Client) -> None:
    factories.store_situations(("good",), ago_s=2)
    Call.objects.update(open=False, state="answered", ended_us=None)
    assert "End not seen" in client.get(reverse("calls")).content.decode()
    page = client.get(reverse("call", args=[Call.objects.get().slug])).content.decode()
    assert "End not seen" in page
    assert "its end was not seen" in page
    Call.objects.update(open=True)
    assert "End not seen" not in client.get(reverse("calls")).content.decode()
