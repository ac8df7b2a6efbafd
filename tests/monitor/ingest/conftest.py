"""What most tests of ingest begin with."""

from collections.abc import Iterator

import pytest

from collectors.scenario.library import play
from collectors.sip.timers import SECOND
from collectors.wire.events import SipEvent
from tests.monitor.ingest.bench import Bench, moved
from tests.support.valkey import Valkey


@pytest.fixture
def bench(valkey: Valkey, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    monkeypatch.setattr("monitor.ingest.worker.BLOCK_MS", 5)
    bench = Bench(valkey)
    yield bench
    bench.close()


@pytest.fixture
def call(bench: Bench) -> list[SipEvent]:
    """A call that was over two minutes ago."""
    events = play("good", talk=5).events()
    return moved(events, bench.now_us - 120 * SECOND - events[-1].captured_us)
