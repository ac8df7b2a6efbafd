"""Capture files that users dropped on the import page."""

from django.db import models


class Import(models.Model):
    """One capture file, read in the background; its records carry this row's id."""

    name = models.TextField()
    path = models.TextField()  # within the state directory
    size = models.BigIntegerField()
    state = models.CharField(max_length=8)  # waiting, running, done, failed
    error = models.TextField(default="")
    bytes_read = models.BigIntegerField(default=0)
    packets = models.BigIntegerField(default=0)
    messages = models.BigIntegerField(default=0)
    malformed = models.BigIntegerField(default=0)
    calls = models.IntegerField(default=0)
    registrations = models.IntegerField(default=0)
    findings = models.IntegerField(default=0)
    created_us = models.BigIntegerField()
    finished_us = models.BigIntegerField(null=True)
    created_by = models.TextField(default="")
    # Who reads it holds a claim; one that ran out belonged to a worker that died.
    attempts = models.SmallIntegerField(default=0)
    claimed_until_us = models.BigIntegerField(default=0)
