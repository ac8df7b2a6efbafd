"""What Celery runs. The rows are the queue; a lost task is found by a sweep."""

from monitor.tasks.deliveries import deliver, sweep_deliveries
from monitor.tasks.imports import run_import, sweep_imports
from monitor.tasks.retention import prune

__all__ = ["deliver", "prune", "run_import", "sweep_deliveries", "sweep_imports"]
