"""Encrypted ways to a mail server, with a login: real handshakes."""

import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, Envelope, LoginPassword

from monitor.conf import Smtp
from monitor.notify.email.smtp import transmit
from monitor.notify.errors import SendError
from tests.monitor.notify.test_smtp import mail
from tests.support.processes import free_port


class Handler:
    """Keeps what it is sent."""

    def __init__(self) -> None:
        self.received: list[Envelope] = []

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's
        self.received.append(envelope)
        return "250 2.0.0 taken"


def authenticate(_server: Any, _session: Any, _envelope: Any, _mechanism: str, data: Any) -> AuthResult:
    return AuthResult(success=data == LoginPassword(b"offhook", b"hunter2"))


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate of 127.0.0.1 with its key, in one file; signed by itself."""
    path = tmp_path_factory.mktemp("tls") / "mail.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"),
            *("-days", "2", "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"),
            *("-keyout", str(path), "-out", f"{path}.crt"),
        ],
        check=True,
        capture_output=True,
    )
    path.write_text(path.read_text() + Path(f"{path}.crt").read_text())
    return path


@pytest.fixture(params=["tls", "starttls"])
def server(request: pytest.FixtureRequest, certificate: Path) -> Iterator[tuple[Smtp, Handler]]:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    handler = Handler()
    encryption: dict[str, Any] = {"ssl_context": context} if request.param == "tls" else {"tls_context": context}
    controller = Controller(
        handler,
        hostname="127.0.0.1",
        port=free_port(),
        authenticator=authenticate,
        # It does not know that a connection is encrypted from the start.
        auth_required=request.param == "starttls",
        auth_require_tls=request.param == "starttls",
        **encryption,
    )
    controller.start()
    yield (
        Smtp(host="127.0.0.1", port=controller.port, username="offhook", password="hunter2", tls=request.param),
        handler,
    )
    controller.stop()


@pytest.fixture
def _trusted(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))


@pytest.mark.usefixtures("_trusted")
def test_a_mail_goes_encrypted_after_a_login(server: tuple[Smtp, Handler]) -> None:
    where, handler = server
    assert transmit(where, mail()) == "250 2.0.0 taken"
    assert [envelope.rcpt_tos for envelope in handler.received] == [["noc@example.com"]]


def test_a_certificate_that_nobody_vouches_for_is_refused_before_the_login(server: tuple[Smtp, Handler]) -> None:
    where, handler = server
    with pytest.raises(SendError, match="CERTIFICATE_VERIFY_FAILED") as caught:
        transmit(where, mail())
    assert not caught.value.permanent
    assert handler.received == []
