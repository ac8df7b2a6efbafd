"""The dashboard's addresses."""

from django.contrib.auth.views import LoginView, LogoutView
from django.http import HttpRequest, HttpResponseRedirect
from django.urls import URLPattern, URLResolver, path, re_path

from dashboard.views import imports, live, measures, operations, outbox, records, settings, sources, storage


def _record_paths(section: records.Section) -> list[URLPattern]:
    """A list, a page for each record, and its raw messages."""
    where, context = section.list_name, {"section": section}
    return [
        path(where, records.record_list, context, name=section.list_name),
        path(f"{where}/<slug:slug>", records.record_page, context, name=section.page_name),
        path(
            f"{where}/<slug:slug>/messages/<int:number>",
            records.record_message,
            context,
            name=f"{section.page_name}-message",
        ),
    ]


def _without_slash(request: HttpRequest, address: str) -> HttpResponseRedirect:
    """The page that was meant: none of ours has an address that ends with a slash."""
    query = request.META["QUERY_STRING"]
    return HttpResponseRedirect(f"/{address}?{query}" if query else f"/{address}")


urlpatterns: list[URLPattern | URLResolver] = [
    path("login", LoginView.as_view(redirect_authenticated_user=True), name="login"),
    path("logout", LogoutView.as_view(), name="logout"),
    path("", live.live, name="live"),
    *_record_paths(records.CALLS),
    *_record_paths(records.REGISTRATIONS),
    *_record_paths(records.TRANSACTIONS),
    path("alerts", operations.alert_list, name="alerts"),
    path("alerts/<int:alert_id>", operations.alert_page, name="alert"),
    path("alerts/<int:alert_id>/acknowledge", operations.acknowledge_alert, name="alert-acknowledge"),
    path("sources", sources.source_list, name="sources"),
    path("measures", measures.measure_page, name="measures"),
    path("collectors", operations.collector_page, name="collectors"),
    path("collectors/dead-letters/again", operations.take_dead_letters_again, name="dead-letters-again"),
    path("imports", imports.import_list, name="imports"),
    path("imports/upload", imports.upload, name="import-upload"),
    path("imports/<int:import_id>/delete", imports.delete, name="import-delete"),
    path("outbox", outbox.outbox, name="outbox"),
    path("outbox/<int:delivery_id>", outbox.delivery_page, name="delivery"),
    path("outbox/<int:delivery_id>/html", outbox.delivery_html, name="delivery-html"),
    path("outbox/<int:delivery_id>/resend", outbox.resend_delivery, name="delivery-resend"),
    path("settings", settings.mail_settings, name="settings"),
    path("settings/storage", storage.storage_settings, name="settings-storage"),
    path("settings/test-mail", settings.send_test_mail, name="settings-test-mail"),
    re_path(r"^(?P<address>[\w-]+(?:/[\w-]+)*)/$", _without_slash),  # of this host: no second slash may lead elsewhere
]
