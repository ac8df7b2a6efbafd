"""The live page: an empty frame that the live socket fills."""

from typing import Final, NamedTuple

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from monitor.core.updates import CallState, Severity


class _Tile(NamedTuple):
    """A figure of the live page."""

    name: str
    word: str
    unit: str
    note: str  # what it is about, below the figure
    meaning: str  # its definition, on hover


TILES: Final = (
    _Tile("active", "Calls now", "", "in progress", "Calls that are trying, ringing or answered."),
    _Tile("cps", "New calls", "/s", "over 10 s", "Calls started per second, over the last 10 s."),
    _Tile(
        "asr",
        "ASR",
        "%",
        "answered, 15 min",
        "Answer-seizure ratio (ITU-T E.411): answered calls of all that came to an outcome in 15 minutes.",
    ),
    _Tile(
        "ner",
        "NER",
        "%",
        "network, 15 min",
        "Network effectiveness ratio (ITU-T E.425): calls where the network did its part, in 15 minutes.",
    ),
    _Tile(
        "pdd",
        "Post-dial delay",
        "s",
        "95 %: –",
        "First INVITE to first 18x or 2xx: the median of 15 minutes, and what 95 % of calls do not exceed.",
    ),
    _Tile("registered", "Registered", "", "bindings in force", "Bindings that were granted and have not run out."),
    _Tile("messages", "SIP messages", "/s", "all collectors", "SIP messages that collectors read, per second."),
    _Tile(
        "loss",
        "Lost",
        "",
        "messages, 15 min",
        "Messages lost by collectors or streams in 15 minutes. What is missing then is not held against anybody.",
    ),
)
RESPONSE_CLASSES: Final = (
    ("2xx", "2xx success"),
    ("3xx", "3xx redirect"),
    ("4xx", "4xx refused"),
    ("5xx", "5xx server"),
    ("6xx", "6xx global"),
    ("none", "no answer"),
)


def live(request: HttpRequest) -> HttpResponse:
    """The figures, the calls and the failures of this moment."""
    return render(
        request,
        "dashboard/live.html",
        {"tiles": TILES, "response_classes": RESPONSE_CLASSES, "badges": [*CallState, *Severity]},
    )
