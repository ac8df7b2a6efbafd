"""What forms post to: it has no page of its own, and shows that of its form to whoever comes there by a link.

That happens after a login: a post that found its session over is asked for again, as a GET.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeAlias

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_http_methods

_View: TypeAlias = Callable[..., HttpResponse]


def posted_from(page: str, *same: str) -> Callable[[_View], _View]:
    """A view that only POST reaches; GET goes to the named page, whose address has the `same` values."""

    def decorator(view: _View) -> _View:
        @require_http_methods(["GET", "POST"])
        @wraps(view)
        def either(request: HttpRequest, **values: Any) -> HttpResponse:
            if request.method == "GET":
                return redirect(reverse(page, kwargs={name: values[name] for name in same}))
            return view(request, **values)

        return either

    return decorator
