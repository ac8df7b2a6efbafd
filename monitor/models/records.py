"""Calls, registrations, standalone transactions; their findings and their messages.

A record is named by (day, key, incarnation), which never change (`RecordKey`). Where its rows lie is their
*shelf*, the same for all rows of a record: `OPEN` from its first message until it is put away, `IMPORTED`
where an import made it, else the UTC day (YYYYMMDD) of its last message. On PostgreSQL each shelf is a
partition (`monitor.services.shelves`), so that a day is dropped whole and never holds what goes on; no
foreign keys between these tables, for the same reason. In the indexes the key comes first: ingest looks for
it without knowing the day. Rows that an import made carry its id; live rows carry 0.
"""

from typing import Final

from django.db import models

OPEN: Final = 0
IMPORTED: Final = -1


class RecordBase(models.Model):
    """What every record has. `slug` is how URLs and alerts name it."""

    day = models.IntegerField()  # YYYYMMDD
    key = models.BigIntegerField()  # RecordKey.hash
    incarnation = models.SmallIntegerField(default=1)
    slug = models.CharField(max_length=40)
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
    hops = models.JSONField(default=list)
    anomalies = models.JSONField(default=list)
    severity = models.CharField(max_length=8, default="")  # the worst finding that is not cleared
    codes = models.TextField(default="")  # of findings not cleared: " missing-ack rejected "
    version = models.BigIntegerField(default=0)  # rises with each write

    class Meta:
        abstract = True


def _indexes(name: str) -> list[models.Index]:
    return [
        models.Index(fields=["slug"], name=f"{name}_slug"),
        models.Index(fields=["call_id"], name=f"{name}_call_id"),
        models.Index(fields=["import_id", "-first_us"], name=f"{name}_first"),
        models.Index(fields=["partition"], condition=models.Q(open=True), name=f"{name}_open"),
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
    slug = models.CharField(max_length=40)
    code = models.CharField(max_length=40)
    subject = models.TextField(default="")
    severity = models.CharField(max_length=8)
    state = models.CharField(max_length=10)
    at_us = models.BigIntegerField()
    hop = models.TextField(default="")
    evidence = models.JSONField(default=list)  # message numbers
    cause = models.TextField()
    remedy = models.TextField()
    variant = models.CharField(max_length=40, default="")

    class Meta:
        indexes = [models.Index(fields=["code", "-at_us"], name="finding_code")]
        constraints = [
            models.UniqueConstraint(
                fields=["key", "day", "incarnation", "import_id", "shelf", "code", "subject"], name="finding_key"
            ),
        ]


class LegMark(models.Model):
    """A text by which a call may be found again behind a B2BUA: 63 bits of it, and what kind of text it is."""

    day = models.IntegerField()
    key = models.BigIntegerField()
    incarnation = models.SmallIntegerField()
    import_id = models.IntegerField(default=0)
    shelf = models.IntegerField(default=OPEN)
    mark = models.BigIntegerField()
    kind = models.CharField(max_length=12)
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

    Inserted once, never changed. The order of ids is that of arrival.
    """

    kind = models.CharField(max_length=12)
    day = models.IntegerField()
    key = models.BigIntegerField()
    incarnation = models.SmallIntegerField()
    import_id = models.IntegerField(default=0)
    shelf = models.IntegerField(default=OPEN)
    first_number = models.IntegerField()  # of its first message within the record; 0 where it has none
    count = models.IntegerField()
    first_side = models.IntegerField(default=0)  # of its first side event within the record; 0 where it has none
    side_count = models.IntegerField(default=0)
    watermark_us = models.BigIntegerField()  # to which the correlator had advanced when they were fed
    messages = models.BinaryField()  # `monitor.packing`: list[SipEvent] in order of arrival
    side = models.BinaryField(default=bytes)  # the same of list[SideEvent]; empty where it has none

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["key", "day", "incarnation", "import_id", "shelf", "first_number", "first_side"],
                name="chunk_key",
            ),
        ]
