"""`send-test-email`: what server, and what happened."""

import pytest

from monitor.models import Delivery
from monitor.notify.trial import send_test_email
from tests.support.smtp import SmtpServer

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def _server(smtp_server: SmtpServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OFFHOOK_SMTP_URL", smtp_server.url)
    monkeypatch.setenv("OFFHOOK_MAIL_TO", "a@example.com b@example.com")


@pytest.mark.usefixtures("_server")
def test_it_goes_to_everybody_who_is_set(smtp_server: SmtpServer) -> None:
    trial = send_test_email()
    assert trial.arrived
    assert trial.lines == [f"127.0.0.1:{smtp_server.port} took the mail to {to}@example.com" for to in "ab"]
    assert [message["To"] for message in smtp_server.messages] == ["a@example.com", "b@example.com"]


@pytest.mark.usefixtures("_server")
def test_it_goes_to_one_who_is_named(smtp_server: SmtpServer) -> None:
    assert send_test_email("c@example.com").arrived
    assert [message["To"] for message in smtp_server.messages] == ["c@example.com"]
    assert Delivery.objects.get().event == "test"


@pytest.mark.usefixtures("_server")
def test_a_refusal_is_said_in_the_servers_words(smtp_server: SmtpServer) -> None:
    smtp_server.refuse("550 5.7.1 relaying denied")
    trial = send_test_email("c@example.com")
    assert not trial.arrived
    said = f"127.0.0.1:{smtp_server.port} answered 550 5.7.1 relaying denied"
    assert trial.lines == [f"c@example.com: Refused for good: {said}"]


def test_without_anything_set_it_says_what_to_set() -> None:
    trial = send_test_email()
    assert not trial.arrived
    assert "OFFHOOK_MAIL_TO" in trial.lines[0]
    trial = send_test_email("c@example.com")
    assert trial.lines == ["c@example.com: Not sent: no mail server is set."]


@pytest.mark.usefixtures("_server")
def test_what_is_no_address_is_not_tried(smtp_server: SmtpServer) -> None:
    trial = send_test_email("noc at example.com")
    assert not trial.arrived
    assert trial.lines == ["'noc at example.com' is no mail address: expected one like noc@example.com"]
    assert not smtp_server.messages
    assert not Delivery.objects.exists()
