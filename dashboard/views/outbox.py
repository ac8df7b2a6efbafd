"""The outbox: what was sent, to whom, with what result; and what it looked like."""

from typing import Final

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.clickjacking import xframe_options_sameorigin

from dashboard.bells import ring_deliveries
from dashboard.views import lists
from dashboard.views.posted import posted_from
from monitor import queries
from monitor.notify.outbox import resend

TABS: Final = {"": "All", "sent": "Sent", "kept": "Kept here", "pending": "Waiting", "failed": "Failed"}
# What a mail may do in its preview: show itself in its own inline styles, and nothing else.
PREVIEW_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self'; sandbox"


def outbox(request: HttpRequest) -> HttpResponse:
    """Deliveries, newest first."""
    state = request.GET.get("state", "")
    if state not in TABS:
        raise Http404("no such state of a delivery")
    rows, total, states = queries.deliveries(state, lists.number(request.GET.get("before", "")))
    context = {
        "rows": rows,
        "total": total,
        "state": state,
        "tabs": [
            (value, word, states.get(value, 0) if value else sum(states.values())) for value, word in TABS.items()
        ],
        "older": rows[-1]["id"] if len(rows) == queries.DELIVERIES_A_PAGE else None,
    }
    return render(request, "dashboard/outbox/list.html", context)


def delivery_page(request: HttpRequest, delivery_id: int) -> HttpResponse:
    """One message: how its sending went, and what it says as text and as HTML."""
    return render(request, "dashboard/outbox/page.html", {"delivery": _find(delivery_id)})


@posted_from("delivery", "delivery_id")
def resend_delivery(request: HttpRequest, delivery_id: int) -> HttpResponse:
    """Send a message again, or for the first time."""
    due = resend(delivery_id)
    ring_deliveries(due)
    if due:
        messages.success(request, "It is on its way. This page shows what became of it.", extra_tags="outbox")
    else:
        messages.info(request, "It is being sent already.")
    return redirect("delivery", delivery_id)


@xframe_options_sameorigin
def delivery_html(_request: HttpRequest, delivery_id: int) -> HttpResponse:
    """The HTML of a message, for the preview's frame: it runs no script and loads nothing."""
    return HttpResponse(_find(delivery_id)["html"], headers={"Content-Security-Policy": PREVIEW_POLICY})


def _find(delivery_id: int) -> queries.Row:
    delivery = queries.delivery(delivery_id)
    if delivery is None:
        raise Http404("no such message")
    return delivery
