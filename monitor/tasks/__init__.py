"""What Celery runs. The rows are the queue; a lost task is found by a sweep."""

from monitor.tasks.deliveries import deliver, sweep_deliveries
from monitor.tasks.imports import run_import, sweep_imports
from monitor.tasks.measures import roll_up
from monitor.tasks.retention import prune
from monitor.tasks.shelving import put_away

__all__ = ["deliver", "prune", "put_away", "roll_up", "run_import", "sweep_deliveries", "sweep_imports"]
