"""The addresses of the live socket."""

from django.urls import URLPattern, path

from dashboard.live.consumer import LiveConsumer

websocket_urlpatterns: list[URLPattern] = [path("ws/live", LiveConsumer.as_asgi())]
