"""What people do on pages: acknowledge, send again, change how mail goes out."""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from collectors.scenario.capture import capture
from collectors.wire.codec import stream
from monitor.ingest.stream import AGAIN
from monitor.models import Call, DeadLetter, Delivery, Import
from monitor.services import imports
from monitor.services.settings import mail, set_mail
from tests.dashboard import factories
from tests.support.smtp import SmtpServer
from tests.support.valkey import Valkey

MAIL = {
    "host": "mail.example.com",
    "port": "587",
    "tls": "starttls",
    "username": "noc",
    "password": "pa ss",
    "sender": "Offhook <noc@example.com>",
    "recipients": "one@example.com\ntwo@example.com",
}


def text_of(client: Client, name: str, *args: object) -> str:
    return client.get(reverse(name, args=args)).content.decode()


def test_an_alert_is_acknowledged_once_and_by_name(client: Client) -> None:
    alert = factories.an_alert()
    client.post(reverse("alert-acknowledge", args=[alert.pk]))
    alert.refresh_from_db()
    assert alert.acknowledged_by == "ada"
    assert "Acknowledged by <b>ada</b>" in text_of(client, "alert", alert.pk)
    again = client.post(reverse("alert-acknowledge", args=[alert.pk]), follow=True)
    assert "Nothing to acknowledge" in again.content.decode()


def test_dead_letters_are_taken_again_one_or_all(client: Client, valkey: Valkey) -> None:
    letters = [
        DeadLetter.objects.create(partition=3, entry_id=f"{n}-0", reason="junk", stored_us=n, data=b"") for n in (1, 2)
    ]
    assert text_of(client, "collectors").count("dead-letters/again") == 3
    told = client.post(reverse("dead-letters-again"), {"letter": letters[0].pk}, follow=True).content.decode()
    assert "1 on the way through ingest" in told
    client.post(reverse("dead-letters-again"))
    with valkey.client() as store:
        assert [fields[AGAIN] for _, fields in store.xrange(stream(3))] == [b"1-0", b"1-0", b"2-0"]
    DeadLetter.objects.all().delete()
    assert "Nothing is left" in client.post(reverse("dead-letters-again"), follow=True).content.decode()


def test_dead_letters_stay_where_the_store_does_not_answer(client: Client, valkey: Valkey) -> None:
    DeadLetter.objects.create(partition=3, entry_id="1-0", reason="junk", stored_us=1, data=b"")
    valkey.stop()
    try:
        told = client.post(reverse("dead-letters-again"), follow=True).content.decode()
    finally:
        valkey.start()
    assert "The stream store does not answer" in told
    assert DeadLetter.objects.exists()


@pytest.mark.parametrize(
    ("name", "of", "page"),
    [
        ("alert-acknowledge", [1], "/alerts/1"),
        ("delivery-resend", [1], "/outbox/1"),
        ("dead-letters-again", [], "/collectors"),
        ("import-upload", [], "/imports"),
        ("import-delete", [1], "/imports"),
        ("settings-storage", [], "/settings"),
        ("settings-test-mail", [], "/settings"),
    ],
)
def test_a_link_changes_nothing_and_leads_to_the_form(client: Client, name: str, of: list[int], page: str) -> None:
    response = client.get(reverse(name, args=of))
    assert (response.status_code, response.headers["Location"]) == (302, page)
    assert client.put(reverse(name, args=of)).status_code == 405


def test_what_changes_something_needs_the_forms_token(client: Client) -> None:
    alert = factories.an_alert()
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = client.cookies
    response = strict.post(reverse("alert-acknowledge", args=[alert.pk]))
    assert response.status_code == 403
    assert "This form is too old" in response.content.decode()


def test_mail_settings_are_kept_and_the_password_is_never_shown(client: Client) -> None:
    assert client.post(reverse("settings"), MAIL).status_code == 302
    stored = mail()
    assert stored.smtp is not None
    assert (stored.smtp.host, stored.smtp.port, stored.smtp.password) == ("mail.example.com", 587, "pa ss")
    assert stored.recipients == ("one@example.com", "two@example.com")
    page = text_of(client, "settings")
    assert "pa ss" not in page
    assert "mail.example.com" in page


def test_an_empty_password_keeps_the_one_that_is_there(client: Client) -> None:
    client.post(reverse("settings"), MAIL)
    client.post(reverse("settings"), MAIL | {"password": "", "recipients": "three@example.com"})
    smtp = mail().smtp
    assert smtp is not None
    assert smtp.password == "pa ss"
    client.post(reverse("settings"), MAIL | {"password": "", "no_password": "on"})
    smtp = mail().smtp
    assert smtp is not None
    assert smtp.password == ""


def test_a_kept_password_is_not_given_to_another_server(client: Client) -> None:
    client.post(reverse("settings"), MAIL)
    response = client.post(reverse("settings"), MAIL | {"password": "", "host": "evil.example"})
    assert response.status_code == 422
    assert "The server is another" in response.content.decode()
    smtp = mail().smtp
    assert smtp is not None
    assert smtp.host == "mail.example.com"


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("recipients", "not an address", "is no mail address"),
        ("sender", "", "This field is required"),
        ("port", "99999", "less than or equal to 65535"),
        ("host", "a/b", "is no host"),
        ("tls", "ssl3", "not one of the available choices"),
    ],
)
def test_what_can_not_be_used_is_said_at_its_field_and_nothing_is_stored(
    client: Client, field: str, value: str, words: str
) -> None:
    response = client.post(reverse("settings"), MAIL | {field: value})
    assert response.status_code == 422
    assert words in response.content.decode().replace("&#x27;", "'")
    assert mail().smtp is None


