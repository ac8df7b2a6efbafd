"""Capture files: drop one, watch it being read, look at what it holds."""

import time
from collections.abc import Iterable, Iterator
from typing import Final

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse

from dashboard.bells import ring_import
from dashboard.views.posted import posted_from
from monitor import queries
from monitor.services import imports
from monitor.services.imports import ImportRefusedError

_CHUNK: Final = 256 * 1024


def import_list(request: HttpRequest) -> HttpResponse:
    """The imports, newest first; as long as one is being read, the page asks again each second."""
    rows = queries.imports()
    context = {"rows": rows, "busy": any(row["state"] in ("waiting", "running") for row in rows)}
    part = request.headers.get("HX-Target") == "rows"
    return render(request, "dashboard/imports/rows.html" if part else "dashboard/imports/list.html", context)


@posted_from("imports")
def upload(request: HttpRequest) -> HttpResponse:
    """Take a capture file: from the page's script as the whole body, or from its form without one."""
    if request.content_type == "multipart/form-data":
        return _from_form(request)
    try:
        _take(request, request.GET.get("name", ""), _body(request))
    except ImportRefusedError as error:
        return JsonResponse({"problem": str(error)}, status=422)
    return JsonResponse({"address": reverse("imports")}, status=201)


@posted_from("imports")
def delete(request: HttpRequest, import_id: int) -> HttpResponse:
    """Delete a file and all that came of it."""
    imports.delete(import_id)
    messages.success(request, "Deleted, with its calls and registrations.", extra_tags="trash")
    return redirect("imports")


def _from_form(request: HttpRequest) -> HttpResponse:
    file = request.FILES.get("file")
    if file is None:
        messages.error(request, "Choose a capture file first.", extra_tags="warn")
        return redirect("imports")
    try:
        _take(request, file.name or "", file.chunks())
    except ImportRefusedError as error:
        messages.error(request, str(error), extra_tags="warn")
    return redirect("imports")


def _take(request: HttpRequest, name: str, data: Iterable[bytes]) -> None:
    row = imports.add(name.rpartition("/")[2] or "capture", data, time.time_ns() // 1000, request.user.get_username())
    ring_import(row.pk)


def _body(request: HttpRequest) -> Iterator[bytes]:
    while chunk := request.read(_CHUNK):
        yield chunk
