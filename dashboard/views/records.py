"""Calls, registrations and other requests: their lists, their pages, and the raw messages."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.safestring import SafeString, mark_safe

from collectors.sip.faults import CUT_FAULT
from collectors.sip.says import says
from dashboard import words
from dashboard.views import lists
from dashboard.views.raw import explain
from monitor import queries
from monitor.core.review import review
from monitor.core.reviewed import NOTHING
from monitor.core.updates import CallState, Kind, RegistrationOutcome
from monitor.ladder.beside import seen
from monitor.ladder.lanes import endpoint
from monitor.ladder.layout import lay_out
from monitor.ladder.svg import draw_parts
from monitor.ladder.words import clock_note


@dataclass(frozen=True, kw_only=True)
class Section:
    """One kind of record in the dashboard's words and addresses."""

    kind: Kind
    title: str
    one: str  # "call"
    many: str  # "calls"
    list_name: str  # of its addresses
    page_name: str
    head_template: str  # of the list's columns
    row_template: str  # of a row's cells
    states: Mapping[str, str]  # the tabs: value of `state` → word


CALLS: Final = Section(
    kind=Kind.CALL,
    title="Calls",
    one="call",
    many="calls",
    list_name="calls",
    page_name="call",
    head_template="dashboard/records/call_head.html",
    row_template="dashboard/records/call_row.html",
    states={
        "": "All",
        "active": "Active",
        **{state.value: state.value.capitalize() for state in CallState if not state.alive},
    },
)
REGISTRATIONS: Final = Section(
    kind=Kind.REGISTRATION,
    title="Registrations",
    one="registration",
    many="registrations",
    list_name="registrations",
    page_name="registration",
    head_template="dashboard/records/registration_head.html",
    row_template="dashboard/records/registration_row.html",
    states={
        "": "All",
        "failing": "Failing",
        **{outcome.value: outcome.value.capitalize() for outcome in RegistrationOutcome},
    },
)
TRANSACTIONS: Final = Section(
    kind=Kind.TRANSACTION,
    title="Other requests",
    one="request",
    many="requests",
    list_name="transactions",
    page_name="transaction",
    head_template="dashboard/records/transaction_head.html",
    row_template="dashboard/records/transaction_row.html",
    states={"": "All", "OPTIONS": "OPTIONS", "SUBSCRIBE": "SUBSCRIBE", "NOTIFY": "NOTIFY", "MESSAGE": "MESSAGE"},
)


def record_list(request: HttpRequest, section: Section) -> HttpResponse:
    """A list, or for a live refresh only its rows."""
    wanted = lists.record_filter(request.GET)
    at = lists.cursor(request.GET)
    page = queries.page(section.kind, wanted, at, lists.PAGE_SIZE)
    context: dict[str, Any] = {
        "section": section,
        "filter": wanted,
        "page": page,
        # Only the newest rows of what is seen live move; older pages and imports stand still.
        "is_live": at is None and wanted.import_id == 0,
    }
    if request.headers.get("HX-Target") == "rows":
        return render(request, "dashboard/records/rows.html", context)
    imported = queries.imported(wanted.import_id) if wanted.import_id else None
    context |= {
        "codes": queries.finding_codes(section.kind, wanted.import_id),
        "spans": lists.SPANS,
        "asks_between": lists.asks_between(request.GET),
        "imported": imported,
        "chips": lists.chips(request, _chip_words(request, section, imported)),
    }
    return render(request, "dashboard/records/list.html", context)


def _chip_words(request: HttpRequest, section: Section, imported: queries.Row | None) -> dict[str, str]:
    last = lists.SPANS.get(request.GET.get("last", ""))
    return {
        "q": f"“{request.GET.get('q', '')}”",
        "state": section.states.get(request.GET.get("state", ""), request.GET.get("state", "")),
        "code": request.GET.get("code", ""),
        "last": f"last {last[0]}" if last else "",
        "from": "" if last else f"from {request.GET.get('from', '').replace('T', ' ')}",
        "to": "" if last else f"until {request.GET.get('to', '').replace('T', ' ')}",
        "import": f"from {imported['name']}" if imported else "from an import",
    }


def record_page(request: HttpRequest, section: Section, slug: str) -> HttpResponse:
    """A record with its ladder, or for a live refresh only what can change."""
    record = _find(request, section, slug)
    events = queries.messages(record)
    findings = queries.findings(record)
    side = queries.side(record)
    media = review(events, side) if section.kind is Kind.CALL else NOTHING
    ladder = lay_out(events, findings, side=side)
    head, body = draw_parts(ladder, f"Messages of this {section.one}")
    context = {
        "section": section,
        "record": record,
        "title": words.title(record),
        "state": record.get("state") or record.get("outcome", ""),
        "result": words.result(record, events),
        "address": request.path,
        "ladder_head": _drawn(head),
        "ladder_body": _drawn(body),
        "clock_notes": [clock_note(clock) for clock in ladder.clocks],
        "shown": len(events),
        "removed_us": None if events else queries.messages_removed_us(record),
        "beside": sorted(map(seen, side), key=lambda each: each.at_us),
        "beside_shown": queries.SIDE_SHOWN,
        "is_live": record["import_id"] == 0,
        "media": media.streams,
        "quality": media.quality,
        "legs": queries.conversation(record) if section.kind is Kind.CALL else [],
    }
    whole = request.headers.get("HX-Target") != "record"
    return render(request, "dashboard/records/page.html" if whole else "dashboard/records/record.html", context)


def record_message(request: HttpRequest, section: Section, slug: str, number: int) -> HttpResponse:
    """One raw message of a record, as a part of its page."""
    record = _find(request, section, slug)
    event = queries.message(record, number)
    if event is None:
        raise Http404(f"this {section.one} has no message {number}")
    context = {
        "number": number,
        "event": event,
        "source": endpoint(event.source, event.source_port),
        "destination": endpoint(event.destination, event.destination_port),
        "raw": explain(event.raw),
        "says": says(event.raw, event.captured_us, cut=event.fault == CUT_FAULT),
    }
    return render(request, "dashboard/records/message.html", context)


def _find(request: HttpRequest, section: Section, slug: str) -> queries.Row:
    record = queries.record(section.kind, slug, lists.number(request.GET.get("import", "")))
    if record is None:
        raise Http404(f"no {section.one} of this name")
    return record


def _drawn(svg: str) -> SafeString:
    return mark_safe(svg)  # noqa: S308 - monitor.ladder escapes all that it prints
