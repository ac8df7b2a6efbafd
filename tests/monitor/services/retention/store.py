"""Stored situations to remove."""

import time
from typing import Final

from collectors.scenario.library import play
from collectors.sip.timers import SECOND
from monitor.core.correlator import Correlator
from monitor.core.retention import DEFAULTS, DataKind, Keep, Policy
from monitor.services.apply_updates import write_content
from monitor.services.harvest import Harvest

DAY: Final = 86_400 * SECOND
NOW: Final = time.time_ns() // 1_000
MB: Final = 10**6


def clock_us() -> int:
    """The machine's clock."""
    return time.time_ns() // 1_000


def store(name: str, days: float, *, over: bool = True, import_id: int = 0, call: str = "") -> None:
    """A situation that was played so many days ago."""
    correlator = Correlator()
    harvest = Harvest(correlator)
    for event in play(name, f"{name} {days} {import_id} {call}").events(start_us=NOW - round(days * DAY)):
        harvest.add(correlator.feed(event), 0)
    if over:
        harvest.add(correlator.advance(NOW), 0)
    write_content([(harvest.take(), 0, 1)], import_id)


def policy(total: int = DEFAULTS.total, **kinds: str | int) -> Policy:
    """The defaults save for these: days of one kind ("messages=3"), or its size ("messages_mb=10")."""
    wanted = dict(DEFAULTS.kinds)
    for name, value in kinds.items():
        kind = DataKind(name.removesuffix("_mb"))
        keep = wanted[kind]
        changed = Keep(keep.hours, int(value) * MB) if name.endswith("_mb") else Keep(int(value) * 24, keep.octets)
        wanted[kind] = changed
    return Policy(wanted, total)
