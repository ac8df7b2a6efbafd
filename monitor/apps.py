"""The Django app of the backend."""

from django.apps import AppConfig
from django.db.models.signals import pre_migrate


class MonitorConfig(AppConfig):
    """Models, services, tasks."""

    name = "monitor"
    verbose_name = "Offhook"

    def ready(self) -> None:
        """Have a database made ready before its first table."""
        from monitor.services import schema  # models may be imported only now

        pre_migrate.connect(schema.make_ready, sender=self)
