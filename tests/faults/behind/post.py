"""A mail server with bad days."""

import asyncio
from typing import Any

from aiosmtpd.smtp import SMTP, Envelope, Session

from tests.support.smtp import SmtpServer


class Post(SmtpServer):
    """Real, and harmless until told otherwise; `well` ends whatever was wrong with it."""

    def __init__(self) -> None:
        self.away = False
        self.well()
        super().__init__()

    def well(self) -> None:
        """Nothing is wrong."""
        self.delay_s = 0.0  # before it says that it took a mail
        self.cut_at: int | None = None  # octets of a connection after which it breaks
        self.forgets_to_answer = False  # it takes a mail, and the connection breaks before it says so
        self.accept()

    def leave(self) -> None:
        """Refuse connections, if it does not yet."""
        if not self.away:
            self.away = True
            self.stop()

    def come_back(self) -> None:
        """Take connections again."""
        if self.away:
            self.away = False
            self.start()

    async def _listen(self) -> asyncio.Server:
        def session() -> SMTP:
            return _Connection(self, self._loop)

        return await self._loop.create_server(session, "127.0.0.1", self.port)

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's
        answer = await super().handle_DATA(server, session, envelope)
        if self.delay_s:
            await asyncio.sleep(self.delay_s)
        if self.forgets_to_answer:
            _abort(server.transport)
        return answer


def _abort(transport: asyncio.BaseTransport | None) -> None:
    assert isinstance(transport, asyncio.Transport)
    transport.abort()


class _Connection(SMTP):
    """One connection, which may break at any octet."""

    def __init__(self, post: Post, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(post, hostname="mail.test", loop=loop)
        self._post = post
        self._octets = 0

    def data_received(self, data: bytes) -> Any:
        self._octets += len(data)
        limit = self._post.cut_at
        if limit is not None and self._octets > limit:
            super().data_received(data[: max(0, len(data) - (self._octets - limit))])
            _abort(self.transport)
            return
        super().data_received(data)
