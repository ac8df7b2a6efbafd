"""Alerts, what they rest on, and what has to be sent because of them (the outbox)."""

from django.db import models


class Alert(models.Model):
    """One problem in one place: opens, collects repeats, resolves.

    `fingerprint` is rule and group; at most one alert of a fingerprint is not resolved.
    """

    fingerprint = models.TextField()
    rule = models.CharField(max_length=40)
    severity = models.CharField(max_length=8)
    title = models.TextField()  # "missing ACK, proxy-1 → pbx-3"
    summary = models.TextField()  # one or two plain sentences
    remedy = models.TextField()
    place = models.TextField(default="")  # the hop, source or registrar that it is about
    state = models.CharField(max_length=10)  # open, resolved
    count = models.IntegerField(default=0)  # occurrences
    notified = models.IntegerField(default=0)  # the count when it was last told of
    opened_us = models.BigIntegerField()
    last_us = models.BigIntegerField()
    quiet_us = models.BigIntegerField(null=True)  # when it resolves unless something comes; null: never by itself
    resolved_us = models.BigIntegerField(null=True)
    resolution = models.CharField(max_length=8, default="")  # quiet, cleared
    acknowledged_by = models.TextField(default="")
    acknowledged_us = models.BigIntegerField(null=True)
    version = models.BigIntegerField(default=0)

    class Meta:
        indexes = [models.Index(fields=["state", "-last_us"], name="alert_state")]
        constraints = [
            models.UniqueConstraint(fields=["fingerprint"], condition=models.Q(state="open"), name="alert_one_open"),
        ]


class AlertOccurrence(models.Model):
    """One finding that an alert counts; kept up to a bound an alert, newest last.

    An alert's count is of records (calls, registrations, collectors), not of findings.
    """

    alert = models.ForeignKey(Alert, on_delete=models.CASCADE, related_name="occurrences")
    kind = models.CharField(max_length=12)
    slug = models.TextField()  # of the record; a collector's name
    code = models.CharField(max_length=40)
    subject = models.TextField(default="")
    state = models.CharField(max_length=10)
    at_us = models.BigIntegerField()
    from_uri = models.TextField()
    to_uri = models.TextField()
    hop = models.TextField()
    cause = models.TextField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["alert", "slug", "code", "subject"], name="occurrence_once")]


class Delivery(models.Model):
    """A message that must go out: a row of the outbox, written in the transaction that caused it."""

    alert = models.ForeignKey(Alert, on_delete=models.CASCADE, null=True, related_name="deliveries")
    event = models.CharField(max_length=10)  # opened, escalated, resolved, test
    transport = models.CharField(max_length=10, default="email")
    recipient = models.TextField()  # "": nobody was set when it happened
    message_id = models.TextField(unique=True)  # stable: every attempt carries the same
    state = models.CharField(max_length=8)  # pending, sending, sent, failed, kept (no server is set)
    attempts = models.IntegerField(default=0)
    possible_repeats = models.IntegerField(default=0)  # attempts whose outcome is not known
    next_attempt_us = models.BigIntegerField(default=0)
    claimed_until_us = models.BigIntegerField(default=0)
    created_us = models.BigIntegerField()
    sent_us = models.BigIntegerField(null=True)
    last_error = models.TextField(default="")
    subject = models.TextField(default="")
    text = models.TextField(default="")
    html = models.TextField(default="")

    class Meta:
        indexes = [models.Index(fields=["state", "next_attempt_us"], name="delivery_due")]
