"""`offhook correlate`: one ingest worker from the configuration, until SIGTERM or SIGINT."""

import gc
import logging
import signal
import threading
from types import FrameType

from monitor.conf import Config
from monitor.ingest.cluster import open_streams
from monitor.ingest.doorbell import Doorbell
from monitor.ingest.stream import PartitionsDifferError, Streams
from monitor.ingest.worker import Worker
from monitor.watchdog import Watchdog

WRONG_CONFIGURATION = 2  # trying again does not help

log = logging.getLogger(__name__)


def run(config: Config) -> int:
    """Work until stopped; returns the exit code. Django is set up."""
    stop = threading.Event()

    def end(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    # What correlation holds is many long-lived objects, and what it lets go of has no cycles: to look through them all
    # again and again takes half of the time, and seconds at once, longer the more calls there are.
    gc.freeze()
    gc.set_threshold(50_000, 20, 1_000)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)
    streams = open_streams(config.stream_url)
    bell = Doorbell(Streams(config.bus_url))
    worker = Worker(streams, bell, config.partitions, config.thresholds, alive=Watchdog().alive)
    try:
        worker.run(stop)
    except PartitionsDifferError as error:
        log.error("%s", error)
        return WRONG_CONFIGURATION
    finally:
        bell.close()
    return 0
