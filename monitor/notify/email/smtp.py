"""One mail to one server (RFC 5321): and if it fails, whose fault it is and whether trying again helps."""

import smtplib
import socket
import ssl
from email.message import EmailMessage
from email.policy import SMTP as WIRE
from email.utils import parseaddr
from functools import cache
from typing import Final

from monitor.conf import Smtp
from monitor.notify.errors import SendError

# Each of connect, and the answer to each command. Together they stay below the outbox's claim.
TIMEOUT_S: Final = 10.0


def transmit(server: Smtp, message: EmailMessage, timeout_s: float = TIMEOUT_S) -> str:
    """Hand over the mail; returns what the server answered to it. Raises `SendError`."""
    sender, recipient = parseaddr(message["From"])[1], parseaddr(message["To"])[1]
    where, sent = f"{server.host}:{server.port}", False
    try:
        connection = _connect(server, timeout_s)
        try:
            _expect(connection.mail(sender), sender)
            _expect(connection.rcpt(recipient), recipient)
            sent = True  # from here on the server may have taken it, whatever becomes of the answer
            code, answer = connection.data(message.as_bytes(policy=WIRE))
            if code != 250:
                raise smtplib.SMTPDataError(code, answer)
            return f"{code} {_words(answer)}"
        finally:
            connection.close()
    except smtplib.SMTPResponseException as error:
        raise SendError(
            f"{where} answered {error.smtp_code} {_words(error.smtp_error)}", permanent=error.smtp_code >= 500
        ) from error
    except (smtplib.SMTPNotSupportedError, UnicodeError) as error:  # what it can't do; an address that isn't ASCII
        raise SendError(f"{where}: {error}", permanent=True) from error
    except (smtplib.SMTPException, OSError) as error:
        raise SendError(f"{where}: {_reason(error)}", permanent=False, uncertain=sent) from error


def _connect(server: Smtp, timeout_s: float) -> smtplib.SMTP:
    connection: smtplib.SMTP
    if server.tls == "tls":
        context = ssl.create_default_context()
        connection = smtplib.SMTP_SSL(server.host, server.port, _my_name(), timeout=timeout_s, context=context)
    else:
        connection = smtplib.SMTP(server.host, server.port, _my_name(), timeout=timeout_s)
    try:
        connection.ehlo_or_helo_if_needed()
        if server.tls == "starttls":
            connection.starttls(context=ssl.create_default_context())
            connection.ehlo_or_helo_if_needed()
        if server.username:
            connection.login(server.username, server.password)
    except BaseException:
        connection.close()
        raise
    return connection


@cache
def _my_name() -> str:
    """What EHLO says. Asked once: where the resolver is broken this takes seconds."""
    name = socket.getfqdn()
    return name if "." in name else "[127.0.0.1]"


def _expect(answer: tuple[int, bytes], about: str) -> None:
    code, words = answer
    if code not in (250, 251):
        raise smtplib.SMTPResponseException(code, f"to {about}: {_words(words)}")


def _words(answer: bytes | str) -> str:
    text = answer.decode("utf-8", "replace") if isinstance(answer, bytes) else answer
    return " ".join(text.split())


def _reason(error: Exception) -> str:
    return str(error) or type(error).__name__
