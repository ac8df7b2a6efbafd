"""How often a collector says how things stand."""

import time
from collections.abc import Sequence

import pytest

from collectors.agent import Agent
from collectors.decode.datagram import Datagram
from collectors.processors.pipeline import Pipeline
from collectors.wire.events import Heartbeat, Loss, Observation, SideEvent
from tests.support.packets import SIP


class Line:
    """A receiver that gives so many messages with each reading, for so long."""

    kind = "line"
    live = True

    def __init__(self, messages: int, seconds: float) -> None:
        self.interfaces = ["lo"]
        self._messages = messages
        self._until_s = time.monotonic() + seconds

    @property
    def finished(self) -> bool:
        return time.monotonic() > self._until_s

    def start(self) -> None:
        self.stop()

    def stop(self) -> None:
        """Nothing is open."""

    def read(self, timeout_s: float) -> list[Datagram]:
        time.sleep(timeout_s / 5)
        datagram = Datagram(1, "192.0.2.1", 5060, "192.0.2.2", 5060, "udp", "edge/lo", SIP)
        return [datagram] * self._messages

    def side(self) -> list[SideEvent]:
        return []

    def low_water_us(self, now_us: int) -> int:
        return now_us

    def counters(self) -> dict[str, int]:
        return {}

    def losses(self, now_us: int) -> list[Loss]:
        del now_us
        return []


class Ear:
    """An exporter that remembers heartbeats."""

    backlog = 0
    has_room = True

    def __init__(self) -> None:
        self.heard: list[Heartbeat] = []

    def start(self) -> None:
        self.heard.clear()

    def export(self, events: Sequence[Observation]) -> None:
        """Takes them."""

    def heartbeat(self, heartbeat: Heartbeat) -> None:
        self.heard.append(heartbeat)

    def stop(self, final: Heartbeat) -> None:
        """Hears no more."""

    def counters(self) -> dict[str, int]:
        return {}

    def losses(self) -> list[Loss]:
        return []


@pytest.mark.parametrize(("messages", "least", "most"), [(100, 2, 5), (1, 1, 1)])
def test_a_busy_collector_says_more_often_how_far_it_has_come(messages: int, least: int, most: int) -> None:
    ear = Ear()
    Agent(Line(messages, 0.7), Pipeline(), ear).run()
    assert least <= len(ear.heard) <= most
