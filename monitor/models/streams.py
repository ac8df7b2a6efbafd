"""Where ingest and overview stand, who may move them, and what they were told of collectors."""

from django.db import models


class Partition(models.Model):
    """Lease, epoch, offset, watermark and high-water marks of a partition: one row, one truth.

    Each commit begins with UPDATE … WHERE epoch = mine AND stream_offset = old; zero rows: not mine.
    """

    number = models.SmallIntegerField(primary_key=True)
    owner = models.TextField(default="")
    epoch = models.BigIntegerField(default=0)
    lease_until_us = models.BigIntegerField(default=0)
    stream_offset = models.TextField(default="0-0")
    watermark_us = models.BigIntegerField(default=0)
    marks = models.BinaryField(default=bytes)  # msgpack of monitor.ingest.marks.Marks
    version = models.BigIntegerField(default=0)  # of the rows written by its last commit; only rises
    lag_ms = models.IntegerField(default=0)  # stream clock − the committed entry's clock
    side_unmatched = models.BigIntegerField(default=0)  # side events so far that fit no record


class IngestWorker(models.Model):
    """An ingest process that is alive: how many share the partitions."""

    owner = models.TextField(primary_key=True)  # as in Partition.owner
    alive_until_us = models.BigIntegerField()


class Peer(models.Model):
    """An address from which something was heard: its silence means something since then."""

    address = models.TextField(primary_key=True)
    since_us = models.BigIntegerField()  # wire time of its first message
    answers_us = models.BigIntegerField(default=0)  # of its first response; 0: never


class CommitLog(models.Model):
    """The committed updates of one partition's commit, for the overview (`Committed`, msgpack, zstd).

    Ids are taken inside transactions and may appear out of order, so no id says "up to here all is
    read": each row is marked when it is folded. The order of the fold is (folded, id) for ever.
    """

    id = models.BigAutoField(primary_key=True)
    partition = models.SmallIntegerField()  # −1: not of ingest, but of the overview or a page
    watermark_us = models.BigIntegerField()
    committed_us = models.BigIntegerField()
    updates = models.BinaryField()
    folded = models.BigIntegerField(null=True)  # the Overview.sequence that folded it

    class Meta:
        indexes = [
            models.Index(fields=["id"], condition=models.Q(folded=None), name="commit_unfolded"),
            models.Index(fields=["folded", "id"], name="commit_folded"),
        ]


class Overview(models.Model):
    """The one row of the overview: lease, epoch, count of its commits, and what pages show."""

    id = models.SmallIntegerField(primary_key=True, default=1)
    owner = models.TextField(default="")
    epoch = models.BigIntegerField(default=0)
    lease_until_us = models.BigIntegerField(default=0)
    sequence = models.BigIntegerField(default=0)  # of its last commit, and of the frame that told of it
    watermark_us = models.BigIntegerField(default=0)
    metrics = models.JSONField(default=dict)  # monitor.core.metrics.Metrics; {} before the first commit


class Collector(models.Model):
    """What a collector last said of itself."""

    name = models.TextField(primary_key=True)
    boot = models.TextField(default="")
    host = models.TextField(default="")
    version = models.TextField(default="")
    receiver = models.TextField(default="")
    interfaces = models.JSONField(default=list)
    started_us = models.BigIntegerField(default=0)
    last_seen_us = models.BigIntegerField(default=0)  # stream store's clock
    clock_offset_us = models.BigIntegerField(default=0)  # its clock − the stream store's
    low_water_us = models.BigIntegerField(default=0)
    backlog = models.IntegerField(default=0)
    counters = models.JSONField(default=dict)
    rate = models.FloatField(default=0)  # messages/s between its last two heartbeats
    final = models.BooleanField(default=False)  # it said goodbye


class LossRange(models.Model):
    """What was lost, by whom, when and why; no absence is claimed there. A range that goes on grows."""

    collector = models.TextField()
    observer = models.TextField()
    from_us = models.BigIntegerField()
    to_us = models.BigIntegerField()
    reason = models.CharField(max_length=20)
    count = models.BigIntegerField(default=0)
    partition = models.SmallIntegerField(default=-1)  # that noticed it

    class Meta:
        indexes = [models.Index(fields=["to_us"], name="loss_to")]
        constraints = [
            models.UniqueConstraint(fields=["observer", "reason", "from_us", "partition"], name="loss_key"),
        ]


class DeadLetter(models.Model):
    """A stream entry that could not be read, or not be taken: kept, counted, shown, replayable."""

    partition = models.SmallIntegerField()
    entry_id = models.TextField()
    reason = models.TextField()
    stored_us = models.BigIntegerField()
    lost_us = models.BigIntegerField(default=0)  # when the loss begins that was told of it; 0: none was
    data = models.BinaryField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["partition", "entry_id"], name="dead_letter_entry")]
