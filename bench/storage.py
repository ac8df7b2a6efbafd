"""What a message costs on disk: the capture, committed every 100 ms of its own time as a live worker does, and put
away every 5 s as a live installation does; at the end all of it is.
"""

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from bench.installation import Database, installation
from bench.report import Kept
from collectors.receivers.pcap_file import read_events
from collectors.sip.timers import MILLISECOND
from collectors.wire.events import SipEvent
from monitor.core.correlator import Correlator

CYCLE_US: Final = 100 * MILLISECOND
_WINDOW_US: Final = 500 * MILLISECOND
_PUT_AWAY_EVERY: Final = 50  # cycles


def cycles(events: list[SipEvent]) -> Iterator[tuple[int, list[SipEvent]]]:
    """(the time of a commit, what came before it)."""
    end_us = events[0].captured_us + CYCLE_US
    some: list[SipEvent] = []
    for event in events:
        if event.captured_us >= end_us:
            yield end_us, some
            end_us, some = event.captured_us + CYCLE_US, []
        some.append(event)
    yield end_us, some


def fill(file: Path) -> int:
    """Write the capture into the database of this environment; how many messages."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "monitor.settings")
    import django

    django.setup()
    from django.db import transaction

    from monitor.models import Call, Registration, Transaction
    from monitor.services.apply_updates import write_content
    from monitor.services.harvest import Harvest
    from monitor.services.shelving import put_away

    events = list(read_events(file))
    correlator = Correlator()
    harvest = Harvest(correlator)
    for version, (until_us, some) in enumerate(cycles(events)):
        watermark_us = until_us - _WINDOW_US
        for event in some:
            harvest.add(correlator.feed(event), watermark_us)
        harvest.add(correlator.advance(watermark_us), watermark_us)
        with transaction.atomic():
            write_content([(harvest.take(), 0, version)])
        if version % _PUT_AWAY_EVERY == 0:
            put_away(until_us)
    # What goes on at the capture's end is taken as it stands: to let it end would tell of what the capture cut off.
    for model in (Call, Registration, Transaction):
        model._default_manager.filter(open=True).update(open=False)
    put_away(events[-1].captured_us)
    return len(events)


def measure(file: Path, database: Database) -> Kept:
    """Fill a fresh database, and look how large it has become."""
    with installation(database) as system:
        messages = int(system.finish("bench.storage", str(file)))
        return Kept(database=database, messages=messages, calls=system.calls(), octets=system.octets())


if __name__ == "__main__":
    print(fill(Path(sys.argv[1])))