def test_the_environment_holds_again_when_the_pages_values_are_forgotten(client: Client) -> None:
    client.post(reverse("settings"), MAIL)
    client.post(reverse("settings"), {"forget": "yes"})
    assert mail().smtp is None


def test_a_test_mail_arrives_and_the_page_tells_it(client: Client, smtp_server: SmtpServer) -> None:
    host, _, port = smtp_server.url.removeprefix("smtp://").partition(":")
    set_mail(
        host=host,
        port=int(port),
        username="",
        password="",
        tls="",
        sender="noc@example.com",
        recipients="duty@example.com",
    )
    page = client.post(reverse("settings-test-mail"), follow=True).content.decode()
    assert "took the mail to duty@example.com" in page
    assert len(smtp_server.messages) == 1
    assert Delivery.objects.get().state == "sent"


def test_a_test_mail_without_a_server_says_why_it_did_not_go(client: Client) -> None:
    set_mail(host="", port=None, username="", password="", tls="", sender="noc@example.com", recipients="a@example.com")
    page = client.post(reverse("settings-test-mail"), follow=True).content.decode()
    assert "no mail server is set" in page


def test_a_message_is_sent_again_though_no_broker_is_there(client: Client) -> None:
    delivery = factories.a_delivery()
    client.post(reverse("delivery-resend", args=[delivery.pk]))
    delivery.refresh_from_db()
    assert delivery.state == "pending"
    again = client.post(reverse("delivery-resend", args=[delivery.pk]), follow=True)
    assert "It is being sent already" in again.content.decode()


def test_the_preview_of_a_mail_runs_nothing_and_loads_nothing(client: Client) -> None:
    delivery = factories.a_delivery(html="<script>alert(1)</script><img src='https://spy.example/x.png'>")
    response = client.get(reverse("delivery-html", args=[delivery.pk]))
    policy = response.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "sandbox" in policy
    assert response.headers["X-Frame-Options"] == "SAMEORIGIN"
    assert "sandbox" in text_of(client, "delivery", delivery.pk)


def capture_file(name: str) -> bytes:
    return b"".join(capture(name))


def test_an_uploaded_capture_is_kept_and_becomes_calls(client: Client) -> None:
    data = capture_file("missing-ack")
    response = client.post(
        f"{reverse('import-upload')}?name=../../trunk.pcap", data, content_type="application/octet-stream"
    )
    assert response.status_code == 201
    row = Import.objects.get()
    assert (row.name, row.size, row.created_by) == ("trunk.pcap", len(data), "ada")
    imports.run(row.pk, factories.now_us)
    page = client.get(f"{reverse('calls')}?import={row.pk}").content.decode()
    assert "missing-ack" in page
    assert "trunk.pcap" in page


def test_a_form_without_a_script_uploads_too(client: Client) -> None:
    file = SimpleUploadedFile("trunk.pcap", capture_file("good"))
    assert client.post(reverse("import-upload"), {"file": file}).headers["Location"] == reverse("imports")
    assert Import.objects.get().name == "trunk.pcap"


def test_an_upload_of_nothing_says_so(client: Client) -> None:
    page = client.post(reverse("import-upload"), {}, follow=True).content.decode()
    assert "Choose a capture file first" in page


def test_a_file_that_is_too_large_is_refused_with_a_reason(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(imports, "MOST_BYTES", 100)
    response = client.post(
        f"{reverse('import-upload')}?name=x.pcap", capture_file("good"), content_type="application/octet-stream"
    )
    assert response.status_code == 422
    assert response.json()["problem"]
    file = SimpleUploadedFile("trunk.pcap", capture_file("good"))
    page = client.post(reverse("import-upload"), {"file": file}, follow=True).content.decode()
    assert response.json()["problem"] in page.replace("&#x27;", "'")
    assert not Import.objects.exists()


def test_what_is_no_capture_is_told_in_the_list(client: Client) -> None:
    client.post(f"{reverse('import-upload')}?name=x.zip", b"PK\x03\x04 zip", content_type="application/octet-stream")
    imports.run(Import.objects.get().pk, factories.now_us)
    error = Import.objects.get().error
    assert error.startswith("x.zip ")
    assert error in text_of(client, "imports").replace("&#x27;", "'")


def test_an_import_is_deleted_with_its_calls(client: Client) -> None:
    client.post(
        f"{reverse('import-upload')}?name=x.pcap", capture_file("good"), content_type="application/octet-stream"
    )
    row = Import.objects.get()
    imports.run(row.pk, factories.now_us)
    assert Call.objects.filter(import_id=row.pk).exists()
    client.post(reverse("import-delete", args=[row.pk]))
    assert not Import.objects.exists()
    assert not Call.objects.filter(import_id=row.pk).exists()
