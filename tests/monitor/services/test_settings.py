"""What the settings page says comes before the environment, and no password comes back."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from monitor.conf import Config, Smtp, load
from monitor.models import Setting
from monitor.services import settings

pytestmark = pytest.mark.django_db

SERVER = Smtp(host="env.example.com", port=587, username="env", password="env-secret", tls="starttls")


def config(**changes: Any) -> Config:
    return msgspec.structs.replace(load(), **changes)


def enter(**changes: Any) -> None:
    form: dict[str, Any] = {
        "host": "mail.example.com",
        "port": 2525,
        "username": "offhook",
        "password": "secret",
        "tls": "starttls",
        "sender": "Offhook <noc@example.com>",
        "recipients": "a@example.com, b@example.com",
    }
    settings.set_mail(**(form | changes))


def test_without_anything_set_the_environment_holds() -> None:
    environment = config(smtp=SERVER, mail_from="x@example.com", mail_to=("y@example.com",))
    assert settings.mail(environment) == settings.Mail(
        smtp=SERVER, sender="x@example.com", recipients=("y@example.com",)
    )
    shown = settings.shown_mail(environment)
    assert shown.origins == {"smtp": "environment", "mail_from": "environment", "mail_to": "environment"}
    assert settings.shown_mail(config()).origins == {"smtp": "default", "mail_from": "default", "mail_to": "default"}


def test_what_is_entered_comes_first() -> None:
    enter()
    now = settings.mail(config(smtp=SERVER, mail_to=("y@example.com",)))
    assert now.smtp == Smtp(host="mail.example.com", port=2525, username="offhook", password="secret", tls="starttls")
    assert now.recipients == ("a@example.com", "b@example.com")
    assert settings.shown_mail(config()).origins == {"smtp": "page", "mail_from": "page", "mail_to": "page"}


def test_no_server_can_be_set_on_purpose() -> None:
    enter(host=" ")
    assert settings.mail(config(smtp=SERVER)).smtp is None
    shown = settings.shown_mail(config(smtp=SERVER))
    assert (shown.host, shown.port, shown.has_password) == ("", 0, False)


def test_a_password_is_used_and_never_shown() -> None:
    enter()
    shown = settings.shown_mail(config())
    assert shown.has_password
    assert b"secret" not in msgspec.json.encode(shown)


def test_an_empty_password_field_keeps_the_password() -> None:
    enter()
    enter(password=None, port=None)
    now = settings.mail(config()).smtp
    assert now is not None
    assert (now.password, now.port) == ("secret", 587)
    enter(password="", tls="tls", port=None)
    now = settings.mail(config()).smtp
    assert now is not None
    assert (now.password, now.port) == ("", 465)


def test_keeping_a_password_where_there_is_none_gives_none() -> None:
    enter(password=None)
    now = settings.mail(config()).smtp
    assert now is not None
    assert now.password == ""


def test_what_was_entered_can_be_forgotten() -> None:
    enter()
    settings.forget_mail()
    assert settings.mail(config(smtp=SERVER)).smtp == SERVER
    assert not Setting.objects.exists()


WRONG = [
    ({"host": "two words"}, "host"),
    ({"host": "user@host"}, "host"),
    ({"port": 70000}, "port"),
    ({"tls": "maybe"}, "tls"),
    ({"recipients": "nobody"}, "recipients"),
    ({"recipients": "a@example.com nobody@"}, "recipients"),
    ({"sender": "no address"}, "sender"),
    ({"sender": "Evil\r\nBcc: x@example.com <a@example.com>"}, "sender"),
    ({"sender": "@localhost"}, "sender"),
]


@pytest.mark.parametrize(("changes", "field"), WRONG)
def test_what_can_not_be_used_is_refused_with_a_sentence(changes: dict[str, Any], field: str) -> None:
    with pytest.raises(settings.SettingsError) as caught:
        enter(**changes)
    assert list(caught.value.problems) == [field]
    assert "secret" not in str(caught.value)
    assert not Setting.objects.exists()


def test_mail_that_stays_in_the_house_is_fine() -> None:
    enter(recipients="root@localhost", sender="offhook@localhost")
    assert settings.mail(config()).recipients == ("root@localhost",)


def test_the_environment_is_what_is_read_without_being_asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("OFFHOOK_MAIL_TO", "z@example.com")
    assert settings.mail().recipients == ("z@example.com",)
