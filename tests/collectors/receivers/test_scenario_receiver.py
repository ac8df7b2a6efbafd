"""The receiver that plays sample traffic, at real pace."""

import time
from threading import Thread
from typing import TYPE_CHECKING

from collectors.decode.datagram import Datagram
from collectors.receivers.scenario import ScenarioReceiver
from collectors.sip.message import looks_like_sip, parse

if TYPE_CHECKING:
    from collectors.receivers.base import Receiver


def play(receiver: ScenarioReceiver, seconds: float) -> list[Datagram]:
    end = time.monotonic() + seconds
    found: list[Datagram] = []
    while time.monotonic() < end:
        found += receiver.read(0.05)
    return found


def test_messages_come_when_their_time_has_come() -> None:
    receiver: Receiver = ScenarioReceiver("lab", "boot-1")
    before_us = time.time_ns() // 1000
    receiver.start()
    found: list[Datagram] = []
    for _ in range(30):
        batch = receiver.read(0.05)
        now_us = time.time_ns() // 1000
        assert all(before_us <= datagram.captured_us <= now_us + 1000 for datagram in batch)
        found += batch
        assert all(datagram.captured_us <= receiver.low_water_us(now_us) for datagram in found)
    assert found
    assert all(looks_like_sip(datagram.payload) and not parse(datagram.payload)[0] for datagram in found)
    assert {datagram.observer for datagram in found} == {"lab/sample"}
    assert receiver.counters() == {"received": len(found)}
    assert receiver.interfaces == ["sample"]
    assert not receiver.losses(0)
    receiver.stop()


def test_another_boot_has_other_call_ids() -> None:
    def call_ids(boot: str) -> set[str]:
        receiver = ScenarioReceiver("lab", boot, calls_per_second=200)
        receiver.start()
        return {parse(datagram.payload)[3] for datagram in play(receiver, 0.3)}

    first, second = call_ids("boot-1"), call_ids("boot-2")
    assert first
    assert not first & second


def test_stopping_ends_a_read_that_waits() -> None:
    receiver = ScenarioReceiver("lab", "boot", calls_per_second=0.001)
    receiver.start()
    play(receiver, 0.01)
    reader = Thread(target=lambda: [receiver.read(30) for _ in range(3)])
    reader.start()
    receiver.stop()
    receiver.stop()
    reader.join(2)
    assert not reader.is_alive()
    assert receiver.finished


def test_before_the_start_there_is_nothing() -> None:
    receiver = ScenarioReceiver("lab", "boot")
    assert receiver.read(0) == []
    assert receiver.low_water_us(7) == 7
    receiver.stop()
