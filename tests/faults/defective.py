"""`offhook correlate` with a bug in it: the core fails on the calls of some people."""

from zlib import crc32

from collectors.wire.events import SipEvent
from monitor.cli import main as offhook
from monitor.core.correlator import Correlator
from monitor.core.updates import Update
from monitor.ingest import shard

_ONE_IN = 30


class Defective(Correlator):
    """Fails on one Call-ID in some."""

    def feed(self, event: SipEvent) -> list[Update]:
        if crc32(event.call_id.encode()) % _ONE_IN == 0:
            raise ZeroDivisionError("a bug")
        return super().feed(event)


def main(argv: list[str]) -> int:
    """As `monitor.cli.main`, with the bug."""
    vars(shard)["Correlator"] = Defective
    return offhook(argv)
