"""What every page's frame needs: navigation, alert count, and how this browser wants to see it."""

from dataclasses import dataclass
from typing import Any, Final

from django.http import HttpRequest
from django.utils import timezone
from django.utils.functional import SimpleLazyObject

from monitor import queries


@dataclass(frozen=True)
class _Place:
    """A place of the left rail. `views` are the names of all addresses that belong to it."""

    name: str
    word: str
    icon: str
    key: str  # typed after `g`
    views: tuple[str, ...]


PLACES: Final = (
    _Place("live", "Live", "live", "l", ("live",)),
    _Place("calls", "Calls", "calls", "c", ("calls", "call")),
    _Place("registrations", "Registrations", "registrations", "r", ("registrations", "registration")),
    _Place("transactions", "Other", "transactions", "t", ("transactions", "transaction")),
    _Place("sources", "Sources", "sources", "u", ("sources",)),
    _Place("alerts", "Alerts", "alerts", "a", ("alerts", "alert")),
    _Place("measures", "Measures", "measures", "e", ("measures",)),
    _Place("collectors", "Collectors", "collectors", "o", ("collectors",)),
    _Place("imports", "Import", "imports", "i", ("imports",)),
    _Place("outbox", "Outbox", "outbox", "m", ("outbox", "delivery")),
    _Place("settings", "Settings", "settings", "s", ("settings", "settings-storage")),
)
_THEMES: Final = ("light", "dark")


def frame(request: HttpRequest) -> dict[str, Any]:
    """Context processor: `frame` for the base template."""
    match = request.resolver_match
    theme = request.COOKIES.get("offhook_theme", "")
    return {
        "frame": {
            "places": PLACES,
            "here": match.url_name if match else "",
            "theme": theme if theme in _THEMES else "",
            "rail": "narrow" if request.COOKIES.get("offhook_rail") == "narrow" else "",
            "zone": timezone.get_current_timezone_name(),
            "open_alerts": SimpleLazyObject(queries.open_alerts),
        }
    }
