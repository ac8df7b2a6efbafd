"""A mail server with bad days."""

import asyncio
from typing import Any

from aiosmtpd.smtp import SMTP, Envelope, Session

from tests.support.smtp import SmtpServer


class Post(SmtpServer):
    """Real, and harmless but for what is in store for the next mails and connections, however late they come."""

    def __init__(self) -> None:
        self.away = False
        self.delays_s: list[float] = []  # before it says that it took one of the next mails
        self.unsaid = 0  # so many of the next mails it takes, and the connection breaks before it says so
        self.cuts: list[int] = []  # octets after which one of the next connections breaks
        super().__init__()

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
        if self.delays_s:
            await asyncio.sleep(self.delays_s.pop())
        if self.unsaid:
            self.unsaid -= 1
            _abort(server.transport)
        return answer


def _abort(transport: asyncio.BaseTransport | None) -> None:
    assert isinstance(transport, asyncio.Transport)
    transport.abort()


class _Connection(SMTP):
    """One connection, which may break at any octet."""

    def __init__(self, post: Post, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(post, hostname="mail.test", loop=loop)
        self._limit = post.cuts.pop() if post.cuts else None
        self._octets = 0

    def data_received(self, data: bytes) -> Any:
        self._octets += len(data)
        if self._limit is not None and self._octets > self._limit:
            super().data_received(data[: max(0, len(data) - (self._octets - self._limit))])
            _abort(self.transport)
            return
        super().data_received(data)
