"""What is kept: limits by age and by size, with what each kind of data takes."""

import time
from typing import Any, Final

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse

from dashboard.views.posted import posted_from
from monitor import queries
from monitor.core.retention import DataKind, Keep, age, age_text
from monitor.services.retention import forget_policy, set_policy, shown_policy
from monitor.services.retention.words import NAMES
from monitor.services.settings import SettingsError

GB: Final = 10**9
WHAT: Final = {
    DataKind.MESSAGES: "the raw SIP of calls, registrations and other requests",
    DataKind.RECORDS: "with findings; a record goes with its messages",
    DataKind.ALERTS: "those that are over, and the outbox",
    DataKind.MEASURES: "they outlive the calls that they were made of",
    DataKind.IMPORTS: "uploaded files, and all that was read out of them",
    DataKind.LETTERS: "what could not be read, and the record of losses",
    DataKind.LOG: "what the overview restores itself from",
}


class StorageForm(forms.Form):
    """The limits; `monitor.services.retention` judges what they mean."""

    def __init__(self, *arguments: Any, **keywords: Any) -> None:
        super().__init__(*arguments, **keywords)
        for kind in DataKind:
            self.fields[f"{kind}_age"] = forms.CharField(max_length=20)
            self.fields[f"{kind}_gb"] = forms.FloatField(min_value=0, max_value=10**7)
        self.fields["total_gb"] = forms.FloatField(min_value=0, max_value=10**7)

    def store(self) -> bool:
        """Take the values; False when one can't be used, which then has an error."""
        if not self.is_valid():
            return False
        given, kinds = self.cleaned_data, {}
        for kind in DataKind:
            try:
                kinds[kind] = Keep(age(given[f"{kind}_age"]), round(given[f"{kind}_gb"] * GB))
            except ValueError as error:
                self.add_error(f"{kind}_age", f"{error}.")
        if self.errors:
            return False
        try:
            set_policy(kinds, round(given["total_gb"] * GB))
        except SettingsError as error:
            for name, problem in error.problems.items():
                of_age = problem.startswith("an age")
                self.add_error(f"{name}_{'age' if of_age else 'gb'}", f"{problem[0].upper()}{problem[1:]}.")
            return False
        return True


@posted_from("settings")
def storage_settings(request: HttpRequest) -> HttpResponse:
    """Take new limits, or go back to the environment's."""
    address = f"{reverse('settings')}#storage"
    if "forget" in request.POST:
        forget_policy()
        messages.success(request, "Forgotten: the limits of the environment hold again.", extra_tags="check")
        return redirect(address)
    form = StorageForm(request.POST)
    if not form.store():
        context = {"storage": shown_storage(form)}
        return render(request, "dashboard/storage.html", context, status=422)
    messages.success(request, "Saved. The limits hold from now on.", extra_tags="check")
    return redirect(address)


def shown_storage(form: StorageForm | None = None) -> dict[str, Any]:
    """What the panel shows: how things stand, and the limits as they are or as they were entered."""
    shown = shown_policy()
    now = queries.storage(time.time_ns() // 1_000)
    if form is None:
        initial: dict[str, Any] = {"total_gb": _short(shown.policy.total / GB)}
        for kind, keep in shown.policy.kinds.items():
            initial |= {f"{kind}_age": age_text(keep.hours), f"{kind}_gb": _short(keep.octets / GB)}
        form = StorageForm(initial=initial)
    rows = [
        row
        | {
            "name": NAMES[row["kind"]],
            "what": WHAT[row["kind"]],
            "age": form[f"{row['kind']}_age"],
            "gb": form[f"{row['kind']}_gb"],
            "own": shown.policy.kinds[row["kind"]].octets,
        }
        for row in now["kinds"]
    ]
    return now | {"rows": rows, "form": form, "origin": shown.origin}


def _short(value: float) -> str:
    return f"{value:.3f}".rstrip("0").rstrip(".")
