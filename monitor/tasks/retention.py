"""Retention: what is too old or too much goes."""

import time

from celery import shared_task

from monitor.services import retention


def clock_us() -> int:
    """This machine's clock, µs since the epoch."""
    return time.time_ns() // 1_000


@shared_task(name="monitor.tasks.prune")
def prune() -> None:
    """Hold the limits, unless another does."""
    retention.sweep(retention.policy(), clock_us)
