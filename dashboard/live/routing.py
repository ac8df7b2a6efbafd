"""The addresses of the live socket."""

from channels.generic.websocket import AsyncWebsocketConsumer
from django.urls import URLPattern, path, re_path

from dashboard.live.consumer import LiveConsumer


class Nowhere(AsyncWebsocketConsumer):
    """Refuses whoever asks for a socket that is not there: else each would be an error in the log."""

    async def connect(self) -> None:
        """Close before the handshake (HTTP 403)."""
        await self.close()


websocket_urlpatterns: list[URLPattern] = [
    path("ws/live", LiveConsumer.as_asgi()),
    re_path("", Nowhere.as_asgi()),
]
