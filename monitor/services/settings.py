"""What an operator sets on the settings page. It comes before the environment; nothing else does.

Passwords are kept and used, never given back: `shown` says only whether there is one.
"""

from email.utils import parseaddr
from typing import Any, Final

import msgspec
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction

from monitor.conf import Config, Smtp, load
from monitor.models import Setting

SMTP: Final = "smtp"
MAIL_FROM: Final = "mail_from"
MAIL_TO: Final = "mail_to"
TLS: Final = ("", "tls", "starttls")


class SettingsError(ValueError):
    """What was entered can't be used; `problems` has one sentence a field."""

    def __init__(self, problems: dict[str, str]) -> None:
        super().__init__("\n".join(problems.values()))
        self.problems = problems


class Mail(msgspec.Struct, frozen=True, kw_only=True):
    """How mail goes out, and to whom."""

    smtp: Smtp | None  # None: mails are kept
    sender: str
    recipients: tuple[str, ...]


class Addresses(msgspec.Struct, frozen=True, kw_only=True):
    """From whom mail comes, and who gets it."""

    sender: str
    recipients: tuple[str, ...]


class ShownMail(msgspec.Struct, frozen=True, kw_only=True):
    """The same for a page. `origins` says for each name where it comes from: "page", "environment", "default"."""

    host: str
    port: int
    username: str
    has_password: bool
    tls: str
    sender: str
    recipients: tuple[str, ...]
    origins: dict[str, str]


class _StoredSmtp(msgspec.Struct):
    server: Smtp | None  # None: set to none on purpose, whatever the environment says


def mail(config: Config | None = None) -> Mail:
    """What holds now."""
    config = config or load()
    stored = _stored()
    addresses = _addresses(stored, config)
    return Mail(
        smtp=msgspec.convert(stored[SMTP], _StoredSmtp).server if SMTP in stored else config.smtp,
        sender=addresses.sender,
        recipients=addresses.recipients,
    )


def addresses() -> Addresses:
    """What holds now of these, however it is with the server."""
    return _addresses(_stored(), load())


def shown_mail(config: Config | None = None) -> ShownMail:
    """What holds now, for people to see."""
    config = config or load()
    now = mail(config)
    stored = _stored()
    environment = {SMTP: config.smtp is not None, MAIL_FROM: config.mail_from != _default("mail_from")}
    environment[MAIL_TO] = bool(config.mail_to)
    return ShownMail(
        host=now.smtp.host if now.smtp else "",
        port=now.smtp.port if now.smtp else 0,
        username=now.smtp.username if now.smtp else "",
        has_password=bool(now.smtp and now.smtp.password),
        tls=now.smtp.tls if now.smtp else "",
        sender=now.sender,
        recipients=now.recipients,
        origins={
            name: "page" if name in stored else "environment" if environment[name] else "default"
            for name in (SMTP, MAIL_FROM, MAIL_TO)
        },
    )


def set_mail(
    *, host: str, port: int | None, username: str, password: str | None, tls: str, sender: str, recipients: str
) -> None:
    """Take what the page's form says. `password` None keeps the one that is there; no `host` means no server.

    Raises `SettingsError`.
    """
    problems: dict[str, str] = {}
    to = tuple(recipients.replace(",", " ").split())
    for address in to:
        if problem := address_problem(address):
            problems["recipients"] = problem
    if problem := address_problem(sender, named=True):
        problems["sender"] = problem
    server = _server(host.strip(), port, username.strip(), password, tls, problems) if host.strip() else None
    if problems:
        raise SettingsError(problems)
    with transaction.atomic():
        _store(SMTP, msgspec.to_builtins(_StoredSmtp(server)))
        _store(MAIL_FROM, sender.strip())
        _store(MAIL_TO, list(to))


def forget_mail() -> None:
    """Go back to what the environment says."""
    Setting.objects.filter(name__in=(SMTP, MAIL_FROM, MAIL_TO)).delete()


def address_problem(text: str, *, named: bool = False) -> str:
    """What is wrong with a mail address ("" if nothing is); `named`: with a name before it, as a sender has."""
    address = parseaddr(text)[1] if named else text
    if any(not character.isprintable() for character in text):
        return "an address has no line breaks or control characters"
    try:
        validate_email(address)
    except ValidationError:
        # "offhook@localhost" is an address, too, where mail stays in the house.
        user, at, host = address.rpartition("@")
        if not (user and at and host == "localhost") or not address.isascii():
            return f"{text!r} is no mail address: expected one like noc@example.com"
    return ""


def _server(
    host: str, port: int | None, username: str, password: str | None, tls: str, problems: dict[str, str]
) -> Smtp | None:
    if any(character.isspace() or character in "/@" for character in host):
        problems["host"] = f"{host!r} is no host: expected a name or an address, like mail.example.com"
    if tls not in TLS:
        problems["tls"] = f"{tls!r} is none of: no encryption, TLS from the start, STARTTLS"
        return None
    port = port or {"": 25, "tls": 465, "starttls": 587}[tls]
    if not 1 <= port <= 65535:
        problems["port"] = f"{port} is no port: expected 1 to 65535"
    if password is None:
        old = mail().smtp
        password = old.password if old else ""
    return Smtp(host=host, port=port, username=username, password=password, tls=tls)


def _stored() -> dict[str, Any]:
    return dict(Setting.objects.filter(name__in=(SMTP, MAIL_FROM, MAIL_TO)).values_list("name", "value"))


def _store(name: str, value: Any) -> None:
    Setting.objects.update_or_create(name=name, defaults={"value": value})


def _addresses(stored: dict[str, Any], config: Config) -> Addresses:
    return Addresses(
        sender=stored.get(MAIL_FROM, config.mail_from), recipients=tuple(stored.get(MAIL_TO, config.mail_to))
    )


def _default(name: str) -> Any:
    return next(field.default for field in msgspec.structs.fields(Config) if field.name == name)
