# ruff: noqa: N999 - Django's names
"""That of this version."""

from importlib import import_module

Migration = import_module("monitor.migrations.0002_dead_letter_loss").Migration
