"""The Django app of the backend."""

from django.apps import AppConfig


class MonitorConfig(AppConfig):
    """Models, services, tasks."""

    name = "monitor"
    verbose_name = "Offhook"
