"""Alerts and collectors."""

import itertools
import time
from typing import Final

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.safestring import SafeString, mark_safe

from dashboard.charts import bars
from dashboard.views import lists
from dashboard.views.posted import posted_from
from monitor import queries
from monitor.core.updates import Kind
from monitor.ingest import dead_letters
from monitor.ingest.stream import StoreAway
from monitor.ladder.elide import excerpt
from monitor.ladder.layout import lay_out
from monitor.ladder.svg import draw_mini
from monitor.services import alerts

RECORDS: Final = frozenset(kind.value for kind in Kind)  # what else an occurrence is about is no record
EXAMPLES: Final = 3
# An example is a picture of a few messages: a call that talks for hours needs not be read whole for it.
MESSAGES_FOR_EXAMPLE: Final = 300
TABS: Final = {"open": "Open", "resolved": "Resolved", "": "All"}


def alert_list(request: HttpRequest) -> HttpResponse:
    """Alerts, newest first; without a choice those that are open."""
    state = request.GET.get("state", "open")
    if state not in TABS:
        raise Http404("alerts are open or resolved")
    before = lists.number(request.GET.get("before", ""))
    rows, total = queries.alerts(state, before)
    context = {
        "rows": rows,
        "total": total,
        "state": state,
        "tabs": TABS,
        "older": rows[-1]["id"] if len(rows) == queries.ALERTS_A_PAGE else None,
        "is_live": before is None,
    }
    part = request.headers.get("HX-Target") == "rows"
    return render(request, "dashboard/alerts/rows.html" if part else "dashboard/alerts/list.html", context)


def alert_page(request: HttpRequest, alert_id: int) -> HttpResponse:
    """One alert: what, where, since when, how often, examples, what to do, who was told."""
    alert = queries.alert(alert_id)
    if alert is None:
        raise Http404("no such alert")
    context = {
        "alert": alert,
        "examples": _examples(alert["occurrences"]),
        "chart": bars(alert["times"], alert["opened_us"], alert["resolved_us"] or time.time_ns() // 1000),
    }
    part = request.headers.get("HX-Target") == "alert"
    return render(request, "dashboard/alerts/alert.html" if part else "dashboard/alerts/page.html", context)


@posted_from("alert", "alert_id")
def acknowledge_alert(request: HttpRequest, alert_id: int) -> HttpResponse:
    """Somebody takes an alert on: everybody sees it, and who."""
    if alerts.acknowledge(alert_id, request.user.get_username(), time.time_ns() // 1000):
        messages.success(request, "Acknowledged. The alert stays open until its cause is gone.", extra_tags="check")
    else:
        messages.info(request, "Nothing to acknowledge: somebody already did, or the alert is over.")
    return redirect("alert", alert_id)


def collector_page(request: HttpRequest) -> HttpResponse:
    """What collectors capture and lose, and how far ingest is behind them."""
    letters, dead = queries.dead_letters()
    context = {
        "collectors": queries.collectors(),
        "losses": queries.losses(),
        "partitions": queries.partitions(),
        "dead_letters": letters,
        "dead": dead,
    }
    part = request.headers.get("HX-Target") == "rows"
    return render(request, "dashboard/collectors/rows.html" if part else "dashboard/collectors/page.html", context)


@posted_from("collectors")
def take_dead_letters_again(request: HttpRequest) -> HttpResponse:
    """Entries that were set aside go through ingest once more: the one that is named, or all."""
    letter = lists.number(request.POST.get("letter", ""))
    try:
        asked = dead_letters.replay(settings.CONFIG.stream_url, None if letter is None else [letter])
    except StoreAway as error:
        messages.error(
            request, f"The stream store does not answer, so none was taken again: {error}", extra_tags="warn"
        )
    else:
        if asked:
            messages.success(
                request, f"{asked} on the way through ingest. What fails again stays here.", extra_tags="again"
            )
        else:
            messages.info(request, "Nothing is left to be taken again.")
    return redirect("collectors")


def _examples(occurrences: list[queries.Row]) -> list[dict[str, object]]:
    """The newest records that an alert counts, each with a small ladder of its evidence."""
    of_record: dict[str, queries.Row] = {}
    for occurrence in occurrences:
        if occurrence["kind"] in RECORDS:
            # The one that came first: what followed from it says less.
            of_record[occurrence["slug"]] = occurrence
    examples: list[dict[str, object]] = []
    for slug, occurrence in itertools.islice(of_record.items(), EXAMPLES):
        if record := queries.record(Kind(occurrence["kind"]), slug, import_id=0):
            examples.append({"occurrence": occurrence, "ladder": _mini_ladder(record, occurrence["code"])})
    return examples


def _mini_ladder(record: queries.Row, code: str) -> SafeString:
    findings = queries.findings(record)
    about = next((index for index, finding in enumerate(findings) if finding.code == code), None)
    ladder = lay_out(queries.messages(record, limit=MESSAGES_FOR_EXAMPLE), findings)
    return mark_safe(draw_mini(excerpt(ladder, finding=about)))  # noqa: S308 - monitor.ladder escapes all that it prints
