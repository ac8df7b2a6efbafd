"""Capture files: drop one, watch it being read, look at what it holds."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from monitor import queries


def import_list(request: HttpRequest) -> HttpResponse:
    """The imports, newest first."""
    context = {"rows": queries.imports()}
    part = request.headers.get("HX-Target") == "rows"
    return render(request, "dashboard/imports/rows.html" if part else "dashboard/imports/list.html", context)
