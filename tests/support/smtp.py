"""A real SMTP server on loopback that keeps what it is sent, and can refuse it."""

import asyncio
import threading
import time
from email import message_from_bytes, policy
from email.message import EmailMessage

from aiosmtpd.smtp import SMTP, Envelope, Session


class SmtpServer:
    """Listens on 127.0.0.1:`port`; `messages` are the mails that it took, in order.

    `refuse("451 4.3.0 try later")` answers so to every mail, or to the next `times` ones.
    `stop()` and `start()` take it away and bring it back on the same port.
    """

    def __init__(self) -> None:
        self.port = 0
        self.messages: list[EmailMessage] = []
        self.times: list[float] = []  # when they came, s since the epoch
        self.refused = 0
        self._refusal = ""
        self._left: int | None = 0
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="smtp-server", daemon=True)
        self._thread.start()
        self.start()

    @property
    def url(self) -> str:
        """As `OFFHOOK_SMTP_URL` spells it."""
        return f"smtp://127.0.0.1:{self.port}"

    def refuse(self, answer: str = "451 4.3.0 try again later", times: int | None = None) -> None:
        """Answer DATA with this line, `times` times or (None) until `accept`."""
        self._refusal, self._left = answer, times

    def accept(self) -> None:
        """Take every mail again."""
        self._left = 0

    def start(self) -> None:
        """Listen."""
        self._server = asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result(5)
        self.port = self._server.sockets[0].getsockname()[1]

    def stop(self) -> None:
        """Refuse connections."""
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result(5)

    def reset(self) -> None:
        """As new."""
        self.messages.clear()
        self.times.clear()
        self.refused = 0
        self.accept()

    def close(self) -> None:
        """The end."""
        self.stop()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        self._loop.close()

    async def _listen(self) -> asyncio.Server:
        def session() -> SMTP:
            return SMTP(self, hostname="mail.test", loop=self._loop)

        return await self._loop.create_server(session, "127.0.0.1", self.port)

    async def _close(self) -> None:
        self._server.close()
        await asyncio.sleep(0)

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's
        if self._left is None or self._left > 0:
            self._left = self._left and self._left - 1
            self.refused += 1
            return self._refusal
        content = envelope.content
        assert isinstance(content, bytes)
        message = message_from_bytes(content, policy=policy.default)
        assert isinstance(message, EmailMessage)
        self.messages.append(message)
        self.times.append(time.time())
        return "250 2.0.0 taken"
