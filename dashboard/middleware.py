"""What every response and every request of the dashboard gets: a content security policy, a time zone, and an answer
while the tables are another version's.
"""

import zoneinfo
from collections.abc import Callable
from typing import Final

from django.db import Error
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.template import loader
from django.utils import timezone

from monitor.services import schema

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


class OtherTables:
    """Says 503 where a page fails because the tables are another version's."""

    def __init__(self, get_response: _GetResponse) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Whatever the page says."""
        return self._get_response(request)

    def process_exception(self, _request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """None where that is not the reason."""
        if not isinstance(exception, Error):
            return None
        try:
            schema.require()
        except schema.OtherSchemaError as error:
            page = loader.get_template("503.html").render({"problem": str(error).capitalize()})
            return HttpResponse(page, status=503, headers={"Retry-After": "5"})
        except Error:
            return None
        return None


def _zone(name: str) -> zoneinfo.ZoneInfo:
    try:
        return zoneinfo.ZoneInfo(name or "UTC")
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        return zoneinfo.ZoneInfo("UTC")
