"""What every response and every request of the dashboard gets: a content security policy, a time zone."""

import zoneinfo
from collections.abc import Callable
from typing import Final

from django.http import HttpRequest, HttpResponseBase
from django.utils import timezone

# No inline script or style anywhere: what an attacker puts into a SIP header can't run, even unescaped.
POLICY: Final = "; ".join(
    (
        "default-src 'self'",
        "img-src 'self' data:",
        "object-src 'none'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)
ZONE_COOKIE: Final = "offhook_zone"

_GetResponse = Callable[[HttpRequest], HttpResponseBase]


def content_security_policy(get_response: _GetResponse) -> _GetResponse:
    """Send the policy with every response that has none of its own."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        response = get_response(request)
        response.headers.setdefault("Content-Security-Policy", POLICY)
        return response

    return middleware


def browser_time_zone(get_response: _GetResponse) -> _GetResponse:
    """Show times in the zone that the browser's cookie names, in UTC where it names none that is known."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        with timezone.override(_zone(request.COOKIES.get(ZONE_COOKIE, ""))):
            return get_response(request)

    return middleware


def _zone(name: str) -> zoneinfo.ZoneInfo:
    try:
        return zoneinfo.ZoneInfo(name or "UTC")
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        return zoneinfo.ZoneInfo("UTC")
