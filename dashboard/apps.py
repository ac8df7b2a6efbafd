"""The Django app of the web dashboard."""

from django.apps import AppConfig


class DashboardConfig(AppConfig):
    """Pages and the live socket."""

    name = "dashboard"
    verbose_name = "Offhook dashboard"
