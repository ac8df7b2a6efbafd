"""Notifications: one task a delivery, and the sweep that finds what nobody rang for."""

from celery import shared_task

from monitor.notify import outbox


@shared_task(name="monitor.tasks.deliver")
def deliver(delivery_id: int) -> None:
    """Try to send one delivery, if it is due and nobody else has it."""
    outbox.deliver(delivery_id)


@shared_task(name="monitor.tasks.sweep_deliveries")
def sweep_deliveries() -> None:
    """Hand out what is due."""
    for delivery_id in outbox.due(outbox.clock_us()):
        deliver.delay(delivery_id)
