"""What Celery runs. The rows are the queue; a lost task is found by a sweep."""

from monitor.tasks.deliveries import deliver, sweep_deliveries

__all__ = ["deliver", "sweep_deliveries"]
