"""A real web server in a thread of the test's process, so that both share the database and its settings."""

import asyncio
import json
import threading
from typing import Any

import uvicorn
from channels.layers import get_channel_layer
from django.contrib.auth.models import User
from django.test import Client
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin

from monitor.asgi import application
from tests.support.processes import wait_for


class Web:
    """The dashboard on a free port of 127.0.0.1."""

    def __init__(self) -> None:
        config = uvicorn.Config(
            application,
            port=0,
            lifespan="off",
            ws="websockets-sansio",
            log_config=None,
            timeout_graceful_shutdown=1,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, daemon=True)
        self._thread.start()
        wait_for(lambda: self._server.started, what="the web server starts")
        self.address = f"127.0.0.1:{self._server.servers[0].sockets[0].getsockname()[1]}"
        self.url = f"http://{self.address}"

    def stop(self) -> None:
        """End it, and every connection."""
        self._server.should_exit = True
        self._thread.join(5)

    def socket(self, cookie: str = "", path: str = "/ws/live", origin: str | None = None) -> ClientConnection:
        """A browser's end of the live socket."""
        return connect(
            f"ws://{self.address}{path}",
            origin=Origin(origin or self.url),
            additional_headers={"Cookie": cookie},
            close_timeout=1,
            compression=None,
        )


def cookie_of(user: User) -> str:
    """The cookies of somebody who has just logged in."""
    client = Client()
    client.force_login(user)
    return "; ".join(f"{name}={morsel.value}" for name, morsel in client.cookies.items())


def frame(browser: ClientConnection, kind: str, seconds: float = 5) -> dict[str, Any]:
    """The next frame of a kind; others before it are passed over."""
    while True:
        value: dict[str, Any] = json.loads(browser.recv(seconds))
        if value["type"] == kind:
            return value


def announce(*messages: dict[str, Any], group: str = "live") -> None:
    """Say something to a group, as the overview does."""

    async def send() -> None:
        layer = get_channel_layer()
        for message in messages:
            await layer.group_send(group, message)
        await layer.flush()

    # In a thread of its own: a browser under test holds this one's loop.
    sender = threading.Thread(target=asyncio.run, args=(send(),))
    sender.start()
    sender.join()
