"""Calls, registrations, standalone transactions; their findings and their messages.

A record is named by (day, key, incarnation), which never change (`RecordKey`). Where its rows lie is their
*shelf* (`monitor.shelf`). On PostgreSQL each shelf is a partition (`monitor.services.shelves`, which also says
what indexes it has there), so that a day is dropped whole and never holds what goes on; no foreign keys
between these tables, for the same reason. In the indexes the key comes first: ingest looks for it without
knowing the day. Rows that an import made carry its id; live rows carry 0.
"""

from django.db import models

from monitor.models.fields import Hops, Listed, Marks, Prose
from monitor.shelf import OPEN


def slug_of(day: int, key: int, incarnation: int) -> str:
    """A record's name in URLs and alerts, from its row (`RecordKey.slug`)."""
    return f"{day}-{key:016x}-{incarnation}"


class RecordBase(models.Model):
    """What every record has."""

    day = models.IntegerField()  # YYYYMMDD
    key = models.BigIntegerField()  # RecordKey.hash
    incarnation = models.SmallIntegerField(default=1)
    call_id = models.TextField()
    discriminator = models.TextField(default="")
    partition = models.SmallIntegerField()
    import_id = models.IntegerField(default=0)
    shelf = models.IntegerField(default=OPEN)
    open = models.BooleanField(default=True)
    status = models.SmallIntegerField(null=True)
    first_us = models.BigIntegerField()
    last_us = models.BigIntegerField()
    messages = models.IntegerField(default=0)
    retransmissions = models.IntegerField(default=0)
    hops = Hops(default=list)
    anomalies = Listed(default=list)
    severity = models.CharField(max_length=8, default="")  # the worst finding that is not cleared
    codes = models.TextField(default="")  # of findings not cleared: " missing-ack rejected "
    version = models.BigIntegerField(default=0)  # rises with each write

    class Meta:
        abstract = True

    @property
    def slug(self) -> str:
        """How URLs and alerts name it (`RecordKey.slug`)."""
        return slug_of(self.day, self.key, self.incarnation)


def _indexes(name: str) -> list[models.Index]:
    return [
        models.Index(fields=["import_id", "-first_us"], name=f"{name}_first"),
        models.Index(fields=["partition"], condition=models.Q(open=True), name=f"{name}_open"),
        models.Index(fields=["partition"], condition=models.Q(open=False, shelf=OPEN), name=f"{name}_over"),
    ]


def _unique(name: str) -> models.UniqueConstraint:
    return models.UniqueConstraint(fields=["key", "day", "incarnation", "import_id", "shelf"], name=f"{name}_key")


class Call(RecordBase):
    """One Call-ID with an INVITE (`CallRecord`)."""

    from_uri = models.TextField()
    to_uri = models.TextField()
    caller = models.TextField()
    callee = models.TextField()
    state = models.CharField(max_length=10)
    acked = models.BooleanField(null=True)
    answered_us = models.BigIntegerField(null=True)
    ended_us = models.BigIntegerField(null=True)
    setup_ms = models.FloatField(null=True)
    pdd_ms = models.FloatField(null=True)
    duration_ms = models.FloatField(null=True)
    user_agent = models.TextField(default="")
    disconnect_ms = models.FloatField(null=True)
    marks = Marks(null=True)  # as in `LegMark`, once it is put away, on PostgreSQL

    class Meta:
        indexes = [
            *_indexes("call"),
            models.Index(fields=["import_id", "state", "-first_us"], name="call_state"),
            models.Index(fields=["import_id", "severity", "-first_us"], name="call_severity"),
            models.Index(fields=["ended_us"], condition=models.Q(import_id=0), name="call_ended"),
        ]
        constraints = [_unique("call")]


class Registration(RecordBase):
    """One Call-ID of REGISTERs (`RegistrationRecord`)."""

    aor = models.TextField()
    contact = models.TextField()
    client = models.TextField()
    registrar = models.TextField()
    outcome = models.CharField(max_length=12)
    registered_us = models.BigIntegerField(null=True)
    expires_us = models.BigIntegerField(null=True)

    class Meta:
        indexes = [
            *_indexes("registration"),
            models.Index(fields=["aor"], name="registration_aor"),
            models.Index(fields=["import_id", "outcome", "-first_us"], name="registration_outcome"),
        ]
        constraints = [_unique("registration")]


class Transaction(RecordBase):
    """Any other request with its responses (`TransactionRecord`)."""

    method = models.TextField()
    from_uri = models.TextField()
    to_uri = models.TextField()
    client = models.TextField()
    server = models.TextField()
    fault = models.TextField(default="")

    class Meta:
        indexes = _indexes("transaction")
        constraints = [_unique("transaction")]


