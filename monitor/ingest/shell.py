"""`offhook correlate`: one ingest worker from the configuration, until SIGTERM or SIGINT."""

import logging
import signal
import threading
from types import FrameType

from monitor.conf import Config
from monitor.garbage import keep_pauses_short
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

    keep_pauses_short()
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
