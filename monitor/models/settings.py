"""What an operator sets on the settings page; it comes before the environment."""

from django.db import models


class Setting(models.Model):
    """One value by name; `monitor.services.settings` knows the names and types."""

    name = models.CharField(max_length=60, primary_key=True)
    value = models.JSONField()
