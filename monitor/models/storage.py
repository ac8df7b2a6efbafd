"""What retention knows of the room that data take, and what it has removed."""

from django.db import models


class StorageUse(models.Model):
    """What one kind of data (`monitor.core.retention.DataKind`) takes, as it was measured last."""

    kind = models.CharField(max_length=10, primary_key=True)
    octets = models.BigIntegerField(default=0)  # on disk, indexes and room for reuse included
    used = models.BigIntegerField(default=0)  # of these without the room for reuse
    rows = models.BigIntegerField(default=0)
    limit = models.BigIntegerField(default=0)  # that holds now: its own, or its share of the total one
    reaches_us = models.BigIntegerField(null=True)  # back to; null: there is nothing
    trouble = models.TextField(default="")  # why the limit can't be held, "" where it is
    packed = models.JSONField(default=dict)  # {table: [octets, rows]} when there was no room for reuse


class StorageState(models.Model):
    """The one row of retention as a whole: who is at it, and how the disks stand."""

    id = models.SmallIntegerField(primary_key=True, default=1)
    busy_until_us = models.BigIntegerField(default=0)  # a sweep claims so long, and says so again
    aged_us = models.BigIntegerField(default=0)  # when what is too old was looked for last
    measured_us = models.BigIntegerField(default=0)
    octets = models.BigIntegerField(default=0)  # of the whole database
    limit = models.BigIntegerField(default=0)
    disks = models.JSONField(default=list)  # [{name, path, octets, free}]
    standing = models.JSONField(default=list)  # names of the troubles that were told and are not over


class Removal(models.Model):
    """What retention removed of one kind within an hour: the record of what is no more there."""

    kind = models.CharField(max_length=10)
    hour = models.IntegerField()  # since the epoch
    at_us = models.BigIntegerField()  # of the last removal
    reached_us = models.BigIntegerField()  # the newest of it began then
    rows = models.BigIntegerField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["kind", "hour"], name="removal_hour")]
