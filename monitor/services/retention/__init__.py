"""Retention: limits by age and by size for each kind of data, and one for all, that really hold."""

from monitor.services.retention.limits import forget_policy, policy, set_policy, shown_policy
from monitor.services.retention.sweeping import Swept, sweep

__all__ = ["Swept", "forget_policy", "policy", "set_policy", "shown_policy", "sweep"]
