"""Settings: how mail goes out, and to whom; and what is kept (`dashboard.views.storage`)."""

from typing import Any, Final

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from dashboard.views.posted import posted_from
from dashboard.views.storage import shown_storage
from monitor.notify.trial import send_test_email
from monitor.services.settings import SettingsError, ShownMail, forget_mail, set_mail, shown_mail

ENCRYPTION: Final = (("", "None"), ("starttls", "STARTTLS"), ("tls", "TLS from the start"))


class MailForm(forms.Form):
    """The mail settings; `monitor.services.settings` judges what they mean."""

    host = forms.CharField(required=False, max_length=255)
    port = forms.IntegerField(required=False, min_value=1, max_value=65535)
    tls = forms.ChoiceField(required=False, choices=ENCRYPTION)
    username = forms.CharField(required=False, max_length=255)
    password = forms.CharField(required=False, max_length=255, strip=False)
    no_password = forms.BooleanField(required=False)
    sender = forms.CharField(max_length=255)
    recipients = forms.CharField(required=False, max_length=4000)

    def store(self) -> bool:
        """Take the values; False when one can't be used, which then has an error."""
        if not self.is_valid() or self._keeps_password_for_another():
            return False
        values: dict[str, Any] = dict(self.cleaned_data)
        # A field left empty keeps the password that is there: a page never gets to know it.
        values["password"] = "" if values.pop("no_password") else values["password"] or None
        try:
            set_mail(**values)
        except SettingsError as error:
            for field, problem in error.problems.items():
                self.add_error(field, problem)
            return False
        return True

    def _keeps_password_for_another(self) -> bool:
        """A password is for the server that it was given for: nobody gets to hear it by changing the name."""
        given = self.cleaned_data
        shown = shown_mail()
        if shown.has_password and given["host"] != shown.host and not (given["password"] or given["no_password"]):
            self.add_error("password", "The server is another: give its password, or remove the one that is kept.")
            return True
        return False


@require_http_methods(["GET", "POST"])
def mail_settings(request: HttpRequest) -> HttpResponse:
    """Show the mail settings and where they come from; take new ones."""
    if request.method == "GET":
        return _page(request, MailForm(initial=_initial(shown_mail())), status=200)
    if "forget" in request.POST:
        forget_mail()
        messages.success(request, "Forgotten: what the environment says holds again.", extra_tags="check")
        return redirect("settings")
    form = MailForm(request.POST)
    if not form.store():
        return _page(request, form, status=422)
    messages.success(request, "Saved. The next mail goes out this way. Try it with a test mail.", extra_tags="check")
    return redirect("settings")


@posted_from("settings")
def send_test_mail(request: HttpRequest) -> HttpResponse:
    """Send one mail to everybody who is set, and tell what the server said."""
    trial = send_test_email()
    for line in trial.lines:
        if trial.arrived:
            messages.success(request, line, extra_tags="check")
        else:
            messages.error(request, line, extra_tags="warn")
    return redirect("settings")


def _initial(shown: ShownMail) -> dict[str, Any]:
    return {
        "host": shown.host,
        "port": shown.port or None,
        "tls": shown.tls,
        "username": shown.username,
        "sender": shown.sender,
        "recipients": "\n".join(shown.recipients),
    }


def _page(request: HttpRequest, form: MailForm, status: int) -> HttpResponse:
    context = {"form": form, "shown": shown_mail(), "encryption": ENCRYPTION, "storage": shown_storage()}
    return render(request, "dashboard/settings.html", context, status=status)
