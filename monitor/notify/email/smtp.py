"""One mail to one server (RFC 5321): and if it fails, whose fault it is and whether trying again helps."""

import re
import smtplib
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from email.message import EmailMessage
from email.policy import SMTP as WIRE
from email.utils import parseaddr
from functools import cache
from typing import Final

import msgspec

from monitor.conf import Smtp
from monitor.notify.errors import SendError

_LINE_OF_A_DOT: Final = re.compile(rb"^\.", re.MULTILINE)


class Patience(msgspec.Struct, frozen=True):
    """How many seconds a server has. Whoever says a little now and then is held to `talk` all the same."""

    answer: float = 30.0  # for each connection and answer: some let strangers wait on purpose
    talk: float = 90.0  # for all that comes before the mail itself
    # For the answer to the mail, which they search for viruses first: who gives up too early gets the next one
    # sent twice, again and again (RFC 5321 §4.5.3.2.6).
    taking: float = 600.0


PATIENCE: Final = Patience()
TRIAL: Final = Patience(answer=10, talk=20, taking=20)


def transmit(server: Smtp, message: EmailMessage, patience: Patience = PATIENCE) -> str:
    """Hand over the mail; returns what the server answered to it. Raises `SendError`."""
    sender, recipient = parseaddr(message["From"])[1], parseaddr(message["To"])[1]
    where, sent = f"{server.host}:{server.port}", False
    try:
        with _connected(server, patience) as (connection, deadline):
            _expect(connection.mail(sender), sender)
            _expect(connection.rcpt(recipient), recipient)
            _go_on(connection.docmd("DATA"))
            deadline.within(patience.taking)
            _socket(connection).settimeout(patience.taking)
            sent = True  # from here on the server may have taken it, whatever becomes of the answer
            connection.send(_LINE_OF_A_DOT.sub(b"..", message.as_bytes(policy=WIRE)) + b".\r\n")
            code, answer = connection.getreply()
            if code != 250:
                raise smtplib.SMTPDataError(code, answer)
            return f"{code} {_words(answer)}"
    except smtplib.SMTPResponseException as error:
        raise SendError(
            f"{where} answered {error.smtp_code} {_words(error.smtp_error)}", permanent=error.smtp_code >= 500
        ) from error
    except (smtplib.SMTPNotSupportedError, UnicodeError) as error:  # what it can't do; an address that isn't ASCII
        raise SendError(f"{where}: {error}", permanent=True) from error
    except (smtplib.SMTPException, OSError) as error:
        raise SendError(f"{where}: {_reason(error)}", permanent=False, uncertain=sent) from error


class _Deadline:
    """Cuts a connection from aside. A time-out of its own begins again with each octet that comes."""

    def __init__(self, plain: socket.socket, seconds: float) -> None:
        # The same connection for ever, whatever TLS makes of the socket.
        self._connection = plain.dup()
        self._timer = self._started(seconds)

    def within(self, seconds: float) -> None:
        """So long from now, instead."""
        self._timer.cancel()
        self._timer = self._started(seconds)

    def lift(self) -> None:
        """It is over."""
        self._timer.cancel()
        self._connection.close()

    def _started(self, seconds: float) -> threading.Timer:
        timer = threading.Timer(seconds, self._cut)
        timer.daemon = True
        timer.start()
        return timer

    def _cut(self) -> None:
        with suppress(OSError):
            self._connection.shutdown(socket.SHUT_RDWR)


@contextmanager
def _connected(server: Smtp, patience: Patience) -> Iterator[tuple[smtplib.SMTP, _Deadline]]:
    """A connection on which mail may be sent: greeted, encrypted, logged in, as it is set."""
    plain = socket.create_connection((server.host, server.port), patience.answer)
    deadline = _Deadline(plain, patience.talk)
    connection = smtplib.SMTP(local_hostname=_my_name(), timeout=patience.answer)
    connection.sock = plain
    try:
        if server.tls == "tls":
            connection.sock = ssl.create_default_context().wrap_socket(plain, server_hostname=server.host)
        code, words = connection.getreply()
        if code != 220:
            raise smtplib.SMTPConnectError(code, words)
        connection.ehlo_or_helo_if_needed()
        if server.tls == "starttls":
            _start_tls(connection, server.host)
        if server.username:
            connection.login(server.username, server.password)
        yield connection, deadline
    finally:
        deadline.lift()
        connection.close()


def _start_tls(connection: smtplib.SMTP, host: str) -> None:
    # smtplib takes the name to hold the certificate against from where it connected to, which was here.
    connection._host = host  # type: ignore[attr-defined]  # it has no public name
    connection.starttls(context=ssl.create_default_context())
    connection.ehlo_or_helo_if_needed()


def _socket(connection: smtplib.SMTP) -> socket.socket:
    assert connection.sock is not None, "it is connected"  # noqa: S101 - `_connected` sees to it
    return connection.sock


@cache
def _my_name() -> str:
    """What EHLO says. Asked once: where the resolver is broken this takes seconds."""
    name = socket.getfqdn()
    return name if "." in name else "[127.0.0.1]"


def _go_on(answer: tuple[int, bytes]) -> None:
    if answer[0] != 354:
        raise smtplib.SMTPDataError(*answer)


def _expect(answer: tuple[int, bytes], about: str) -> None:
    code, words = answer
    if code not in (250, 251):
        raise smtplib.SMTPResponseException(code, f"to {about}: {_words(words)}")


def _words(answer: bytes | str) -> str:
    text = answer.decode("utf-8", "replace") if isinstance(answer, bytes) else answer
    return " ".join(text.split())


def _reason(error: Exception) -> str:
    return str(error) or type(error).__name__