class FindingRow(models.Model):
    """One finding of one record, in its present state."""

    kind = models.CharField(max_length=12)  # of the record
    day = models.IntegerField()
    key = models.BigIntegerField()
    incarnation = models.SmallIntegerField()
    import_id = models.IntegerField(default=0)
    shelf = models.IntegerField(default=OPEN)
    code = models.CharField(max_length=40)
    subject = models.TextField(default="")
    severity = models.CharField(max_length=8)
    state = models.CharField(max_length=10)
    at_us = models.BigIntegerField()
    evidence = Listed(default=list)  # message numbers
    told = Prose(default=list)  # the hop, the cause, the remedy
    variant = models.CharField(max_length=40, default="")

    class Meta:
        indexes = [models.Index(fields=["code", "-at_us"], name="finding_code")]
        constraints = [
            models.UniqueConstraint(
                fields=["key", "day", "incarnation", "import_id", "shelf", "code", "subject"], name="finding_key"
            ),
        ]

    @property
    def slug(self) -> str:
        """The record's (`RecordKey.slug`)."""
        return slug_of(self.day, self.key, self.incarnation)

    @property
    def hop(self) -> str:
        """Where it is."""
        return str(self.told[0])

    @property
    def cause(self) -> str:
        """What happened, and why it matters."""
        return str(self.told[1])

    @property
    def remedy(self) -> str:
        """What to do about it."""
        return str(self.told[2])


class LegMark(models.Model):
    """A text by which a call may be found again behind a B2BUA (`monitor.packed.pack_mark`).

    On PostgreSQL only of calls that go on, and of imports: those of others lie in `Call.marks`.
    """

    day = models.IntegerField()
    key = models.BigIntegerField()
    incarnation = models.SmallIntegerField()
    import_id = models.IntegerField(default=0)
    shelf = models.IntegerField(default=OPEN)
    mark = models.BigIntegerField()
    at_us = models.BigIntegerField()

    class Meta:
        indexes = [models.Index(fields=["key", "day", "incarnation", "import_id"], name="mark_call")]
        constraints = [
            models.UniqueConstraint(
                fields=["mark", "key", "day", "incarnation", "import_id", "shelf"], name="mark_key"
            ),
        ]


class SubjectRow(models.Model):
    """One finding about a source, an account or a peer (`SubjectFinding`), with the records that show it."""

    import_id = models.BigIntegerField(default=0)
    kind = models.CharField(max_length=12)  # source, account, peer
    name = models.TextField()
    code = models.CharField(max_length=40)
    severity = models.CharField(max_length=8)
    state = models.CharField(max_length=10)
    at_us = models.BigIntegerField()
    last_us = models.BigIntegerField()
    count = models.IntegerField()
    hop = models.TextField(default="")
    cause = models.TextField()
    remedy = models.TextField()
    evidence = models.JSONField(default=list)  # RecordKey, the newest last

    class Meta:
        indexes = [models.Index(fields=["import_id", "-last_us"], name="subject_last")]
        constraints = [
            models.UniqueConstraint(fields=["import_id", "kind", "name", "code", "at_us"], name="subject_key"),
        ]


class MessageChunk(models.Model):
    """What one commit added to one record under one watermark: messages, and behind them what was seen beside.

    Inserted once, never changed. The order of ids is that of arrival. When the record is put away, a row holds what
    several commits had added, and `cuts` says where each begins.
    """

    day = models.IntegerField()
    key = models.BigIntegerField()
    incarnation = models.SmallIntegerField()
    import_id = models.IntegerField(default=0)
    shelf = models.IntegerField(default=OPEN)
    first_number = models.IntegerField()  # of its first message within the record; 0 where it has none
    count = models.IntegerField()
    first_side = models.IntegerField(default=0)  # of its first side event within the record; 0 where it has none
    side_count = models.IntegerField(default=0)
    watermark_us = models.BigIntegerField()  # to which the correlator had advanced when the first of them were fed
    cuts = models.BinaryField(default=bytes)  # `monitor.packing.Cut`s of what was fed at other watermarks
    messages = models.BinaryField()  # `monitor.packing`: list[SipEvent] in order of arrival
    side = models.BinaryField(default=bytes)  # the same of list[SideEvent]; empty where it has none

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["key", "day", "incarnation", "import_id", "shelf", "first_number", "first_side"],
                name="chunk_key",
            ),
        ]
