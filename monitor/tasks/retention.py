"""Retention: what is older than the days that are kept goes."""

import logging
import time

from celery import shared_task
from django.conf import settings

from collectors.sip.timers import SECOND
from monitor.services import retention, shelves

log = logging.getLogger(__name__)


@shared_task(name="monitor.tasks.prune")
def prune() -> None:
    """Make room for the days to come, and delete what is too old."""
    days = settings.CONFIG.retention_days
    now_us = time.time_ns() // 1_000
    shelves.make_ahead(now_us)
    if deleted := retention.prune(now_us - days * 86_400 * SECOND):
        log.info("deleted %d rows older than %d days", deleted, days)
