"""The measures of calls, by peer, direction, user agent or prefix."""

import time
from typing import Final

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render

from dashboard.views.lists import SPANS
from monitor import queries
from monitor.core.measures import Dimension

_SPANS: Final = SPANS | {"7d": ("7 d", 604_800)}
_WORDS: Final = {
    Dimension.DESTINATION: "Destination",
    Dimension.SOURCE: "Source",
    Dimension.DIRECTION: "Direction",
    Dimension.USER_AGENT: "User agent",
    Dimension.PREFIX: "Prefix",
    Dimension.REGISTRAR: "Registrar",
}


def measure_page(request: HttpRequest) -> HttpResponse:
    """Ratios, delays and durations of the calls that ended in a span of time, the most called first; of registrations,
    of those that began in it, by registrar.
    """
    by, last = request.GET.get("by", Dimension.DESTINATION.value), request.GET.get("last", "1h")
    if by not in set(Dimension) or last not in _SPANS:
        raise Http404("no such measure")
    dimension = Dimension(by)
    words, seconds = _SPANS[last]
    whole, rows, count = queries.measures(dimension, time.time_ns() // 1000 - seconds * 1_000_000)
    context = {
        "whole": whole,
        "rows": rows,
        "count": count,
        "dimension": dimension.value,
        "dimensions": {each.value: word for each, word in _WORDS.items()},
        "head": _WORDS[dimension],
        "span": last,
        "spans": {value: word for value, (word, _) in _SPANS.items()},
        "words": words,
        "searches": dimension in (Dimension.SOURCE, Dimension.DESTINATION),
        "registers": dimension is Dimension.REGISTRAR,
    }
    return render(request, "dashboard/measures/page.html", context)
