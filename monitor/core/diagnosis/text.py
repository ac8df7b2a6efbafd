"""Numbers as people say them in causes."""

from collectors.sip.timers import SECOND
from monitor.core.hop import ends as ends


def seconds(us: int) -> str:
    """3 500 000 µs → "3.5 s"; 28 000 000 µs → "28 s"."""
    value = us / SECOND
    return f"{value:.0f} s" if value >= 10 else f"{value:.1f} s"


def span(whole_s: int) -> str:
    """90 → "90 s", 1800 → "30 min", 7200 → "2 h"."""
    for unit, length in (("h", 3600), ("min", 60)):
        if whole_s >= 2 * length and whole_s % length == 0:
            return f"{whole_s // length} {unit}"
    return f"{whole_s} s"


def times(count: int) -> str:
    """1 → "once", 2 → "twice", 10 → "10 times"."""
    return {1: "once", 2: "twice"}.get(count, f"{count} times")
