"""Measures of ended calls, rolled up."""

from typing import Final

from django.db import models

from collectors.sip.timers import SECOND

BUCKET_US: Final = 300 * SECOND


class MeasureBucket(models.Model):
    """What the calls that ended in five minutes add up to, under one key of one dimension."""

    bucket = models.BigIntegerField()  # its number since the epoch
    dimension = models.CharField(max_length=12)
    key = models.TextField()
    calls = models.IntegerField()
    tally = models.BinaryField()  # `monitor.core.measures.Tally`, msgpack

    class Meta:
        constraints = [models.UniqueConstraint(fields=["dimension", "bucket", "key"], name="measure_key")]
